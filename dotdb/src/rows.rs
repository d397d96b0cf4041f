//! Keys and values on their way from an engine, in one piece of memory.

/// Keys with their values, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    /// Where each row's key and value end.
    ends: Vec<(usize, usize)>,
}

impl Rows {
    /// None yet.
    pub fn new() -> Rows {
        Rows::default()
    }

    /// Appends a row.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((middle, self.bytes.len()));
    }

    /// The row of that number.
    pub fn get(&self, row: usize) -> Option<(&[u8], &[u8])> {
        let &(middle, end) = self.ends.get(row)?;
        let start = match row {
            0 => 0,
            _ => self.ends[row - 1].1,
        };
        Some((&self.bytes[start..middle], &self.bytes[middle..end]))
    }

    /// The number of the first row whose key is this one or behind it. Rows are in order.
    pub fn position(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle) {
                Some((found, _)) if found < key => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (0..self.len()).filter_map(|row| self.get(row))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets them; memory is kept.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
