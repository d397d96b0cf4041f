//! The optimizer: passes over the intermediate form, in the order and number that a level asks for.
//!
//! | pass | from level |
//! | --- | --- |
//! | [`fold`]: constants are computed | 1 |
//! | [`dead`]: values nobody wants are not computed | 1 |
//! | [`unreachable`]: code nothing leads to goes | 1 |
//! | [`thread`]: jumps go straight to where control ends up | 1 |
//! | [`locals`]: unread locals go, hot ones get short indices | 1 |
//! | [`helpers`]: calls of the runtime library are the machine's instructions, on arch128 and up | 2 |
//! | [`raise`]: functions that multiply 128-bit numbers use the machine's instruction | 2 |
//! | [`carries`]: sums of 128 bits in halves are one instruction | 2 |
//! | [`words`], [`limbs`]: words that were passed as limbs stay words | 2 |
//! | [`waiting`]: words wait on the stack | 2 |
//! | [`peephole`], [`condition`]: simpler arithmetic, simpler conditions | 2 |
//! | [`copies`], [`stores`]: copies are read at their source, dead writes go | 2 |
//! | [`rotate`]: loops test at the bottom | 2 |
//! | [`inline`]: calls of tiny functions are replaced by their bodies | 2 |
//!
//! Where exceptions are caught, control may go on elsewhere from any call: of functions with such
//! regions, only blocks are simplified and unreachable code removed, and they are not inlined.
//!
//! Results, traps, their order and the bits of NaNs stay what they were; how much fuel a program
//! takes does not.

mod bits;
mod carries;
mod condition;
mod copies;
mod dead;
mod edits;
mod fold;
mod helpers;
mod inline;
mod ints;
mod limbs;
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
mod waiting;
mod words;

use dotvm_isa::Names;
pub(crate) use locals::Renaming;
use simplify::Rule;

use crate::OptLevel;
use crate::ir::{Env, Func};

/// How often passes found something to do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Counts {
    /// Functions that got a wide instruction for what they spelled out.
    pub(crate) raised: usize,
    /// Calls of the compilers' runtime library that are instructions now.
    pub(crate) helpers: usize,
    /// Sums and differences in halves that are one instruction now.
    pub(crate) carries: usize,
    /// Words read whole that were put together of limbs.
    pub(crate) words: usize,
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
            rules.extend([condition::RULES, peephole::RULES, limbs::RULES].concat());
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
            let moves = !func.has_regions();
            if self.values && moves {
                counts.copies += copies::run(func);
                counts.copies += copies::read_copies(func);
                counts.stores += stores::run(func);
            }
            counts.stores += locals::drop_unread(func);
            if moves {
                counts.threaded += thread::run(func);
            }
            if *counts == before {
                return;
            }
        }
        self.rewrite(func, env, counts);
    }

    /// Adds numbers of 128 bits as a whole in a function that is simplified, and simplifies it again.
    fn join_halves(&self, func: &mut Func, env: &Env, counts: &mut Counts) {
        let carries = carries::run(func, env);
        if carries > 0 {
            counts.carries += carries;
            self.simplify(func, env, counts);
        }
    }

    /// Lets words be words in a function that is simplified, and simplifies it again.
    fn keep_words(&self, func: &mut Func, env: &Env, counts: &mut Counts) {
        // What is read as a word may be what others are made of.
        for _ in 0..self.rounds {
            let words = words::run(func, env);
            if words == 0 {
                break;
            }
            counts.words += words;
            self.simplify(func, env, counts);
        }
        // Words may wait for others that do.
        while waiting::run(func, env) > 0 {
            self.simplify(func, env, counts);
        }
    }

    fn rewrite(&self, func: &mut Func, env: &Env, counts: &mut Counts) {
        counts.simplified += simplify::run(func, env, &self.rules);
        counts.unreachable += unreachable::run(func);
    }
}

