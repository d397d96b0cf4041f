//! Regions: where exceptions go that are thrown in them.
//!
//! A region costs nothing while nothing is thrown. What was on the stack when it was entered is at home, and
//! stays there; locals are always in their slots. So a frame has what a catch needs at every call, and a
//! table of words says where to go on.

use dotvm_isa::{Instr, Malformed, Op};

use super::Lowerer;
use super::block::Pending;
use crate::code::{Catch, Region, Regions};

/// The regions of a function that is being lowered.
#[derive(Default)]
pub(super) struct OpenRegions {
    known: Regions,
    /// Those that the next instruction is in, outermost first; nothing for one that cannot be entered.
    open: Vec<Option<usize>>,
}

impl OpenRegions {
    /// The table of all.
    pub(super) fn finish(&mut self) -> Regions {
        std::mem::take(&mut self.known)
    }

    /// Says where a catch leads.
    pub(super) fn set_target(&mut self, (region, catch): (usize, usize), word: usize) {
        self.known.all[region].catches[catch].word = word as u32;
    }

    /// Notes that a tail call is emitted as the instruction at that word.
    pub(super) fn note_tail_call(&mut self, word: usize) {
        if !self.open.is_empty() {
            self.known.tail_calls.push(word);
        }
    }

    fn close(&mut self, word: usize) {
        if let Some(region) = self.open.pop().flatten() {
            let outer = self.known.all[region].outer;
            self.known.bounds.push((word, outer));
        }
    }
}

impl Lowerer<'_> {
    /// `try`.
    pub(super) fn open_region(&mut self, instr: &Instr) -> Result<(), Malformed> {
        // Nothing from before fuses with what comes, so that words of the region stay in it.
        self.settle();
        self.forget(self.verifier.shape());
        let index = self.regions.known.all.len();
        let mut catches = Vec::new();
        for catch in self.verifier.catches(instr) {
            let catch = catch?;
            self.pend(catch.target, Pending::Catch(index, catches.len()));
            catches.push(Catch {
                tag: catch.tag,
                by_ref: catch.by_ref,
                slot: self.top_slot,
                word: 0,
            });
        }
        let bound = (self.out.len(), Some(index));
        self.regions.known.bounds.push(bound);
        self.regions.known.all.push(Region {
            outer: self.regions.open.last().copied().flatten(),
            catches,
        });
        self.regions.open.push(Some(index));
        Ok(())
    }

    /// `end_try`.
    pub(super) fn close_region(&mut self) {
        self.settle();
        self.forget(self.verifier.shape());
        self.regions.close(self.out.len());
    }

    /// Keeps track of regions in code that cannot be reached.
    pub(super) fn skip_region(&mut self, op: Op) {
        match op {
            Op::Try => self.regions.open.push(None),
            Op::EndTry => self.regions.close(self.out.len()),
            _ => {}
        }
    }
}
