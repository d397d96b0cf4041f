//! Types of variables.
//!
//! The same type is described in every unit that uses it. Types with a name are the same where
//! their names, sizes and members look alike; the others where they are made of the same types.

use std::collections::HashMap;

use dotvm_isa::debug::{Member, Scalar, Type, TypeKind, Variants};
use gimli::{AttributeValue, DwTag};

use super::Reader;
use super::entry::{Entry, EntryId, number};

/// The most types without a name that are made of each other.
const MAX_DEPTH: usize = 64;

/// All types that are needed.
#[derive(Debug, Default)]
pub(super) struct Types {
    pub(super) types: Vec<Type>,
    known: HashMap<EntryId, Option<u32>>,
    index: HashMap<Key, u32>,
    /// Types with members whose members have not been looked at.
    pending: Vec<(u32, EntryId)>,
}

/// What types that are the same have in common.
#[derive(PartialEq, Eq, Hash, Debug)]
struct Key {
    tag: DwTag,
    name: String,
    bytes: u64,
    /// What it is made of.
    of: Option<u32>,
    /// How many items it has.
    count: Option<u64>,
    /// Names and offsets of its members.
    members: Vec<(String, u64)>,
}

impl Types {
    fn add(&mut self, key: Key, make: impl FnOnce(&Key) -> Type) -> (u32, bool) {
        if let Some(&index) = self.index.get(&key) {
            return (index, false);
        }
        let index = self.types.len() as u32;
        self.types.push(make(&key));
        self.index.insert(key, index);
        (index, true)
    }
}

