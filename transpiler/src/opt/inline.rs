//! Inlining of tiny functions that call nothing and do not loop.
//!
//! A call costs a frame; a body of a few instructions costs less. Arguments that are constants or
//! locals stand in for the parameters; the others go through locals. Every place where the code
//! grows is paid for from a budget for the whole module, the cheapest and those in loops first.

use std::collections::HashMap;

use dotvm_isa::abi::{FRAME_HEADER_SLOTS, MAX_FRAME_SLOTS};
use dotvm_isa::instr::MAX_LOCALS;
use dotvm_isa::{Op, ValType};

use crate::ir::{Code, Env, Func, Inst, Label, Pos, Site as InlinedSite, SiteId, stack};

/// The most parameters, and results, of a callee.
const MAX_VALUES: usize = 32;

/// What may be inlined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most instructions of a callee.
    pub(super) callee: usize,
    /// The most bytes by which one call may grow.
    pub(super) growth: usize,
}

/// A function fit for inlining.
struct Callee {
    func: Func,
    /// Height of the operand stack before each instruction.
    heights: Vec<Option<u32>>,
    /// For each parameter: whether it is written.
    written: Vec<bool>,
    results: u32,
    size: usize,
}

/// A call that may be replaced.
#[derive(Clone, Copy)]
struct Site {
    caller: usize,
    inst: usize,
    callee: u32,
    growth: isize,
    /// How many loops it is in.
    depth: u32,
}

/// Replaces calls in all functions, taking growth from `budget` bytes; returns for each function
/// how many.
pub(super) fn run(funcs: &mut [Func], env: &Env, limits: Limits, budget: &mut usize) -> Vec<usize> {
    let callees = callees(funcs, env, limits);
    let mut sites = Vec::new();
    if !callees.is_empty() {
        for (caller, func) in funcs.iter().enumerate() {
            find_sites(&mut sites, caller, func, &callees, limits);
        }
    }
    // Those that shrink the code first: they pay for others.
    sites.sort_by_key(|site| {
        let grows = site.growth > 0;
        (
            grows,
            std::cmp::Reverse(site.depth.min(1)),
            site.growth,
            site.caller,
            site.inst,
        )
    });
    let mut chosen: Vec<Vec<Site>> = vec![Vec::new(); funcs.len()];
    for site in sites {
        match budget.checked_add_signed(-site.growth) {
            Some(left) => {
                *budget = left;
                chosen[site.caller].push(site);
            }
            None => continue,
        }
    }
    let mut counts = vec![0; funcs.len()];
    for (caller, mut sites) in chosen.into_iter().enumerate() {
        if sites.is_empty() {
            continue;
        }
        sites.sort_by_key(|site| site.inst);
        counts[caller] = expand(&mut funcs[caller], &sites, &callees);
    }
    counts
}

fn callees(funcs: &[Func], env: &Env, limits: Limits) -> HashMap<u32, Callee> {
    let mut callees = HashMap::new();
    for (defined, func) in funcs.iter().enumerate() {
        if func.insts.len() > limits.callee || !func.insts.iter().all(|&inst| is_simple(inst)) {
            continue;
        }
        let ty = &env.types[func.ty as usize];
        if ty.params.len().max(ty.results.len()) > MAX_VALUES {
            continue;
        }
        let mut written = vec![false; ty.params.len()];
        for inst in &func.insts {
            if let Some((Op::LocalSet | Op::LocalTee, local)) = inst.local()
                && let Some(written) = written.get_mut(local as usize)
            {
                *written = true;
            }
        }
        let callee = Callee {
            heights: stack::heights(func, env),
            written,
            results: ty.results.len() as u32,
            size: func.insts.iter().map(|inst| inst.size()).sum(),
            func: func.clone(),
        };
        callees.insert(env.imported_funcs + defined as u32, callee);
    }
    callees
}

/// Whether an instruction may stand in a function that is inlined.
fn is_simple(inst: Inst) -> bool {
    match inst {
        Inst::Loop(_) | Inst::BrTable(_) | Inst::Try(_) => false,
        Inst::Op { op, .. } => {
            let calls = matches!(op, Op::Call | Op::CallIndirect | Op::CallRef);
            let tail_calls = matches!(op, Op::RetCall | Op::RetCallIndirect | Op::RetCallRef);
            !calls && !tail_calls
        }
        _ => true,
    }
}

