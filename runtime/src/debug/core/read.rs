//! Reading core dumps. Files may be anything: what is kept is bounded by their size, and what is wrong is said
//! with its offset.

use std::path::Path;

use dotvm_isa::{AddressType, Bits, Bytes, Limits, MemoryType, TrapCode, ValType};

use super::{
    CoreDump, CoreError, CoreInstance, CoreModule, KIND_OTHER, MAX_VALUES, MISSING, REF_FUNC,
    REF_NULL, REF_SOME, Stored, StoredData, StoredFrame, StoredGlobal, StoredRef, StoredTable,
    VERSION,
};
use crate::module;

type Result<T, E = CoreError> = std::result::Result<T, E>;

/// The most things of a kind in a dump: modules, instances, memories, globals, tables, segments.
const MAX_THINGS: u64 = 1 << 20;

/// The most frames.
const MAX_FRAMES: u64 = 1 << 16;

/// The most elements of tables in all.
const MAX_ELEMENTS: u64 = 4 << 20;

/// Bytes of a file, up to an end.
struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn error<T>(&self, reason: impl Into<String>) -> Result<T> {
        Err(CoreError::at(self.at, reason))
    }

    fn is_done(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..count)) {
            Some(found) => {
                self.at += count;
                Ok(found)
            }
            None => self.error(format!(
                "{count} bytes are expected, the section ends before"
            )),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// A number in LEB128 of so many bits.
    fn number(&mut self, bits: u32) -> Result<u64> {
        let start = self.at;
        let (mut value, mut shift) = (0u128, 0);
        loop {
            let byte = self.byte()?;
            value |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            if shift >= bits {
                return Err(CoreError::at(start, "a number that is too long"));
            }
        }
        match value >> bits {
            0 => Ok(value as u64),
            _ => Err(CoreError::at(
                start,
                format!("a number of more than {bits} bits"),
            )),
        }
    }

    fn index(&mut self) -> Result<u32> {
        Ok(self.number(32)? as u32)
    }

    /// A signed number in LEB128 of so many bits.
    fn signed(&mut self, bits: u32) -> Result<i64> {
        let start = self.at;
        let (mut value, mut shift) = (0i128, 0);
        loop {
            let byte = self.byte()?;
            value |= i128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                if byte & 0x40 != 0 {
                    value -= 1 << shift;
                }
                break;
            }
            if shift >= bits {
                return Err(CoreError::at(start, "a number that is too long"));
            }
        }
        let max = (1i128 << (bits - 1)) - 1;
        match (-max - 1..=max).contains(&value) {
            true => Ok(value as i64),
            false => Err(CoreError::at(
                start,
                format!("a number of more than {bits} bits"),
            )),
        }
    }

    /// How many things follow, each of which takes a byte or more.
    fn count(&mut self, what: &str, max: u64) -> Result<u64> {
        let start = self.at;
        let count = self.number(64)?;
        if count > max || count > (self.bytes.len() - self.at) as u64 {
            return Err(CoreError::at(start, format!("{count} {what} are too many")));
        }
        Ok(count)
    }

    fn text(&mut self) -> Result<&'b str> {
        let start = self.at;
        let len = self.count("bytes of a name", u64::MAX)?;
        let bytes = self.take(len as usize)?;
        str::from_utf8(bytes).map_err(|_| CoreError::at(start, "a name that is not UTF-8"))
    }

    fn zero(&mut self, what: &str) -> Result<()> {
        let start = self.at;
        match self.byte()? {
            0 => Ok(()),
            byte => Err(CoreError::at(
                start,
                format!("{what} begins with {byte:#x} where there is 0"),
            )),
        }
    }

    fn indices(&mut self, what: &str) -> Result<Vec<u32>> {
        let count = self.count(what, MAX_THINGS)?;
        (0..count).map(|_| self.index()).collect()
    }

    fn val_type(&mut self) -> Result<ValType> {
        let start = self.at;
        let code = self.byte()?;
        ValType::from_code(code)
            .ok_or_else(|| CoreError::at(start, format!("{code:#x} is no type of values")))
    }

    fn end(&self, what: &str) -> Result<()> {
        match self.is_done() {
            true => Ok(()),
            false => self.error(format!("bytes behind the end of {what}")),
        }
    }
}

