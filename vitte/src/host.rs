//! What the machine's programs do not compute themselves: functions of module `vitte`, for a linker.
//!
//! None of them reaches outside: texts of floats, functions of `math`, messages of failures. What reaches
//! outside are imports of WASI, which whoever runs a program allows as for any other.

use std::fmt::Write as _;
use std::sync::Arc;

use dotvm::wasi::Errno;
use dotvm::{Caller, Error, Linker, Result, Trap, TrapCode};

use crate::vitbc::module::Module;
use crate::vitbc::text::Instruction;

/// The name of the functions' module.
pub const MODULE: &str = "vitte";

/// The module of the embedder's functions: those that programs declare as `extern` without a library.
///
/// Where a program's function takes `int`, `float` or `bool`, the embedder's takes an `i64`, `f64` or `i32`; for `string`,
/// `array<int>` and `array<float>` two of `i32`: where the bytes, integers of 64 bits or floats are in memory, and how many.
/// What is changed in arrays there is changed in the program. Results are the same; for one that is `string` or `string?`
/// two parameters more say where to put it and how many bytes there is room for, and its length is the result, -1 for null.
pub const EXTERN: &str = "extern";

/// Writes a line of a trace.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// Defines the functions that every program may import.
///
/// # Errors
/// Where one of the names is taken.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>) -> Result<()> {
    linker.func_wrap(MODULE, "fail", fail::<T>)?;
    linker.func_wrap(
        MODULE,
        "float_text",
        |mut caller: Caller<'_, T>, value: f64, to: i32| {
            let text = float_text(value);
            put(&mut caller, to, text.as_bytes())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "float_value",
        |mut caller: Caller<'_, T>, from: i32, len: i32, to: i32| -> Result<i32> {
            let value = text(&mut caller, from, len)?.parse::<f64>();
            let Ok(value) = value else { return Ok(0) };
            put(&mut caller, to, &value.to_le_bytes())?;
            Ok(1)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "utf8",
        |mut caller: Caller<'_, T>, from: i32, len: i32| -> Result<i32> {
            let text = text(&mut caller, from, len)?;
            put(&mut caller, from, text.as_bytes())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "change_case",
        |mut caller: Caller<'_, T>, from: i32, len: i32, upper: i32| -> Result<i32> {
            let text = text(&mut caller, from, len)?;
            let text = match upper {
                0 => text.to_lowercase(),
                _ => text.to_uppercase(),
            };
            put(&mut caller, from, text.as_bytes())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "system_name",
        |mut caller: Caller<'_, T>, which: i32, to: i32| {
            let name = match which {
                0 => std::env::consts::OS,
                _ => std::env::consts::ARCH,
            };
            put(&mut caller, to, name.as_bytes())
        },
    )?;
    linker.func_wrap(MODULE, "sin", f64::sin)?;
    linker.func_wrap(MODULE, "cos", f64::cos)?;
    linker.func_wrap(MODULE, "tan", f64::tan)?;
    linker.func_wrap(MODULE, "pow", f64::powf)?;
    Ok(())
}

/// Defines the functions by which a program that was lowered for it reports what it does.
///
/// # Errors
/// Where one of the names is taken.
pub fn add_trace<T: 'static>(
    linker: &mut Linker<T>,
    module: &Arc<Module>,
    log: &Log,
) -> Result<()> {
    let (known, out) = (module.clone(), log.clone());
    linker.func_wrap(MODULE, "trace", move |func: i32, at: i32| {
        out(&line(&known, func, at, None));
    })?;
    let (known, out) = (module.clone(), log.clone());
    linker.func_wrap(
        MODULE,
        "trace_int",
        move |func: i32, at: i32, value: i64| {
            out(&line(&known, func, at, Some(value.to_string())));
        },
    )?;
    let (known, out) = (module.clone(), log.clone());
    linker.func_wrap(
        MODULE,
        "trace_float",
        move |func: i32, at: i32, value: f64| {
            out(&line(&known, func, at, Some(float_text(value))));
        },
    )?;
    let (known, out) = (module.clone(), log.clone());
    linker.func_wrap(
        MODULE,
        "trace_bool",
        move |func: i32, at: i32, value: i32| {
            out(&line(&known, func, at, Some((value != 0).to_string())));
        },
    )?;
    let (known, out) = (module.clone(), log.clone());
    linker.func_wrap(
        MODULE,
        "trace_text",
        move |mut caller: Caller<'_, T>, func: i32, at: i32, from: i32, len: i32| -> Result<()> {
            let value = text(&mut caller, from, len)?;
            out(&line(&known, func, at, Some(value)));
            Ok(())
        },
    )?;
    Ok(())
}

