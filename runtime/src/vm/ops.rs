//! What the libcalls mean: operations on memories, tables and segments, exactly as WebAssembly's
//! specification has them, and those of our own.
//!
//! Operands and results are slots, first operand first; narrow values are zero-extended. The
//! immediates are described at [`dotvm_isa::abi::Libcalls`].

#![forbid(unsafe_code)]

use std::ops::Range;

use dotvm_isa::TrapCode;
use dotvm_isa::ops::OPS;
use dotvm_isa::semantics::eval_binary;

use super::backtrace::capture;
use super::entry::Stop;
use super::memory::{LinearMemory, Refused};
use super::table::Table;
use crate::error::{Error, Trap};
use crate::instantiate::element_values;
use crate::store::StoreOpaque;

type Done = Result<(), TrapCode>;

/// `lower`: makes the code of the function whose cell is at that address.
pub(super) fn lower(store: &StoreOpaque, instance: u32, cell: u64) -> Result<(), Stop> {
    let module = &store.instances[instance as usize].module;
    let defined = module.cell_index(cell as usize).ok_or_else(|| {
        Stop::Error(Error::Bug(
            "a call of a function that its module does not have".into(),
        ))
    })?;
    module
        .lower(defined)
        .map_err(|error| Stop::Error(error.into()))
}

/// Whether the compiler is to be told of the counter in a word, or the program was only asked to look at its
/// signals.
pub(super) fn is_due(store: &StoreOpaque, word: u64) -> bool {
    let limit = store.engine.tier().hot_limit();
    limit.is_some_and(|limit| word as u32 >= limit)
}

/// A counter of threaded code is due: tells the compiler. `word` is the counter's word, at `address`.
pub(super) fn count(store: &mut StoreOpaque, instance: u32, address: usize, word: u64) {
    let tier = store.engine.tier();
    let module = &store.instances[instance as usize].module;
    let Some((defined, index)) = module.find_code(address) else {
        return;
    };
    if module.is_left(defined) {
        return;
    }
    if index == 0 {
        return tier.hot_func(module, defined);
    }
    let header = (word >> 32) as u32;
    let published = tier.published();
    if let Some(stub) = tier.hot_loop(module, defined, header)
        && store.vm.may_go_deeper(published)
    {
        store.vm.resume_at(&stub);
    }
}

/// The address of a function's threaded code; 0 where its native code is to be run, or there is no other.
pub(super) fn threaded_code(store: &mut StoreOpaque, instance: u32, defined: u32) -> u64 {
    let published = store.engine.tier().published();
    if store.vm.may_go_deeper(published) {
        return 0;
    }
    let module = &store.instances[instance as usize].module;
    let code = module.threaded_code(defined);
    code.map_or(0, |code| code.entry().expose_provenance() as u64)
}

/// Computes the pure instruction of two operands with that number.
pub(super) fn evaluate(slots: &mut [u64; 2], op: u64) -> Done {
    let op = OPS[op as usize].op;
    let value = eval_binary(op, slots[0], slots[1]).expect("a pure instruction of two operands");
    slots[0] = value?;
    Ok(())
}

/// `start` and `len` as a range within `size`.
fn range(start: u64, len: u64, size: usize, trap: TrapCode) -> Result<Range<usize>, TrapCode> {
    match start.saturating_add(len) {
        end if end <= size as u64 => Ok(start as usize..end as usize),
        _ => Err(trap),
    }
}

fn halves(imm: u64) -> (usize, usize) {
    ((imm >> 32) as usize, (imm & 0xffff_ffff) as usize)
}

fn memory_number(store: &StoreOpaque, instance: u32, memory: usize) -> u32 {
    store.instances[instance as usize].memories[memory]
}

fn memory(store: &mut StoreOpaque, instance: u32, memory: usize) -> &mut LinearMemory {
    let number = memory_number(store, instance, memory);
    &mut store.memories[number as usize]
}

fn table_number(store: &StoreOpaque, instance: u32, table: usize) -> u32 {
    store.instances[instance as usize].tables[table]
}

fn table(store: &mut StoreOpaque, instance: u32, table: u64) -> &mut Table {
    let number = table_number(store, instance, table as usize);
    &mut store.tables[number as usize]
}

/// `memory.grow`
pub(super) fn memory_grow(
    store: &mut StoreOpaque,
    instance: u32,
    slots: &mut [u64; 1],
    memory: u64,
) -> Done {
    let number = memory_number(store, instance, memory as usize);
    slots[0] = match store.grow_memory(number, slots[0]) {
        Ok(old) => old,
        Err(Refused::Limit) if store.limit_traps() => return Err(TrapCode::MemoryLimit),
        Err(_) => store.memories[number as usize].ty.address.max(),
    };
    Ok(())
}

