//! Reading debug information: one function's at a time.

use std::fmt;
use std::ops::Range;

use super::entries::Entries;
use super::func::{FUNC_FIELDS, FuncSource, RawFunc};
use super::table::{GROUP, Table};
use super::{Location, Source, Subprogram, Type};
use crate::decode::Reader;
use crate::error::{Malformed, Place};
use crate::module::Bytes;

/// The longest string.
pub const MAX_STRING_BYTES: usize = 4096;

/// What a subprogram is called in errors.
pub(super) const SUBPROGRAM: &str = "function of the source";

/// Fields of a subprogram: name and variables; lines; columns.
pub(super) const SUBPROGRAM_FIELDS: usize = 3;

/// Debug information of a module, as bytes until somebody asks. Empty where there is none.
///
/// Methods fail where they come across bytes that make no sense: the offset and the reason.
#[derive(Clone, Default)]
pub struct SourceTables {
    bytes: Bytes,
    range: Range<usize>,
    strings: Table<1>,
    pub(super) files: Table<1>,
    pub(super) types: Table<1>,
    pub(super) subprograms: Table<SUBPROGRAM_FIELDS>,
    funcs: Table<FUNC_FIELDS>,
}

impl fmt::Debug for SourceTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceTables({} bytes)", self.as_bytes().len())
    }
}

/// Tables are equal where their bytes are.
impl PartialEq for SourceTables {
    fn eq(&self, other: &SourceTables) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SourceTables {}

impl SourceTables {
    /// Finds the tables in the bytes of a debug section behind the names. Only their heads are read.
    pub(crate) fn read(bytes: &Bytes, range: Range<usize>) -> Result<SourceTables, Malformed> {
        if range.is_empty() {
            return Ok(SourceTables::default());
        }
        let mut reader = Reader {
            bytes: &bytes.as_slice()[..range.end],
            pos: range.start,
            place: Place::Section("debug"),
        };
        let tables = SourceTables {
            bytes: bytes.clone(),
            range,
            strings: Table::read(&mut reader)?,
            files: Table::read(&mut reader)?,
            types: Table::read(&mut reader)?,
            subprograms: Table::read(&mut reader)?,
            funcs: Table::read(&mut reader)?,
        };
        reader.finish()?;
        Ok(tables)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The tables' bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes.as_slice()[self.range.clone()]
    }

    /// Bytes of each table: what is in it, and how many.
    pub fn sizes(&self) -> [(&'static str, usize); 5] {
        [
            ("strings", self.strings.range().len()),
            ("files", self.files.range().len()),
            ("types", self.types.range().len()),
            ("subprograms", self.subprograms.range().len()),
            ("functions", self.funcs.range().len()),
        ]
    }

    /// What is known about a function of the module, by its index.
    ///
    /// # Errors
    /// Where its record makes no sense.
    pub fn func(&self, index: u32) -> Result<Option<FuncSource<'_>>, Malformed> {
        let reader = self.reader();
        // The last group that begins with this function or one before it.
        let (mut low, mut high) = (0, self.funcs.groups());
        while low < high {
            let middle = low.midpoint(high);
            let [mut first, ..] = self.funcs.group(&reader, middle)?;
            match first.u32()? <= index {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let Some(group) = low.checked_sub(1) else {
            return Ok(None);
        };
        let start = group * GROUP;
        let [mut indices, ..] = self.funcs.group(&reader, group)?;
        for number in start..self.funcs.count.min(start + GROUP) {
            if indices.u32()? == index {
                return self.nth_func(number).map(Some);
            }
        }
        Ok(None)
    }

    /// How many functions of the module something is known about.
    pub fn func_count(&self) -> usize {
        self.funcs.count
    }

    /// Indices of the functions that something is known about, ascending.
    ///
    /// # Errors
    /// Where the table makes no sense.
    pub fn funcs(&self) -> Result<Vec<u32>, Malformed> {
        let reader = self.reader();
        let mut funcs = Vec::new();
        for group in 0..self.funcs.groups() {
            let [mut indices, ..] = self.funcs.group(&reader, group)?;
            for _ in group * GROUP..self.funcs.count.min((group + 1) * GROUP) {
                funcs.push(indices.u32()?);
            }
        }
        match funcs.is_sorted_by(|a, b| a < b) {
            true => Ok(funcs),
            false => {
                let reason = "functions are not in ascending order";
                Err(reader.error_at(self.funcs.range().start, reason))
            }
        }
    }

    fn nth_func(&self, number: usize) -> Result<FuncSource<'_>, Malformed> {
        let raw = self.record(&self.funcs, number, "function", |fields, _| {
            RawFunc::read(fields)
        })?;
        FuncSource::new(self, raw)
    }

    /// How many source files there are.
    pub fn files(&self) -> usize {
        self.files.count
    }

    /// The path of a source file.
    ///
    /// # Errors
    /// Where there is none with that index.
    pub fn file(&self, index: u32) -> Result<String, Malformed> {
        let read = |[path]: &mut [_; 1], _| self.string_index(path);
        self.text(self.record(&self.files, index as usize, "source file", read)?)
    }

    /// How many types there are.
    pub fn types(&self) -> usize {
        self.types.count
    }

    /// A type.
    ///
    /// # Errors
    /// Where there is none with that index.
    pub fn ty(&self, index: u32) -> Result<Type, Malformed> {
        let read = |[ty]: &mut [_; 1], wanted| self.entries(wanted).ty(ty);
        self.record(&self.types, index as usize, "type", read)
    }

    /// How many functions of the source there are.
    pub fn subprograms(&self) -> usize {
        self.subprograms.count
    }

    /// A function of the source.
    ///
    /// # Errors
    /// Where there is none with that index.
    pub fn subprogram(&self, index: u32) -> Result<Subprogram, Malformed> {
        let read =
            |fields: &mut [_; SUBPROGRAM_FIELDS], wanted| self.entries(wanted).subprogram(fields);
        let number = index as usize;
        let (subprogram, _) = self.record(&self.subprograms, number, SUBPROGRAM, read)?;
        Ok(subprogram)
    }

    /// Where instructions and calls of a function of the source are.
    pub(super) fn locations(&self, subprogram: u32) -> Result<Vec<Location>, Malformed> {
        let read = |fields: &mut [_; SUBPROGRAM_FIELDS], _| self.entries(false).subprogram(fields);
        let number = subprogram as usize;
        let (_, locations) = self.record(&self.subprograms, number, SUBPROGRAM, read)?;
        Ok(locations)
    }

    /// Checks everything, in time that is linear in the tables' size.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub fn verify(&self) -> Result<(), Malformed> {
        let reader = self.reader();
        let entries = self.entries(false);
        self.strings
            .for_each(&reader, |text| read_text(text, false).map(drop))?;
        self.files
            .for_each(&reader, |[path]| self.string_index(path).map(drop))?;
        self.types
            .for_each(&reader, |[ty]| entries.ty(ty).map(drop))?;
        let mut locations = Vec::new();
        self.subprograms.for_each(&reader, |fields| {
            locations.push(entries.subprogram(fields)?.1.len() as u64);
            Ok(())
        })?;
        self.funcs()?;
        self.funcs.for_each(&reader, |fields| {
            let at = fields[0].pos;
            match RawFunc::read(fields)?.refers_to_what_is_there(&locations) {
                true => Ok(()),
                false => Err(reader.error_at(at, "a function of the source that is not there")),
            }
        })
    }

