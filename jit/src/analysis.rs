//! What a function's bytecode looks like: basic blocks with the stacks they start with, loops, fuel.
//!
//! One pass of the verifier over the body. Code that cannot be reached is left out.

use std::collections::BTreeMap;

use dotvm_isa::verify::{FuelBlocks, FuncVerifier, ModuleEnv, Shape};
use dotvm_isa::{Catch, Instr, Module, Op, ValType};

use crate::bailout::Bailout;

/// The longest body that is compiled, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// The most values of operand stacks at the starts of basic blocks, all together.
const MAX_JOIN_VALUES: usize = 1 << 17;

/// The most tags that calls are looked through for in one place.
const MAX_CATCHES: usize = 64;

/// The most instructions whose exceptions are caught: time to allocate registers grows with their square.
const MAX_CAUGHT: usize = 1 << 13;

/// A function, analyzed.
#[derive(Debug)]
pub(crate) struct Analysis {
    /// Number among the defined functions.
    pub(crate) defined: u32,
    /// The instructions that can be reached, in order.
    pub(crate) instrs: Vec<Instr>,
    /// Whether each of these is in code that always ends in a trap, and so runs once at most: calls of
    /// what panics, mostly.
    pub(crate) cold: Vec<bool>,
    /// Whether each of these is rarely executed, as markers say or jumps from there.
    unlikely: Vec<bool>,
    /// Types on the operand stack, bottom first, at each target of a jump.
    pub(crate) leaders: BTreeMap<u32, Vec<ValType>>,
    /// Loops by the offset of their header, with the offset of the last jump back to it.
    pub(crate) loops: BTreeMap<u32, u32>,
    /// All jumps, ordered: where each leads to, and its own offset.
    jumps: Vec<(u32, u32)>,
    /// What the blocks that fuel is charged for cost, by the offset of their first instruction.
    pub(crate) fuel: BTreeMap<u32, u64>,
    /// Types of all locals, parameters first.
    pub(crate) locals: Vec<ValType>,
    /// Slots of all locals.
    pub(crate) local_slots: u32,
    /// Whether it has tail calls.
    pub(crate) tail_calls: bool,
    /// Whether it calls, or throws.
    pub(crate) calls: bool,
    /// Its regions, in code order.
    pub(crate) regions: Vec<Region>,
    /// The innermost region that each of the instructions throws in.
    region_of: Vec<Option<usize>>,
}

/// Code between `try` and `end_try`.
#[derive(Debug)]
pub(crate) struct Region {
    /// The region around it.
    parent: Option<usize>,
    /// What may catch what is thrown in it, innermost first, those of the regions around it as well; each
    /// with the number of values that stay on the operand stack.
    catches: Vec<(Catch<u32>, usize)>,
}

impl Analysis {
    /// Analyzes the defined function `defined`.
    pub(crate) fn new(module: &Module, env: &ModuleEnv, defined: u32) -> Result<Analysis, Bailout> {
        if module.body(defined).len() > MAX_BODY_BYTES {
            return Err(Bailout::TooLarge);
        }
        let malformed = |_| Bailout::Malformed;
        let mut verifier = FuncVerifier::new(module, env, defined).map_err(malformed)?;
        let mut analysis = Analysis {
            defined,
            instrs: Vec::new(),
            cold: Vec::new(),
            unlikely: Vec::new(),
            leaders: BTreeMap::new(),
            loops: BTreeMap::new(),
            jumps: Vec::new(),
            fuel: BTreeMap::new(),
            locals: verifier.locals().to_vec(),
            local_slots: verifier.local_slots(),
            tail_calls: false,
            calls: false,
            regions: Vec::new(),
            region_of: Vec::new(),
        };
        let mut join_values = 0;
        let mut region = None;
        let mut blocks = FuelBlocks::default();
        while let Some(step) = verifier.step().map_err(malformed)? {
            let instr = step.instr;
            // Both tiers charge at the same places.
            if let Some(block) = blocks.enter(&step) {
                if step.label || instr.op == Op::Loop {
                    let stack = types(&verifier);
                    join_values += stack.len();
                    if join_values > MAX_JOIN_VALUES {
                        return Err(Bailout::TooComplex);
                    }
                    analysis.leaders.insert(instr.offset, stack);
                }
                analysis.note(&instr, region, block);
            }
            match instr.op {
                Op::Try => {
                    join_values += types(&verifier).len();
                    if join_values > MAX_JOIN_VALUES {
                        return Err(Bailout::TooComplex);
                    }
                    region = Some(analysis.open_region(&verifier, &instr, region)?);
                }
                Op::EndTry => region = region.and_then(|it: usize| analysis.regions[it].parent),
                _ => {}
            }
            verifier.apply(&instr).map_err(malformed)?;
            if step.reachable {
                analysis.note_jumps(&verifier, &instr)?;
            }
        }
        analysis.jumps.sort_unstable();
        let caught = (analysis.instrs.iter().zip(&analysis.region_of))
            .filter(|(instr, region)| region.is_some() && is_call(instr.op));
        if caught.count() > MAX_CAUGHT {
            return Err(Bailout::TooComplex);
        }
        analysis.find_cold(&verifier)?;
        if analysis
            .instrs
            .iter()
            .any(|it| matches!(it.op, Op::Cold | Op::Try))
        {
            analysis.find_unlikely(&verifier)?;
        }
        Ok(analysis)
    }

