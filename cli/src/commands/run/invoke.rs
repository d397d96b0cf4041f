//! `--invoke`: calling one function, with arguments from the command line.

use std::ffi::OsString;

use dotvm::isa::text::parse_integer;
use dotvm::wasi::WasiCtx;
use dotvm::{Error, ExternType, FuncType, Instance, Module, Store, Val, ValType};

use crate::args::Run;
use crate::failure::{Failure, Result};

/// Calls an exported function; its results are a line each. The inner error is what stopped it. Where the instance
/// has a state from before, it has been set up already.
///
/// # Errors
/// Where there is no such function, or the arguments are not what it takes.
pub(super) fn invoke(
    store: &mut Store<WasiCtx>,
    instance: Instance,
    module: &Module,
    name: &str,
    args: &Run,
    is_set_up: bool,
) -> Result<Result<String, Error>> {
    let Some(func) = instance.get_func(&mut *store, name) else {
        let functions = exported_functions(module);
        let reason = format!("no function {name:?} is exported: {functions}");
        return Err(Failure::at(args.file(), reason));
    };
    let ty = func.ty(&*store);
    let values = arguments(name, &ty, args.args())?;
    // Libraries made by compilers for WASI set themselves up in there.
    let initialize = instance.get_typed_func::<(), ()>(&mut *store, "_initialize");
    if let Ok(initialize) = initialize
        && !is_set_up
        && name != "_initialize"
        && let Err(error) = initialize.call(&mut *store, ())
    {
        return Ok(Err(error));
    }
    let outcome = func.call(&mut *store, &values);
    Ok(outcome.map(|results| results.iter().map(|result| format!("{result}\n")).collect()))
}

/// The functions that a module exports, for messages.
pub(super) fn exported_functions(module: &Module) -> String {
    const SHOWN: usize = 20;
    let is_func = |ty: &ExternType| matches!(ty, ExternType::Func(_));
    let exports = module.exports().filter(|export| is_func(&export.ty));
    let names: Vec<String> = exports
        .map(|export| shortened(export.name).escape_debug().to_string())
        .collect();
    match names.len() {
        0 => "it exports none".to_owned(),
        1..=SHOWN => format!("it exports {}", names.join(", ")),
        n => format!(
            "it exports {} and {} more",
            names[..SHOWN].join(", "),
            n - SHOWN
        ),
    }
}

/// A name for a message: names may be as long as the module.
fn shortened(name: &str) -> &str {
    const LONGEST: usize = 200;
    &name[..name.floor_char_boundary(LONGEST)]
}

/// Parses as many arguments as the function has parameters, each by its type.
fn arguments(name: &str, ty: &FuncType, args: &[OsString]) -> Result<Vec<Val>> {
    if args.len() != ty.params.len() {
        return Err(Failure::usage(format_args!(
            "{name} has the type {ty}: {} wanted, {} given",
            count(ty.params.len()),
            args.len()
        )));
    }
    let values = args
        .iter()
        .zip(&ty.params)
        .enumerate()
        .map(|(i, (arg, &ty))| {
            let parsed = arg.to_str().and_then(|arg| parse(arg, ty));
            parsed.ok_or_else(|| {
                let number = i + 1;
                Failure::usage(format_args!(
                    "argument {number} of {name}: {arg:?} is not of type {ty}"
                ))
            })
        });
    values.collect()
}

