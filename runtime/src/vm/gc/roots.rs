//! Finding the references that a program uses.
//!
//! Frames of threaded code: where a function's references are while it waits at an instruction is what
//! lowering it once more tells, and is kept by the instruction's address. Frames of native code: the tables of
//! the code say it, for each address to return to.

use std::ptr;

use dotvm_interp::{Frame, walk};
use dotvm_isa::ValType;
use dotvm_jit::{entry, traps};

use crate::store::StoreOpaque;
use crate::vm::entry::Place;

/// Where the references of a frame are that waits at an instruction.
#[derive(Debug)]
pub(super) struct FrameReferences {
    param_slots: u32,
    slots: Box<[u16]>,
}

/// Adds all references of a store to a list, but for those that a libcall has as operands.
pub(super) fn collect(store: &mut StoreOpaque, to: &mut Vec<u64>) {
    let is_ref = |ty: ValType| ty == ValType::AnyRef;
    for global in store.globals.iter().filter(|it| is_ref(it.ty.ty)) {
        to.extend(global.value());
    }
    for table in store.tables.iter().filter(|it| is_ref(it.ty.element)) {
        to.extend(table.elements());
    }
    store.heap.handles.collect(to);
    store.exceptions.references(&store.tags, to);
    let places: Vec<Place> = store
        .vm
        .caller()
        .into_iter()
        .chain(store.vm.waiting())
        .collect();
    for place in places {
        match traps::find(place.ip.addr()) {
            // SAFETY: the places are those of code that waits for this libcall.
            Some(_) => unsafe { collect_native(place, to) },
            None => collect_threaded(store, place, to),
        }
    }
}

/// Adds those of the frames of a run of threaded code.
fn collect_threaded(store: &mut StoreOpaque, place: Place, to: &mut Vec<u64>) {
    let mut frames = std::mem::take(&mut store.heap.frames);
    let mut visit = |frame: Frame| {
        let at = frame.ip.addr() - usize::from(frame.is_return_address);
        let found = match frames.get(&at) {
            Some(found) => found,
            None => {
                let found = find(store, at)?;
                frames.entry(at).or_insert(found)
            }
        };
        for &slot in &found.slots {
            // SAFETY: the slot is one of the frame, which waits.
            to.push(unsafe { *frame.fp.add(usize::from(slot)) });
        }
        Some(found.param_slots)
    };
    let frame = Frame {
        ip: place.ip,
        fp: place.fp,
        ctx: place.ctx,
        is_return_address: place.is_return_address,
    };
    // SAFETY: the place is one that a handler noted when it called, and nothing ran on its part of the stack
    // since.
    unsafe { walk(frame, &mut visit) };
    store.heap.frames = frames;
}

/// What there is to know of frames at the instruction that an address is part of; nothing where that is no
/// function's code.
fn find(store: &StoreOpaque, address: usize) -> Option<FrameReferences> {
    store.modules.iter().find_map(|module| {
        let code = module.code_at(address)?;
        let word = code.word_index(ptr::without_provenance(address));
        Some(FrameReferences {
            param_slots: code.param_slots(),
            slots: module.references_at(code.func(), word).into(),
        })
    })
}

/// Adds those of the frames of one entry into native code.
///
/// # Safety
/// `place` is a frame of native code that waits.
unsafe fn collect_native(place: Place, to: &mut Vec<u64>) {
    let mut pc = place.ip.addr();
    let mut fp = place.fp.cast_const();
    loop {
        let Some(code) = traps::find(pc) else { return };
        if let Some((frame_bytes, offsets)) = code.references_at(pc) {
            let sp = fp.wrapping_byte_sub(frame_bytes);
            for offset in offsets {
                // SAFETY: the code keeps a reference there while it waits.
                to.push(unsafe { sp.byte_add(offset).read() });
            }
        }
        // SAFETY: the frame pointer points to the one of the frame around it, and behind that is the
        // address to return to.
        let (outer, ret) = unsafe { (*fp, *fp.add(1)) };
        if entry::is_outermost(ret as usize) {
            return;
        }
        pc = ret as usize;
        fp = ptr::with_exposed_provenance(outer as usize);
    }
}
