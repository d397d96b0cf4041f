//! Values: what goes in and out of programs where types are known at run time only.

use std::any::Any;
use std::fmt;

use dotvm_isa::semantics::V128;
use dotvm_isa::semantics::wide::{U256, U512, Uint};
use dotvm_isa::{HeapType, RefType, ValType};

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::exception::ExnRef;
use crate::func::Func;
use crate::object::AnyRef;
use crate::store::{StoreId, StoreOpaque};

/// A value of any type.
#[derive(Clone, Copy, Debug)]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// A 128-bit integer.
    I128(i128),
    /// A 256-bit integer, least significant 64 bits first.
    I256([u64; 4]),
    /// A 512-bit integer, least significant 64 bits first.
    I512([u64; 8]),
    /// An `f32`, as its bits.
    F32(u32),
    /// An `f64`, as its bits.
    F64(u64),
    /// A 128-bit vector, lane 0 in the lowest bits.
    V128(u128),
    /// A 256-bit vector, lane 0 in the lowest bits of the first element.
    V256([u64; 4]),
    /// A 512-bit vector, lane 0 in the lowest bits of the first element.
    V512([u64; 8]),
    /// A reference to a function, or null.
    FuncRef(Option<Func>),
    /// A reference to a host object, or null.
    ExternRef(Option<ExternRef>),
    /// A reference to an exception, or null.
    ExnRef(Option<ExnRef>),
    /// A reference to a managed object, or a number of 31 bits, or null.
    AnyRef(Option<AnyRef>),
}

impl Val {
    /// Its type.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::I128(_) => ValType::I128,
            Val::I256(_) => ValType::I256,
            Val::I512(_) => ValType::I512,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::V256(_) => ValType::V256,
            Val::V512(_) => ValType::V512,
            Val::FuncRef(_) => ValType::FuncRef,
            Val::ExternRef(_) => ValType::ExternRef,
            Val::ExnRef(_) => ValType::ExnRef,
            Val::AnyRef(_) => ValType::AnyRef,
        }
    }

    /// Zero or null.
    pub fn default_for(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::I128 => Val::I128(0),
            ValType::I256 => Val::I256([0; 4]),
            ValType::I512 => Val::I512([0; 8]),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::V256 => Val::V256([0; 4]),
            ValType::V512 => Val::V512([0; 8]),
            ValType::FuncRef => Val::FuncRef(None),
            ValType::ExternRef => Val::ExternRef(None),
            ValType::ExnRef => Val::ExnRef(None),
            ValType::AnyRef => Val::AnyRef(None),
        }
    }

    /// The number, where it is an `i32`.
    pub fn i32(&self) -> Option<i32> {
        match *self {
            Val::I32(value) => Some(value),
            _ => None,
        }
    }

    /// The number, where it is an `i64`.
    pub fn i64(&self) -> Option<i64> {
        match *self {
            Val::I64(value) => Some(value),
            _ => None,
        }
    }

    /// The number, where it is an `i128`.
    pub fn i128(&self) -> Option<i128> {
        match *self {
            Val::I128(value) => Some(value),
            _ => None,
        }
    }

    /// The number, where it is an `f32`.
    pub fn f32(&self) -> Option<f32> {
        match *self {
            Val::F32(bits) => Some(f32::from_bits(bits)),
            _ => None,
        }
    }

    /// The number, where it is an `f64`.
    pub fn f64(&self) -> Option<f64> {
        match *self {
            Val::F64(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// The vector, where it is one of 128 bits.
    pub fn v128(&self) -> Option<V128> {
        match *self {
            Val::V128(bits) => Some(bits.into()),
            _ => None,
        }
    }

    /// The reference, where it is one.
    pub fn reference(&self) -> Option<Ref> {
        match *self {
            Val::FuncRef(func) => Some(Ref::Func(func)),
            Val::ExternRef(object) => Some(Ref::Extern(object)),
            Val::ExnRef(exception) => Some(Ref::Exn(exception)),
            Val::AnyRef(object) => Some(Ref::Any(object)),
            _ => None,
        }
    }

    /// Puts it into its slots; an error where it refers to something of another store.
    pub(crate) fn to_slots(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
        let wide = |slots: &mut [u64], value: u128| {
            slots[0] = value as u64;
            slots[1] = (value >> 64) as u64;
        };
        match self {
            Val::I32(value) => slots[0] = u64::from(value.cast_unsigned()),
            Val::I64(value) => slots[0] = value.cast_unsigned(),
            Val::I128(value) => wide(slots, value.cast_unsigned()),
            Val::V128(value) => wide(slots, value),
            Val::I256(value) | Val::V256(value) => slots.copy_from_slice(&value),
            Val::I512(value) | Val::V512(value) => slots.copy_from_slice(&value),
            Val::F32(bits) => slots[0] = u64::from(bits),
            Val::F64(bits) => slots[0] = bits,
            Val::FuncRef(func) => slots[0] = Ref::Func(func).to_slot(store)?,
            Val::ExternRef(object) => slots[0] = Ref::Extern(object).to_slot(store)?,
            Val::ExnRef(exception) => slots[0] = Ref::Exn(exception).to_slot(store)?,
            Val::AnyRef(object) => slots[0] = Ref::Any(object).to_slot(store)?,
        }
        Ok(())
    }

    /// The value of that type in these slots, as many as the type has.
    pub(crate) fn from_slots(ty: ValType, store: &StoreOpaque, slots: &[u64]) -> Val {
        let wide = || u128::from(slots[0]) | u128::from(slots[1]) << 64;
        match ty {
            ValType::I32 => Val::I32(slots[0] as i32),
            ValType::I64 => Val::I64(slots[0].cast_signed()),
            ValType::I128 => Val::I128(wide().cast_signed()),
            ValType::I256 => Val::I256(array(slots)),
            ValType::I512 => Val::I512(array(slots)),
            ValType::F32 => Val::F32(slots[0] as u32),
            ValType::F64 => Val::F64(slots[0]),
            ValType::V128 => Val::V128(wide()),
            ValType::V256 => Val::V256(array(slots)),
            ValType::V512 => Val::V512(array(slots)),
            ValType::FuncRef | ValType::ExternRef | ValType::ExnRef | ValType::AnyRef => {
                Ref::from_slot(ty, store, slots[0]).into()
            }
        }
    }
}

/// The first `N` slots.
fn array<const N: usize>(slots: &[u64]) -> [u64; N] {
    *slots.first_chunk().expect("as many slots as the type has")
}

/// Prints a signed integer.
fn decimal<const BITS: usize, const LIMBS: usize>(
    f: &mut fmt::Formatter<'_>,
    value: Uint<BITS, LIMBS>,
) -> fmt::Result {
    match value.bit(BITS - 1) {
        true => write!(f, "-{}", value.wrapping_neg()),
        false => write!(f, "{value}"),
    }
}

/// Numbers as people write them (vectors in hexadecimal), references by kind or `null`.
impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |f: &mut fmt::Formatter<'_>, limbs: &[u64]| {
            f.write_str("0x")?;
            limbs
                .iter()
                .rev()
                .try_for_each(|limb| write!(f, "{limb:016x}"))
        };
        match self {
            Val::I32(value) => value.fmt(f),
            Val::I64(value) => value.fmt(f),
            Val::I128(value) => value.fmt(f),
            Val::F32(bits) => f32::from_bits(*bits).fmt(f),
            Val::F64(bits) => f64::from_bits(*bits).fmt(f),
            Val::V128(value) => write!(f, "{value:#034x}"),
            Val::I256(limbs) => decimal(f, U256::from_limbs(*limbs)),
            Val::I512(limbs) => decimal(f, U512::from_limbs(*limbs)),
            Val::V256(limbs) => hex(f, limbs),
            Val::V512(limbs) => hex(f, limbs),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(None) => {
                f.write_str("null")
            }
            Val::FuncRef(Some(_)) => f.write_str("funcref"),
            Val::ExternRef(Some(_)) => f.write_str("externref"),
            Val::ExnRef(Some(_)) => f.write_str("exnref"),
            Val::AnyRef(Some(_)) => f.write_str("anyref"),
        }
    }
}

