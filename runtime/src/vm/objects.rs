//! Libcalls of managed objects: what makes, reads and changes them, as raw functions.
//!
//! Handlers and machine code call them with operands in slots; the verifier proved that a slot of type
//! `anyref` has null, a number or the address of an object of this store. What only reads and changes objects
//! does not touch the store.

use std::ops::Range;
use std::ptr::{self, NonNull};

use dotvm_isa::TrapCode;
use dotvm_isa::abi::VmContext;
use dotvm_isa::objects::{ARRAY_ELEMENTS_AT, Access, Kind, STATE_BARRIER, Storage};
use dotvm_isa::signature::VARIANT;

use super::entry::Stop;
use super::gc::{Object, Sign};
use super::libcalls::with_store;
use super::ops;
use crate::store::StoreOpaque;

type Found = Result<NonNull<Object>, TrapCode>;

/// The most bytes of an array: so that no size overflows.
const MAX_ARRAY_BYTES: usize = 1 << 40;

/// The status of a result.
fn status(result: Result<(), TrapCode>) -> u32 {
    match result {
        Ok(()) => 0,
        Err(trap) => trap as u32,
    }
}

/// The engine's number of a type of the instance's module.
///
/// # Safety
/// The module has such a type.
unsafe fn type_id(ctx: *mut VmContext, object: u32) -> u32 {
    // SAFETY: the context lists them.
    unsafe { *(*ctx).object_ids.add(object as usize) }
}

/// The object that a slot refers to, where it is of that type of the module or a subtype.
///
/// # Safety
/// As for all of this module: `ctx` is an instance, and the slot that of a reference.
#[inline(always)]
unsafe fn object_of(ctx: *mut VmContext, slot: u64, object: u32) -> Found {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(found) = Object::of_slot(slot) else {
            return Err(match slot {
                0 => TrapCode::NullReference,
                _ => TrapCode::CastFailure,
            });
        };
        let (id, wanted) = (Object::type_id(found), type_id(ctx, object));
        match id == wanted || is_subtype(ctx, id, wanted) {
            true => Ok(found),
            false => Err(TrapCode::CastFailure),
        }
    }
}

#[cold]
unsafe fn is_subtype(ctx: *mut VmContext, id: u32, wanted: u32) -> bool {
    let mut found = false;
    // SAFETY: a libcall is running.
    unsafe {
        with_store(ctx, |store, _| {
            found = store.opaque.heap.is_subtype(id, wanted);
            Ok(())
        });
    }
    found
}

/// Tells the collector that something is put into an object, where it wants to know.
#[inline(always)]
unsafe fn before_store(ctx: *mut VmContext, object: NonNull<Object>, storage: Storage) {
    // SAFETY: as for `object_of`, of an object that is there.
    unsafe {
        if storage.is_traced() && Object::state(object) & STATE_BARRIER != 0 {
            remember(ctx, object);
        }
    }
}

#[cold]
unsafe fn remember(ctx: *mut VmContext, object: NonNull<Object>) {
    // SAFETY: a libcall is running, and the object is there.
    unsafe {
        with_store(ctx, |store, _| {
            store.opaque.heap.remember(object);
            Ok(())
        });
    }
}

fn sign(access: Access) -> Sign {
    match access.unsigned {
        true => Sign::Drop,
        false => Sign::Extend,
    }
}

pub(super) unsafe extern "C" fn struct_get(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    let access = Access::unpack(imm);
    // SAFETY: a handler is calling with a reference in a slot; the type has a field there.
    unsafe {
        status(object_of(ctx, *args, access.object).map(|object| {
            let at = access.offset as usize;
            Object::load(object, at, access.storage, sign(access), args);
        }))
    }
}

pub(super) unsafe extern "C" fn struct_set(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    let access = Access::unpack(imm);
    // SAFETY: as for `struct_get`, with a value in the slots behind.
    unsafe {
        status(object_of(ctx, *args, access.object).map(|object| {
            before_store(ctx, object, access.storage);
            Object::store(object, access.offset as usize, access.storage, args.add(1));
        }))
    }
}