/// `memory.copy`
pub(super) fn memory_copy(
    store: &mut StoreOpaque,
    instance: u32,
    &mut [dst, src, len]: &mut [u64; 3],
    imm: u64,
) -> Done {
    let (to, from) = halves(imm);
    let [to, from] = [to, from].map(|memory| memory_number(store, instance, memory) as usize);
    let oob = TrapCode::MemoryOutOfBounds;
    let src = range(src, len, store.memories[from].bytes().len(), oob)?;
    let dst = range(dst, len, store.memories[to].bytes().len(), oob)?;
    store.note_bytes(src.len(), dst.len());
    // From the end that is not overwritten before it is read.
    let upwards = dst.start <= src.start;
    in_steps(store, src.len(), |store, step| {
        let step = match upwards {
            true => step,
            false => src.len() - step.end..src.len() - step.start,
        };
        let source = src.start + step.start..src.start + step.end;
        let target = dst.start + step.start..dst.start + step.end;
        match store.memories.get_disjoint_mut([to, from]) {
            Ok([to, from]) => to.bytes_mut()[target].copy_from_slice(&from.bytes()[source]),
            Err(_) => store.memories[to]
                .bytes_mut()
                .copy_within(source, target.start),
        }
        Ok(())
    })
}

/// `memory.fill`
pub(super) fn memory_fill(
    store: &mut StoreOpaque,
    instance: u32,
    &mut [dst, value, len]: &mut [u64; 3],
    imm: u64,
) -> Done {
    let number = memory_number(store, instance, imm as usize) as usize;
    let size = store.memories[number].bytes().len();
    let dst = range(dst, len, size, TrapCode::MemoryOutOfBounds)?;
    store.note_bytes(0, dst.len());
    in_steps(store, dst.len(), |store, step| {
        let bytes = store.memories[number].bytes_mut();
        bytes[dst.start + step.start..dst.start + step.end].fill(value as u8);
        Ok(())
    })
}

/// Bytes that are worked on in one go: the first touch of 4 GiB takes seconds.
pub(super) const STEP_BYTES: usize = 4 << 20;

/// Does something to so many bytes in steps between which a time limit or an interrupt may stop it.
#[inline]
pub(super) fn in_steps(
    store: &mut StoreOpaque,
    len: usize,
    mut step: impl FnMut(&mut StoreOpaque, Range<usize>) -> Done,
) -> Done {
    let mut start = 0;
    while len - start > STEP_BYTES {
        step(store, start..start + STEP_BYTES)?;
        start += STEP_BYTES;
        store.safepoint()?;
    }
    step(store, start..len)
}

/// `memory.init`
pub(super) fn memory_init(
    store: &mut StoreOpaque,
    instance: u32,
    &mut [dst, src, len]: &mut [u64; 3],
    imm: u64,
) -> Done {
    let (segment, target) = halves(imm);
    let data = &store.instances[instance as usize];
    let module = data.module.clone();
    let source: &[u8] = match data.dropped_data[segment] {
        true => &[],
        false => module.bytecode().data_segment(segment as u32),
    };
    let bytes = memory(store, instance, target).bytes_mut();
    let src = range(src, len, source.len(), TrapCode::MemoryOutOfBounds)?;
    let dst = range(dst, len, bytes.len(), TrapCode::MemoryOutOfBounds)?;
    let count = dst.len();
    bytes[dst].copy_from_slice(&source[src]);
    store.note_bytes(0, count);
    Ok(())
}

/// `data.drop`
pub(super) fn data_drop(
    store: &mut StoreOpaque,
    instance: u32,
    _: &mut [u64; 0],
    segment: u64,
) -> Done {
    store.instances[instance as usize].dropped_data[segment as usize] = true;
    Ok(())
}

/// `table.get`
pub(super) fn table_get(
    store: &mut StoreOpaque,
    instance: u32,
    slots: &mut [u64; 1],
    imm: u64,
) -> Done {
    let elements = table(store, instance, imm).elements();
    slots[0] = *elements
        .get(slots[0] as usize)
        .ok_or(TrapCode::TableOutOfBounds)?;
    Ok(())
}

/// `table.set`
pub(super) fn table_set(
    store: &mut StoreOpaque,
    instance: u32,
    &mut [index, value]: &mut [u64; 2],
    imm: u64,
) -> Done {
    let elements = table(store, instance, imm).elements_mut();
    *elements
        .get_mut(index as usize)
        .ok_or(TrapCode::TableOutOfBounds)? = value;
    Ok(())
}

/// `table.grow`
pub(super) fn table_grow(
    store: &mut StoreOpaque,
    instance: u32,
    slots: &mut [u64; 2],
    imm: u64,
) -> Done {
    let number = table_number(store, instance, imm as usize);
    let [value, count] = *slots;
    slots[0] = match store.grow_table(number, count, value) {
        Ok(old) => old,
        Err(Refused::Limit) if store.limit_traps() => return Err(TrapCode::TableLimit),
        Err(_) => store.tables[number as usize].ty.address.max(),
    };
    Ok(())
}