macro_rules! val_from {
    ($($ty:ty: |$value:ident| $val:expr;)*) => {
        $(impl From<$ty> for Val {
            fn from($value: $ty) -> Val {
                $val
            }
        })*
    };
}

val_from! {
    i32: |value| Val::I32(value);
    u32: |value| Val::I32(value.cast_signed());
    i64: |value| Val::I64(value);
    u64: |value| Val::I64(value.cast_signed());
    i128: |value| Val::I128(value);
    u128: |value| Val::I128(value.cast_signed());
    f32: |value| Val::F32(value.to_bits());
    f64: |value| Val::F64(value.to_bits());
    V128: |value| Val::V128(value.into());
    Func: |value| Val::FuncRef(Some(value));
    ExternRef: |value| Val::ExternRef(Some(value));
    Ref: |value| match value {
        Ref::Func(func) => Val::FuncRef(func),
        Ref::Extern(object) => Val::ExternRef(object),
        Ref::Exn(exception) => Val::ExnRef(exception),
        Ref::Any(object) => Val::AnyRef(object),
    };
    AnyRef: |value| Val::AnyRef(Some(value));
    ExnRef: |value| Val::ExnRef(Some(value));
}

/// A reference: what tables contain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ref {
    /// A reference to a function, or null.
    Func(Option<Func>),
    /// A reference to a host object, or null.
    Extern(Option<ExternRef>),
    /// A reference to an exception, or null.
    Exn(Option<ExnRef>),
    /// A reference to a managed object, or a number of 31 bits, or null.
    Any(Option<AnyRef>),
}

