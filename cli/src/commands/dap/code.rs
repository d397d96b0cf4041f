//! Frames, sources and instructions, as the protocol has them.
//!
//! An instruction's address is the index of its function in the upper half of a number of 64 bits, its offset in
//! the lower one. Where a frame has no source file on this machine, its source is a listing of its function's
//! instructions.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};

use dotvm::debug::{StackFrame, Stopped};
use serde_json::{Value, json};

use super::link::Settings;
use super::sources;

/// The most instructions that are disassembled at once.
const MAX_INSTRUCTIONS: i64 = 10_000;

/// Where an instruction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Address {
    pub(super) func: u32,
    pub(super) offset: u32,
}

impl Address {
    /// # Errors
    /// Where the text is no address.
    pub(super) fn parse(text: &str) -> Result<Address, String> {
        let digits = text.strip_prefix("0x");
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let number = number.ok_or_else(|| format!("{text:?} is no address of an instruction"))?;
        Ok(Address {
            func: (number >> 32) as u32,
            offset: number as u32,
        })
    }

    /// So many bytes further on, in the same function.
    ///
    /// # Errors
    /// Where that is outside of any function.
    pub(super) fn plus(self, bytes: i64) -> Result<Address, String> {
        let offset = i64::from(self.offset).checked_add(bytes);
        let offset = offset.and_then(|offset| u32::try_from(offset).ok());
        let offset = offset.ok_or("the offset is outside of the function")?;
        Ok(Address { offset, ..self })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}{:08x}", self.func, self.offset)
    }
}

/// The instruction that a line of a function's listing has, from 1 on.
///
/// # Errors
/// Where there is no such function or line.
pub(super) fn instruction_of_line(
    stopped: &Stopped<'_>,
    func: u32,
    line: u64,
) -> Result<Address, String> {
    let all = stopped.func_instructions(0, func)?;
    let at = usize::try_from(line)
        .ok()
        .and_then(|line| line.checked_sub(1));
    let found = at.and_then(|at| all.get(at));
    let (offset, _) = found.ok_or("the listing has no such line")?;
    Ok(Address {
        func,
        offset: *offset,
    })
}

/// What is known about sources, kept from stop to stop.
pub(super) struct Code {
    base: PathBuf,
    settings: Settings,
    /// Where files of debug information are on this machine.
    files: HashMap<String, Option<PathBuf>>,
    /// Offsets of the instructions of functions that are shown as listings.
    listings: HashMap<u32, Vec<u32>>,
}

