//! Places: which instruction of which function machine code belongs to.

/// Bits of an offset in a body; the rest of a place is the number of its site.
const OFFSET_BITS: u32 = 24;

/// The most places that something is inlined at.
pub(crate) const MAX_SITES: usize = 200;

/// A function inlined at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    /// Number of the inlined function among the defined ones.
    pub(crate) func: u32,
    /// The place of the call.
    pub(crate) caller: u32,
}

/// The sites of a unit. A *place* is a number that stands for an instruction: an offset in a body
/// and the number of the site where that body is inlined, or 0 for the unit's own function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    sites: Vec<Site>,
}

impl Places {
    /// The place of an instruction.
    pub(crate) fn place(&self, site: u32, offset: u32) -> u32 {
        site << OFFSET_BITS | offset
    }

    /// Adds a site; returns its number.
    pub(crate) fn add(&mut self, site: Site) -> u32 {
        self.sites.push(site);
        self.sites.len() as u32
    }

    /// Whether there is room for another site.
    pub(crate) fn is_full(&self) -> bool {
        self.sites.len() >= MAX_SITES
    }

    /// The sites, in the order of their numbers.
    pub(crate) fn sites(&self) -> &[Site] {
        &self.sites
    }
}

/// The frames at a place, innermost first: the function (among the defined ones; `None` for that of the
/// unit) and the offset in its body. `site_at` knows the unit's sites, the first of which is 0.
pub(crate) fn frames(
    place: u32,
    site_at: impl Fn(usize) -> Option<Site>,
) -> impl Iterator<Item = (Option<u32>, u32)> {
    // Sites are inside of those before them, so there are no more frames than sites.
    let mut next = Some(place);
    std::iter::from_fn(move || {
        let place = next?;
        let offset = place & ((1 << OFFSET_BITS) - 1);
        let number = (place >> OFFSET_BITS) as usize;
        let site = number.checked_sub(1).and_then(&site_at);
        next = site
            .map(|site| site.caller)
            .filter(|&caller| caller < place);
        Some((site.map(|site| site.func), offset))
    })
}