/// `table.size`
pub(super) fn table_size(
    store: &mut StoreOpaque,
    instance: u32,
    slots: &mut [u64; 1],
    imm: u64,
) -> Done {
    slots[0] = table(store, instance, imm).len();
    Ok(())
}

/// `table.fill`
pub(super) fn table_fill(
    store: &mut StoreOpaque,
    instance: u32,
    &mut [dst, value, len]: &mut [u64; 3],
    imm: u64,
) -> Done {
    let elements = table(store, instance, imm).elements_mut();
    let dst = range(dst, len, elements.len(), TrapCode::TableOutOfBounds)?;
    elements[dst].fill(value);
    Ok(())
}

/// `table.copy`
pub(super) fn table_copy(
    store: &mut StoreOpaque,
    instance: u32,
    &mut [dst, src, len]: &mut [u64; 3],
    imm: u64,
) -> Done {
    let (to, from) = halves(imm);
    let to = table_number(store, instance, to) as usize;
    let from = table_number(store, instance, from) as usize;
    let oob = TrapCode::TableOutOfBounds;
    let src = range(src, len, store.tables[from].elements().len(), oob)?;
    let dst = range(dst, len, store.tables[to].elements().len(), oob)?;
    match store.tables.get_disjoint_mut([to, from]) {
        Ok([to, from]) => to.elements_mut()[dst].copy_from_slice(&from.elements()[src]),
        Err(_) => store.tables[to].elements_mut().copy_within(src, dst.start),
    }
    Ok(())
}

/// `table.init`
pub(super) fn table_init(
    store: &mut StoreOpaque,
    instance: u32,
    &mut [dst, src, len]: &mut [u64; 3],
    imm: u64,
) -> Done {
    let (segment, to) = halves(imm);
    let number = table_number(store, instance, to);
    init_elements(store, instance, segment, number, [dst, src, len])
}

/// Copies elements of a segment into the table with that number of the store.
pub(crate) fn init_elements(
    store: &mut StoreOpaque,
    instance: u32,
    segment: usize,
    table: u32,
    [dst, src, len]: [u64; 3],
) -> Done {
    let data = &store.instances[instance as usize];
    let dropped = data.dropped_elems[segment];
    let module = data.module.clone();
    let items = match dropped {
        true => &[],
        false => &module.bytecode().elems[segment].items[..],
    };
    let src = range(src, len, items.len(), TrapCode::TableOutOfBounds)?;
    let size = store.tables[table as usize].elements().len();
    let dst = range(dst, len, size, TrapCode::TableOutOfBounds)?;
    // An element's value does not depend on when it is computed: constant expressions only use
    // immutable globals, and a function has one reference.
    let values = element_values(store, instance, &items[src]);
    store.tables[table as usize].elements_mut()[dst].copy_from_slice(&values);
    Ok(())
}

/// `elem.drop`
pub(super) fn elem_drop(
    store: &mut StoreOpaque,
    instance: u32,
    _: &mut [u64; 0],
    segment: u64,
) -> Done {
    store.instances[instance as usize].dropped_elems[segment as usize] = true;
    Ok(())
}

/// `ref.func`
pub(super) fn ref_func(
    store: &mut StoreOpaque,
    instance: u32,
    slots: &mut [u64; 1],
    func: u64,
) -> Done {
    let number = store.func_of(instance, func as u32);
    slots[0] = store.funcs.slot(number);
    Ok(())
}

/// `alloc`
pub(super) fn alloc(store: &mut StoreOpaque, instance: u32, slots: &mut [u64; 1], _: u64) -> Done {
    let number = memory_number(store, instance, 0);
    let address = store
        .alloc(number, slots[0] as u32)
        .map_err(|_| TrapCode::MemoryLimit)?;
    if store.alloc_places.is_some() {
        let at = capture(store, store.vm.caller());
        if let Some(places) = &mut store.alloc_places {
            places.allocated((number, address), at);
        }
    }
    slots[0] = u64::from(address);
    Ok(())
}

/// `free`
pub(super) fn free(
    store: &mut StoreOpaque,
    instance: u32,
    slots: &mut [u64; 1],
    _: u64,
) -> Result<(), Stop> {
    let number = memory_number(store, instance, 0);
    let address = slots[0] as u32;
    let heap = &mut store.memories[number as usize].heap;
    let freed = heap.free(address);
    if store.alloc_places.is_some() {
        let at = capture(store, store.vm.caller());
        if let Some(places) = &mut store.alloc_places {
            if freed.is_err() {
                let detail = places.describe((number, address));
                let trap = Trap::with_detail(TrapCode::InvalidFree, detail);
                return Err(Stop::Error(Error::Trap(trap)));
            }
            places.freed((number, address), at);
        }
    }
    freed.map_err(|_| TrapCode::InvalidFree.into())
}
