//! Places of variables, from addresses and locals of WebAssembly to offsets and locals of ours.

use std::ops::Range;

use dotvm_isa::debug::{Base, Place, Spot};

use super::Change;
use super::intact::Intact;
use crate::ir::Pos;

/// A function's code, and where each instruction comes from.
pub(super) struct Code<'a> {
    change: &'a Change<'a>,
    intact: Intact<'a>,
    /// Addresses in the function itself, with the instructions that come from there; ascending.
    by_address: Vec<(u32, usize)>,
    /// Where each instruction is, and the end.
    offsets: Vec<u32>,
}

impl<'a> Code<'a> {
    pub(super) fn new(change: &'a Change<'a>, positions: &[Pos], offsets: &[u32]) -> Code<'a> {
        let sites = &change.after.sites;
        let own = |mut pos: Pos| {
            while let Some(site) = pos.site {
                pos = sites[site.0 as usize].call;
            }
            pos.at
        };
        let mut by_address: Vec<(u32, usize)> =
            positions.iter().map(|&pos| own(pos)).zip(0..).collect();
        by_address.sort_unstable();
        Code {
            change,
            intact: Intact::new(change),
            by_address,
            offsets: offsets
                .iter()
                .copied()
                .chain([change.body.len() as u32])
                .collect(),
        }
    }

    /// Where the variables of a scope are now.
    pub(super) fn places(
        &mut self,
        variables: &[Vec<(Range<u32>, Place)>],
    ) -> Vec<Vec<(Range<u32>, Place)>> {
        let mut all: Vec<_> = variables
            .iter()
            .map(|places| self.variable(places))
            .collect();
        while all.last().is_some_and(Vec::is_empty) {
            all.pop();
        }
        all
    }

    fn variable(&mut self, places: &[(Range<u32>, Place)]) -> Vec<(Range<u32>, Place)> {
        // The place of each instruction; a later entry for the same one does not count.
        let mut found: Vec<(usize, usize)> = Vec::new();
        let moved: Vec<Option<Place>> = places.iter().map(|(_, place)| self.moved(place)).collect();
        for (i, (range, place)) in places.iter().enumerate() {
            if moved[i].is_none() {
                continue;
            }
            let behind = |address: u32| self.by_address.partition_point(|&(at, _)| at < address);
            for &(at, inst) in &self.by_address[behind(range.start)..behind(range.end)] {
                if is_true(&mut self.intact, place, at) {
                    found.push((inst, i));
                }
            }
        }
        found.sort_unstable();
        found.dedup_by_key(|&mut (inst, _)| inst);
        let mut ranges: Vec<(Range<u32>, Place)> = Vec::new();
        for (inst, i) in found {
            let Some(place) = &moved[i] else { continue };
            let code = self.offsets[inst]..self.offsets[inst + 1];
            match ranges.last_mut() {
                Some((range, last)) if range.end == code.start && last == place => {
                    range.end = code.end;
                }
                _ => ranges.push((code, place.clone())),
            }
        }
        ranges
    }

    /// A place with our locals; `None` where nothing is left of it.
    fn moved(&self, place: &Place) -> Option<Place> {
        match place {
            Place::Whole(spot) => self.moved_spot(*spot).map(Place::Whole),
            Place::Pieces(pieces) => {
                let pieces: Vec<_> = pieces
                    .iter()
                    .map(|&(bytes, spot)| (bytes, spot.and_then(|spot| self.moved_spot(spot))))
                    .collect();
                let is_somewhere = pieces.iter().any(|(_, spot)| spot.is_some());
                is_somewhere.then_some(Place::Pieces(pieces))
            }
        }
    }

    fn moved_spot(&self, spot: Spot) -> Option<Spot> {
        let base = match base(spot) {
            Base::Local(local) => match self.change.renaming {
                Some(renaming) => Base::Local(renaming.get(local as usize).copied().flatten()?),
                None => Base::Local(local),
            },
            // Passes keep values, but not the order in which they are computed.
            Base::Stack(_) if self.change.renaming.is_some() => return None,
            base @ (Base::Zero | Base::Global(_) | Base::Stack(_)) => base,
        };
        Some(match spot {
            Spot::Value(_, offset) => Spot::Value(base, offset),
            Spot::Memory(_, offset) => Spot::Memory(base, offset),
        })
    }
}

/// Whether what a place refers to holds there what it does in WebAssembly.
fn is_true(intact: &mut Intact<'_>, place: &Place, at: u32) -> bool {
    let mut is_true = |spot: Spot| match base(spot) {
        Base::Local(local) => intact.holds(local, at),
        Base::Zero | Base::Global(_) | Base::Stack(_) => true,
    };
    match place {
        Place::Whole(spot) => is_true(*spot),
        Place::Pieces(pieces) => pieces.iter().filter_map(|&(_, spot)| spot).all(is_true),
    }
}

fn base(spot: Spot) -> Base {
    match spot {
        Spot::Value(base, _) | Spot::Memory(base, _) => base,
    }
}
