//! Reading and writing objects: see [`dotvm_isa::objects`] for where things are.

use std::ptr::{self, NonNull};

use dotvm_isa::ValType;
use dotvm_isa::objects::{ARRAY_LENGTH_AT, FIRST_ADDRESS, KIND_AT, Kind, STATE_AT, Storage};

/// A managed object. There are pointers to it only, no references.
#[repr(C, align(8))]
pub(crate) struct Object {
    type_id: u32,
    rest: u32,
}

/// What happens to the sign of what is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sign {
    Extend,
    Drop,
}

// All functions are unsafe in the same way: the object must be one of a heap that is not gone, and have what
// is asked for.
impl Object {
    /// The object that a slot refers to; nothing for null and numbers.
    #[inline]
    pub(crate) fn of_slot(slot: u64) -> Option<NonNull<Object>> {
        match slot >= FIRST_ADDRESS {
            true => NonNull::new(ptr::with_exposed_provenance_mut(slot as usize)),
            false => None,
        }
    }

    /// The slot of a reference to it.
    pub(crate) fn slot(object: NonNull<Object>) -> u64 {
        object.as_ptr().expose_provenance() as u64
    }

    /// Writes the header of a new object.
    pub(crate) unsafe fn init(object: NonNull<Object>, type_id: u32, kind: Kind) {
        // SAFETY: the caller has memory for it.
        unsafe {
            object.write(Object {
                type_id,
                rest: (kind as u32) << ((KIND_AT - STATE_AT) * 8),
            });
        }
    }

    #[inline]
    unsafe fn byte(object: NonNull<Object>, at: usize) -> *mut u8 {
        object.as_ptr().cast::<u8>().wrapping_add(at)
    }

    #[inline]
    pub(crate) unsafe fn type_id(object: NonNull<Object>) -> u32 {
        // SAFETY: see above; as for all others.
        unsafe { (*object.as_ptr()).type_id }
    }

    #[inline]
    pub(crate) unsafe fn state(object: NonNull<Object>) -> u8 {
        // SAFETY: see above.
        unsafe { *Self::byte(object, STATE_AT as usize) }
    }

    #[inline]
    pub(crate) unsafe fn set_state(object: NonNull<Object>, state: u8) {
        // SAFETY: see above.
        unsafe { *Self::byte(object, STATE_AT as usize) = state }
    }

    pub(crate) unsafe fn kind(object: NonNull<Object>) -> u8 {
        // SAFETY: see above.
        unsafe { *Self::byte(object, KIND_AT as usize) }
    }

    pub(crate) unsafe fn array_len(object: NonNull<Object>) -> u32 {
        // SAFETY: see above.
        unsafe {
            Self::byte(object, ARRAY_LENGTH_AT as usize)
                .cast::<u32>()
                .read()
        }
    }

    pub(crate) unsafe fn set_array_len(object: NonNull<Object>, len: u32) {
        // SAFETY: see above.
        unsafe {
            Self::byte(object, ARRAY_LENGTH_AT as usize)
                .cast::<u32>()
                .write(len);
        }
    }

    #[inline]
    pub(crate) unsafe fn read_slot(object: NonNull<Object>, at: usize) -> u64 {
        // SAFETY: see above.
        unsafe { Self::byte(object, at).cast::<u64>().read() }
    }

    pub(crate) unsafe fn write_slot(object: NonNull<Object>, at: usize, value: u64) {
        // SAFETY: see above.
        unsafe { Self::byte(object, at).cast::<u64>().write(value) }
    }

    /// Address of what is at that many bytes.
    pub(crate) unsafe fn place(object: NonNull<Object>, at: usize) -> *mut u8 {
        // SAFETY: it computes an address only.
        unsafe { Self::byte(object, at) }
    }

    /// Reads what is stored at a place into slots.
    #[inline]
    pub(crate) unsafe fn load(
        object: NonNull<Object>,
        at: usize,
        storage: Storage,
        sign: Sign,
        slots: *mut u64,
    ) {
        // SAFETY: see above; there are as many slots as the value has.
        unsafe {
            let from = Self::byte(object, at);
            *slots = match (storage, sign) {
                (Storage::I8, Sign::Drop) => u64::from(*from),
                (Storage::I8, _) => u64::from(i32::from(from.cast::<i8>().read()).cast_unsigned()),
                (Storage::I16, Sign::Drop) => u64::from(from.cast::<u16>().read()),
                (Storage::I16, _) => {
                    u64::from(i32::from(from.cast::<i16>().read()).cast_unsigned())
                }
                (Storage::Val(ValType::I32 | ValType::F32), _) => {
                    u64::from(from.cast::<u32>().read())
                }
                (Storage::Val(ty), _) => {
                    let from = from.cast::<u64>();
                    slots.copy_from_nonoverlapping(from, ty.slots() as usize);
                    return;
                }
            };
        }
    }

    /// Writes a value from its slots to a place.
    #[inline]
    pub(crate) unsafe fn store(
        object: NonNull<Object>,
        at: usize,
        storage: Storage,
        slots: *const u64,
    ) {
        // SAFETY: see above.
        unsafe {
            let to = Self::byte(object, at);
            match storage {
                Storage::I8 => *to = *slots as u8,
                Storage::I16 => to.cast::<u16>().write(*slots as u16),
                Storage::Val(ValType::I32 | ValType::F32) => to.cast::<u32>().write(*slots as u32),
                Storage::Val(ty) => to
                    .cast::<u64>()
                    .copy_from_nonoverlapping(slots, ty.slots() as usize),
            }
        }
    }
}
