//! From jumps to blocks: where blocks and loops begin and end, so that they nest.
//!
//! Code is in order, and backward jumps lead to loop headers only. So a forward jump leaves a block that ends where it leads,
//! and a backward one goes to the start of a loop that ends behind the last of them. A block can begin anywhere
//! before its first jump where nothing is on the stack; it begins as late as nesting allows.

use std::collections::BTreeMap;

/// A block or loop: what is in it are the instructions from `begin` up to `end`, without that one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Scope {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) is_loop: bool,
}

impl Scope {
    /// The instruction that a jump out of it, or to its start, leads to.
    pub(super) fn target(&self) -> usize {
        match self.is_loop {
            true => self.begin,
            false => self.end,
        }
    }
}

/// Makes scopes of jumps, each from an instruction (where its operands are not yet on the stack) and by
/// itself to a target. The outer ones are first where several begin at one instruction.
///
/// # Errors
/// Where a jump leads into a loop.
pub(super) fn scopes(jumps: &[(usize, usize, usize)]) -> Result<Vec<Scope>, String> {
    let mut loops: BTreeMap<usize, usize> = BTreeMap::new();
    let mut blocks: BTreeMap<usize, usize> = BTreeMap::new();
    for &(start, at, target) in jumps {
        if target <= at {
            let end = loops.entry(target).or_insert(0);
            *end = at.max(*end);
        } else {
            let begin = blocks.entry(target).or_insert(start);
            *begin = start.min(*begin);
        }
    }
    let mut found: Vec<Scope> = Vec::new();
    let mut inner_end = BTreeMap::new();
    for (&begin, &last) in loops.iter().rev() {
        // A loop has those that begin in it.
        let within = inner_end
            .range(begin..=last)
            .map(|(_, end): (_, &usize)| *end);
        let end = within.max().unwrap_or(0).max(last + 1);
        inner_end.insert(begin, end);
        found.push(Scope {
            begin,
            end,
            is_loop: true,
        });
    }
    found.extend(blocks.iter().map(|(&end, &begin)| Scope {
        begin,
        end,
        is_loop: false,
    }));
    // Those that end first are made first; a loop before a block that ends there, too.
    found.sort_by_key(|scope| (scope.end, !scope.is_loop, usize::MAX - scope.begin));
    let mut nested: Vec<Scope> = Vec::new();
    let mut all = Vec::with_capacity(found.len());
    for mut scope in found {
        while let Some(last) = nested.last() {
            if last.end <= scope.begin {
                break;
            }
            if last.begin < scope.begin {
                if scope.is_loop {
                    return Err("a jump into a loop".to_owned());
                }
                scope.begin = last.begin;
            }
            nested.pop();
        }
        nested.push(scope);
        all.push(scope);
    }
    // A block that begins with a loop and ends behind it is around it.
    all.sort_by_key(|scope| (scope.begin, usize::MAX - scope.end, scope.is_loop));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(jumps: &[(usize, usize, usize)]) -> String {
        let scopes = scopes(jumps).unwrap().into_iter();
        let shown = scopes.map(|scope| {
            let name = if scope.is_loop { "loop" } else { "block" };
            format!("{name} {}..{}", scope.begin, scope.end)
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn blocks_nest() {
        // Jumps that cross: the one that ends later is around.
        assert_eq!(shown(&[(1, 2, 5), (3, 4, 8)]), "block 1..8, block 1..5");
        // A loop that is left, with a jump within.
        assert_eq!(
            shown(&[(3, 4, 9), (5, 5, 7), (8, 8, 2)]),
            "block 2..9, loop 2..9, block 5..7"
        );
        assert!(scopes(&[(0, 0, 4), (6, 6, 2)]).is_err());
    }
}
