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
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(None),
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

/// Results as scripts write them.
pub(super) fn show(store: &Store<()>, vals: &[Val]) -> String {
    in_order(vals.iter().map(|&val| show_val(store, val)))
}

/// What a script expects as results, as it could have written it.
pub(super) fn show_expected(patterns: &[&WastRetCore<'_>]) -> String {
    in_order(patterns.iter().map(|pattern| show_pattern(pattern)))
}

fn in_order(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    match values.is_empty() {
        true => "nothing".to_owned(),
        false => values.join(" "),
    }
}

fn show_val(store: &Store<()>, val: Val) -> String {
    match val {
        Val::F32(bits) => format!("(f32.const {})", show_f32(bits)),
        Val::F64(bits) => format!("(f64.const {})", show_f64(bits)),
        Val::V128(bits) => {
            let lanes = [0, 32, 64, 96].map(|at| format!(" {:#010x}", (bits >> at) as u32));
            format!("(v128.const i32x4{})", lanes.concat())
        }
        Val::FuncRef(None) => "(ref.null func)".to_owned(),
        Val::ExternRef(None) => "(ref.null extern)".to_owned(),
        Val::ExnRef(None) => "(ref.null exn)".to_owned(),
        Val::AnyRef(None) => "(ref.null any)".to_owned(),
        Val::FuncRef(Some(_)) => "(ref.func)".to_owned(),
        Val::ExternRef(Some(object)) => match object_number(store, object) {
            Some(number) => format!("(ref.extern {number})"),
            None => "(ref.extern)".to_owned(),
        },
        Val::ExnRef(Some(_)) => "(ref.exn)".to_owned(),
        Val::AnyRef(Some(_)) => "(ref.any)".to_owned(),
        val => format!("({}.const {val})", val.ty()),
    }
}

fn show_pattern(pattern: &WastRetCore<'_>) -> String {
    match pattern {
        WastRetCore::I32(value) => format!("(i32.const {value})"),
        WastRetCore::I64(value) => format!("(i64.const {value})"),
        WastRetCore::F32(pattern) => format!("(f32.const {})", show_f32_pattern(pattern)),
        WastRetCore::F64(pattern) => format!("(f64.const {})", show_f64_pattern(pattern)),
        WastRetCore::V128(pattern) => format!("(v128.const {})", show_vector_pattern(pattern)),
        WastRetCore::RefNull(None) => "(ref.null)".to_owned(),
        WastRetCore::RefNull(Some(ty)) => match null_type(ty) {
            Some(ValType::FuncRef) => "(ref.null func)".to_owned(),
            Some(ValType::ExternRef) => "(ref.null extern)".to_owned(),
            Some(ValType::ExnRef) => "(ref.null exn)".to_owned(),
            _ => format!("(ref.null {ty:?})"),
        },
        WastRetCore::RefExtern(Some(number)) => format!("(ref.extern {number})"),
        WastRetCore::RefExtern(None) => "(ref.extern)".to_owned(),
        WastRetCore::RefFunc(_) => "(ref.func)".to_owned(),
        WastRetCore::Either(patterns) => {
            let patterns: Vec<String> = patterns.iter().map(show_pattern).collect();
            format!("(either {})", patterns.join(" "))
        }
        // What is not supported.
        other => format!("({other:?})"),
    }
}

fn show_vector_pattern(pattern: &V128Pattern) -> String {
    fn lanes<T>(shape: &str, lanes: &[T], show: impl Fn(&T) -> String) -> String {
        let lanes: Vec<String> = lanes.iter().map(show).collect();
        format!("{shape} {}", lanes.join(" "))
    }
    match pattern {
        V128Pattern::I8x16(all) => lanes("i8x16", all, |lane| format!("{lane:#04x}")),
        V128Pattern::I16x8(all) => lanes("i16x8", all, |lane| format!("{lane:#06x}")),
        V128Pattern::I32x4(all) => lanes("i32x4", all, |lane| format!("{lane:#010x}")),
        V128Pattern::I64x2(all) => lanes("i64x2", all, |lane| format!("{lane:#018x}")),
        V128Pattern::F32x4(all) => lanes("f32x4", all, show_f32_pattern),
        V128Pattern::F64x2(all) => lanes("f64x2", all, show_f64_pattern),
    }
}

fn show_f32_pattern(pattern: &NanPattern<F32>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_owned(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_owned(),
        NanPattern::Value(value) => show_f32(value.bits),
    }
}

fn show_f64_pattern(pattern: &NanPattern<F64>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_owned(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_owned(),
        NanPattern::Value(value) => show_f64(value.bits),
    }
}

fn show_f32(bits: u32) -> String {
    let value = f32::from_bits(bits);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    match value.is_nan() {
        true => format!("{sign}nan:{:#x}", bits & 0x7f_ffff),
        false => value.to_string(),
    }
}

fn show_f64(bits: u64) -> String {
    let value = f64::from_bits(bits);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    match value.is_nan() {
        true => format!("{sign}nan:{:#x}", bits & 0xf_ffff_ffff_ffff),
        false => value.to_string(),
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
