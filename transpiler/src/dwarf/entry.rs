//! Entries of DWARF's tree, and what their attributes refer to.

use gimli::{AttributeValue, DebugInfoOffset, DebuggingInformationEntry, DwAt};

use super::{Reader, Slice};

/// An entry of the tree.
pub(super) type Entry<'a> = DebuggingInformationEntry<Slice<'a>>;

/// Where an entry is: its offset in `.debug_info`.
pub(super) type EntryId = DebugInfoOffset<usize>;

impl<'a> Reader<'_, 'a> {
    /// Where an entry of a unit is.
    pub(super) fn id(&self, unit: usize, entry: &Entry<'a>) -> Option<EntryId> {
        entry
            .offset()
            .to_debug_info_offset(&self.units[unit].unit.header)
    }

    /// The entry that an attribute refers to.
    pub(super) fn reference(&self, unit: usize, entry: &Entry<'a>, name: DwAt) -> Option<EntryId> {
        match entry.attr_value(name)? {
            AttributeValue::UnitRef(offset) => {
                offset.to_debug_info_offset(&self.units[unit].unit.header)
            }
            AttributeValue::DebugInfoRef(offset) => Some(offset),
            _ => None,
        }
    }

    /// The unit that an entry is in, and the entry.
    pub(super) fn entry(&self, id: EntryId) -> Result<(usize, Entry<'a>), gimli::Error> {
        let after = self.units.partition_point(|unit| {
            unit.unit
                .header
                .debug_info_offset()
                .is_some_and(|start| start <= id)
        });
        let unit = after.saturating_sub(1);
        let header = &self.units[unit].unit.header;
        let offset = id
            .to_unit_offset(header)
            .ok_or(gimli::Error::OffsetOutOfBounds(0))?;
        Ok((unit, self.units[unit].unit.entry(offset)?))
    }

    /// The text of an attribute.
    pub(super) fn text(&self, unit: usize, entry: &Entry<'a>, name: DwAt) -> Option<String> {
        let value = entry.attr_value(name)?;
        let text = self.dwarf.attr_string(&self.units[unit].unit, value).ok()?;
        Some(shortened(text.to_string_lossy().into_owned()))
    }

    /// The name of an entry; empty where it has none.
    pub(super) fn name(&self, unit: usize, entry: &Entry<'a>) -> String {
        self.text(unit, entry, gimli::DW_AT_name)
            .unwrap_or_default()
    }
}

/// A number.
pub(super) fn number(entry: &Entry<'_>, name: DwAt) -> Option<u64> {
    entry.attr(name)?.udata_value()
}

/// A name as debug sections can have it: not too long, without zeros.
pub(super) fn shortened(mut name: String) -> String {
    name.retain(|c| c != '\0');
    name.truncate(name.floor_char_boundary(dotvm_isa::debug::MAX_STRING_BYTES));
    name
}