impl<'a> Reader<'_, 'a> {
    /// The type that an entry has.
    pub(super) fn type_of(
        &mut self,
        unit: usize,
        entry: &Entry<'a>,
    ) -> Result<Option<u32>, gimli::Error> {
        self.type_at(unit, entry, MAX_DEPTH)
    }

    fn type_at(
        &mut self,
        unit: usize,
        entry: &Entry<'a>,
        depth: usize,
    ) -> Result<Option<u32>, gimli::Error> {
        let Some(id) = self.reference(unit, entry, gimli::DW_AT_type) else {
            return Ok(None);
        };
        if let Some(&known) = self.types.known.get(&id) {
            return Ok(known);
        }
        if depth == 0 {
            return Ok(None);
        }
        // What is made of itself without a name in between is not there yet when it is met again.
        self.types.known.insert(id, None);
        let (unit, entry) = self.entry(id)?;
        let index = self.describe_type(unit, id, &entry, depth - 1)?;
        self.types.known.insert(id, index);
        Ok(index)
    }

    fn describe_type(
        &mut self,
        unit: usize,
        id: EntryId,
        entry: &Entry<'a>,
        depth: usize,
    ) -> Result<Option<u32>, gimli::Error> {
        let tag = entry.tag();
        let mut key = Key {
            tag,
            name: self.name(unit, entry),
            bytes: number(entry, gimli::DW_AT_byte_size).unwrap_or(0),
            of: None,
            count: None,
            members: Vec::new(),
        };
        let kind = match tag {
            gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_restrict_type
            | gimli::DW_TAG_atomic_type => return self.type_at(unit, entry, depth),
            gimli::DW_TAG_base_type => TypeKind::Scalar(scalar(entry)),
            gimli::DW_TAG_pointer_type
            | gimli::DW_TAG_reference_type
            | gimli::DW_TAG_rvalue_reference_type => {
                key.of = self.type_at(unit, entry, depth)?;
                key.bytes = self.units[unit].unit.encoding().address_size.into();
                TypeKind::Pointer(key.of)
            }
            gimli::DW_TAG_typedef => {
                key.of = self.type_at(unit, entry, depth)?;
                TypeKind::Alias(key.of)
            }
            gimli::DW_TAG_array_type => {
                key.of = self.type_at(unit, entry, depth)?;
                key.count = self.array_len(unit, entry)?;
                TypeKind::Array(key.of, key.count)
            }
            gimli::DW_TAG_enumeration_type => TypeKind::Enum(self.enumerators(unit, entry)?),
            gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type => {
                key.members = self.member_names(unit, entry)?;
                let (index, new) = self.types.add(key, |key| Type {
                    name: key.name.clone(),
                    bytes: key.bytes,
                    kind: TypeKind::Opaque,
                });
                if new {
                    self.types.pending.push((index, id));
                }
                return Ok(Some(index));
            }
            _ => TypeKind::Opaque,
        };
        if let TypeKind::Enum(values) = &kind {
            let names = values
                .iter()
                .map(|(name, value)| (name.clone(), *value as u64));
            key.members = names.collect();
        }
        let (index, _) = self.types.add(key, |key| Type {
            name: key.name.clone(),
            bytes: key.bytes,
            kind,
        });
        Ok(Some(index))
    }

    /// Looks at the members of all types that are needed, which may need other types.
    pub(super) fn finish_types(&mut self) {
        while let Some((index, id)) = self.types.pending.pop() {
            match self.finish_type(id) {
                Ok(kind) => self.types.types[index as usize].kind = kind,
                Err(error) => self.note(error, id.0),
            }
        }
    }

    fn finish_type(&mut self, id: EntryId) -> Result<TypeKind, gimli::Error> {
        let (unit, entry) = self.entry(id)?;
        let members = self.members(unit, &entry)?;
        Ok(match entry.tag() {
            gimli::DW_TAG_union_type => TypeKind::Union(members),
            _ => TypeKind::Struct {
                members,
                variants: self.variants(unit, &entry)?,
            },
        })
    }

    /// The entries right below an entry.
    fn children(&self, unit: usize, entry: &Entry<'a>) -> Result<Vec<Entry<'a>>, gimli::Error> {
        if !entry.has_children() {
            return Ok(Vec::new());
        }
        let mut tree = self.units[unit].unit.entries_tree(Some(entry.offset()))?;
        let mut nodes = tree.root()?.children();
        let mut children = Vec::new();
        while let Some(node) = nodes.next()? {
            children.push(node.entry().clone());
        }
        Ok(children)
    }

    fn children_with(
        &self,
        unit: usize,
        entry: &Entry<'a>,
        tag: DwTag,
    ) -> Result<Vec<Entry<'a>>, gimli::Error> {
        let mut children = self.children(unit, entry)?;
        // What classes have in common has no place in them.
        children.retain(|child| child.tag() == tag && !child.has_attr(gimli::DW_AT_external));
        Ok(children)
    }

    fn member_names(
        &self,
        unit: usize,
        entry: &Entry<'a>,
    ) -> Result<Vec<(String, u64)>, gimli::Error> {
        let members = self.children_with(unit, entry, gimli::DW_TAG_member)?;
        let name = |member: &Entry<'a>| (self.name(unit, member), offset(member));
        Ok(members.iter().map(name).collect())
    }

    fn members(&mut self, unit: usize, entry: &Entry<'a>) -> Result<Vec<Member>, gimli::Error> {
        let mut members = Vec::new();
        for parent in self.children_with(unit, entry, gimli::DW_TAG_inheritance)? {
            members.push(self.member(unit, &parent)?);
        }
        for member in self.children_with(unit, entry, gimli::DW_TAG_member)? {
            members.push(self.member(unit, &member)?);
        }
        Ok(members)
    }

    fn member(&mut self, unit: usize, entry: &Entry<'a>) -> Result<Member, gimli::Error> {
        Ok(Member {
            name: self.name(unit, entry),
            ty: self.type_of(unit, entry)?,
            offset: offset(entry),
        })
    }

    fn variants(
        &mut self,
        unit: usize,
        entry: &Entry<'a>,
    ) -> Result<Option<Variants>, gimli::Error> {
        let parts = self.children_with(unit, entry, gimli::DW_TAG_variant_part)?;
        let Some(part) = parts.first() else {
            return Ok(None);
        };
        let tag = match self.reference(unit, part, gimli::DW_AT_discr) {
            Some(id) => {
                let (unit, tag) = self.entry(id)?;
                Some(self.member(unit, &tag)?)
            }
            None => None,
        };
        let mut cases = Vec::new();
        for variant in self.children_with(unit, part, gimli::DW_TAG_variant)? {
            let value = variant.attr(gimli::DW_AT_discr_value);
            let value = value.and_then(gimli::Attribute::sdata_value);
            for member in self.children_with(unit, &variant, gimli::DW_TAG_member)? {
                cases.push((value, self.member(unit, &member)?));
            }
        }
        Ok(Some(Variants { tag, cases }))
    }

    fn array_len(&self, unit: usize, entry: &Entry<'a>) -> Result<Option<u64>, gimli::Error> {
        let ranges = self.children_with(unit, entry, gimli::DW_TAG_subrange_type)?;
        let len = |range: &Entry<'a>| {
            number(range, gimli::DW_AT_count).or_else(|| {
                let last = number(range, gimli::DW_AT_upper_bound)?;
                last.checked_add(1)
            })
        };
        // An array of arrays is one of all their items.
        let lens: Option<Vec<u64>> = ranges.iter().map(len).collect();
        Ok(lens.and_then(|lens| lens.into_iter().try_fold(1u64, u64::checked_mul)))
    }

    fn enumerators(
        &self,
        unit: usize,
        entry: &Entry<'a>,
    ) -> Result<Vec<(String, i64)>, gimli::Error> {
        let enumerators = self.children_with(unit, entry, gimli::DW_TAG_enumerator)?;
        let value = |entry: &Entry<'a>| {
            let value = entry.attr(gimli::DW_AT_const_value);
            let value = value.and_then(gimli::Attribute::sdata_value);
            (self.name(unit, entry), value.unwrap_or(0))
        };
        Ok(enumerators.iter().map(value).collect())
    }
}

fn offset(member: &Entry<'_>) -> u64 {
    number(member, gimli::DW_AT_data_member_location).unwrap_or(0)
}

fn scalar(entry: &Entry<'_>) -> Scalar {
    match entry.attr_value(gimli::DW_AT_encoding) {
        Some(AttributeValue::Encoding(encoding)) => match encoding {
            gimli::DW_ATE_boolean => Scalar::Bool,
            gimli::DW_ATE_float => Scalar::Float,
            gimli::DW_ATE_signed => Scalar::Signed,
            gimli::DW_ATE_signed_char => Scalar::SignedChar,
            gimli::DW_ATE_unsigned_char => Scalar::UnsignedChar,
            gimli::DW_ATE_UTF => Scalar::Char,
            _ => Scalar::Unsigned,
        },
        _ => Scalar::Unsigned,
    }
}
