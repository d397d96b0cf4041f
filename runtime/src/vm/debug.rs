//! What a debugger reads and writes of stopped guest code: frames, and the slots of their values.

use std::ptr;
use std::sync::Arc;

use dotvm_interp::{Frame, walk};
use dotvm_isa::abi::VmContext;

use super::entry::Place;
use crate::debug::FrameValues;
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
pub(crate) fn trapped_frames(store: &StoreOpaque) -> Vec<RawFrame> {
    frames(store, store.vm.trapped(), usize::MAX)
}

fn frames(store: &StoreOpaque, innermost: Option<Place>, most: usize) -> Vec<RawFrame> {
    let mut frames = Vec::new();
    for place in innermost.into_iter().chain(store.vm.waiting()) {
        let mut visit = |frame: Frame| {
            if frames.len() >= most.min(MAX_FRAMES) {
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