/// Where elements from `index` on are, where there are `count` of them.
#[inline(always)]
unsafe fn elements(
    object: NonNull<Object>,
    index: u64,
    count: u64,
    storage: Storage,
) -> Result<usize, TrapCode> {
    // SAFETY: the caller has an array. Index and count have 32 bits.
    let len = u64::from(unsafe { Object::array_len(object) });
    match index + count <= len {
        true => Ok(ARRAY_ELEMENTS_AT as usize + index as usize * storage.bytes() as usize),
        false => Err(TrapCode::ArrayOutOfBounds),
    }
}

pub(super) unsafe extern "C" fn array_get(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    let access = Access::unpack(imm);
    // SAFETY: a handler is calling with a reference and an index, and slots for the result.
    unsafe {
        let read = |object| {
            let at = elements(object, *args.add(1), 1, access.storage)?;
            Object::load(object, at, access.storage, sign(access), args);
            Ok(())
        };
        status(object_of(ctx, *args, access.object).and_then(read))
    }
}

pub(super) unsafe extern "C" fn array_set(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    let access = Access::unpack(imm);
    // SAFETY: a handler is calling with a reference, an index and a value.
    unsafe {
        let write = |object| {
            let at = elements(object, *args.add(1), 1, access.storage)?;
            before_store(ctx, object, access.storage);
            Object::store(object, at, access.storage, args.add(2));
            Ok(())
        };
        status(object_of(ctx, *args, access.object).and_then(write))
    }
}

pub(super) unsafe extern "C" fn array_len(_: *mut VmContext, args: *mut u64, _: u64) -> u32 {
    // SAFETY: a handler is calling with a reference.
    unsafe {
        let len = match Object::of_slot(*args) {
            Some(object) if Object::kind(object) == Kind::Array as u8 => {
                Ok(Object::array_len(object))
            }
            None if *args == 0 => Err(TrapCode::NullReference),
            _ => Err(TrapCode::CastFailure),
        };
        status(len.map(|len| *args = u64::from(len)))
    }
}

