//! Writing core dumps.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use dotvm_interp::Kept;
use dotvm_isa::{AddressType, Bits, ValType};

use super::super::stopped::locals_of;
use super::{
    KIND_EXCEPTION, KIND_OTHER, KIND_TRAP, MAX_VALUES, MISSING, REF_FUNC, REF_NULL, REF_SOME,
    VERSION,
};
use crate::error::Error;
use crate::module::Module;
use crate::state::digest;
use crate::store::{Store, StoreOpaque};
use crate::vm::core_frames::{CoreFrame, CoreFrames};
use crate::vm::funcs::FuncKind;

/// Bytes of memory that are skipped together where they are all zero.
const GRANULE_BYTES: u64 = 4096;

/// About so many data segments are written at most: readers of modules take no more than 100,000.
const MAX_SEGMENTS: usize = 50_000;

/// The most bytes of a data segment.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// The most bytes of a data section, whose size has 32 bits; what is more goes to another one.
const MAX_SECTION_BYTES: u64 = 0xe000_0000;

/// The most elements of a table that are written.
const MAX_ELEMENTS: usize = 1 << 20;

impl<T: 'static> Store<T> {
    /// Has frames, and the values in them, noted where runs end with an error from now on, for
    /// [`Store::write_core`]. Nothing changes for code that runs.
    pub fn keep_core(&mut self) {
        self.opaque_mut().core = Some(Box::new(Mutex::new(CoreFrames::default())));
    }

    /// Writes a core dump of the run that ended last, with `error`; `program` is what its file is called. Returns
    /// whether there was anything to write: nothing where no frame was noted (see [`Store::keep_core`]).
    /// Memories and globals are those of now: nothing should have run, or changed them, in between.
    ///
    /// Values of frames of threaded code are known, but for operands that were in registers only. Those of native
    /// code are not.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_core(
        &self,
        program: &str,
        error: &Error,
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        let store = &self.inner().opaque;
        let Some(core) = &store.core else {
            return Ok(false);
        };
        let core = core.lock().unwrap_or_else(PoisonError::into_inner);
        if core.frames.is_empty() {
            return Ok(false);
        }
        out.write_all(b"\0asm\x01\0\0\0")?;
        let mut payload = vec![0];
        name(&mut payload, program);
        custom(out, "core", &payload)?;
        custom(out, "coremodules", &modules(store))?;
        custom(out, "coreinstances", &instances(store))?;
        let mut extras = Vec::new();
        custom(out, "corestack", &stack(store, &core, &mut extras))?;
        let parts = parts(store);
        custom(out, "dotvm", &rest(store, &core, error, &extras, &parts))?;
        section(out, 5, &memories(store))?;
        section(out, 6, &globals(store))?;
        write_data(store, &parts, out)?;
        Ok(true)
    }
}

/// Appends a number in LEB128.
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number in LEB128.
fn signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = value as u8 & 0x7f;
        value >>= 7;
        if value == if byte & 0x40 == 0 { 0 } else { -1 } {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

fn name(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn section(out: &mut dyn Write, id: u8, payload: &[u8]) -> io::Result<()> {
    let mut head = vec![id];
    number(&mut head, payload.len() as u64);
    out.write_all(&head)?;
    out.write_all(payload)
}

fn custom(out: &mut dyn Write, title: &str, payload: &[u8]) -> io::Result<()> {
    let mut head = Vec::new();
    name(&mut head, title);
    let mut start = vec![0];
    number(&mut start, (head.len() + payload.len()) as u64);
    out.write_all(&start)?;
    out.write_all(&head)?;
    out.write_all(payload)
}

fn modules(store: &StoreOpaque) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, store.modules.len() as u64);
    for module in &store.modules {
        out.push(0);
        name(&mut out, module.name().unwrap_or_default());
    }
    out
}

fn numbers(out: &mut Vec<u8>, all: &[u32]) {
    number(out, all.len() as u64);
    for &one in all {
        number(out, one.into());
    }
}

