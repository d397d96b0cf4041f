//! Ranges of keys, and sets of them.

/// A range of byte strings, in their order: from `low` on, up to but without `high`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The first one that may be in it.
    pub low: Vec<u8>,
    /// The first one behind it; `None` where it has no end.
    pub high: Option<Vec<u8>>,
}

impl Interval {
    /// All byte strings.
    pub fn all() -> Interval {
        Interval {
            low: Vec::new(),
            high: None,
        }
    }

    /// Only that one.
    pub fn point(bytes: &[u8]) -> Interval {
        Interval {
            low: bytes.to_vec(),
            high: Some(after(bytes)),
        }
    }

    /// Those that start with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Interval {
        Interval {
            low: prefix.to_vec(),
            high: behind_prefix(prefix),
        }
    }

    /// From `low` on, up to but without `high`.
    pub fn new(low: &[u8], high: Option<&[u8]>) -> Interval {
        Interval {
            low: low.to_vec(),
            high: high.map(<[u8]>::to_vec),
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.high.as_ref().is_some_and(|high| *high <= self.low)
    }

    /// Whether `bytes` is in it.
    pub fn contains(&self, bytes: &[u8]) -> bool {
        self.low.as_slice() <= bytes
            && self
                .high
                .as_ref()
                .is_none_or(|high| bytes < high.as_slice())
    }

    /// Whether all are in it.
    pub fn is_all(&self) -> bool {
        self.low.is_empty() && self.high.is_none()
    }
}

/// The next byte string.
pub(crate) fn after(bytes: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(bytes.len() + 1);
    next.extend_from_slice(bytes);
    next.push(0);
    next
}

/// The first byte string behind all that start with `prefix`; `None` where there is none.
pub(crate) fn behind_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut next = prefix[..=end].to_vec();
    next[end] += 1;
    Some(next)
}

/// A set of byte strings: ranges that do not touch each other, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IntervalSet(Vec<Interval>);

impl IntervalSet {
    pub(crate) fn all() -> IntervalSet {
        IntervalSet(vec![Interval::all()])
    }

    pub(crate) fn none() -> IntervalSet {
        IntervalSet(Vec::new())
    }

    pub(crate) fn of(interval: Interval) -> IntervalSet {
        IntervalSet(vec![interval]).normal()
    }

    pub(crate) fn ranges(&self) -> &[Interval] {
        &self.0
    }

    pub(crate) fn is_all(&self) -> bool {
        matches!(self.0.as_slice(), [only] if only.is_all())
    }

    pub(crate) fn contains(&self, bytes: &[u8]) -> bool {
        let next = self
            .0
            .partition_point(|range| range.low.as_slice() <= bytes);
        next > 0 && self.0[next - 1].contains(bytes)
    }

    /// What is in any of the sets.
    pub(crate) fn union(sets: impl IntoIterator<Item = IntervalSet>) -> IntervalSet {
        let ranges = sets.into_iter().flat_map(|set| set.0);
        IntervalSet(ranges.collect()).normal()
    }

    /// What is in all of the sets.
    pub(crate) fn intersection(sets: impl IntoIterator<Item = IntervalSet>) -> IntervalSet {
        let complements = sets.into_iter().map(|set| set.complement());
        IntervalSet::union(complements).complement()
    }

    pub(crate) fn complement(&self) -> IntervalSet {
        let mut rest = Vec::new();
        let mut low = Some(Vec::new());
        for range in &self.0 {
            if let Some(low) = low {
                rest.push(Interval {
                    low,
                    high: Some(range.low.clone()),
                });
            }
            low = range.high.clone();
        }
        if let Some(low) = low {
            rest.push(Interval { low, high: None });
        }
        IntervalSet(rest).normal()
    }

    /// Without empty ranges, sorted, joined where they touch.
    fn normal(mut self) -> IntervalSet {
        self.0.retain(|range| !range.is_empty());
        self.0.sort_by(|a, b| a.low.cmp(&b.low));
        let mut joined: Vec<Interval> = Vec::with_capacity(self.0.len());
        for range in self.0 {
            match joined.last_mut() {
                Some(last) if last.high.as_ref().is_none_or(|high| range.low <= *high) => {
                    if ends_before(&last.high, &range.high) {
                        last.high = range.high;
                    }
                }
                _ => joined.push(range),
            }
        }
        IntervalSet(joined)
    }
}

/// Whether the end `a` comes before `b`; `None` is behind everything.
fn ends_before(a: &Option<Vec<u8>>, b: &Option<Vec<u8>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a < b,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes_end_where_no_string_starts_with_them_any_more() {
        assert_eq!(behind_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(behind_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(behind_prefix(b"\xff\xff"), None);
        assert_eq!(behind_prefix(b""), None);
        assert!(Interval::prefix(b"\xff").contains(b"\xff\xff\x01"));
        assert!(!Interval::prefix(b"a").contains(b"b"));
        assert!(Interval::point(b"").contains(b"") && !Interval::point(b"").contains(b"\0"));
    }

    /// Short strings over few bytes, so that ends often meet.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255)], 0..3)
    }

    fn set() -> impl Strategy<Value = IntervalSet> {
        let interval = (bytes(), proptest::option::of(bytes()));
        proptest::collection::vec(interval, 0..4).prop_map(|ranges| {
            let ranges = ranges
                .into_iter()
                .map(|(low, high)| Interval { low, high })
                .collect();
            IntervalSet(ranges).normal()
        })
    }

    proptest! {
        #[test]
        fn sets_are_what_they_contain(a in set(), b in set(), x in bytes()) {
            let (in_a, in_b) = (a.contains(&x), b.contains(&x));
            prop_assert_eq!(in_a, a.0.iter().any(|range| range.contains(&x)));
            prop_assert_eq!(a.complement().contains(&x), !in_a);
            let both = || [a.clone(), b.clone()];
            prop_assert_eq!(IntervalSet::intersection(both()).contains(&x), in_a && in_b);
            prop_assert_eq!(IntervalSet::union(both()).contains(&x), in_a || in_b);
            prop_assert_eq!(a.complement().complement(), a);
        }
    }
}