    /// Takes an instruction that can be reached into the list and the bill.
    fn note(&mut self, instr: &Instr, region: Option<usize>, block: u32) {
        self.instrs.push(*instr);
        let tail_call = matches!(instr.op, Op::RetCall | Op::RetCallIndirect | Op::RetCallRef);
        // Nothing of the frame is left while a tail call runs.
        self.region_of.push(region.filter(|_| !tail_call));
        self.calls |= tail_call || is_call(instr.op);
        *self.fuel.entry(block).or_default() += u64::from(instr.op.info().fuel);
        self.tail_calls |= tail_call;
    }

    /// Takes a `try` that has not been applied into the list.
    fn open_region(
        &mut self,
        verifier: &FuncVerifier<'_>,
        instr: &Instr,
        parent: Option<usize>,
    ) -> Result<usize, Bailout> {
        let floor = types(verifier).len();
        let mut own = Vec::new();
        for catch in verifier.catches(instr) {
            own.push((catch.map_err(|_| Bailout::Malformed)?, floor));
        }
        let around = parent.map_or(&[][..], |parent| &self.regions[parent].catches);
        let mut catches: Vec<(Catch<u32>, usize)> = Vec::new();
        for &(catch, floor) in own.iter().chain(around) {
            // Nothing gets past one that takes the same, or all.
            let open =
                |&(other, _): &(Catch<u32>, usize)| other.tag.is_some() && other.tag != catch.tag;
            if catches.iter().all(open) {
                catches.push((catch, floor));
            }
            if catches.len() > MAX_CATCHES {
                return Err(Bailout::TooComplex);
            }
        }
        self.regions.push(Region { parent, catches });
        Ok(self.regions.len() - 1)
    }

    /// What may catch what the instruction at an offset throws: see [`Region::catches`].
    pub(crate) fn catches(&self, offset: u32) -> &[(Catch<u32>, usize)] {
        let region = self.index(offset).and_then(|at| self.region_of[at]);
        region.map_or(&[], |region| &self.regions[region].catches)
    }

    /// Goes backwards from the traps.
    fn find_cold(&mut self, verifier: &FuncVerifier<'_>) -> Result<(), Bailout> {
        self.cold = vec![false; self.instrs.len()];
        let mut cold = false;
        for at in (0..self.instrs.len()).rev() {
            let instr = self.instrs[at];
            // Where a jump goes back is not known yet; and it may do so often.
            let leads_to_cold =
                |to| to > instr.offset && self.index(to).is_some_and(|at| self.cold[at]);
            cold = match instr.op {
                Op::Trap => true,
                Op::Jmp => leads_to_cold(instr.a as u32),
                Op::Jz | Op::Jnz => cold && leads_to_cold(instr.a as u32),
                Op::BrTable => {
                    let targets: Result<Vec<u32>, _> = verifier.targets(&instr).collect();
                    let mut targets = targets.map_err(|_| Bailout::Malformed)?.into_iter();
                    targets.all(leads_to_cold)
                }
                op => cold && !op.is_terminator(),
            };
            self.cold[at] = cold;
        }
        Ok(())
    }

