//! Rust types that are types of programs' values.

use dotvm_isa::ValType;
use dotvm_isa::semantics::V128;

use crate::error::Result;
use crate::func::Func;
use crate::object::AnyRef;
use crate::store::StoreOpaque;
use crate::value::{ExternRef, Ref};

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that is the type of a value: `i32`, `i64`, `i128` and their unsigned relatives, `f32`,
/// `f64`, [`V128`], `Option<Func>`, `Option<ExternRef>`, `Option<AnyRef>`.
pub trait VmType: sealed::Sealed + Sized {
    /// The value's type.
    const TYPE: ValType;
    #[doc(hidden)]
    fn to_slots(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()>;
    #[doc(hidden)]
    fn from_slots(store: &StoreOpaque, slots: &[u64]) -> Self;
}

macro_rules! vm_types {
    ($($ty:ty: $val:ident, |$value:ident| $to:expr, |$slot:ident| $from:expr;)*) => {
        $(impl sealed::Sealed for $ty {}

        impl VmType for $ty {
            const TYPE: ValType = ValType::$val;
            #[inline]
            fn to_slots(self, _: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
                let $value = self;
                slots[0] = $to;
                Ok(())
            }
            #[inline]
            fn from_slots(_: &StoreOpaque, slots: &[u64]) -> $ty {
                let $slot = slots[0];
                $from
            }
        })*
    };
}

vm_types! {
    i32: I32, |value| u64::from(value.cast_unsigned()), |slot| slot as i32;
    u32: I32, |value| u64::from(value), |slot| slot as u32;
    i64: I64, |value| value.cast_unsigned(), |slot| slot.cast_signed();
    u64: I64, |value| value, |slot| slot;
    f32: F32, |value| u64::from(value.to_bits()), |slot| f32::from_bits(slot as u32);
    f64: F64, |value| value.to_bits(), |slot| f64::from_bits(slot);
}

macro_rules! wide_types {
    ($($ty:ty)*) => {
        $(impl sealed::Sealed for $ty {}

        impl VmType for $ty {
            const TYPE: ValType = ValType::I128;
            #[inline]
            fn to_slots(self, _: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
                slots[0] = self as u64;
                slots[1] = (self >> 64) as u64;
                Ok(())
            }
            #[inline]
            fn from_slots(_: &StoreOpaque, slots: &[u64]) -> $ty {
                <$ty>::from(slots[0]) | <$ty>::from(slots[1]) << 64
            }
        })*
    };
}
wide_types! { i128 u128 }

impl sealed::Sealed for V128 {}

impl VmType for V128 {
    const TYPE: ValType = ValType::V128;
    #[inline]
    fn to_slots(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
        u128::from(self).to_slots(store, slots)
    }
    #[inline]
    fn from_slots(store: &StoreOpaque, slots: &[u64]) -> V128 {
        u128::from_slots(store, slots).into()
    }
}

macro_rules! references {
    ($($ty:ident: $val:ident, $kind:ident;)*) => {
        $(impl sealed::Sealed for Option<$ty> {}

        impl VmType for Option<$ty> {
            const TYPE: ValType = ValType::$val;
            fn to_slots(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
                slots[0] = Ref::$kind(self).to_slot(store)?;
                Ok(())
            }
            fn from_slots(store: &StoreOpaque, slots: &[u64]) -> Option<$ty> {
                match Ref::from_slot(ValType::$val, store, slots[0]) {
                    Ref::$kind(value) => value,
                    _ => None,
                }
            }
        })*
    };
}

references! {
    Func: FuncRef, Func;
    ExternRef: ExternRef, Extern;
    AnyRef: AnyRef, Any;
}

/// Reads the value at `at` and moves on.
#[inline]
pub(crate) fn take<V: VmType>(store: &StoreOpaque, slots: &[u64], at: &mut usize) -> V {
    let from = *at;
    *at += V::TYPE.slots() as usize;
    V::from_slots(store, &slots[from..*at])
}

/// Writes the value at `at` and moves on.
#[inline]
pub(crate) fn put<V: VmType>(
    value: V,
    store: &StoreOpaque,
    slots: &mut [u64],
    at: &mut usize,
) -> Result<()> {
    let from = *at;
    *at += V::TYPE.slots() as usize;
    value.to_slots(store, &mut slots[from..*at])
}

/// Parameters or results of a function: a value, `()`, or a tuple of up to 16 values.
pub trait VmValues {
    #[doc(hidden)]
    fn types() -> Vec<ValType>;
    #[doc(hidden)]
    fn write(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()>;
    #[doc(hidden)]
    fn read(store: &StoreOpaque, slots: &[u64]) -> Self;
}

impl<V: VmType> VmValues for V {
    fn types() -> Vec<ValType> {
        vec![V::TYPE]
    }
    #[inline]
    fn write(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
        put(self, store, slots, &mut 0)
    }
    #[inline]
    fn read(store: &StoreOpaque, slots: &[u64]) -> V {
        take(store, slots, &mut 0)
    }
}

macro_rules! values_of_tuples {
    ($($value:ident)*) => {
        impl<$($value: VmType),*> VmValues for ($($value,)*) {
            fn types() -> Vec<ValType> {
                vec![$($value::TYPE),*]
            }
            #[inline]
            #[allow(non_snake_case, unused_variables, unused_mut, reason = "made by a macro")]
            fn write(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
                let ($($value,)*) = self;
                let mut at = 0;
                $(put($value, store, slots, &mut at)?;)*
                Ok(())
            }
            #[inline]
            #[allow(
                unused_variables, unused_mut, clippy::unused_unit, reason = "made by a macro"
            )]
            fn read(store: &StoreOpaque, slots: &[u64]) -> Self {
                let mut at = 0;
                ($(take::<$value>(store, slots, &mut at),)*)
            }
        }
    };
}

/// Calls the macro `$m` with as many type names as tuples may have members: 0 to 16.
macro_rules! for_each_arity {
    ($m:ident) => {
        $m!();
        $m!(A1);
        $m!(A1 A2);
        $m!(A1 A2 A3);
        $m!(A1 A2 A3 A4);
        $m!(A1 A2 A3 A4 A5);
        $m!(A1 A2 A3 A4 A5 A6);
        $m!(A1 A2 A3 A4 A5 A6 A7);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16);
    };
}
pub(crate) use for_each_arity;

for_each_arity!(values_of_tuples);
