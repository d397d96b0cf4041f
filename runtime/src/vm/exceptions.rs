//! Exceptions: where they are kept, and how what catches one is found.
//!
//! An exception belongs to its store; a reference is a number that names its place and says how often that
//! was given to others before. Nobody counts references. When there are twice as many exceptions as were
//! left the last time, those are dropped that no slot, and no word on the native stack, may refer to:
//! frames are only looked at here, when an exception is thrown.

use std::sync::atomic::{AtomicBool, Ordering};

use dotvm_interp::{Frame, walk};
use dotvm_isa::abi::{Landing, VmContext};
use dotvm_isa::{TrapCode, ValType};
use dotvm_jit::entry::{self, NativeFrame};
use dotvm_jit::traps;

use super::backtrace::capture_end;
use super::entry::{Place, Stop};
use super::table::{Global, Table};
use crate::error::Error;
use crate::exception::{Exception, TagData};
use crate::host::{read_vals, write_vals};
use crate::store::StoreOpaque;

/// Up to so many exceptions, none are dropped.
const USUAL_EXCEPTIONS: usize = 1 << 10;

/// Bytes that an allocator takes besides those it was asked for, or about that.
const ALLOCATION_BYTES: usize = 16;

/// The exceptions of a store.
#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    places: Vec<ExceptionPlace>,
    /// Places without an exception.
    free: Vec<u32>,
    /// How many there are.
    live: usize,
    /// How many were left the last time that some were dropped.
    left: usize,
    /// Bytes of their values.
    value_bytes: usize,
    /// The most bytes that exceptions have had.
    peak_bytes: u64,
}

#[derive(Debug)]
struct ExceptionPlace {
    /// How often the place was used, at least once.
    generation: u32,
    object: Option<Object>,
}

#[derive(Debug)]
struct Object {
    /// Number of the tag in the store.
    tag: u32,
    values: Box<[u64]>,
    /// Whether the host has a reference.
    kept: AtomicBool,
    marked: bool,
}

impl Object {
    fn value_bytes(&self) -> usize {
        ALLOCATION_BYTES + size_of_val(&*self.values)
    }
}

