//! Arrays in innermost loops: where a loop does nothing by which arrays get longer or shorter, the length and the elements'
//! object of one that it only reads and writes the elements of are looked up once, before it.

use std::collections::{BTreeMap, BTreeSet};

use super::Lowerer;
use super::runtime::Items;
use crate::vitbc::module::{Function, Instr, Module, Origin, Row};
use crate::vitbc::ops::Op;

/// The most arrays of a function that this is done for.
const MAX_ARRAYS: usize = 32;

/// The most instructions of a loop.
const MAX_INSTRS: u32 = 1 << 10;

/// An array in a loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hoisted {
    /// The loop's first instruction and the one that goes back to it.
    pub(super) header: u32,
    end: u32,
    /// The array's register.
    pub(super) array: u32,
    pub(super) items: Items,
}

impl Hoisted {
    /// Whether an instruction is in the loop.
    pub(super) fn covers(&self, at: usize) -> bool {
        (self.header as usize..=self.end as usize).contains(&at)
    }
}

/// What can be looked up before loops of a function; `targets` are the instructions that jumps lead to, and whether one
/// goes back.
pub(super) fn hoisted(
    lowerer: &Lowerer<'_>,
    function: &Function,
    targets: &BTreeMap<u32, bool>,
) -> Vec<Hoisted> {
    let mut found = Vec::new();
    let jumps = (0..).zip(&function.code);
    let jumps = jumps.filter_map(|(at, instr)| Some((target(instr)?, at)));
    let mut jumps: Vec<(u32, u32)> = jumps.collect();
    jumps.sort_unstable();
    let headers = targets.iter().filter(|(_, is_backward)| **is_backward);
    for (&header, _) in headers {
        if let Some(end) = innermost(&jumps, header, targets) {
            let code = &function.code[header as usize..=end as usize];
            let leaves = |instr| leaves_arrays(lowerer.module, &lowerer.leaving_arrays, instr);
            if code.iter().all(leaves) {
                arrays(lowerer, function, (header, end), &mut found);
            }
        }
        if found.len() >= MAX_ARRAYS {
            break;
        }
    }
    found.truncate(MAX_ARRAYS);
    found
}

/// Where an instruction jumps to.
fn target(instr: &Instr) -> Option<u32> {
    match instr.op {
        Op::Jump => Some(instr.fixed[0]),
        Op::If => Some(instr.fixed[1]),
        _ => None,
    }
}

/// The end of a loop with no other one inside, that is entered from the instruction before it only. Jumps are ordered,
/// targets first.
fn innermost(jumps: &[(u32, u32)], header: u32, targets: &BTreeMap<u32, bool>) -> Option<u32> {
    let before = jumps.partition_point(|jump| *jump <= (header, u32::MAX));
    let &(_, end) = jumps[..before].last()?;
    if end - header >= MAX_INSTRS {
        return None;
    }
    let mut inside = targets.range(header..=end).skip(1);
    if inside.any(|(_, is_backward)| *is_backward) {
        return None;
    }
    let first = jumps.partition_point(|jump| jump.0 < header);
    let last = jumps.partition_point(|jump| jump.0 <= end);
    let mut sources = jumps[first..last].iter().map(|jump| jump.1);
    sources
        .all(|from| (header..=end).contains(&from))
        .then_some(end)
}

/// For each function whether no array gets longer or shorter while it runs.
pub(super) fn leaving_arrays(module: &Module) -> Vec<bool> {
    let mut leaving = vec![true; module.functions.len()];
    let mut callers: Vec<Vec<u32>> = vec![Vec::new(); leaving.len()];
    let mut changing = Vec::new();
    for (number, function) in (0..).zip(&module.functions) {
        for instr in &function.code {
            if instr.op == Op::Call {
                callers[instr.fixed[0] as usize].push(number);
            }
        }
        let calls_aside = |instr: &&Instr| instr.op != Op::Call;
        let own = function.code.iter().filter(calls_aside);
        if !own.clone().all(|instr| leaves_arrays(module, &[], instr)) {
            changing.push(number);
        }
    }
    while let Some(number) = changing.pop() {
        if std::mem::replace(&mut leaving[number as usize], false) {
            changing.append(&mut callers[number as usize]);
        }
    }
    leaving
}

/// Whether no array gets longer or shorter by an instruction.
fn leaves_arrays(module: &Module, leaving: &[bool], instr: &Instr) -> bool {
    match instr.op {
        Op::Call => leaving
            .get(instr.fixed[0] as usize)
            .copied()
            .unwrap_or(false),
        Op::CallClosure => false,
        Op::CallNative => {
            let import = &module.imports[instr.fixed[0] as usize];
            let family = import.name.split('.').next().unwrap_or("");
            import.origin == Origin::Native
                && match family {
                    "core" | "math" | "string" | "map" | "time" => true,
                    _ => import.name == "array.len",
                }
        }
        _ => true,
    }
}

/// Adds the arrays whose elements a loop reads or writes, and that it is not given anew.
fn arrays(
    lowerer: &Lowerer<'_>,
    function: &Function,
    (header, end): (u32, u32),
    found: &mut Vec<Hoisted>,
) {
    let code = &function.code[header as usize..=end as usize];
    let written: BTreeSet<u32> = code.iter().filter_map(super::code::written).collect();
    let bases = code.iter().filter_map(|instr| match instr.op {
        Op::Get => Some(instr.fixed[1]),
        Op::Set => Some(instr.fixed[0]),
        _ => None,
    });
    let bases: BTreeSet<u32> = bases.filter(|base| !written.contains(base)).collect();
    for array in bases {
        if let Some(Row::Array(item)) = lowerer.module.row(function.registers[array as usize]) {
            found.push(Hoisted {
                header,
                end,
                array,
                items: lowerer.items(*item),
            });
        }
    }
}