impl Ref {
    /// Its type.
    pub fn ty(&self) -> ValType {
        match self {
            Ref::Func(_) => ValType::FuncRef,
            Ref::Extern(_) => ValType::ExternRef,
            Ref::Exn(_) => ValType::ExnRef,
            Ref::Any(_) => ValType::AnyRef,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(
            self,
            Ref::Func(None) | Ref::Extern(None) | Ref::Exn(None) | Ref::Any(None)
        )
    }

    /// Whether it is of a type, which names functions' types by their numbers. It is of this store.
    pub(crate) fn is_of(self, ty: RefType, store: &StoreOpaque) -> bool {
        if self.is_null() {
            return ty.nullable;
        }
        match (self, ty.heap) {
            (Ref::Func(_), HeapType::Func)
            | (Ref::Extern(_), HeapType::Extern)
            | (Ref::Exn(_), HeapType::Exn)
            | (Ref::Any(_), HeapType::Any) => true,
            (Ref::Func(Some(func)), HeapType::Type(id)) => store.funcs.type_id(func.index) == id,
            _ => false,
        }
    }

    /// Its slot; an error where it refers to something of another store.
    pub(crate) fn to_slot(self, store: &StoreOpaque) -> Result<u64> {
        let owner = match self {
            Ref::Func(None) | Ref::Extern(None) | Ref::Exn(None) | Ref::Any(None) => return Ok(0),
            Ref::Func(Some(func)) => func.store,
            Ref::Extern(Some(object)) => object.store,
            Ref::Exn(Some(exception)) => exception.store,
            Ref::Any(Some(object)) => object.store,
        };
        if owner != store.id {
            return Err(Error::Usage(
                "a reference to something of another store".into(),
            ));
        }
        Ok(match self {
            Ref::Func(func) => func.map_or(0, |func| store.funcs.slot(func.index)),
            Ref::Extern(object) => object.map_or(0, |object| u64::from(object.index) + 1),
            Ref::Exn(exception) => exception.map_or(0, |exception| exception.slot),
            Ref::Any(object) => object.map_or(Ok(0), |object| object.slot(store))?,
        })
    }

    pub(crate) fn from_slot(ty: ValType, store: &StoreOpaque, slot: u64) -> Ref {
        let store_id = store.id;
        match ty {
            ValType::FuncRef => Ref::Func(store.funcs.find(slot).map(|index| Func {
                store: store_id,
                index,
            })),
            ValType::AnyRef => Ref::Any((slot != 0).then(|| AnyRef::from_slot(store, slot))),
            ValType::ExnRef => Ref::Exn((slot != 0).then(|| ExnRef::from_slot(store, slot))),
            _ => Ref::Extern(slot.checked_sub(1).map(|index| ExternRef {
                store: store_id,
                index: index as u32,
            })),
        }
    }
}

impl From<Func> for Ref {
    fn from(func: Func) -> Ref {
        Ref::Func(Some(func))
    }
}

impl From<AnyRef> for Ref {
    fn from(object: AnyRef) -> Ref {
        Ref::Any(Some(object))
    }
}

impl From<ExnRef> for Ref {
    fn from(exception: ExnRef) -> Ref {
        Ref::Exn(Some(exception))
    }
}

impl From<ExternRef> for Ref {
    fn from(object: ExternRef) -> Ref {
        Ref::Extern(Some(object))
    }
}

/// A reference to an object of the host, which programs can keep and hand around but not look
/// into. The object lives as long as the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExternRef {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

impl ExternRef {
    /// Puts an object into the store.
    ///
    /// # Errors
    /// Where the store has 2³² objects already.
    pub fn new(mut store: impl AsContextMut, object: impl Any + Send + Sync) -> Result<ExternRef> {
        let store = &mut store.as_context_mut().0.opaque;
        let index = u32::try_from(store.objects.len())
            .map_err(|_| Error::Limit("more than 2^32 host objects".into()))?;
        store.objects.push(Box::new(object));
        Ok(ExternRef {
            store: store.id,
            index,
        })
    }

    /// The object.
    ///
    /// # Panics
    /// Where it is another store's.
    pub fn data<'s, T: 'static>(
        &self,
        store: impl Into<crate::StoreContext<'s, T>>,
    ) -> &'s (dyn Any + Send + Sync) {
        let store = &store.into().0.opaque;
        store.check(self.store, "host object");
        &*store.objects[self.index as usize]
    }

    /// The object, to be changed.
    ///
    /// # Panics
    /// Where it is another store's.
    pub fn data_mut<'s, T: 'static>(
        &self,
        store: impl Into<crate::StoreContextMut<'s, T>>,
    ) -> &'s mut (dyn Any + Send + Sync) {
        let store = &mut store.into().0.opaque;
        store.check(self.store, "host object");
        &mut *store.objects[self.index as usize]
    }

    /// Whether the object is an `E`.
    ///
    /// # Panics
    /// Where it is another store's.
    pub fn is<E: 'static>(&self, store: impl AsContext) -> bool {
        self.data(store.as_context()).is::<E>()
    }
}
