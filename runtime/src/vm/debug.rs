//! What a debugger reads and writes of stopped guest code: frames, and the slots of their values.

use std::ptr;
use std::sync::Arc;

use dotvm_interp::{Frame, walk};
use dotvm_isa::FuncType;
use dotvm_isa::abi::{FRAME_IS_LEFT, VmContext};
use dotvm_jit::traps;

use super::backtrace::{Visited, walk_native};
use super::entry::Place;
use crate::debug::{FrameValues, has_debugger};
use crate::module::Module;
use crate::store::StoreOpaque;

/// The most frames that are looked at.
const MAX_FRAMES: usize = 1 << 16;

/// A frame of a function of the bytecode.
#[derive(Clone, Debug)]
pub(crate) struct RawFrame {
    pub(crate) module: Module,
    /// Its instance, where that is known.
    pub(crate) instance: Option<u32>,
    /// Index of the function in the module.
    pub(crate) func: u32,
    /// Offset of the instruction, in all frames but the innermost a call.
    pub(crate) offset: u32,
    /// Address of the frame's first slot.
    pub(crate) base: usize,
    /// Whether it is one of native code, for debuggers.
    pub(crate) is_native: bool,
    /// Whether its operands are in their slots.
    pub(crate) has_operands: bool,
    /// The frame's values, where it is not on the stack.
    pub(crate) kept: Option<Arc<FrameValues>>,
}

/// The base of the frame that asks.
pub(crate) fn asking_base(store: &StoreOpaque) -> usize {
    store.vm.caller().map_or(0, |place| place.fp.addr())
}

/// The module and the index of the function that asks.
pub(crate) fn asking_func(store: &StoreOpaque, instance: u32) -> Option<u32> {
    let place = store.vm.caller()?;
    let module = &store.instances[instance as usize].module;
    Some(module.code_at(place.ip.addr())?.func())
}

/// The frames of the code that asks, in the instance with that number, and of what waits for it,
/// innermost first, no more than `most`.
pub(crate) fn asking_frames(store: &StoreOpaque, instance: u32, most: usize) -> Vec<RawFrame> {
    let place = store.vm.caller().map(|place| Place {
        ctx: store.instances[instance as usize].ctx(),
        ..place
    });
    frames(store, place, most)
}

/// The frames of the run that has just trapped.
pub(crate) fn trapped_frames(store: &mut StoreOpaque) -> Vec<RawFrame> {
    let noted = store.vm.take_noted_frames();
    noted.unwrap_or_else(|| frames(store, store.vm.trapped(), usize::MAX))
}

/// Notes the frames of a run that is about to end at a place, where there is a debugger: those of native code are
/// not there any more when it is asked.
pub(super) fn note_frames(store: &mut StoreOpaque, place: Place) {
    if has_debugger(store) {
        let mut frames = frames(store, Some(place), usize::MAX);
        if let Some(innermost) = frames.first_mut() {
            // Native code has the operands of what it is at in registers.
            innermost.has_operands = !innermost.is_native;
        }
        store.vm.set_noted_frames(frames);
    }
}

/// Has threaded code go on with frames of native code once what they have called returns: a debugger sees them, and
/// may change them.
pub(crate) fn leave_native(store: &mut StoreOpaque, frames: &[RawFrame]) {
    for frame in frames.iter().filter(|frame| frame.is_native) {
        let params = frame.module.func_type(frame.func);
        let header = params.map_or(0, FuncType::param_slots) as usize * size_of::<u64>();
        if let Some(mark) = slots_mut(store, frame.base + header, size_of::<u64>()) {
            mark.copy_from_slice(&FRAME_IS_LEFT.to_le_bytes());
        }
    }
}

fn frames(store: &StoreOpaque, innermost: Option<Place>, most: usize) -> Vec<RawFrame> {
    let most = most.min(MAX_FRAMES);
    let mut frames = Vec::new();
    for place in innermost.into_iter().chain(store.vm.waiting()) {
        if traps::find(place.ip.addr()).is_some() {
            let mut see = |visited: Visited<'_>| {
                if let Visited::Native {
                    module,
                    func,
                    offset,
                    base,
                } = visited
                    && frames.len() < most
                {
                    frames.push(RawFrame {
                        module: module.clone(),
                        instance: instance_of(store, module, ptr::null_mut()),
                        func,
                        offset,
                        base,
                        is_native: true,
                        has_operands: true,
                        kept: None,
                    });
                }
            };
            // SAFETY: as below; native code keeps frame pointers.
            unsafe { walk_native(store, place, &mut see) };
            continue;
        }
        let mut visit = |frame: Frame| {
            if frames.len() >= most {
                return None;
            }
            let found = store.modules.iter().find_map(|module| {
                let code = module.code_at(frame.ip.addr())?;
                Some((module, code))
            });
            let (module, code) = found?;
            let word = code.word_index(frame.ip) - usize::from(frame.is_return_address);
            frames.push(RawFrame {
                module: module.clone(),
                instance: instance_of(store, module, frame.ctx),
                func: code.func(),
                offset: code.stop_before(word).unwrap_or_default(),
                base: frame.fp.addr(),
                is_native: false,
                has_operands: true,
                kept: None,
            });
            Some(code.param_slots())
        };
        // SAFETY: as in `backtrace::capture`: the places are those that handlers noted when they stopped.
        unsafe { walk(place.threaded_frame(), &mut visit) };
    }
    frames
}

/// The number of a frame's instance; where nobody noted it, that of the module's first one.
pub(super) fn instance_of(
    store: &StoreOpaque,
    module: &Module,
    ctx: *mut VmContext,
) -> Option<u32> {
    let instances = || (0..).zip(&store.instances);
    let known = instances().find(|(_, instance)| ptr::eq(instance.ctx(), ctx));
    let found = known.or_else(|| instances().find(|(_, it)| Module::same(&it.module, module)));
    found.map(|(number, _)| number)
}

/// Bytes of slots, where they are on the stack.
pub(crate) fn slots(store: &StoreOpaque, address: usize, len: usize) -> Option<&[u8]> {
    store.vm.stack_bytes_at(address, len)
}

/// The same, to be changed. What is written must be a value of the type that the slots have: no reference is
/// to be made up.
pub(crate) fn slots_mut(store: &mut StoreOpaque, address: usize, len: usize) -> Option<&mut [u8]> {
    store.vm.stack_bytes_at_mut(address, len)
}
