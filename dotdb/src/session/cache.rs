//! Rows that a session has read more than once, to be read again without looking for them.
//!
//! A row has one place, by a hash of its key, and is kept there when it is read the second time in a row: what is
//! read once only costs a comparison. There is no chain to go along, so keys that somebody has chosen to have one
//! hash displace each other, and that is all.

use crate::engine::Space;

/// Places to start with.
const PLACES_MIN: usize = 256;
/// The most places.
const PLACES_MAX: usize = 1 << 16;
/// The longest row that is kept, in bytes.
const ROW_BYTES_MAX: usize = 8 << 10;

/// Rows by their keys.
#[derive(Debug, Default)]
pub(super) struct RowCache {
    /// As many as a power of two, or none.
    places: Vec<Place>,
    /// Bytes of keys and values.
    bytes: usize,
    /// The most of these.
    bytes_max: usize,
}

/// A row, or the hash of one that was asked for.
#[derive(Clone, Debug, Default)]
struct Place {
    /// Of the key that was asked for last; the row may be another one.
    hash: u64,
    /// When the row was read; 0 where there is none.
    epoch: u64,
    space: u32,
    key_len: u32,
    /// Key and value.
    row: Vec<u8>,
}

impl Place {
    fn is(&self, epoch: u64, space: Space, key: &[u8]) -> bool {
        self.epoch == epoch
            && self.space == space.0
            && self.key_len as usize == key.len()
            && self.row[..key.len()] == *key
    }
}

/// What a row is found by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl RowCache {
    /// Keeps up to so many bytes.
    pub(super) fn new(bytes_max: usize) -> RowCache {
        RowCache {
            bytes_max,
            ..RowCache::default()
        }
    }

    /// The value of a row that was kept in this epoch.
    pub(super) fn get(&self, hash: Hash, epoch: u64, space: Space, key: &[u8]) -> Option<&[u8]> {
        let place = self.places.get(self.index(hash))?;
        place.is(epoch, space, key).then(|| &place.row[key.len()..])
    }

    /// Takes notice of a row that was read, and keeps it where it had been read before.
    pub(super) fn note(&mut self, hash: Hash, epoch: u64, space: Space, key: &[u8], value: &[u8]) {
        if self.places.is_empty() {
            self.places.resize(PLACES_MIN, Place::default());
        }
        let mut index = self.index(hash);
        if self.places[index].hash != hash.0 {
            self.places[index].hash = hash.0;
            return;
        }
        let bytes = key.len() + value.len();
        if bytes > ROW_BYTES_MAX {
            return;
        }
        let is_used = self.places[index].epoch == epoch;
        if is_used && self.places.len() < PLACES_MAX {
            self.grow();
            index = self.index(hash);
        }
        if self.bytes + bytes > self.bytes_max {
            // Rows of earlier epochs are among them.
            *self = RowCache::new(self.bytes_max);
            return;
        }
        let place = &mut self.places[index];
        self.bytes = self.bytes - place.row.len() + bytes;
        place.row.clear();
        place.row.extend_from_slice(key);
        place.row.extend_from_slice(value);
        place.hash = hash.0;
        place.epoch = epoch;
        place.space = space.0;
        place.key_len = key.len() as u32;
    }

    /// Forgets a row that is going to be written.
    pub(super) fn forget(&mut self, space: Space, key: &[u8]) {
        let index = self.index(hash(space, key));
        if let Some(place) = self.places.get_mut(index) {
            place.epoch = 0;
        }
    }

    fn index(&self, hash: Hash) -> usize {
        // The upper bits depend on all of the key.
        (hash.0 >> 40) as usize & self.places.len().wrapping_sub(1)
    }

    fn grow(&mut self) {
        let len = self.places.len() * 2;
        let old = std::mem::take(&mut self.places);
        self.places.resize(len, Place::default());
        self.bytes = 0;
        for mut place in old {
            if place.epoch == 0 {
                continue;
            }
            let hash = hash(Space(place.space), &place.row[..place.key_len as usize]);
            let index = self.index(hash);
            self.bytes = self.bytes - self.places[index].row.len() + place.row.len();
            place.hash = hash.0;
            self.places[index] = place;
        }
    }
}

/// Hashes a key eight bytes at a time, each folded in by the two halves of a product.
pub(super) fn hash(space: Space, key: &[u8]) -> Hash {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(FACTOR);
        product as u64 ^ (product >> 64) as u64
    };
    let start = (u64::from(space.0) << 32 | key.len() as u64).wrapping_add(FACTOR);
    let (words, rest) = key.as_chunks::<8>();
    let state = words
        .iter()
        .fold(start, |state, &word| fold(state, u64::from_le_bytes(word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // Once more, so that what came last reaches the upper bits as well.
    Hash(fold(fold(state, u64::from_le_bytes(last)), FACTOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Space = Space(7);

    fn get(cache: &RowCache, epoch: u64, key: &[u8]) -> Option<Vec<u8>> {
        let value = cache.get(hash(TABLE, key), epoch, TABLE, key);
        value.map(<[u8]>::to_vec)
    }

    fn note(cache: &mut RowCache, epoch: u64, key: &[u8], value: &[u8]) {
        cache.note(hash(TABLE, key), epoch, TABLE, key, value);
    }

    #[test]
    fn what_is_read_twice_is_kept_until_it_is_written() {
        let mut cache = RowCache::new(1 << 20);
        note(&mut cache, 1, b"key", b"value");
        assert_eq!(get(&cache, 1, b"key"), None);
        note(&mut cache, 1, b"key", b"value");
        assert_eq!(get(&cache, 1, b"key").unwrap(), b"value");
        assert_eq!(get(&cache, 1, b"ke"), None);
        assert_eq!(get(&cache, 2, b"key"), None, "of another epoch");
        let other = Space(8);
        let found = cache.get(hash(other, b"key"), 1, other, b"key");
        assert_eq!(found, None, "of another table");
        cache.forget(TABLE, b"key");
        assert_eq!(get(&cache, 1, b"key"), None);
    }

    #[test]
    fn it_grows_and_has_an_end() {
        const ROWS: u32 = 20_000;
        let mut cache = RowCache::new(4 << 20);
        for i in 0..ROWS {
            for _ in 0..2 {
                note(&mut cache, 1, &i.to_be_bytes(), &[0; 12]);
            }
        }
        let kept = (0..ROWS).filter(|i| get(&cache, 1, &i.to_be_bytes()).is_some());
        let (kept, places) = (kept.count(), cache.places.len());
        assert!(
            kept > ROWS as usize / 2 && places <= PLACES_MAX,
            "{kept} {places}"
        );
        assert_eq!(
            cache.bytes,
            cache
                .places
                .iter()
                .map(|place| place.row.len())
                .sum::<usize>()
        );

        for i in 0..ROWS {
            for _ in 0..2 {
                note(&mut cache, 2, &i.to_be_bytes(), &[0; 1000]);
            }
            assert!(cache.bytes <= 4 << 20);
        }
        note(&mut cache, 2, b"long", &[0; ROW_BYTES_MAX]);
        note(&mut cache, 2, b"long", &[0; ROW_BYTES_MAX]);
        assert_eq!(get(&cache, 2, b"long"), None);
    }
}