fn instances(store: &StoreOpaque) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, store.instances.len() as u64);
    for instance in &store.instances {
        out.push(0);
        let mut modules = store.modules.iter();
        let module = modules.position(|it| Module::same(it, &instance.module));
        number(&mut out, module.unwrap_or_default() as u64);
        numbers(&mut out, &instance.memories);
        numbers(&mut out, &instance.globals);
    }
    out
}

/// A value that the conventions cannot carry: of which frame, whether on its stack, and its index.
struct Extra {
    frame: u32,
    is_operand: bool,
    index: u32,
    ty: ValType,
    bits: Bits,
}

/// Types of values, and where they are.
type Places = Vec<(ValType, Kept)>;

/// Locals and operands of functions that are stopped somewhere, by module, function and offset.
type Known<'s> = HashMap<(usize, u32, u32), (Places, Places)>;

fn stack(store: &StoreOpaque, core: &CoreFrames, extras: &mut Vec<Extra>) -> Vec<u8> {
    let mut out = vec![0];
    name(&mut out, "main");
    number(&mut out, core.frames.len() as u64);
    let mut known = Known::new();
    let mut room = MAX_VALUES;
    for (i, frame) in (0..).zip(&core.frames) {
        let (func, offset) = (frame.func, frame.offset());
        out.push(0);
        number(&mut out, frame.instance.unwrap_or_default().into());
        number(&mut out, func.into());
        number(&mut out, offset.into());
        let mut modules = store.modules.iter();
        let module = modules.position(|it| Module::same(it, &frame.module));
        let key = (module.unwrap_or_default(), func, offset);
        let (locals, operands) = known.entry(key).or_insert_with(|| {
            let locals = locals_of(&frame.module, func).unwrap_or_default();
            let slot = |(ty, slot)| (ty, Kept::Slot(slot));
            let operands = frame.module.operands(func, offset);
            (
                locals.into_iter().map(slot).collect(),
                operands.unwrap_or_default(),
            )
        });
        let count = locals.len() + operands.len();
        if count > room {
            out.extend([0, 0]);
            continue;
        }
        room -= count;
        for (is_operand, values) in [(false, &*locals), (true, &*operands)] {
            number(&mut out, values.len() as u64);
            for (index, &(ty, place)) in (0..).zip(values) {
                let bits = value(frame, ty, place);
                if !stack_value(&mut out, ty, bits)
                    && let Some(bits) = bits
                {
                    extras.push(Extra {
                        frame: i,
                        is_operand,
                        index,
                        ty,
                        bits,
                    });
                }
            }
        }
    }
    out
}

/// What is in a place of a frame, where that is known.
fn value(frame: &CoreFrame, ty: ValType, place: Kept) -> Option<Bits> {
    match place {
        Kept::Slot(slot) => {
            let from = slot as usize;
            let slots = frame.slots.get(from..from + ty.slots() as usize)?;
            Some(Bits::from_slots(slots))
        }
        // Nothing of a frame of native code is said to be known that depends on what the interpreter would do.
        Kept::Constant(bits) => (!frame.slots.is_empty()).then_some(bits),
        Kept::Lost => None,
    }
}

/// Appends a value of a frame; returns whether it could be said.
fn stack_value(out: &mut Vec<u8>, ty: ValType, bits: Option<Bits>) -> bool {
    let slot = bits.map(Bits::low);
    match (ty, slot) {
        (ValType::I32, Some(slot)) => {
            out.push(0x7f);
            signed(out, (slot as u32).cast_signed().into());
        }
        (ValType::I64, Some(slot)) => {
            out.push(0x7e);
            signed(out, slot.cast_signed());
        }
        (ValType::F32, Some(slot)) => {
            out.push(0x7d);
            out.extend((slot as u32).to_le_bytes());
        }
        (ValType::F64, Some(slot)) => {
            out.push(0x7c);
            out.extend(slot.to_le_bytes());
        }
        _ => {
            out.push(MISSING);
            return false;
        }
    }
    true
}