impl Exceptions {
    /// Adds an exception; returns the slot of a reference to it.
    fn add(&mut self, tag: u32, values: Box<[u64]>) -> u64 {
        let object = Object {
            tag,
            values,
            kept: AtomicBool::new(false),
            marked: false,
        };
        self.live += 1;
        self.value_bytes += object.value_bytes();
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(ExceptionPlace {
                generation: 0,
                object: None,
            });
            self.places.len() as u32 - 1
        });
        let place = &mut self.places[index as usize];
        place.object = Some(object);
        // It never becomes 0, which is null.
        place.generation = place.generation.checked_add(1).unwrap_or(1);
        let slot = u64::from(place.generation) << 32 | u64::from(index);
        self.peak_bytes = self.peak_bytes.max(self.bytes());
        slot
    }

    fn find(&self, slot: u64) -> Option<&Object> {
        let place = self.places.get(slot as u32 as usize)?;
        let object = place.object.as_ref();
        object.filter(|_| place.generation == (slot >> 32) as u32)
    }

    /// The values of the exception of a slot.
    pub(super) fn values(&self, slot: u64) -> Option<&[u64]> {
        self.find(slot).map(|object| &*object.values)
    }

    /// Adds the references to managed objects among all values to a list.
    pub(super) fn references(&self, tags: &[TagData], to: &mut Vec<u64>) {
        for object in self.places.iter().filter_map(|place| place.object.as_ref()) {
            let mut slot = 0;
            for &ty in &tags[object.tag as usize].ty.params {
                to.extend((ty == ValType::AnyRef).then(|| object.values[slot]));
                slot += ty.slots() as usize;
            }
        }
    }

    /// Keeps the exception of a slot as long as the store.
    pub(crate) fn keep(&self, slot: u64) {
        if let Some(object) = self.find(slot) {
            object.kept.store(true, Ordering::Relaxed);
        }
    }

    /// How many there are, whether or not anything refers to them.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// The most bytes of memory that they have had.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> u64 {
        let free = size_of::<u32>() * self.free.capacity();
        let places = size_of::<ExceptionPlace>() * self.places.capacity();
        (free + places + self.value_bytes) as u64
    }

    fn is_due(&self) -> bool {
        self.live >= USUAL_EXCEPTIONS.max(self.left * 2)
    }

    /// Drops those that none of the slots leads to, which may hold anything else as well.
    fn collect(&mut self, roots: impl Iterator<Item = u64>) {
        let kept = |place: &ExceptionPlace| {
            let object = place.object.as_ref();
            object.is_some_and(|object| object.kept.load(Ordering::Relaxed))
        };
        let kept = (0..self.places.len()).filter(|&at| kept(&self.places[at]));
        let mut reached: Vec<usize> = kept.collect();
        for &at in &reached {
            self.mark(at);
        }
        for slot in roots {
            self.reach(slot, &mut reached);
        }
        while let Some(at) = reached.pop() {
            let values = match &mut self.places[at].object {
                Some(object) => std::mem::take(&mut object.values),
                None => continue,
            };
            for &slot in &values {
                self.reach(slot, &mut reached);
            }
            if let Some(object) = &mut self.places[at].object {
                object.values = values;
            }
        }
        for (place, index) in self.places.iter_mut().zip(0..) {
            if let Some(object) = place.object.take_if(|object| !object.marked) {
                self.value_bytes -= object.value_bytes();
                self.live -= 1;
                self.free.push(index);
            }
            if let Some(object) = &mut place.object {
                object.marked = false;
            }
        }
        self.left = self.live;
    }

    fn reach(&mut self, slot: u64, reached: &mut Vec<usize>) {
        if self.find(slot).is_some_and(|object| !object.marked) {
            let at = slot as u32 as usize;
            self.mark(at);
            reached.push(at);
        }
    }

    fn mark(&mut self, at: usize) {
        if let Some(object) = &mut self.places[at].object {
            object.marked = true;
        }
    }
}

/// What catches an exception.
struct Caught {
    landing: Landing,
    /// Where a frame of threaded code gets what the catch pushes; native code asks for it.
    pushes: Option<Pushes>,
}

struct Pushes {
    slots: *mut u64,
    with_values: bool,
    by_ref: bool,
}

/// Throws a new exception of that tag of an instance; its values are in the slots from `args` on.
///
/// # Safety
/// Code of the instance of `ctx` is calling the runtime, with that many slots on the VM stack and nothing
/// above them in use.
pub(super) unsafe fn throw(
    store: &mut StoreOpaque,
    ctx: *mut VmContext,
    args: *mut u64,
    tag: u32,
) -> Stop {
    // SAFETY: the caller's promise.
    unsafe {
        let instance = &store.instances[(*ctx).owner.addr()];
        let tag = instance.tags[tag as usize];
        let len = store.tags[tag as usize].ty.param_slots() as usize;
        let values: Box<[u64]> = std::slice::from_raw_parts(args, len).into();
        if let Err(trap) = make_room(store, args.wrapping_add(len)) {
            return trap.into();
        }
        let slot = store.exceptions.add(tag, values);
        raise(store, ctx, slot, None)
    }
}

/// Throws the exception of a reference again.
///
/// # Safety
/// As for [`throw`].
pub(super) unsafe fn throw_ref(store: &mut StoreOpaque, ctx: *mut VmContext, slot: u64) -> Stop {
    if slot == 0 {
        return TrapCode::NullExceptionReference.into();
    }
    // SAFETY: the caller's promise.
    unsafe { raise(store, ctx, slot, None) }
}

