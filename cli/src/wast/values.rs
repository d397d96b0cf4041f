//! Arguments and results as scripts write them.

use dotvm::{ExternRef, Store, Val, ValType};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};

/// The value that an argument stands for.
///
/// # Errors
/// Where it is of a type that the machine does not have.
pub(super) fn argument(store: &mut Store<()>, arg: &WastArgCore<'_>) -> Result<Val, String> {
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(ty) => match null_type(ty) {
            Some(ty) => Val::default_for(ty),
            None => return Err(format!("an argument that is not supported: {arg:?}")),
        },
        // Host objects are told apart by the numbers that scripts give them.
        WastArgCore::RefExtern(number) => {
            let object = ExternRef::new(store, *number).map_err(|error| error.to_string())?;
            Val::ExternRef(Some(object))
        }
        other => return Err(format!("an argument that is not supported: {other:?}")),
    })
}

/// Whether a result is what a script expects.
pub(super) fn matches(store: &Store<()>, val: Val, expected: &WastRetCore<'_>) -> bool {
    match (expected, val) {
        (WastRetCore::I32(expected), Val::I32(value)) => *expected == value,
        (WastRetCore::I64(expected), Val::I64(value)) => *expected == value,
        (WastRetCore::F32(pattern), Val::F32(bits)) => is_f32(pattern, bits),
        (WastRetCore::F64(pattern), Val::F64(bits)) => is_f64(pattern, bits),
        (WastRetCore::V128(pattern), Val::V128(bits)) => is_vector(pattern, bits),
        (
            WastRetCore::RefNull(ty),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None),
        ) => ty.as_ref().is_none_or(|ty| null_type(ty) == Some(val.ty())),
        (WastRetCore::RefExtern(number), Val::ExternRef(Some(object))) => {
            number.is_none_or(|number| object_number(store, object) == Some(number))
        }
        (WastRetCore::RefFunc(_), Val::FuncRef(Some(_))) => true,
        (WastRetCore::Either(patterns), val) => {
            patterns.iter().any(|pattern| matches(store, val, pattern))
        }
        _ => false,
    }
}

fn is_f32(pattern: &NanPattern<F32>, bits: u32) -> bool {
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(expected) => expected.bits == bits,
    }
}

fn is_f64(pattern: &NanPattern<F64>, bits: u64) -> bool {
    match pattern {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(expected) => expected.bits == bits,
    }
}

fn is_vector(pattern: &V128Pattern, bits: u128) -> bool {
    /// Whether each lane of that width is what the list says.
    fn all<T>(bits: u128, lanes: &[T], is: impl Fn(&T, u64) -> bool) -> bool {
        let width = 128 / lanes.len();
        let mask = u128::from(u64::MAX >> (64 - width));
        let mut lanes = lanes.iter().enumerate();
        lanes.all(|(i, lane)| is(lane, (bits >> (i * width) & mask) as u64))
    }
    match pattern {
        V128Pattern::I8x16(lanes) => all(bits, lanes, |&lane, bits| lane == bits as i8),
        V128Pattern::I16x8(lanes) => all(bits, lanes, |&lane, bits| lane == bits as i16),
        V128Pattern::I32x4(lanes) => all(bits, lanes, |&lane, bits| lane == bits as i32),
        V128Pattern::I64x2(lanes) => all(bits, lanes, |&lane, bits| lane == bits as i64),
        V128Pattern::F32x4(lanes) => all(bits, lanes, |lane, bits| is_f32(lane, bits as u32)),
        V128Pattern::F64x2(lanes) => all(bits, lanes, is_f64),
    }
}

/// A result as scripts write it; floats with their bits, since NaNs differ in nothing else.
pub(super) fn show(store: &Store<()>, val: Val) -> String {
    match val {
        Val::F32(bits) => format!("f32 {val} ({bits:#010x})"),
        Val::F64(bits) => format!("f64 {val} ({bits:#018x})"),
        Val::ExternRef(Some(object)) => match object_number(store, object) {
            Some(number) => format!("externref {number}"),
            None => "externref of another kind".to_owned(),
        },
        val => format!("{} {val}", val.ty()),
    }
}

fn object_number(store: &Store<()>, object: ExternRef) -> Option<u32> {
    object.data(store).downcast_ref().copied()
}

/// The type of values that null references of a type have.
fn null_type(ty: &HeapType<'_>) -> Option<ValType> {
    use AbstractHeapType as A;
    match ty {
        HeapType::Abstract { shared: false, ty } => match ty {
            A::Func | A::NoFunc => Some(ValType::FuncRef),
            A::Extern | A::NoExtern => Some(ValType::ExternRef),
            A::Exn | A::NoExn => Some(ValType::ExnRef),
            _ => None,
        },
        HeapType::Concrete(_) => Some(ValType::FuncRef),
        _ => None,
    }
}