/// Appends a value as the section `dotvm` has it.
fn extra_value(store: &StoreOpaque, out: &mut Vec<u8>, ty: ValType, bits: Bits) {
    out.push(ty.code());
    if ty.is_ref() {
        return reference(store, out, ty, bits.low());
    }
    for slot in &bits.0[..ty.slots() as usize] {
        out.extend(slot.to_le_bytes());
    }
}

fn reference(store: &StoreOpaque, out: &mut Vec<u8>, ty: ValType, slot: u64) {
    if slot == 0 {
        return out.push(REF_NULL);
    }
    let number_of = (ty == ValType::FuncRef).then(|| store.funcs.find(slot));
    match number_of.flatten().map(|it| &store.funcs.entry(it).kind) {
        Some(FuncKind::Guest { instance, func }) => {
            out.push(REF_FUNC);
            number(out, (*instance).into());
            number(out, (*func).into());
        }
        _ => out.push(REF_SOME),
    }
}

/// The section `dotvm`.
fn rest(
    store: &StoreOpaque,
    core: &CoreFrames,
    error: &Error,
    extras: &[Extra],
    parts: &[Part],
) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, VERSION.into());
    let (kind, message) = match error {
        Error::Trap(trap) => {
            let detail = trap.detail().map(|detail| format!(": {detail}"));
            let message = format!("trap: {}{}", trap.code(), detail.unwrap_or_default());
            (KIND_TRAP, message)
        }
        Error::Exception(thrown) => {
            let text = thrown.to_string();
            let line = text.lines().next().unwrap_or_default().to_owned();
            (KIND_EXCEPTION, line)
        }
        error => (KIND_OTHER, error.to_string()),
    };
    out.push(kind);
    out.push(error.trap_code().map_or(0, |code| code as u8));
    name(&mut out, &message);
    number(&mut out, core.omitted);
    number(&mut out, core.inner_frames() as u64);
    number(&mut out, parts.len() as u64);
    for module in &store.modules {
        out.extend(digest(module));
    }
    let is_extra = |ty: ValType| ty.is_ref() || ty.slots() > 2 || ty == ValType::I128;
    let globals = || (0..).zip(&store.globals);
    let globals = globals().filter(|(_, global)| is_extra(global.ty.ty));
    let globals: Vec<(u64, _)> = globals.collect();
    number(&mut out, globals.len() as u64);
    for (index, global) in globals {
        number(&mut out, index);
        let bits = Bits::from_slots(global.value());
        extra_value(store, &mut out, global.ty.ty, bits);
    }
    number(&mut out, extras.len() as u64);
    for extra in extras {
        number(&mut out, extra.frame.into());
        out.push(extra.is_operand.into());
        number(&mut out, extra.index.into());
        extra_value(store, &mut out, extra.ty, extra.bits);
    }
    tables(store, &mut out);
    for instance in &store.instances {
        numbers(&mut out, &instance.tables);
    }
    out
}

fn tables(store: &StoreOpaque, out: &mut Vec<u8>) {
    number(out, store.tables.len() as u64);
    for table in &store.tables {
        let ty = table.ty.element;
        out.push(ty.code());
        number(out, table.len());
        let some = || {
            let slots = (0u64..).zip(table.elements());
            slots.filter(|(_, slot)| **slot != 0).take(MAX_ELEMENTS)
        };
        number(out, some().count() as u64);
        for (index, &slot) in some() {
            number(out, index);
            reference(store, out, ty, slot);
        }
    }
}

fn memories(store: &StoreOpaque) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, store.memories.len() as u64);
    for memory in &store.memories {
        let is_usual = memory.ty.page_size_log2 == 16;
        let is_far = memory.ty.address == AddressType::I64;
        out.push(u8::from(is_far) << 2 | u8::from(!is_usual) << 3);
        number(&mut out, memory.pages());
        if !is_usual {
            number(&mut out, memory.ty.page_size_log2.into());
        }
    }
    out
}