fn find_sites(
    sites: &mut Vec<Site>,
    caller: usize,
    func: &Func,
    callees: &HashMap<u32, Callee>,
    limits: Limits,
) {
    let depths = loop_depths(func);
    for (i, &inst) in func.insts.iter().enumerate() {
        let Inst::Op {
            op: Op::Call, a, ..
        } = inst
        else {
            continue;
        };
        let Some(callee) = callees.get(&(a as u32)) else {
            continue;
        };
        let before = &func.insts[..i];
        let passed = callee.passed(before);
        let growth = callee.growth(&before[i - passed..], inst);
        if growth <= limits.growth as isize {
            sites.push(Site {
                caller,
                inst: i,
                callee: a as u32,
                growth,
                depth: depths[i],
            });
        }
    }
}

/// In how many loops each instruction is.
fn loop_depths(func: &Func) -> Vec<u32> {
    let mut place = vec![usize::MAX; func.labels as usize];
    let mut change = vec![0i32; func.insts.len() + 1];
    let mut end = vec![0usize; func.labels as usize];
    for (i, &inst) in func.insts.iter().enumerate() {
        if let Inst::Loop(label) = inst {
            place[label.0 as usize] = i;
        }
        for target in func.targets(inst) {
            if place[target.0 as usize] != usize::MAX {
                end[target.0 as usize] = i;
            }
        }
    }
    for (&start, &end) in place.iter().zip(&end) {
        if start < end {
            change[start] += 1;
            change[end + 1] -= 1;
        }
    }
    let mut depth = 0;
    change[..func.insts.len()]
        .iter()
        .map(|change| {
            depth += change;
            depth.max(0) as u32
        })
        .collect()
}

impl Callee {
    /// How many of the last arguments are one instruction each that may stand in for the
    /// parameter: constants, and locals (nothing in the callee can write the caller's).
    fn passed(&self, before: &[Inst]) -> usize {
        let simple = |inst: &Inst| {
            inst.as_const().is_some() || matches!(inst.local(), Some((Op::LocalGet, _)))
        };
        let fits = |(written, inst): &(&bool, &Inst)| !**written && simple(inst);
        self.written
            .iter()
            .rev()
            .zip(before.iter().rev())
            .take_while(fits)
            .count()
    }

    /// Whether the first parameters, those on the stack, are read once each, in order, right at
    /// the start: then they can stay where they are.
    fn stays_on_stack(&self, on_stack: usize) -> bool {
        let reads = |local: u32| {
            self.func
                .insts
                .iter()
                .filter(|inst| inst.local().is_some_and(|(_, at)| at == local))
                .count()
        };
        (0..on_stack).all(|param| {
            self.func.insts.get(param).and_then(|inst| inst.local())
                == Some((Op::LocalGet, param as u32))
                && reads(param as u32) == 1
        })
    }

    /// Slots of the operand stack that its code takes, those for the first zero of a local included.
    fn stack(&self) -> u32 {
        let zeros = self.func.locals[self.written.len()..].iter();
        let zero = zeros.map(|ty| ty.slots()).max().unwrap_or(0);
        self.func.max_stack.max(zero)
    }

    /// By how many bytes the caller grows where `passed` arguments stand in for parameters.
    fn growth(&self, passed: &[Inst], call: Inst) -> isize {
        let on_stack = self.written.len() - passed.len();
        let setup = match self.stays_on_stack(on_stack) {
            true => -2 * on_stack as isize,
            false => 2 * on_stack as isize,
        };
        let zeros = self.func.locals[self.written.len()..].iter();
        let zeros: usize = zeros.map(|&ty| Inst::zero(ty).size() + 2).sum();
        let saved: usize = passed.iter().map(|inst| inst.size()).sum();
        let repeated: usize = self
            .func
            .insts
            .iter()
            .filter_map(|inst| inst.local())
            .filter_map(|(_, local)| passed.get((local as usize).checked_sub(on_stack)?))
            .map(|inst| inst.size().saturating_sub(2))
            .sum();
        let ret = 1;
        setup + zeros as isize + self.size as isize - ret + repeated as isize
            - saved as isize
            - call.size() as isize
    }
}

/// Replaces the calls at `sites`, in ascending order, in one function; returns how many.
fn expand(func: &mut Func, sites: &[Site], callees: &HashMap<u32, Callee>) -> usize {
    let old = std::mem::take(&mut func.insts);
    let mut expansion = Expansion {
        out: Code::with_capacity(old.len() + 16 * sites.len()),
        pool: HashMap::new(),
        height: func.max_stack,
    };
    let mut done = 0;
    let mut count = 0;
    for site in sites {
        expansion.out.extend_from(&old, done..site.inst);
        done = site.inst;
        let callee = &callees[&site.callee];
        // What an earlier expansion left at the end are not this call's arguments.
        let arguments = site.inst - sites_end(sites, site);
        if fits(func, callee) {
            let call = InlinedSite {
                callee: site.callee,
                call: old.positions()[site.inst],
            };
            expansion.inline(func, callee, call, arguments);
            done += 1;
            count += 1;
        }
    }
    expansion.out.extend_from(&old, done..old.len());
    func.max_stack = expansion.height;
    func.insts = expansion.out;
    count
}

