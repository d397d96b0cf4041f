//! Where variables are: DWARF expressions, as far as there are places for what they say.

use std::ops::Range;

use dotvm_isa::debug::{Base, Place, Spot};
use gimli::{AttributeValue, Encoding, Expression, Operation};

use super::entry::Entry;
use super::{Reader, Slice};

/// The place that an expression describes; `None` where it is none that can be said.
pub(super) fn place(
    expression: Expression<Slice<'_>>,
    encoding: Encoding,
    frame_base: Option<Spot>,
) -> Result<Option<Place>, gimli::Error> {
    let mut stack: Vec<(Base, i64)> = Vec::new();
    let mut spot: Option<Spot> = None;
    let mut pieces = Vec::new();
    let mut operations = expression.operations(encoding);
    while let Some(operation) = operations.next()? {
        match operation {
            Operation::WasmLocal { index } => stack.push((Base::Local(index), 0)),
            Operation::WasmGlobal { index } => stack.push((Base::Global(index), 0)),
            Operation::WasmStack { index } => stack.push((Base::Stack(index), 0)),
            Operation::Address { address } => stack.push((Base::Zero, address as i64)),
            Operation::UnsignedConstant { value } => stack.push((Base::Zero, value as i64)),
            Operation::SignedConstant { value } => stack.push((Base::Zero, value)),
            Operation::FrameOffset { offset } => match frame_base {
                Some(Spot::Value(base, start)) => stack.push((base, start.wrapping_add(offset))),
                _ => return Ok(None),
            },
            Operation::PlusConstant { value } => match stack.last_mut() {
                Some((_, offset)) => *offset = offset.wrapping_add(value as i64),
                None => return Ok(None),
            },
            Operation::Plus | Operation::Minus => match (stack.pop(), stack.last_mut()) {
                (Some((Base::Zero, value)), Some((_, offset))) => {
                    let minus = matches!(operation, Operation::Minus);
                    let value = if minus { value.wrapping_neg() } else { value };
                    *offset = offset.wrapping_add(value);
                }
                _ => return Ok(None),
            },
            Operation::StackValue => {
                spot = stack.pop().map(|(base, offset)| Spot::Value(base, offset));
            }
            Operation::Piece {
                size_in_bits,
                bit_offset: None,
            } if size_in_bits % 8 == 0 => {
                let bytes = u32::try_from(size_in_bits / 8).unwrap_or(u32::MAX);
                pieces.push((bytes, spot.take().or_else(|| in_memory(&mut stack))));
            }
            Operation::Nop => {}
            _ => return Ok(None),
        }
    }
    if pieces.is_empty() {
        return Ok(spot.or_else(|| in_memory(&mut stack)).map(Place::Whole));
    }
    let is_somewhere = pieces.iter().any(|(_, spot)| spot.is_some());
    Ok(is_somewhere.then_some(Place::Pieces(pieces)))
}

/// Without a word that it is the value, what an expression leaves is an address.
fn in_memory(stack: &mut Vec<(Base, i64)>) -> Option<Spot> {
    stack.pop().map(|(base, offset)| Spot::Memory(base, offset))
}

impl<'a> Reader<'_, 'a> {
    /// Where a variable is whose code is in these ranges of a function.
    pub(super) fn places(
        &self,
        unit: usize,
        func: usize,
        entry: &Entry<'a>,
        ranges: &[Range<u32>],
        frame_base: Option<Spot>,
    ) -> Result<Vec<(Range<u32>, Place)>, gimli::Error> {
        let unit = &self.units[unit].unit;
        let encoding = unit.encoding();
        let everywhere = |place: Place| -> Vec<(Range<u32>, Place)> {
            ranges
                .iter()
                .map(|range| (range.clone(), place.clone()))
                .collect()
        };
        if let Some(value) = entry.attr(gimli::DW_AT_const_value) {
            let place = value
                .sdata_value()
                .map(|value| Place::Whole(Spot::Value(Base::Zero, value)));
            return Ok(place.map(everywhere).unwrap_or_default());
        }
        let Some(location) = entry.attr_value(gimli::DW_AT_location) else {
            return Ok(Vec::new());
        };
        if let AttributeValue::Exprloc(expression) = location {
            let place = place(expression, encoding, frame_base)?;
            return Ok(place.map(everywhere).unwrap_or_default());
        }
        let mut found = Vec::new();
        if let Some(mut list) = self.dwarf.attr_locations(unit, location)? {
            while let Some(item) = list.next()? {
                if let Some(range) = self.code.clip(func, item.range)
                    && let Some(place) = place(item.data, encoding, frame_base)?
                {
                    found.push((range, place));
                }
            }
        }
        found.sort_by_key(|(range, _)| (range.start, range.end));
        Ok(found)
    }
}