/// Globals as constants. Those that WebAssembly has no type for are references that are null.
fn globals(store: &StoreOpaque) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, store.globals.len() as u64);
    for global in &store.globals {
        let value = global.value();
        match global.ty.ty {
            ValType::I32 => {
                out.extend([0x7f, 0, 0x41]);
                signed(&mut out, (value[0] as u32).cast_signed().into());
            }
            ValType::I64 => {
                out.extend([0x7e, 0, 0x42]);
                signed(&mut out, value[0].cast_signed());
            }
            ValType::F32 => {
                out.extend([0x7d, 0, 0x43]);
                out.extend((value[0] as u32).to_le_bytes());
            }
            ValType::F64 => {
                out.extend([0x7c, 0, 0x44]);
                out.extend(value[0].to_le_bytes());
            }
            ValType::V128 => {
                out.extend([0x7b, 0, 0xfd, 0x0c]);
                out.extend(value[0].to_le_bytes());
                out.extend(value[1].to_le_bytes());
            }
            _ => out.extend([0x6f, 0, 0xd0, 0x6f]),
        }
        out.push(0x0b);
    }
    out
}

/// A part of a memory: its number, and the bytes.
type Part = (u32, Range<u64>);

/// The parts of memories that are not all zero.
fn parts(store: &StoreOpaque) -> Vec<Part> {
    let mut granule = GRANULE_BYTES;
    loop {
        let mut parts: Vec<Part> = Vec::new();
        for (number, memory) in (0..).zip(&store.memories) {
            let chunks = (0u64..).zip(memory.bytes().chunks(granule as usize));
            for (i, chunk) in chunks.filter(|(_, chunk)| !is_zero(chunk)) {
                let start = i * granule;
                let end = start + chunk.len() as u64;
                match parts.last_mut() {
                    Some((of, last))
                        if *of == number
                            && last.end == start
                            && end - last.start <= MAX_SEGMENT_BYTES =>
                    {
                        last.end = end;
                    }
                    _ => parts.push((number, start..end)),
                }
            }
        }
        if parts.len() <= MAX_SEGMENTS {
            return parts;
        }
        granule *= 4;
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<64>();
    words.iter().all(|word| *word == [0; 64]) && rest.iter().all(|&byte| byte == 0)
}

/// Writes what memories have as active data segments, in as many sections as they need.
fn write_data(store: &StoreOpaque, parts: &[Part], out: &mut dyn Write) -> io::Result<()> {
    let mut rest = parts;
    loop {
        let (mut bytes, mut count) = (0, 0);
        for part in rest {
            let len = head(store, part).len() as u64 + (part.1.end - part.1.start);
            if count > 0 && bytes + len > MAX_SECTION_BYTES {
                break;
            }
            bytes += len;
            count += 1;
        }
        let (now, later) = rest.split_at(count);
        let mut start = Vec::new();
        number(&mut start, count as u64);
        let mut title = vec![11];
        number(&mut title, bytes + start.len() as u64);
        out.write_all(&title)?;
        out.write_all(&start)?;
        for part in now {
            out.write_all(&head(store, part))?;
            let memory = store.memories[part.0 as usize].bytes();
            out.write_all(&memory[part.1.start as usize..part.1.end as usize])?;
        }
        if later.is_empty() {
            return Ok(());
        }
        rest = later;
    }
}

/// What stands in front of a segment's bytes.
fn head(store: &StoreOpaque, (memory, bytes): &Part) -> Vec<u8> {
    let mut out = Vec::new();
    match memory {
        0 => out.push(0),
        memory => {
            out.push(2);
            number(&mut out, (*memory).into());
        }
    }
    match store.memories[*memory as usize].ty.address {
        AddressType::I32 => {
            out.push(0x41);
            signed(&mut out, (bytes.start as u32).cast_signed().into());
        }
        AddressType::I64 => {
            out.push(0x42);
            signed(&mut out, bytes.start.cast_signed());
        }
    }
    out.push(0x0b);
    number(&mut out, bytes.end - bytes.start);
    out
}