    /// Decodes everything.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub fn decode_all(&self) -> Result<Source, Malformed> {
        let all = |count: usize| 0..count as u32;
        let funcs = (0..self.funcs.count).map(|number| Ok(self.nth_func(number)?.func));
        let files = all(self.files.count).map(|i| self.file(i));
        let types = all(self.types.count).map(|i| self.ty(i));
        let subprograms = all(self.subprograms.count).map(|i| self.subprogram(i));
        Ok(Source {
            files: files.collect::<Result<_, _>>()?,
            types: types.collect::<Result<_, _>>()?,
            subprograms: subprograms.collect::<Result<_, _>>()?,
            funcs: funcs.collect::<Result<_, _>>()?,
        })
    }

    fn entries(&self, texts: bool) -> Entries<'_> {
        Entries {
            tables: self,
            texts,
        }
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader {
            bytes: &self.bytes.as_slice()[..self.range.end],
            pos: self.range.start,
            place: Place::Section("debug"),
        }
    }

    /// What `read` makes of a record of a table; see [`Table::get`].
    fn record<'a, T, const N: usize>(
        &'a self,
        table: &Table<N>,
        index: usize,
        what: &str,
        read: impl FnMut(&mut [Reader<'a>; N], bool) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let reader = self.reader();
        table.get(&reader, index, read)?.ok_or_else(|| {
            let reason = format!("{what} {index} of {}", table.count);
            reader.error_at(table.range().start, reason)
        })
    }

    /// An index that may be missing, of something of which there are `count`.
    pub(super) fn index(
        &self,
        reader: &Reader<'_>,
        at: usize,
        stored: u64,
        count: usize,
    ) -> Result<Option<u32>, Malformed> {
        match stored.checked_sub(1) {
            None => Ok(None),
            Some(index) if index < count as u64 => Ok(Some(index as u32)),
            Some(index) => Err(reader.error_at(at, format!("index {index} of {count}"))),
        }
    }

    pub(super) fn string_index(&self, reader: &mut Reader<'_>) -> Result<u32, Malformed> {
        let at = reader.pos;
        let index = reader.u32()?;
        if index as usize >= self.strings.count {
            let reason = format!("string {index} of {}", self.strings.count);
            return Err(reader.error_at(at, reason));
        }
        Ok(index)
    }

    /// A string.
    pub(super) fn text(&self, index: u32) -> Result<String, Malformed> {
        self.record(&self.strings, index as usize, "string", read_text)
    }
}

/// Reads a string; it is empty where it is not wanted.
fn read_text([texts]: &mut [Reader<'_>; 1], wanted: bool) -> Result<String, Malformed> {
    let at = texts.pos;
    let rest = &texts.bytes[at..];
    let end = rest
        .iter()
        .take(MAX_STRING_BYTES + 1)
        .position(|&byte| byte == 0);
    let no_end = || texts.error_at(at, format!("more than {MAX_STRING_BYTES} bytes of text"));
    let text = &rest[..end.ok_or_else(no_end)?];
    texts.pos += text.len() + 1;
    match std::str::from_utf8(text) {
        Ok(text) if wanted => Ok(text.to_owned()),
        Ok(_) => Ok(String::new()),
        Err(_) => Err(texts.error_at(at, "a string is not UTF-8")),
    }
}