/// Throws the exception that a host function returned as its error; nothing above `end` is in use. Of the
/// embedder's references to managed objects, all but the first `references` end.
///
/// # Safety
/// As for [`throw`].
pub(super) unsafe fn throw_from_host(
    store: &mut StoreOpaque,
    ctx: *mut VmContext,
    end: *mut u64,
    exception: &Exception,
    references: usize,
) -> Stop {
    if exception.tag().store != store.id {
        return Error::Usage("an exception of another store".into()).into();
    }
    let tag = exception.tag().index;
    let mut values = vec![0; store.tags[tag as usize].ty.param_slots() as usize];
    let written = write_vals(exception.values(), store, &mut values);
    store.heap.handles.truncate(references);
    if let Err(error) = written {
        return error.into();
    }
    if let Err(trap) = make_room(store, end) {
        return trap.into();
    }
    let slot = store.exceptions.add(tag, values.into());
    // SAFETY: the caller's promise.
    unsafe { raise(store, ctx, slot, Some(exception)) }
}

/// Drops exceptions, if it is time, that nothing below `end` on the stack, and nothing else, leads to.
fn make_room(store: &mut StoreOpaque, end: *mut u64) -> Result<(), TrapCode> {
    if store.has_room() && !store.exceptions.is_due() {
        return Ok(());
    }
    let is_exception = |ty: ValType| ty == ValType::ExnRef;
    let tables = store.tables.iter().filter(|it| is_exception(it.ty.element));
    let globals = store.globals.iter().filter(|it| is_exception(it.ty.ty));
    let in_tables = tables.flat_map(Table::elements);
    let in_globals = globals.flat_map(Global::value);
    let all = store.vm.stack_slots(end).iter().chain(in_tables);
    let registers = kept_registers();
    let native = store.vm.native_words(&raw const registers[0]);
    let all = all.chain(in_globals).chain(&registers).copied();
    store.exceptions.collect(all.chain(native));
    match store.has_room() {
        true => Ok(()),
        false => Err(TrapCode::MemoryLimit),
    }
}