/// Where the code that stands unchanged before a site begins.
fn sites_end(sites: &[Site], site: &Site) -> usize {
    let index = sites.partition_point(|other| other.inst < site.inst);
    index
        .checked_sub(1)
        .map_or(0, |before| sites[before].inst + 1)
}

/// Whether a frame has room for the callee's locals and operands.
fn fits(func: &Func, callee: &Callee) -> bool {
    let locals = func.locals.len() + callee.func.locals.len();
    let slots = func.local_slots() + callee.func.local_slots();
    let stack = func.max_stack + callee.stack();
    locals <= MAX_LOCALS as usize && slots + FRAME_HEADER_SLOTS + stack <= MAX_FRAME_SLOTS
}

/// A caller's code while calls in it are replaced.
struct Expansion {
    out: Code,
    /// Locals of inlined functions, by type: calls replaced in the same pass share them, since no
    /// value is kept from one to the next.
    pool: HashMap<ValType, Vec<u32>>,
    height: u32,
}

impl Expansion {
    /// Appends the callee's body. The last `unchanged` instructions so far are what stood before
    /// the call.
    fn inline(&mut self, func: &mut Func, callee: &Callee, site: InlinedSite, unchanged: usize) {
        let own = &self.out[self.out.len() - unchanged..];
        let passed = callee.passed(own);
        let kept = self.out.len() - passed;
        let arguments = self.out[kept..].to_vec();
        self.out.truncate(kept);
        let call = site.call;
        let origin = add_sites(func, callee, site);
        let on_stack = callee.written.len() - passed;
        let stays = callee.stays_on_stack(on_stack);
        let locals = self.locals(func, callee, if stays { on_stack } else { 0 }, on_stack);
        if !stays {
            for param in (0..on_stack).rev() {
                let set = Inst::op1(Op::LocalSet, u64::from(locals[param]));
                self.out.push(set, call);
            }
        }
        for (index, &ty) in callee
            .func
            .locals
            .iter()
            .enumerate()
            .skip(callee.written.len())
        {
            let set = Inst::op1(Op::LocalSet, u64::from(locals[index]));
            self.out.extend(&[Inst::zero(ty), set], call);
        }
        let skipped = if stays { on_stack } else { 0 };
        let first_label = func.labels;
        func.labels += callee.func.labels + 1;
        let end = Label(func.labels - 1);
        let place = |inst: Inst| match inst.local() {
            Some((op, local)) => match (local as usize).checked_sub(on_stack) {
                Some(i) if i < passed => arguments[i],
                _ => Inst::op1(op, u64::from(locals[local as usize])),
            },
            None => relabel(inst, first_label),
        };
        for (i, (inst, pos)) in callee.func.insts.located().enumerate().skip(skipped) {
            let pos = origin(pos);
            match inst {
                Inst::Op { op: Op::Ret, .. } => self.leave(callee, i, end, pos),
                _ => self.out.push(place(inst), pos),
            }
        }
        self.out.push(Inst::Label(end), call);
        self.height = self.height.max(func.max_stack + callee.stack());
    }

    /// Leaves the body with the results on the stack and nothing else of the callee's.
    fn leave(&mut self, callee: &Callee, ret: usize, end: Label, pos: Pos) {
        let Some(height) = callee.heights[ret] else {
            return;
        };
        match (height - callee.results, callee.results) {
            (0, _) => {}
            (1, 0) => self.out.push(Inst::op(Op::Pop), pos),
            (1, 1) => self.out.push(Inst::op(Op::Nip), pos),
            (surplus, kept) => {
                let slide = Inst::op2(Op::Slide, u64::from(surplus), u64::from(kept));
                self.out.push(slide, pos);
            }
        }
        if ret + 1 < callee.func.insts.len() {
            self.out.push(Inst::Jmp(end), pos);
        }
    }

    /// A local of the caller for each of the callee's, but for parameters below `first` and those
    /// from `on_stack` on.
    fn locals(
        &mut self,
        func: &mut Func,
        callee: &Callee,
        first: usize,
        on_stack: usize,
    ) -> Vec<u32> {
        let params = callee.written.len();
        let mut used: HashMap<ValType, usize> = HashMap::new();
        let mut locals = Vec::with_capacity(callee.func.locals.len());
        for (index, &ty) in callee.func.locals.iter().enumerate() {
            if index < first || (on_stack..params).contains(&index) {
                locals.push(u32::MAX);
                continue;
            }
            let nth = used.entry(ty).or_default();
            let pool = self.pool.entry(ty).or_default();
            if *nth == pool.len() {
                pool.push(func.locals.len() as u32);
                func.locals.push(ty);
            }
            locals.push(pool[*nth]);
            *nth += 1;
        }
        locals
    }
}