/// A float as programs print it: the shortest text that is read as the same float.
pub(crate) fn float_text(value: f64) -> String {
    format!("{value:?}")
}

/// A line of a trace: `> RETURN r3 (5)`.
fn line(module: &Module, func: i32, at: i32, value: Option<String>) -> String {
    let instr = Instruction::of(module, func as usize, at as usize);
    let text = match (instr, value) {
        (Some(Instruction::Call(name)), _) => format!("CALL {name}"),
        (Some(Instruction::Print), Some(value)) => format!("PRINT {value}"),
        (Some(Instruction::Other(text)), Some(value)) => format!("{text} ({value})"),
        (Some(Instruction::Other(text)), None) => text,
        (Some(Instruction::Print), None) => "PRINT".to_owned(),
        (None, _) => "?".to_owned(),
    };
    let mut line = String::from("> ");
    // What programs print may be anything; a line stays one.
    for c in text.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

/// Why a program cannot go on: the reasons by their numbers in the runtime's sources.
fn fail<T>(mut caller: Caller<'_, T>, kind: i32, a: i64, b: i64) -> Result<()> {
    let mut message = String::new();
    let code = match kind {
        0 => {
            let _ = write!(message, "index {a}, length {b}");
            TrapCode::ArrayOutOfBounds
        }
        4 => TrapCode::MemoryLimit,
        14 | 19 => TrapCode::IntegerOverflow,
        18 => TrapCode::ArrayOutOfBounds,
        _ => TrapCode::Unreachable,
    };
    match kind {
        1 => {
            let key = text(&mut caller, a as i32, b as i32)?;
            let _ = write!(message, "there is no entry {key}");
        }
        2 => message = text(&mut caller, a as i32, b as i32)?,
        3 => message.push_str("assertion failed"),
        5 => {
            let _ = write!(message, "{a} characters");
        }
        6 => {
            let _ = write!(message, "output failed: {}", reason(a));
        }
        7 => {
            let _ = write!(message, "the format has more places than values, {a}");
        }
        8 => {
            let _ = write!(message, "the format has {a} places for {b} values");
        }
        9 => {
            let _ = write!(message, "input failed: {}", reason(a));
        }
        10 => message.push_str("there are no random numbers"),
        11 => {
            let _ = write!(message, "there is no number from {a} up to {b}");
        }
        12 => message.push_str("there is no clock"),
        15 => {
            let _ = write!(message, "there is no open file {a}");
        }
        16 => {
            let mode = text(&mut caller, a as i32, b as i32)?;
            let _ = write!(message, "{mode} is no way to open a file");
        }
        17 => {
            let _ = write!(message, "{a} bytes cannot be read");
        }
        13 => message.push_str("the value is of another variant"),
        18 => {
            let _ = write!(message, "length {a}, but the native function needs {b}");
        }
        19 => {
            let (sign, bits) = if b < 0 { ('i', -b) } else { ('u', b) };
            let _ = write!(
                message,
                "{a} is no {sign}{bits}, which the native function needs"
            );
        }
        20 => message.push_str("text with a zero byte for a native function"),
        21 => message.push_str("the function gave null for a string"),
        _ => {}
    }
    if message.is_empty() {
        return Err(Error::from(code));
    }
    Err(Error::Trap(Trap::with_detail(code, message)))
}

/// What an error number of WASI means, as the end of a sentence.
fn reason(number: i64) -> String {
    let errno = Errno::ALL.iter().find(|errno| **errno as i64 == number);
    let Some(errno) = errno else {
        return format!("WASI error {number}");
    };
    let meaning = errno.meaning().trim_end_matches('.');
    let mut letters = meaning.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Text in the program's memory; what is no UTF-8 is replaced.
fn text<T>(caller: &mut Caller<'_, T>, from: i32, len: i32) -> Result<String> {
    let (from, len) = (from as u32 as usize, len as u32 as usize);
    let (memory, _) = caller.memory_and_data();
    let bytes = memory.and_then(|memory| memory.get(from..)?.get(..len));
    let bytes = bytes.ok_or(Error::from(TrapCode::MemoryOutOfBounds))?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// Puts bytes into the program's memory; gives how many.
fn put<T>(caller: &mut Caller<'_, T>, to: i32, bytes: &[u8]) -> Result<i32> {
    let (memory, _) = caller.memory_and_data();
    let to = to as u32 as usize;
    let place = memory.and_then(|memory| memory.get_mut(to..)?.get_mut(..bytes.len()));
    let place = place.ok_or(Error::from(TrapCode::MemoryOutOfBounds))?;
    place.copy_from_slice(bytes);
    Ok(bytes.len() as i32)
}
