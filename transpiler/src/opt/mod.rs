//! The optimizer: passes over the intermediate form, in the order and number that a level asks for.
//!
//! | pass | from level |
//! | --- | --- |
//! | [`fold`]: constants are computed | 1 |
//! | [`dead`]: values nobody wants are not computed | 1 |
//! | [`unreachable`]: code nothing leads to goes | 1 |
//! | [`thread`]: jumps go straight to where control ends up | 1 |
//! | [`locals`]: unread locals go, hot ones get short indices | 1 |
//! | [`raise`]: functions that multiply 128-bit numbers use the machine's instruction | 2 |
//! | [`peephole`], [`condition`]: simpler arithmetic, simpler conditions | 2 |
//! | [`copies`], [`stores`]: copies are read at their source, dead writes go | 2 |
//! | [`rotate`]: loops test at the bottom | 2 |
//! | [`inline`]: calls of tiny functions are replaced by their bodies | 2 |
//!
//! Results, traps, their order and the bits of NaNs stay what they were; how much fuel a program
//! takes does not.

mod bits;
mod condition;
mod copies;
mod dead;
mod fold;
mod inline;
mod ints;
mod locals;
mod peephole;
mod raise;
mod rotate;
mod simplify;
mod stores;
#[cfg(test)]
mod testing;
mod thread;
mod unreachable;

pub(crate) use locals::Renaming;
use simplify::Rule;

use crate::OptLevel;
use crate::ir::{Env, Func};

/// How often passes found something to do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Counts {
    /// Functions that got a wide instruction for what they spelled out.
    pub(crate) raised: usize,
    /// Rewriting rules applied: constants folded, dead values dropped, peepholes.
    pub(crate) simplified: usize,
    /// Unreachable instructions and unneeded labels removed.
    pub(crate) unreachable: usize,
    /// Jumps redirected or removed.
    pub(crate) threaded: usize,
    /// Reads of copies replaced.
    pub(crate) copies: usize,
    /// Dead writes to locals removed.
    pub(crate) stores: usize,
    /// Calls replaced by the callee's body.
    pub(crate) inlined: usize,
    /// Loops rotated.
    pub(crate) rotated: usize,
    /// Locals dropped.
    pub(crate) locals: usize,
}

/// What a level does.
struct Plan {
    rules: Vec<Rule>,
    /// Whether passes that follow values through locals run.
    values: bool,
    /// The most rounds over one function.
    rounds: usize,
    /// The most rounds of inlining.
    inline_rounds: usize,
    inline: inline::Limits,
}

impl Plan {
    fn of(level: OptLevel) -> Plan {
        let values = level >= OptLevel::O2;
        let mut rules = [fold::RULES, dead::RULES].concat();
        if values {
            rules.extend([condition::RULES, peephole::RULES].concat());
        }
        let most = level == OptLevel::O3;
        Plan {
            rules,
            values,
            rounds: if most { 6 } else { 2 },
            inline_rounds: match level {
                OptLevel::O0 | OptLevel::O1 => 0,
                OptLevel::O2 => 1,
                OptLevel::O3 => 3,
            },
            inline: inline::Limits {
                callee: if most { 30 } else { 14 },
                growth: if most { 64 } else { 20 },
            },
        }
    }

    /// The passes that look at one function only.
    fn simplify(&self, func: &mut Func, env: &Env, counts: &mut Counts) {
        for _ in 0..self.rounds {
            let before = *counts;
            self.rewrite(func, env, counts);
            if self.values {
                counts.copies += copies::run(func);
                counts.stores += stores::run(func);
            }
            counts.stores += locals::drop_unread(func);
            counts.threaded += thread::run(func);
            if *counts == before {
                return;
            }
        }
        self.rewrite(func, env, counts);
    }

    fn rewrite(&self, func: &mut Func, env: &Env, counts: &mut Counts) {
        counts.simplified += simplify::run(func, env, &self.rules);
        counts.unreachable += unreachable::run(func);
    }
}

/// Optimizes all functions of a module. Passes that trade size for speed take no more than makes
/// the bodies `room` bytes. Returns what became of each function's locals.
pub(crate) fn run(
    funcs: &mut [Func],
    env: &Env,
    level: OptLevel,
    room: usize,
    counts: &mut Counts,
) -> Vec<Renaming> {
    let plan = Plan::of(level);
    for func in &mut *funcs {
        if plan.values {
            counts.raised += raise::run(func, env);
        }
        plan.simplify(func, env, counts);
    }
    let size: usize = funcs.iter().map(Func::size).sum();
    let mut budget = room.saturating_sub(size);
    if plan.values {
        for func in &mut *funcs {
            let rotated = rotate::run(func, &mut budget);
            if rotated > 0 {
                counts.rotated += rotated;
                plan.simplify(func, env, counts);
            }
        }
    }
    for _ in 0..plan.inline_rounds {
        let inlined = inline::run(funcs, env, plan.inline, &mut budget);
        for (func, &calls) in funcs.iter_mut().zip(&inlined) {
            if calls > 0 {
                counts.inlined += calls;
                plan.simplify(func, env, counts);
            }
        }
        if inlined.iter().all(|&calls| calls == 0) {
            break;
        }
    }
    let finish = |func: &mut Func| {
        let (dropped, renaming) = locals::renumber(func);
        counts.locals += dropped;
        renaming
    };
    funcs.iter_mut().map(finish).collect()
}