impl CoreDump {
    /// Reads a dump from a file.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn from_file(path: &Path) -> Result<CoreDump> {
        let bytes = module::open(path).map_err(|error| CoreError::new(error.to_string()))?;
        CoreDump::from_bytes(bytes)
    }

    /// Reads a dump.
    ///
    /// # Errors
    /// Where it is none, or is damaged.
    pub fn read(bytes: &[u8]) -> Result<CoreDump> {
        CoreDump::from_bytes(Bytes::new(bytes.to_vec()))
    }

    fn from_bytes(bytes: Bytes) -> Result<CoreDump> {
        let mut dump = CoreDump {
            bytes: bytes.clone(),
            program: String::new(),
            message: String::new(),
            trap: None,
            omitted: 0,
            inner_frames: 0,
            modules: Vec::new(),
            instances: Vec::new(),
            frames: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            tables: Vec::new(),
            data: Vec::new(),
        };
        let all = bytes.as_slice();
        if all.get(..8) != Some(b"\0asm\x01\0\0\0") {
            return Err(CoreError::new("this is no core dump"));
        }
        let mut reader = Reader { bytes: all, at: 8 };
        // The section with what the conventions cannot say is about what is in the others.
        let (mut seen, mut own) = ([false; 6], None);
        while !reader.is_done() {
            let start = reader.at;
            let id = reader.byte()?;
            let len = reader.number(32)?;
            let from = reader.at;
            reader.take(len as usize)?;
            let mut inside = Reader {
                bytes: &all[..reader.at],
                at: from,
            };
            let mut once = |number: usize| match std::mem::replace(&mut seen[number], true) {
                false => Ok(()),
                true => Err(CoreError::at(start, "a section that was there before")),
            };
            match id {
                0 => match inside.text()? {
                    "core" => {
                        once(0)?;
                        inside.zero("the process")?;
                        dump.program = inside.text()?.to_owned();
                        inside.end("the section `core`")?;
                    }
                    "coremodules" => {
                        once(1)?;
                        dump.read_modules(&mut inside)?;
                    }
                    "coreinstances" => {
                        once(2)?;
                        dump.read_instances(&mut inside)?;
                    }
                    "corestack" => {
                        once(3)?;
                        dump.read_stack(&mut inside)?;
                    }
                    "dotvm" => own = Some(inside),
                    _ => {}
                },
                5 => {
                    once(4)?;
                    dump.read_memories(&mut inside)?;
                }
                6 => {
                    once(5)?;
                    dump.read_globals(&mut inside)?;
                }
                11 => dump.read_data(&mut inside)?,
                id => {
                    let reason = format!("a section {id}, which core dumps do not have");
                    return Err(CoreError::at(start, reason));
                }
            }
        }
        if !seen[0] || !seen[3] {
            return Err(CoreError::new(
                "this is no core dump: it has no section `core` or `corestack`",
            ));
        }
        let Some(mut own) = own else {
            return Err(CoreError::new(
                "a core dump of another machine: it has no section `dotvm`",
            ));
        };
        dump.read_own(&mut own)?;
        dump.check()?;
        Ok(dump)
    }

    fn read_modules(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for _ in 0..reader.count("modules", MAX_THINGS)? {
            reader.zero("a module")?;
            self.modules.push(CoreModule {
                name: reader.text()?.to_owned(),
                digest: [0; 32],
            });
        }
        reader.end("the section `coremodules`")
    }

    fn read_instances(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for _ in 0..reader.count("instances", MAX_THINGS)? {
            let at = reader.at;
            reader.zero("an instance")?;
            self.instances.push(CoreInstance {
                module: reader.index()?,
                memories: reader.indices("memories")?,
                globals: reader.indices("globals")?,
                tables: Vec::new(),
                at,
            });
        }
        reader.end("the section `coreinstances`")
    }

    fn read_stack(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        reader.zero("the thread")?;
        reader.text()?;
        let mut room = MAX_VALUES;
        for _ in 0..reader.count("frames", MAX_FRAMES)? {
            let at = reader.at;
            reader.zero("a frame")?;
            self.frames.push(StoredFrame {
                instance: reader.index()?,
                func: reader.index()?,
                offset: reader.index()?,
                locals: stack_values(reader, &mut room)?,
                stack: stack_values(reader, &mut room)?,
                at,
            });
        }
        reader.end("the section `corestack`")
    }

    fn read_memories(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for _ in 0..reader.count("memories", MAX_THINGS)? {
            let at = reader.at;
            let flags = reader.byte()?;
            if flags & !0b1101 != 0 {
                let reason = format!("flags {flags:#x} of a memory");
                return Err(CoreError::at(at, reason));
            }
            let min = reader.number(64)?;
            let max = (flags & 1 != 0).then(|| reader.number(64)).transpose()?;
            let log2 = match flags & 8 != 0 {
                true => reader.index()?,
                false => 16,
            };
            let page_size_log2 = u8::try_from(log2).unwrap_or(u8::MAX);
            if !MemoryType::PAGE_SIZES_LOG2.contains(&page_size_log2) {
                return Err(CoreError::at(at, format!("pages of 2^{log2} bytes")));
            }
            let ty = MemoryType {
                limits: Limits { min, max },
                address: match flags & 4 != 0 {
                    true => AddressType::I64,
                    false => AddressType::I32,
                },
                page_size_log2,
            };
            if min > ty.max_pages() {
                return Err(CoreError::at(at, format!("a memory of {min} pages")));
            }
            self.memories.push(ty);
        }
        reader.end("the memory section")
    }

    fn read_globals(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for _ in 0..reader.count("globals", MAX_THINGS)? {
            let at = reader.at;
            let [ty, _, op] = reader.array()?;
            let value = match (ty, op) {
                (0x7f, 0x41) => {
                    let value = reader.signed(32)? as i32;
                    Some(Stored::Slot(ValType::I32, value.cast_unsigned().into()))
                }
                (0x7e, 0x42) => {
                    let value = reader.signed(64)?;
                    Some(Stored::Slot(ValType::I64, value.cast_unsigned()))
                }
                (0x7d, 0x43) => {
                    let bits = u32::from_le_bytes(reader.array()?);
                    Some(Stored::Slot(ValType::F32, bits.into()))
                }
                (0x7c, 0x44) => {
                    let bits = u64::from_le_bytes(reader.array()?);
                    Some(Stored::Slot(ValType::F64, bits))
                }
                (0x7b, 0xfd) if reader.byte()? == 0x0c => {
                    let bits = u128::from_le_bytes(reader.array()?);
                    Some(Stored::Wide(ValType::V128, Box::new(bits.into())))
                }
                (0x6f | 0x70, 0xd0) => {
                    reader.byte()?;
                    None
                }
                _ => return Err(CoreError::at(at, "a global that is no constant")),
            };
            if reader.byte()? != 0x0b {
                return Err(CoreError::at(at, "a global that is no constant"));
            }
            self.globals.push(StoredGlobal { value });
        }
        reader.end("the global section")
    }

    fn read_data(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for _ in 0..reader.count("data segments", MAX_THINGS)? {
            let at = reader.at;
            let memory = match reader.byte()? {
                0 => 0,
                2 => reader.index()?,
                _ => return Err(CoreError::at(at, "a data segment that is not active")),
            };
            let address = match reader.byte()? {
                0x41 => u64::from((reader.signed(32)? as i32).cast_unsigned()),
                0x42 => reader.signed(64)?.cast_unsigned(),
                _ => return Err(CoreError::at(at, "a data segment at no constant address")),
            };
            if reader.byte()? != 0x0b {
                return Err(CoreError::at(at, "a data segment at no constant address"));
            }
            let len = reader.count("bytes", u64::MAX)? as usize;
            let start = reader.at;
            reader.take(len)?;
            if self.data.len() as u64 >= MAX_THINGS {
                return Err(CoreError::at(at, "too many data segments"));
            }
            self.data.push(StoredData {
                memory,
                address,
                bytes: start..start + len,
            });
        }
        reader.end("the data section")
    }

    /// The section `dotvm`, when all others were read.
    fn read_own(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let version = reader.index()?;
        if version != VERSION {
            let reason = format!("version {version} of the section `dotvm`; this is {VERSION}");
            return reader.error(reason);
        }
        let (at, kind, code) = (reader.at, reader.byte()?, reader.byte()?);
        self.trap = TrapCode::from_code(code);
        if kind > KIND_OTHER || code != 0 && self.trap.is_none() {
            let reason = format!("an end of kind {kind}, trap {code}");
            return Err(CoreError::at(at, reason));
        }
        self.message = reader.text()?.to_owned();
        self.omitted = reader.number(64)?;
        self.inner_frames = reader.index()?;
        let segments = reader.number(64)?;
        if segments != self.data.len() as u64 {
            let found = self.data.len();
            let reason = format!("{found} data segments of {segments}: the file is not whole");
            return reader.error(reason);
        }
        for module in &mut self.modules {
            module.digest = reader.array()?;
        }
        for _ in 0..reader.count("globals", MAX_THINGS)? {
            let (at, index) = (reader.at, reader.index()?);
            let value = extra_value(reader)?;
            let Some(global) = self.globals.get_mut(index as usize) else {
                return Err(CoreError::at(at, format!("there is no global {index}")));
            };
            global.value = Some(value);
        }
        for _ in 0..reader.count("values", MAX_VALUES as u64)? {
            let (at, frame) = (reader.at, reader.index()?);
            let is_operand = reader.byte()? != 0;
            let index = reader.index()?;
            let value = extra_value(reader)?;
            let frame = self.frames.get_mut(frame as usize);
            let values = frame.map(|frame| match is_operand {
                true => &mut frame.stack,
                false => &mut frame.locals,
            });
            match values.and_then(|values| values.get_mut(index as usize)) {
                Some(place) => *place = Some(value),
                None => return Err(CoreError::at(at, "a value of no frame")),
            }
        }
        let mut elements = 0;
        for _ in 0..reader.count("tables", MAX_THINGS)? {
            let element = reader.val_type()?;
            let len = reader.number(64)?;
            let (at, mut entries) = (reader.at, Vec::new());
            for _ in 0..reader.count("elements", MAX_ELEMENTS - elements)? {
                let index = reader.number(64)?;
                if index >= len {
                    return Err(CoreError::at(at, "an element behind the end of its table"));
                }
                entries.push((index, reference(reader)?));
                elements += 1;
            }
            self.tables.push(StoredTable {
                element,
                len,
                entries,
            });
        }
        for instance in &mut self.instances {
            instance.tables = reader.indices("tables")?;
        }
        reader.end("the section `dotvm`")
    }

    /// Looks whether everything that is referred to is there.
    fn check(&self) -> Result<()> {
        let fits = |all: &[u32], count: usize| all.iter().all(|&it| (it as usize) < count);
        for instance in &self.instances {
            let is_whole = (instance.module as usize) < self.modules.len()
                && fits(&instance.memories, self.memories.len())
                && fits(&instance.globals, self.globals.len())
                && fits(&instance.tables, self.tables.len());
            if !is_whole {
                let reason = "an instance of something that the dump does not have";
                return Err(CoreError::at(instance.at, reason));
            }
        }
        for frame in &self.frames {
            if frame.instance as usize >= self.instances.len() {
                let reason = format!("a frame of instance {}, which is not there", frame.instance);
                return Err(CoreError::at(frame.at, reason));
            }
        }
        for data in &self.data {
            if data.memory as usize >= self.memories.len() {
                let reason = format!("data of memory {}, which is not there", data.memory);
                return Err(CoreError::at(data.bytes.start, reason));
            }
        }
        Ok(())
    }
}