fn count(arguments: usize) -> String {
    match arguments {
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}

/// The value of that type that a text stands for: integers and vectors as in assembler text.
fn parse(text: &str, ty: ValType) -> Option<Val> {
    match ty {
        ValType::F32 => text.parse::<f32>().ok().map(Val::from),
        ValType::F64 => text.parse::<f64>().ok().map(Val::from),
        ValType::FuncRef | ValType::ExternRef | ValType::ExnRef | ValType::AnyRef => {
            (text == "null").then(|| Val::default_for(ty))
        }
        _ => {
            let bits = parse_integer(text, ty.bits())?;
            Some(match ty {
                ValType::I32 => Val::I32(bits.low() as i32),
                ValType::I64 => Val::I64(bits.low().cast_signed()),
                ValType::I128 => Val::I128(bits.low_128().cast_signed()),
                ValType::V128 => Val::V128(bits.low_128()),
                ValType::I256 => Val::I256(*bits.0.first_chunk()?),
                ValType::V256 => Val::V256(*bits.0.first_chunk()?),
                ValType::V512 => Val::V512(bits.0),
                _ => Val::I512(bits.0),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn arguments_are_parsed_by_type() {
        let cases = [
            (
                ValType::I32,
                "0 -1 4294967295 4294967296 -2147483648 -2147483649 0xff -0x80 +7 ++7",
            ),
            (
                ValType::I32,
                "0x 0x+1 1e3 1.0 x null - 99999999999999999999999999999999999999999",
            ),
            (
                ValType::I64,
                "18446744073709551615 18446744073709551616 -9223372036854775808",
            ),
            (ValType::I128, "340282366920938463463374607431768211455 -1"),
            (ValType::F32, "1 -1.5 1e40 nan -inf 0x1p3 x"),
            (ValType::F64, "0.1 1e308 1e309 NaN"),
            (ValType::FuncRef, "null 0"),
            (ValType::ExternRef, "null 0"),
            (ValType::V128, "0 -1 0x3f8000003f800000"),
            (
                ValType::I256,
                "-1 1_000_000 0x8000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000",
            ),
            (
                ValType::I512,
                "-170141183460469231731687303715884105729 0x1_",
            ),
            (ValType::V256, "0 -1 0x1_0000_0000_0000_0000"),
            (ValType::V512, "-1 i32x16"),
        ];
        let mut text = String::new();
        for (ty, words) in cases {
            for word in words.split(' ') {
                let parsed = parse(word, ty).map_or("-".to_owned(), |value| value.to_string());
                text += &format!("{ty} {word} = {parsed}\n");
            }
        }
        expect![[r#"
            i32 0 = 0
            i32 -1 = -1
            i32 4294967295 = -1
            i32 4294967296 = -
            i32 -2147483648 = -2147483648
            i32 -2147483649 = -
            i32 0xff = 255
            i32 -0x80 = -128
            i32 +7 = 7
            i32 ++7 = -
            i32 0x = -
            i32 0x+1 = -
            i32 1e3 = -
            i32 1.0 = -
            i32 x = -
            i32 null = -
            i32 - = -
            i32 99999999999999999999999999999999999999999 = -
            i64 18446744073709551615 = -1
            i64 18446744073709551616 = -
            i64 -9223372036854775808 = -9223372036854775808
            i128 340282366920938463463374607431768211455 = -1
            i128 -1 = -1
            f32 1 = 1
            f32 -1.5 = -1.5
            f32 1e40 = inf
            f32 nan = NaN
            f32 -inf = -inf
            f32 0x1p3 = -
            f32 x = -
            f64 0.1 = 0.1
            f64 1e308 = 100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
            f64 1e309 = inf
            f64 NaN = NaN
            funcref null = null
            funcref 0 = -
            externref null = null
            externref 0 = -
            v128 0 = 0x00000000000000000000000000000000
            v128 -1 = 0xffffffffffffffffffffffffffffffff
            v128 0x3f8000003f800000 = 0x00000000000000003f8000003f800000
            i256 -1 = -1
            i256 1_000_000 = 1000000
            i256 0x8000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000_0000 = -57896044618658097711785492504343953926634992332820282019728792003956564819968
            i512 -170141183460469231731687303715884105729 = -170141183460469231731687303715884105729
            i512 0x1_ = -
            v256 0 = 0x0000000000000000000000000000000000000000000000000000000000000000
            v256 -1 = 0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
            v256 0x1_0000_0000_0000_0000 = 0x0000000000000000000000000000000000000000000000010000000000000000
            v512 -1 = 0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
            v512 i32x16 = -
        "#]].assert_eq(&text);
    }
}
