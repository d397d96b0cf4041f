//! Version 2, an earlier form of VITBC files: read to be looked at.
//!
//! Behind the flags: i64 entry (negative: none), then five u32 counts, of integers, floats, strings, data
//! and instructions, then these without tags. Names are a u16 length and UTF-8; what is optional has a
//! byte before it. An instruction is a u16 code, a u8 count of operands (at most 3), a byte 0, and a u64
//! each. Where flag 0 is set, everything behind the counts is packed by zstd. What the codes mean is not
//! part of the format.

use std::fmt::Write;

use super::binary::{FLAG_ZSTD, Reader, Result, frame, unpack};
use super::module::{COUNT_MAX, LEN_MAX, NAME_LEN_MAX};

/// The version of such files.
pub const VERSION: u32 = 2;

/// A piece of data: its name, its address, its bytes.
pub type Data = (Option<String>, Option<u32>, Vec<u8>);

/// A file of version 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Old {
    /// Whether it was packed.
    pub packed: bool,
    /// The instruction that is run first.
    pub entry: Option<u64>,
    /// Integers with their names.
    pub ints: Vec<(String, i64)>,
    /// Floats with their names.
    pub floats: Vec<(String, f64)>,
    /// Strings with their names.
    pub strings: Vec<(String, String)>,
    /// Data.
    pub data: Vec<Data>,
    /// Instructions: codes and operands.
    pub code: Vec<(u32, Vec<u64>)>,
}

/// Reads a file of version 2.
///
/// # Errors
/// If it is no such file, with the place and the reason.
pub fn decode(bytes: &[u8]) -> Result<Old> {
    let (version, flags, mut file) = frame(bytes)?;
    if version != VERSION {
        return file.refuse(6, format!("version {version}; version {VERSION} expected"));
    }
    let mut old = Old {
        packed: flags & FLAG_ZSTD != 0,
        entry: u64::try_from(file.u64()? as i64).ok(),
        ..Old::default()
    };
    let start = file.pos();
    let mut counts = [0; 5];
    for count in &mut counts {
        *count = file.u32()? as usize;
        if *count > COUNT_MAX {
            return file.refuse(
                file.pos() - 4,
                format!("{count} of them; at most {COUNT_MAX}"),
            );
        }
    }
    let rest = file.pos();
    let stored = file.take(file.left())?;
    let unpacked;
    let mut reader = match old.packed {
        true => {
            unpacked = match unpack(stored, LEN_MAX) {
                Ok(bytes) => bytes,
                Err(reason) => return file.refuse(rest, reason),
            };
            Reader::new(&unpacked, 0, Some("packed"))
        }
        false => {
            let tail = rest + stored.len();
            Reader::new(&bytes[..tail], rest, None)
        }
    };
    let [ints, floats, strings, data, code] = counts;
    // Every row takes some bytes: more of them than there are bytes cannot be.
    if ints * 10 + floats * 10 + strings * 6 + data * 6 + code * 4 > reader.left() {
        return file.refuse(start, "what is counted does not fit into the file");
    }
    for _ in 0..ints {
        old.ints.push((name(&mut reader)?, reader.u64()? as i64));
    }
    for _ in 0..floats {
        old.floats
            .push((name(&mut reader)?, f64::from_bits(reader.u64()?)));
    }
    for _ in 0..strings {
        let name = name(&mut reader)?;
        let len = reader.count(true, LEN_MAX, 1)?;
        old.strings.push((name, text(&mut reader, len)?));
    }
    for _ in 0..data {
        let name = match reader.u8()? {
            0 => None,
            _ => Some(name(&mut reader)?),
        };
        let address = match reader.u8()? {
            0 => None,
            _ => Some(reader.u32()?),
        };
        let len = reader.count(true, LEN_MAX, 1)?;
        old.data.push((name, address, reader.take(len)?.to_vec()));
    }
    for _ in 0..code {
        let opcode = reader.u16()?;
        let at = reader.pos();
        let count = reader.u8()?;
        reader.u8()?;
        if count > 3 {
            return reader.refuse(
                at,
                format!("an instruction with {count} operands; at most 3"),
            );
        }
        let operands = (0..count).map(|_| reader.u64()).collect::<Result<_>>()?;
        old.code.push((opcode, operands));
    }
    if reader.left() > 0 {
        return reader.refuse(reader.pos(), format!("{} bytes too many", reader.left()));
    }
    Ok(old)
}

fn name(reader: &mut Reader<'_>) -> Result<String> {
    let len = reader.count(false, NAME_LEN_MAX, 1)?;
    text(reader, len)
}

fn text(reader: &mut Reader<'_>, len: usize) -> Result<String> {
    let at = reader.pos();
    match std::str::from_utf8(reader.take(len)?) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => reader.refuse(at + error.valid_up_to(), "text is not UTF-8"),
    }
}

/// The file as text.
pub fn disassemble(old: &Old) -> String {
    let mut out = String::from("; VITBC version 2\n");
    // Writing to a string does not fail.
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = out.write_fmt(text);
        out.push('\n');
    };
    for (name, value) in &old.ints {
        line(format_args!("INT {} = {value}", crate::syntax::quote(name)));
    }
    for (name, value) in &old.floats {
        line(format_args!(
            "FLOAT {} = {value:?}",
            crate::syntax::quote(name)
        ));
    }
    for (name, text) in &old.strings {
        let (name, text) = (crate::syntax::quote(name), crate::syntax::quote(text));
        line(format_args!("STRING {name} = {text}"));
    }
    for (name, address, bytes) in &old.data {
        let name = name
            .as_ref()
            .map_or("_".to_owned(), |name| crate::syntax::quote(name));
        let address = address.map_or(String::new(), |address| format!(" AT {address:#x}"));
        let bytes: String = bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
        line(format_args!("DATA {name}{address} ={bytes}"));
    }
    for (i, (code, operands)) in old.code.iter().enumerate() {
        let mark = if old.entry == Some(i as u64) {
            "=> "
        } else {
            "   "
        };
        let operands: Vec<String> = operands.iter().map(ToString::to_string).collect();
        let text = format!("{mark}{i:6}  OP_{code:04x} {}", operands.join(", "));
        line(format_args!("{}", text.trim_end()));
    }
    out
}