impl Code {
    pub(super) fn new(base: PathBuf, settings: Settings) -> Code {
        Code {
            base,
            settings,
            files: HashMap::new(),
            listings: HashMap::new(),
        }
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    fn on_disk(&mut self, file: &str) -> Option<PathBuf> {
        if let Some(known) = self.files.get(file) {
            return known.clone();
        }
        let found = sources::on_disk(file, &self.base);
        self.files.insert(file.to_owned(), found.clone());
        found
    }

    /// Frames from one on; `first` is the number of frame 0.
    pub(super) fn stack_trace(
        &mut self,
        stopped: &Stopped<'_>,
        arguments: &Value,
        first: i64,
    ) -> Result<Value, String> {
        let number = |name: &str| arguments[name].as_u64().unwrap_or_default();
        let start = usize::try_from(number("startFrame")).unwrap_or(usize::MAX);
        let levels = match number("levels") {
            0 => usize::MAX,
            levels => usize::try_from(levels).unwrap_or(usize::MAX),
        };
        let all = stopped.frames();
        let mut shown = Vec::new();
        for (i, frame) in (0..).zip(all).skip(start).take(levels) {
            shown.push(self.frame(stopped, frame, first + i)?);
        }
        Ok(json!({ "stackFrames": shown, "totalFrames": all.len() }))
    }

    fn frame(
        &mut self,
        stopped: &Stopped<'_>,
        frame: &StackFrame,
        id: i64,
    ) -> Result<Value, String> {
        let StackFrame {
            name,
            func,
            offset,
            is_inlined,
            location,
            ..
        } = frame;
        let name = if *is_inlined {
            format!("{name} (inlined)")
        } else {
            name.clone()
        };
        let address = Address {
            func: *func,
            offset: *offset,
        };
        let path = location.as_ref().filter(|at| at.line > 0);
        let path = path.and_then(|at| Some((at, self.on_disk(&at.file)?)));
        let (source, line, column) = match path {
            Some((at, path)) => (file_source(&path), at.line, at.column.max(1)),
            None => {
                let line = self.line_of(stopped, *func, *offset)?;
                let origin = location.as_ref().map(ToString::to_string);
                (listing_source(stopped, *func, origin)?, line, 1)
            }
        };
        Ok(json!({
            "id": id,
            "name": name,
            "source": source,
            "line": i64::from(line) - 1 + self.settings.first_line,
            "column": i64::from(column) - 1 + self.settings.first_column,
            "instructionPointerReference": address.to_string(),
        }))
    }

    /// The line of an instruction in its function's listing.
    fn line_of(&mut self, stopped: &Stopped<'_>, func: u32, offset: u32) -> Result<u32, String> {
        if let Entry::Vacant(entry) = self.listings.entry(func) {
            let all = stopped.func_instructions(0, func)?;
            entry.insert(all.iter().map(|(offset, _)| *offset).collect());
        }
        let offsets = self.listings.get(&func).map(Vec::as_slice);
        let behind = offsets
            .unwrap_or_default()
            .partition_point(|&it| it <= offset);
        Ok(behind.max(1) as u32)
    }

    /// Every source file of the program that is on this machine.
    pub(super) fn loaded_sources(&mut self, stopped: &Stopped<'_>) -> Value {
        let files = stopped.source_files();
        let found = files.iter().filter_map(|file| self.on_disk(file));
        let sources: Vec<Value> = found.map(|path| file_source(&path)).collect();
        json!({ "sources": sources })
    }

    /// Instructions around an address, exactly as many as are asked for: those of the functions before and behind
    /// as well.
    pub(super) fn disassemble(
        &mut self,
        stopped: &Stopped<'_>,
        arguments: &Value,
    ) -> Result<Value, String> {
        let text = arguments["memoryReference"].as_str();
        let address = Address::parse(text.ok_or("`memoryReference` must be a string")?)?;
        let address = address.plus(arguments["offset"].as_i64().unwrap_or_default())?;
        let count = arguments["instructionCount"].as_i64();
        let count = count.filter(|count| (0..=MAX_INSTRUCTIONS).contains(count));
        let count = count.ok_or_else(|| {
            format!("`instructionCount` must be a number up to {MAX_INSTRUCTIONS}")
        })?;
        let skipped = arguments["instructionOffset"].as_i64().unwrap_or_default();
        let funcs = stopped.funcs(0)?;
        if !funcs.contains(&address.func) {
            return Err(format!("there is no function {}", address.func));
        }
        let of = |func: u32| stopped.func_instructions(0, func);
        let mut func = address.func;
        let mut list = of(func)?;
        let here = list.partition_point(|(offset, _)| *offset < address.offset);
        let mut at = (here as i64).saturating_add(skipped);
        while at < 0 && func > funcs.start {
            func -= 1;
            list = of(func)?;
            at += list.len() as i64;
        }
        let mut all = Vec::new();
        let mut last_file = None;
        for _ in 0..count {
            while at >= list.len() as i64 && func + 1 < funcs.end {
                at -= list.len() as i64;
                func += 1;
                list = of(func)?;
            }
            let found = usize::try_from(at).ok().and_then(|at| list.get(at));
            let Some((offset, text)) = found else {
                // There is nothing; which the protocol has a word for.
                let address = Address {
                    func: if at < 0 { 0 } else { u32::MAX },
                    offset: 0,
                };
                all.push(json!({
                    "address": address.to_string(),
                    "instruction": "",
                    "presentationHint": "invalid",
                }));
                at = at.saturating_add(1);
                continue;
            };
            let mut shown = json!({
                "address": Address { func, offset: *offset }.to_string(),
                "instruction": text,
            });
            if at == 0 {
                shown["symbol"] = stopped.func_name(0, func)?.into();
            }
            let place = stopped
                .location(0, func, *offset)
                .filter(|place| place.line > 0);
            if let Some(place) = place
                && let Some(path) = self.on_disk(&place.file)
            {
                shown["line"] = (i64::from(place.line) - 1 + self.settings.first_line).into();
                if last_file.as_ref() != Some(&path) {
                    shown["location"] = file_source(&path);
                    last_file = Some(path);
                }
            }
            all.push(shown);
            at += 1;
        }
        Ok(json!({ "instructions": all }))
    }
}

/// The text of a source that is no file: a listing.
pub(super) fn source(stopped: &Stopped<'_>, arguments: &Value) -> Result<Value, String> {
    let number = match arguments["source"]["sourceReference"].as_u64() {
        Some(number) => number,
        None => arguments["sourceReference"].as_u64().unwrap_or_default(),
    };
    let func = number
        .checked_sub(1)
        .and_then(|func| u32::try_from(func).ok());
    let func = func.ok_or("there is no source of that number")?;
    let all = stopped.func_instructions(0, func)?;
    let lines = all
        .iter()
        .map(|(offset, text)| format!("{offset:#7x}  {text}\n"));
    let text: String = lines.collect();
    Ok(json!({ "content": text, "mimeType": "text/x-dotvm-listing" }))
}

fn file_source(path: &Path) -> Value {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    json!({ "name": name, "path": path.to_string_lossy() })
}

fn listing_source(
    stopped: &Stopped<'_>,
    func: u32,
    origin: Option<String>,
) -> Result<Value, String> {
    let name = stopped.func_name(0, func)?;
    let mut source = json!({
        "name": format!("{name} (bytecode)"),
        "sourceReference": u64::from(func) + 1,
    });
    if let Some(origin) = origin {
        source["origin"] = origin.into();
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers() {
        for (func, offset, text) in [(0, 0, "0x000000000"), (18, 0x1f, "0x120000001f")] {
            let address = Address { func, offset };
            assert_eq!(address.to_string(), text);
            assert_eq!(Address::parse(text), Ok(address));
        }
        assert_eq!(
            Address::parse("0xffffffffffffffff").map(|it| it.func),
            Ok(u32::MAX)
        );
        for wrong in ["", "12", "0x", "0xg", "0x10000000000000000", "-0x1"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
        let address = Address { func: 1, offset: 4 };
        assert_eq!(address.plus(-4).map(|it| it.offset), Ok(0));
        assert!(address.plus(-5).is_err() && address.plus(i64::MAX).is_err());
    }
}