/// Notes that `site` is replaced by the callee's body; returns where instructions of that come from
/// in the caller.
fn add_sites(func: &mut Func, callee: &Callee, site: InlinedSite) -> impl Fn(Pos) -> Pos + use<> {
    let first = func.sites.len() as u32;
    let origin = move |pos: Pos| Pos {
        at: pos.at,
        site: Some(SiteId(pos.site.map_or(first, |inner| first + 1 + inner.0))),
    };
    func.sites.push(site);
    let inner = callee.func.sites.iter().map(|inner| InlinedSite {
        callee: inner.callee,
        call: origin(inner.call),
    });
    func.sites.extend(inner);
    origin
}

fn relabel(inst: Inst, first: u32) -> Inst {
    let moved = |label: Label| Label(label.0 + first);
    match inst {
        Inst::Label(label) => Inst::Label(moved(label)),
        Inst::Jmp(label) => Inst::Jmp(moved(label)),
        Inst::Jz(label) => Inst::Jz(moved(label)),
        Inst::Jnz(label) => Inst::Jnz(moved(label)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::opt::testing::{listings, parse_all};

    fn check(before: &str, after: Expect) {
        let (mut funcs, env) = parse_all(before);
        let limits = Limits {
            callee: 12,
            growth: 40,
        };
        run(&mut funcs, &env, limits, &mut 200);
        after.assert_eq(&listings(&funcs[..1], &env));
    }

    #[test]
    fn arguments_stay_on_the_stack() {
        check(
            "func (i32) -> (i32)
                local.get 0
                i32.load 4
                local.get 0
                i32.load 8
                call 1
                ret
            func (i32 i32) -> (i32)
                local.get 0
                local.get 1
                i32.mul
                ret",
            expect![[r#"
                func (i32) -> (i32)
                    local.get 0
                    i32.load 4
                    local.get 0
                    i32.load 8
                    i32.mul
                L0:
                    ret
            "#]],
        );
    }

    #[test]
    fn locals_and_constants_stand_in() {
        check(
            "func (i32) -> (i32)
                local.get 0
                i32.load 4
                local.get 0
                i32.push 3
                call 1
                ret
            func (i32 i32 i32) -> (i32)
                local.get 2
                local.get 1
                i32.add
                local.get 0
                local.get 1
                i32.mul
                i32.xor
                ret",
            expect![[r#"
                func (i32) -> (i32) i32
                    local.get 0
                    i32.load 4
                    local.set 1
                    i32.push 3
                    local.get 0
                    i32.add
                    local.get 1
                    local.get 0
                    i32.mul
                    i32.xor
                L0:
                    ret
            "#]],
        );
    }

    #[test]
    fn own_locals_start_at_zero_every_time() {
        check(
            "func (i32) -> ()
                loop L0
                local.get 0
                call 1
                jnz L0
                ret
            func (i32) -> (i32) i32 i64
                local.get 0
                jz L0
                local.get 1
                local.get 0
                local.tee 0
                i32.load 0
                local.tee 1
                ret
            L0:
                i32.push 1
                ret",
            expect![[r#"
                func (i32) -> () i32 i32 i64
                    loop L0
                    local.get 0
                    local.set 1
                    i32.push 0
                    local.set 2
                    i64.push 0
                    local.set 3
                    local.get 1
                    jz L1
                    local.get 2
                    local.get 1
                    local.tee 1
                    i32.load 0
                    local.tee 2
                    nip
                    jmp L2
                L1:
                    i32.push 1
                L2:
                    jnz L0
                    ret
            "#]],
        );
    }

    #[test]
    fn what_calls_or_loops_stays() {
        check(
            "func () -> ()
                call 1
                call 2
                ret
            func () -> ()
                call 2
                ret
            func () -> ()
                loop L0
                jmp L0",
            expect![[r#"
                func () -> ()
                    call 1
                    call 2
                    ret
            "#]],
        );
    }

    #[test]
    fn the_budget_is_kept() {
        let (mut funcs, env) = parse_all(
            "func (i32) -> ()
                local.get 0
                call 1
                local.get 0
                call 1
                ret
            func (i32) -> ()
                local.get 0
                i32.push 65536
                i32.store 0
                local.get 0
                i32.push 65536
                i32.store 4
                ret",
        );
        let limits = Limits {
            callee: 12,
            growth: 40,
        };
        assert_eq!(run(&mut funcs, &env, limits, &mut 16), [1, 0]);
    }
}
