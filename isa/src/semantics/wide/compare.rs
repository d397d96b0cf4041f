//! Comparisons, and what follows from them.

use super::{Word, words};

words! {
    Eqz: (a: W) => u32, u32::from(a.is_zero());
    Eq: (a: W, b: W) => u32, u32::from(a.equals(b));
    Ne: (a: W, b: W) => u32, u32::from(!a.equals(b));
    Lt: (a: W, b: W) => u32, u32::from(less(a, b));
    LtU: (a: W, b: W) => u32, u32::from(below(a, b));
    Gt: (a: W, b: W) => u32, u32::from(less(b, a));
    GtU: (a: W, b: W) => u32, u32::from(below(b, a));
    Le: (a: W, b: W) => u32, u32::from(!less(b, a));
    LeU: (a: W, b: W) => u32, u32::from(!below(b, a));
    Ge: (a: W, b: W) => u32, u32::from(!less(a, b));
    GeU: (a: W, b: W) => u32, u32::from(!below(a, b));
    Min: (a: W, b: W) => W, if less(a, b) { a } else { b };
    MinU: (a: W, b: W) => W, if below(a, b) { a } else { b };
    Max: (a: W, b: W) => W, if less(b, a) { a } else { b };
    MaxU: (a: W, b: W) => W, if below(b, a) { a } else { b };
}

/// Whether `a < b`, unsigned.
#[inline(always)]
fn below<W: Word>(a: W, b: W) -> bool {
    a.sub(b).1
}

/// Whether `a < b`, signed: where their signs differ, it is the other way round than unsigned.
#[inline(always)]
fn less<W: Word>(a: W, b: W) -> bool {
    below(a, b) ^ a.is_negative() ^ b.is_negative()
}