fn stack_values(reader: &mut Reader<'_>, room: &mut usize) -> Result<Vec<Option<Stored>>> {
    let count = reader.count("values of frames", *room as u64)? as usize;
    *room -= count;
    let mut values = Vec::new();
    for _ in 0..count {
        let at = reader.at;
        values.push(match reader.byte()? {
            MISSING => None,
            0x7f => {
                let value = reader.signed(32)? as i32;
                Some(Stored::Slot(ValType::I32, value.cast_unsigned().into()))
            }
            0x7e => {
                let value = reader.signed(64)?;
                Some(Stored::Slot(ValType::I64, value.cast_unsigned()))
            }
            0x7d => {
                let bits = u32::from_le_bytes(reader.array()?);
                Some(Stored::Slot(ValType::F32, bits.into()))
            }
            0x7c => {
                let bits = u64::from_le_bytes(reader.array()?);
                Some(Stored::Slot(ValType::F64, bits))
            }
            kind => return Err(CoreError::at(at, format!("a value of kind {kind:#x}"))),
        });
    }
    Ok(values)
}

fn extra_value(reader: &mut Reader<'_>) -> Result<Stored> {
    let ty = reader.val_type()?;
    if ty.is_ref() {
        return Ok(Stored::Ref(ty, reference(reader)?));
    }
    let mut bits = Bits::default();
    for slot in &mut bits.0[..ty.slots() as usize] {
        *slot = u64::from_le_bytes(reader.array()?);
    }
    Ok(match ty.slots() {
        1 => Stored::Slot(ty, bits.low()),
        _ => Stored::Wide(ty, Box::new(bits)),
    })
}

fn reference(reader: &mut Reader<'_>) -> Result<StoredRef> {
    let at = reader.at;
    match reader.byte()? {
        REF_NULL => Ok(StoredRef::Null),
        REF_SOME => Ok(StoredRef::Some),
        REF_FUNC => Ok(StoredRef::Func(reader.index()?, reader.index()?)),
        kind => Err(CoreError::at(at, format!("a reference of kind {kind:#x}"))),
    }
}