/// Has something done to so many bytes of elements, in steps between which a time limit or an interrupt may stop
/// it. Returns 0, or the status to stop with.
unsafe fn in_steps(ctx: *mut VmContext, bytes: usize, mut step: impl FnMut(Range<usize>)) -> u32 {
    if bytes <= ops::STEP_BYTES {
        step(0..bytes);
        return 0;
    }
    // SAFETY: a libcall is running.
    unsafe {
        with_store(ctx, |store, _| {
            ops::in_steps(&mut store.opaque, bytes, |_, range| {
                step(range);
                Ok(())
            })?;
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn array_fill(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    let Access {
        object, storage, ..
    } = Access::unpack(imm);
    // SAFETY: a handler is calling with a reference, an index, a value and a count.
    unsafe {
        let fill = |object| {
            let value = args.add(2);
            let count = *value.add(storage.val_type().slots() as usize);
            let at = elements(object, *args.add(1), count, storage)?;
            before_store(ctx, object, storage);
            let element_bytes = storage.bytes() as usize;
            let bytes = count as usize * element_bytes;
            Ok(in_steps(ctx, bytes, |step| {
                for offset in step.step_by(element_bytes) {
                    Object::store(object, at + offset, storage, value);
                }
            }))
        };
        let found = object_of(ctx, *args, object);
        found.and_then(fill).unwrap_or_else(|trap| trap as u32)
    }
}

pub(super) unsafe extern "C" fn array_copy(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    let (to, from) = ((imm >> 32) as u32, imm as u32);
    // SAFETY: a handler is calling with two references, indices and a count.
    unsafe {
        let [dst, dst_index, src, src_index, count] = *args.cast::<[u64; 5]>();
        let copy = || {
            let (dst, src) = (object_of(ctx, dst, to)?, object_of(ctx, src, from)?);
            let mut storage = Storage::I8;
            with_store(ctx, |store, instance| {
                storage = element_of(&store.opaque, instance, to);
                Ok(())
            });
            let dst_at = elements(dst, dst_index, count, storage)?;
            let src_at = elements(src, src_index, count, storage)?;
            before_store(ctx, dst, storage);
            let bytes = count as usize * storage.bytes() as usize;
            let (src, dst) = (Object::place(src, src_at), Object::place(dst, dst_at));
            // From the end that is not overwritten before it is read.
            let upwards = dst.addr() <= src.addr();
            Ok(in_steps(ctx, bytes, |step| {
                let at = match upwards {
                    true => step.start,
                    false => bytes - step.end,
                };
                ptr::copy(src.add(at), dst.add(at), step.len());
            }))
        };
        copy().unwrap_or_else(|trap: TrapCode| trap as u32)
    }
}

/// What the elements of a type of arrays hold.
fn element_of(store: &StoreOpaque, instance: u32, object: u32) -> Storage {
    let module = &store.instances[instance as usize].module;
    let element = module.bytecode().objects[object as usize].element();
    element.map_or(Storage::I8, |element| element.storage)
}

pub(super) unsafe extern "C" fn ref_test(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    // SAFETY: a handler is calling with a reference.
    unsafe {
        let found = object_of(ctx, *args, imm as u32);
        let passes = match found {
            Ok(_) => true,
            Err(_) => imm & VARIANT != 0 && *args == 0,
        };
        *args = u64::from(passes);
    }
    0
}

pub(super) unsafe extern "C" fn ref_cast(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    // SAFETY: a handler is calling with a reference.
    unsafe {
        match object_of(ctx, *args, imm as u32) {
            Ok(_) => 0,
            Err(_) if imm & VARIANT != 0 && *args == 0 => 0,
            Err(_) => TrapCode::CastFailure as u32,
        }
    }
}

pub(super) unsafe extern "C" fn ref_kind(_: *mut VmContext, args: *mut u64, _: u64) -> u32 {
    // SAFETY: a handler is calling with a reference.
    unsafe {
        *args = match Object::of_slot(*args) {
            Some(object) => u64::from(Object::kind(object)),
            None if *args == 0 => Kind::Null as u64,
            None => Kind::I31 as u64,
        };
    }
    0
}

pub(super) unsafe extern "C" fn ref_i31(_: *mut VmContext, args: *mut u64, _: u64) -> u32 {
    // SAFETY: a handler is calling with a number.
    unsafe { *args = u64::from((*args as u32) << 1 | 1) };
    0
}

pub(super) unsafe extern "C" fn i31_get(_: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    // SAFETY: a handler is calling with a reference.
    unsafe {
        if Object::of_slot(*args).is_some() {
            return TrapCode::CastFailure as u32;
        }
        if *args == 0 {
            return TrapCode::NullReference as u32;
        }
        let bits = *args as u32;
        *args = u64::from(match imm & VARIANT {
            0 => (bits.cast_signed() >> 1).cast_unsigned(),
            _ => bits >> 1,
        });
    }
    0
}

pub(super) unsafe extern "C" fn write_barrier(ctx: *mut VmContext, args: *mut u64, _: u64) -> u32 {
    // SAFETY: native code is calling with a reference to an object.
    unsafe {
        if let Some(object) = Object::of_slot(*args) {
            remember(ctx, object);
        }
    }
    0
}

pub(super) unsafe extern "C" fn struct_new(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    // SAFETY: a handler is calling with the fields' values, or none of them, and a slot for the result.
    unsafe {
        with_store(ctx, |store, instance| {
            let store = &mut store.opaque;
            let (index, id) = (imm as u32, type_id(ctx, imm as u32));
            let is_default = imm & VARIANT != 0;
            let info = store.heap.type_info(id);
            let roots: Vec<u64> = match is_default {
                true => Vec::new(),
                false => info
                    .operands
                    .iter()
                    .map(|&at| *args.add(at as usize))
                    .collect(),
            };
            let bytes = info.bytes as usize;
            let object = store.new_object(id, Kind::Struct, bytes, &roots)?;
            if is_default {
                let header = dotvm_isa::objects::HEADER_BYTES as usize;
                Object::place(object, header).write_bytes(0, bytes - header);
            } else {
                let module = &store.instances[instance as usize].module;
                let (ty, layout) = &module.env().spaces.objects[index as usize];
                let mut slot = 0;
                for (field, &at) in ty.fields().iter().zip(&layout.offsets) {
                    Object::store(object, at as usize, field.storage, args.add(slot));
                    slot += field.storage.val_type().slots() as usize;
                }
            }
            *args = Object::slot(object);
            Ok(())
        })
    }
}

/// Makes an array with undefined elements.
unsafe fn make_array(
    store: &mut StoreOpaque,
    id: u32,
    len: u32,
    roots: &[u64],
) -> Result<(NonNull<Object>, usize), Stop> {
    let info = store.heap.type_info(id);
    let (bytes, element_bytes) = (info.array_bytes(len), info.element_bytes as usize);
    if bytes > MAX_ARRAY_BYTES {
        return Err(TrapCode::MemoryLimit.into());
    }
    let object = store.new_object(id, Kind::Array, bytes, roots)?;
    // SAFETY: the object has room for it.
    unsafe { Object::set_array_len(object, len) };
    Ok((object, len as usize * element_bytes))
}

pub(super) unsafe extern "C" fn array_new(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
    // SAFETY: a handler is calling with a value, or none, and a length.
    unsafe {
        with_store(ctx, |store, instance| {
            let store = &mut store.opaque;
            let (index, id) = (imm as u32, type_id(ctx, imm as u32));
            let storage = element_of(store, instance, index);
            let first = ARRAY_ELEMENTS_AT as usize;
            let is_default = imm & VARIANT != 0;
            let (len, root) = match is_default {
                true => (*args, 0),
                false => (
                    *args.add(storage.val_type().slots() as usize),
                    if storage.is_traced() { *args } else { 0 },
                ),
            };
            let (object, bytes) = make_array(store, id, len as u32, &[root])?;
            ops::in_steps(store, bytes, |_, step| {
                if is_default {
                    let place = Object::place(object, first + step.start);
                    place.write_bytes(0, step.len());
                    return Ok(());
                }
                for offset in step.step_by(storage.bytes() as usize) {
                    Object::store(object, first + offset, storage, args);
                }
                Ok(())
            })?;
            *args = Object::slot(object);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn array_new_fixed(
    ctx: *mut VmContext,
    args: *mut u64,
    imm: u64,
) -> u32 {
    // SAFETY: a handler is calling with so many elements, and a slot for the result.
    unsafe {
        with_store(ctx, |store, instance| {
            let store = &mut store.opaque;
            let (index, len) = ((imm >> 32) as u32, imm as u32);
            let storage = element_of(store, instance, index);
            let slots = storage.val_type().slots() as usize;
            let roots = match storage.is_traced() {
                true => std::slice::from_raw_parts(args, len as usize).to_vec(),
                false => Vec::new(),
            };
            let (object, _) = make_array(store, type_id(ctx, index), len, &roots)?;
            for i in 0..len as usize {
                let at = ARRAY_ELEMENTS_AT as usize + i * storage.bytes() as usize;
                Object::store(object, at, storage, args.add(i * slots));
            }
            *args = Object::slot(object);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn array_new_data(
    ctx: *mut VmContext,
    args: *mut u64,
    imm: u64,
) -> u32 {
    // SAFETY: a handler is calling with two numbers.
    unsafe {
        with_store(ctx, |store, instance| {
            let store = &mut store.opaque;
            let (index, data) = ((imm >> 32) as u32, imm as u32);
            let [start, len] = *args.cast::<[u64; 2]>();
            let element_bytes = u64::from(element_of(store, instance, index).bytes());
            let instance = &store.instances[instance as usize];
            let module = instance.module.clone();
            let segment = match instance.dropped_data[data as usize] {
                true => &[],
                false => module.bytecode().data_segment(data),
            };
            let end = start + len * element_bytes;
            let Some(bytes) = segment.get(start as usize..end as usize) else {
                return Err(TrapCode::MemoryOutOfBounds.into());
            };
            let (object, _) = make_array(store, type_id(ctx, index), len as u32, &[])?;
            let place = Object::place(object, ARRAY_ELEMENTS_AT as usize);
            place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            *args = Object::slot(object);
            Ok(())
        })
    }
}
