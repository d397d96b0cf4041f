//! What a core dump says of frames, noted where a run ends: later runs use the stack again.
//!
//! Slots are copied as they are. Which values they are is looked up when the dump is written
//! ([`crate::debug::core`]).

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::ptr;
use std::sync::PoisonError;

use super::backtrace::{Visited, visit};
use super::debug::instance_of;
use super::entry::Place;
use crate::module::Module;
use crate::store::StoreOpaque;

/// Frames kept at the inner end.
const INNER_FRAMES: usize = 1024;

/// Frames kept at the outer end, where there are more.
const OUTER_FRAMES: usize = 128;

/// The most slots that are copied, 32 MiB: frames further out are without.
const MAX_SLOTS: usize = 4 << 20;

/// The frames of the run that ended last.
#[derive(Debug, Default)]
pub(crate) struct CoreFrames {
    /// Innermost first.
    pub(crate) frames: Vec<CoreFrame>,
    /// How many are left out behind the first [`INNER_FRAMES`].
    pub(crate) omitted: u64,
}

/// A frame of a function of the bytecode.
#[derive(Debug)]
pub(crate) struct CoreFrame {
    /// The function's module.
    pub(crate) module: Module,
    /// Its instance, where that is known.
    pub(crate) instance: Option<u32>,
    /// Index of the function in the module.
    pub(crate) func: u32,
    /// Where it was.
    pub(crate) at: At,
    /// The slots of its frame from the first one on; none where they are not known.
    pub(crate) slots: Vec<u64>,
}

/// Where a function was.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// At the instruction that a word of its threaded code belongs to.
    Word(usize),
    /// At the instruction with that offset.
    Offset(u32),
}

impl CoreFrames {
    /// How many frames are in front of those that are left out.
    pub(crate) fn inner_frames(&self) -> usize {
        self.frames.len().min(INNER_FRAMES)
    }
}

impl CoreFrame {
    /// Offset of the instruction in the function's body.
    pub(crate) fn offset(&self) -> u32 {
        match self.at {
            At::Word(word) => self.module.code_offset(self.func, word),
            At::Offset(offset) => offset,
        }
    }
}

/// Notes the frames of a run that ends, where somebody wants them.
pub(super) fn note(store: &StoreOpaque, innermost: Option<Place>) {
    let Some(core) = &store.core else { return };
    let (mut inner, mut outer, mut omitted) = (Vec::new(), VecDeque::new(), 0);
    let mut room = MAX_SLOTS;
    visit(store, innermost, &mut |visited| {
        let is_inner = inner.len() < INNER_FRAMES;
        let frame = frame(store, &visited, room);
        room -= frame.slots.len();
        if is_inner {
            inner.push(frame);
            return;
        }
        if outer.len() == OUTER_FRAMES
            && let Some(CoreFrame { slots, .. }) = outer.pop_front()
        {
            room += slots.len();
            omitted += 1;
        }
        outer.push_back(frame);
    });
    inner.extend(outer);
    *core.lock().unwrap_or_else(PoisonError::into_inner) = CoreFrames {
        frames: inner,
        omitted,
    };
}

/// What is kept of a frame, with no more than so many slots.
fn frame(store: &StoreOpaque, visited: &Visited<'_>, room: usize) -> CoreFrame {
    let (module, func, at, ctx) = match *visited {
        Visited::Threaded {
            module,
            code,
            frame,
            word,
        } => (module, code.func(), At::Word(word), frame.ctx),
        Visited::Entered { module, func } => (module, func, At::Offset(0), ptr::null_mut()),
        Visited::Native {
            module,
            func,
            offset,
            ..
        } => (module, func, At::Offset(offset), ptr::null_mut()),
    };
    let slots = match visited {
        Visited::Threaded { code, frame, .. } if code.frame_slots() as usize <= room => {
            let most = code.frame_slots() as usize;
            store.vm.stack_slots_at(frame.fp.addr(), most).to_vec()
        }
        _ => Vec::new(),
    };
    CoreFrame {
        module: module.clone(),
        instance: instance_of(store, module, ctx),
        func,
        at,
        slots,
    }
}