/// The registers that a function of the host keeps for native code.
#[inline(never)]
fn kept_registers() -> [u64; 5] {
    let mut kept = [0; 5];
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it only writes to the array.
    unsafe {
        std::arch::asm!(
            "mov [{0}], rbx",
            "mov [{0} + 8], r12",
            "mov [{0} + 16], r13",
            "mov [{0} + 24], r14",
            "mov [{0} + 32], r15",
            in(reg) kept.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
    kept
}

/// Finds what catches an exception and says that it goes on there, or makes it an error of the call from
/// the host. `thrown` is what it was before, where it has been such an error.
///
/// # Safety
/// As for [`throw`].
unsafe fn raise(
    store: &mut StoreOpaque,
    ctx: *mut VmContext,
    slot: u64,
    thrown: Option<&Exception>,
) -> Stop {
    let Some(Object { tag, values, .. }) = store.exceptions.find(slot) else {
        return Error::Bug("a reference to no exception".into()).into();
    };
    let place = store.vm.caller().map(|place| Place { ctx, ..place });
    // SAFETY: the caller's promise: the frames are stopped.
    if let Some(Caught { landing, pushes }) = unsafe { find(store, place, *tag) } {
        if let Some(pushes) = pushes {
            // SAFETY: these slots are part of the frame, which is large enough for what its catches push.
            // What is above the values that were on its operand stack ends here.
            unsafe {
                let mut at = pushes.slots;
                if pushes.with_values {
                    at.copy_from_nonoverlapping(values.as_ptr(), values.len());
                    at = at.add(values.len());
                }
                if pushes.by_ref {
                    at.write(slot);
                }
            }
        }
        let exception = slot;
        store.vm.set_landing(Landing {
            exception,
            ..landing
        });
        return Stop::Caught;
    }
    let backtrace = match thrown {
        Some(thrown) => thrown.backtrace().clone(),
        None => capture_end(store, place),
    };
    let types = &store.tags[*tag as usize].ty.params;
    let values = read_vals(types, store, values);
    Error::Exception(Exception::thrown(store, *tag, values, backtrace)).into()
}

/// What catches exceptions of a tag that is thrown at `innermost`: in the frames up to the call from the
/// host.
///
/// # Safety
/// The frames are stopped, and the stack has not changed since.
unsafe fn find(store: &StoreOpaque, innermost: Option<Place>, tag: u32) -> Option<Caught> {
    let waiting = store.vm.waiting();
    let up_to_host = waiting.take_while(|place| place.is_return_address);
    let mut caught = None;
    let places = innermost.into_iter().chain(up_to_host);
    for (place, activation) in places.zip(store.vm.activations()) {
        if traps::find(place.ip.addr()).is_some() {
            // SAFETY: the caller's promise.
            if let Some(landing) = unsafe { find_native(store, place, tag) } {
                let landing = Landing {
                    activation,
                    ..landing
                };
                return Some(Caught {
                    landing,
                    pushes: None,
                });
            }
            continue;
        }
        let mut visit = |frame: Frame| {
            // SAFETY: whoever stopped noted the instance with the frame.
            let owner = unsafe { frame.ctx.as_ref() }?.owner;
            let instance = &store.instances[owner.addr()];
            let code = instance.module.code_at(frame.ip.addr())?;
            let word = code.word_index(frame.ip) - usize::from(frame.is_return_address);
            let fits = |of: u32| instance.tags[of as usize] == tag;
            let Some(catch) = code.catches(word).find(|it| it.tag.is_none_or(fits)) else {
                return Some(code.param_slots());
            };
            caught = Some(Caught {
                landing: Landing {
                    ip: code.landing(catch),
                    fp: frame.fp,
                    ctx: frame.ctx,
                    ..Landing::NOWHERE
                },
                pushes: Some(Pushes {
                    slots: frame.fp.wrapping_add(usize::from(catch.slot)),
                    with_values: catch.tag.is_some(),
                    by_ref: catch.by_ref,
                }),
            });
            None
        };
        // SAFETY: the caller's promise; the code that has the address knows its parameters.
        unsafe { walk(place.threaded_frame(), &mut visit) };
        if caught.is_some() {
            break;
        }
    }
    caught
}

/// What catches exceptions of a tag in the frames of one entry into native code.
///
/// # Safety
/// `place` is a frame of native code that has called the runtime for the instance that it names, and
/// nothing ran on its part of the native stack since.
unsafe fn find_native(store: &StoreOpaque, place: Place, tag: u32) -> Option<Landing> {
    // SAFETY: the caller's promise.
    for NativeFrame { pc, fp } in unsafe { entry::frames(place.native_frame()) } {
        if let Some(handlers) = traps::find(pc)?.handlers_at(pc) {
            let sp = fp.wrapping_byte_sub(handlers.frame_bytes);
            let ctx: *mut VmContext = match handlers.instance_at {
                // SAFETY: the code keeps it there as long as it waits.
                Some(at) => unsafe { sp.byte_add(at).cast::<*mut VmContext>().read() },
                None => place.ctx,
            };
            // SAFETY: instances live as long as their store.
            let instance = &store.instances[unsafe { (*ctx).owner }.addr()];
            let fits = |of: u32| instance.tags[of as usize] == tag;
            let mut landings = handlers.landings.into_iter();
            if let Some((_, address)) = landings.find(|(of, _)| of.is_none_or(fits)) {
                return Some(Landing {
                    ip: address.cast(),
                    native_sp: sp.cast_mut().cast(),
                    native_fp: fp.cast_mut().cast(),
                    ..Landing::NOWHERE
                });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Exceptions;

    #[test]
    fn what_nothing_leads_to_is_dropped() {
        let mut all = Exceptions::default();
        let inner = all.add(0, [7].into());
        let outer = all.add(1, [inner, 8].into());
        let kept = all.add(2, [].into());
        let lost = all.add(3, [42].into());
        all.keep(kept);
        all.collect([1, 2, outer, u64::MAX].into_iter());
        let found = |slot| all.find(slot).map(|object| object.tag);
        assert_eq!([inner, outer, kept].map(found), [0, 1, 2].map(Some));
        assert_eq!((found(lost), all.len()), (None, 3));
        // The place is used again, for another reference.
        let next = all.add(4, [].into());
        assert_ne!(next, lost);
        assert_eq!(next as u32, lost as u32);
        assert!(all.find(lost).is_none());
        all.collect(std::iter::empty());
        assert_eq!(all.len(), 1);
    }
}