/// Puts instructions for words of 128 bits, which the architecture must have, in place of calls of functions
/// with those names.
pub(crate) fn raise_calls(
    funcs: &mut [Func],
    env: &Env,
    names: &Names,
    level: OptLevel,
    counts: &mut Counts,
) {
    if Plan::of(level).values {
        counts.helpers += helpers::run(funcs, env, names);
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
        if plan.values {
            plan.join_halves(func, env, counts);
            plan.keep_words(func, env, counts);
        }
    }
    let size: usize = funcs.iter().map(Func::size).sum();
    let mut budget = room.saturating_sub(size);
    if plan.values {
        for func in funcs.iter_mut().filter(|func| !func.has_regions()) {
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
                plan.join_halves(func, env, counts);
                plan.keep_words(func, env, counts);
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

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use expect_test::{Expect, expect};

    use super::testing::{listings, parse_all};
    use super::*;

    /// Optimizes functions; the first one's listing has the place of each instruction in front: its
    /// address, and the calls that it was inlined for. Then come the writes that are gone.
    fn check_positions(before: &str, level: OptLevel, after: Expect) {
        let (mut funcs, env) = parse_all(before);
        run(&mut funcs, &env, level, 1 << 20, &mut Counts::default());
        let func = &funcs[0];
        let listing = listings(&funcs[..1], &env);
        let mut lines = listing.lines();
        let mut out = String::new();
        writeln!(out, "{}", lines.next().unwrap_or_default()).expect("writing to a string");
        for (line, pos) in lines.zip(func.insts.positions()) {
            let mut place = pos.at.to_string();
            let mut site = pos.site;
            while let Some(id) = site {
                let inlined = func.sites[id.0 as usize];
                write!(place, " of {} at {}", inlined.callee, inlined.call.at).expect("writing");
                site = inlined.call.site;
            }
            writeln!(out, "{place:>22} |{line}").expect("writing to a string");
        }
        for pos in &func.lost_writes {
            writeln!(out, "lost: {}", pos.at).expect("writing to a string");
        }
        after.assert_eq(&out);
    }

    #[test]
    fn what_is_folded_comes_from_where_it_ended() {
        check_positions(
            "func (i32) -> (i32) i32
                i32.push 2
                i32.push 3
                i32.add
                local.set 1
                local.get 0
                local.get 1
                i32.div
                ret",
            OptLevel::O2,
            expect![[r#"
                func (i32) -> (i32)
                                     4 |    local.get 0
                                     5 |    i32.push 5
                                     6 |    i32.div
                                     7 |    ret
                lost: 3
            "#]],
        );
    }

    #[test]
    fn traps_and_writes_stay_where_they_were() {
        check_positions(
            "func (i32 i32) -> (i32) i32
                local.get 0
                i32.push 8
                i32.add
                i32.load 0
                local.set 2
                local.get 2
                local.get 1
                i32.push 0
                i32.add
                i32.div
                local.tee 2
                ret",
            OptLevel::O2,
            expect![[r#"
                func (i32 i32) -> (i32)
                                     0 |    local.get 0
                                     1 |    i32.push 8
                                     2 |    i32.add
                                     3 |    i32.load 0
                                     6 |    local.get 1
                                     9 |    i32.div
                                    11 |    ret
                lost: 4
                lost: 10
            "#]],
        );
    }

    #[test]
    fn tests_of_rotated_loops_come_from_the_top() {
        check_positions(
            "func (i32) -> ()
                loop L0
                local.get 0
                i32.load 0
                jz L1
                local.get 0
                i32.push 4
                i32.add
                local.set 0
                jmp L0
            L1:
                ret",
            OptLevel::O2,
            expect![[r#"
                func (i32) -> ()
                                     1 |    local.get 0
                                     2 |    i32.load 0
                                     3 |    jz L1
                                     0 |    loop L2
                                     4 |    local.get 0
                                     5 |    i32.push 4
                                     6 |    i32.add
                                     7 |    local.tee 0
                                     2 |    i32.load 0
                                     3 |    jnz L2
                                     9 |L1:
                                    10 |    ret
            "#]],
        );
    }

    #[test]
    fn inlined_instructions_know_their_callers() {
        check_positions(
            "func (i32) -> (i32)
                local.get 0
                call 1
                ret
            func (i32) -> (i32)
                local.get 0
                i32.push 1
                i32.add
                call 2
                ret
            func (i32) -> (i32)
                local.get 0
                i32.load 4
                ret",
            OptLevel::O3,
            expect![[r#"
                func (i32) -> (i32)
                           0 of 1 at 1 |    local.get 0
                           1 of 1 at 1 |    i32.push 1
                           2 of 1 at 1 |    i32.add
                 1 of 2 at 3 of 1 at 1 |    i32.load 4
                                     2 |    ret
            "#]],
        );
    }
}