    /// Goes forward from the markers. Where paths join, code is unlikely if all the paths from above are;
    /// a loop header that nothing above leads to is not.
    fn find_unlikely(&mut self, verifier: &FuncVerifier<'_>) -> Result<(), Bailout> {
        let mut arrivals: BTreeMap<u32, bool> = BTreeMap::new();
        let mut unlikely = Vec::with_capacity(self.instrs.len());
        // Whether control comes from the instruction before, and how likely.
        let mut from_above = Some(false);
        for instr in &self.instrs {
            let arriving = [from_above, arrivals.get(&instr.offset).copied()];
            let here = instr.op == Op::Cold
                || (arriving.contains(&Some(true)) && !arriving.contains(&Some(false)));
            let mut leads_to = |to| *arrivals.entry(to).or_insert(true) &= here;
            match instr.op {
                // Exceptions are.
                Op::Try => {
                    for catch in verifier.catches(instr) {
                        let target = catch.map_err(|_| Bailout::Malformed)?.target;
                        arrivals.entry(target).or_insert(true);
                    }
                }
                Op::Jmp | Op::Jz | Op::Jnz => leads_to(instr.a as u32),
                Op::BrTable => {
                    for target in verifier.targets(instr) {
                        leads_to(target.map_err(|_| Bailout::Malformed)?);
                    }
                }
                _ => {}
            }
            unlikely.push(here);
            from_above = (!instr.op.is_terminator()).then_some(here);
        }
        self.unlikely = unlikely;
        Ok(())
    }

    /// Whether the code at an offset is to be put out of the way.
    pub(crate) fn is_cold(&self, offset: u32) -> bool {
        self.index(offset).is_some_and(|at| self.is_cold_at(at))
    }

    /// Whether what comes behind an instruction is to be put out of the way.
    pub(crate) fn is_cold_after(&self, instr: &Instr) -> bool {
        let next = self.index(instr.offset).map(|at| at + 1);
        next.is_some_and(|at| self.is_cold_at(at))
    }

    fn is_cold_at(&self, at: usize) -> bool {
        [&self.cold, &self.unlikely]
            .iter()
            .any(|places| places.get(at).is_some_and(|&cold| cold))
    }

    fn note_jumps(&mut self, verifier: &FuncVerifier<'_>, instr: &Instr) -> Result<(), Bailout> {
        match instr.op {
            Op::Jmp | Op::Jz | Op::Jnz => self.note_jump(instr.offset, instr.a as u32),
            Op::BrTable => {
                for target in verifier.targets(instr) {
                    let target = target.map_err(|_| Bailout::Malformed)?;
                    self.note_jump(instr.offset, target);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn note_jump(&mut self, from: u32, to: u32) {
        self.jumps.push((to, from));
        if to <= from {
            let end = self.loops.entry(to).or_insert(from);
            *end = from.max(*end);
        }
    }

    /// Offsets of the jumps to an offset.
    pub(crate) fn jumps_to(&self, to: u32) -> impl Iterator<Item = u32> {
        let first = self.jumps.partition_point(|&jump| jump < (to, 0));
        let jumps = self.jumps[first..].iter();
        jumps
            .take_while(move |jump| jump.0 == to)
            .map(|jump| jump.1)
    }

    /// Whether something jumps from outside into a loop, but not to its header.
    pub(crate) fn enters_beside(&self, header: u32, end: u32) -> bool {
        let first = self
            .jumps
            .partition_point(|&jump| jump <= (header, u32::MAX));
        let jumps = self.jumps[first..].iter();
        let mut inside = jumps.take_while(|jump| jump.0 <= end);
        inside.any(|&(_, from)| from < header || from > end)
    }

    /// Whether something jumps to the first instruction.
    pub(crate) fn starts_with_jump_target(&self) -> bool {
        self.leaders.contains_key(&self.instrs[0].offset)
    }

    /// Index of the instruction at an offset.
    pub(crate) fn index(&self, offset: u32) -> Option<usize> {
        self.instrs
            .binary_search_by_key(&offset, |instr| instr.offset)
            .ok()
    }

    /// Whether control goes back in it.
    pub(crate) fn has_loops(&self) -> bool {
        !self.loops.is_empty()
    }
}

/// Whether an instruction is a call (other than a tail call), or throws.
fn is_call(op: Op) -> bool {
    matches!(
        op,
        Op::Call | Op::CallIndirect | Op::CallRef | Op::Throw | Op::ThrowRef
    )
}

/// Types on the operand stack, bottom first.
fn types(verifier: &FuncVerifier<'_>) -> Vec<ValType> {
    let mut types = Vec::new();
    let mut shape: Shape = verifier.shape();
    // Before an instruction is applied, `shape` is still that before it only where nothing jumped:
    // `step` has settled it.
    while let Some((ty, below)) = verifier.pop(shape) {
        types.push(ty);
        shape = below;
    }
    types.reverse();
    types
}
