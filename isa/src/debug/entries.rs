//! Reading types and functions of the source.

use super::read::{SUBPROGRAM_FIELDS, SourceTables};
use super::{
    Location, Member, Scalar, Subprogram, SubprogramName, Type, TypeKind, Variable, Variants,
};
use crate::decode::Reader;
use crate::error::Malformed;

/// Reads records with strings in them.
pub(super) struct Entries<'a> {
    pub(super) tables: &'a SourceTables,
    /// Whether the strings are wanted; otherwise they are empty.
    pub(super) texts: bool,
}

impl Entries<'_> {
    /// A function of the source, and where its instructions and calls are.
    pub(super) fn subprogram(
        &self,
        [head, lines, columns]: &mut [Reader<'_>; SUBPROGRAM_FIELDS],
    ) -> Result<(Subprogram, Vec<Location>), Malformed> {
        let at = head.pos;
        let name = match head.byte()? {
            0 => SubprogramName::Text(self.string(head)?),
            1 => SubprogramName::Func(head.u32()?),
            kind => return Err(head.error_at(at, format!("unknown name {kind:#04x}"))),
        };
        let tables = self.tables;
        let variables = head.list(|reader| {
            let name = self.string(reader)?;
            let at = reader.pos;
            let bits = reader.unsigned(64)?;
            let ty = tables.index(reader, at, bits >> 1, tables.types())?;
            let is_param = bits & 1 == 1;
            Ok(Variable { name, ty, is_param })
        })?;
        let (mut file, mut line) = (0u32, 0u32);
        let locations = lines.list(|lines| {
            let at = lines.pos;
            let bits = lines.unsigned(33)?;
            let number = (bits >> 1) as u32;
            if bits & 1 == 1 {
                let count = tables.files();
                let next = file.checked_add(lines.u32()?);
                let next = next.filter(|&next| (next as usize) < count);
                file = next.ok_or_else(|| lines.error_at(at, format!("a file beyond {count}")))?;
                line = 0;
            }
            let next = line.checked_add(number);
            line = next.ok_or_else(|| lines.error_at(at, "a line beyond 32 bits"))?;
            let column = columns.u32()?;
            Ok(Location { file, line, column })
        })?;
        Ok((Subprogram { name, variables }, locations))
    }

    /// The string whose index comes next.
    fn string(&self, reader: &mut Reader<'_>) -> Result<String, Malformed> {
        let index = self.tables.string_index(reader)?;
        match self.texts {
            true => self.tables.text(index),
            false => Ok(String::new()),
        }
    }

    fn ty_index(&self, reader: &mut Reader<'_>) -> Result<Option<u32>, Malformed> {
        let at = reader.pos;
        let stored = reader.unsigned(64)?;
        let tables = self.tables;
        tables.index(reader, at, stored, tables.types())
    }

    /// A type.
    pub(super) fn ty(&self, reader: &mut Reader<'_>) -> Result<Type, Malformed> {
        let name = self.string(reader)?;
        let bytes = reader.unsigned(64)?;
        let at = reader.pos;
        let kind = match reader.byte()? {
            0 => TypeKind::Opaque,
            1 => {
                let at = reader.pos;
                let code = reader.byte()?;
                let scalar = Scalar::ALL.into_iter().find(|scalar| *scalar as u8 == code);
                TypeKind::Scalar(scalar.ok_or_else(|| reader.error_at(at, "unknown scalar"))?)
            }
            2 => TypeKind::Pointer(self.ty_index(reader)?),
            3 => TypeKind::Alias(self.ty_index(reader)?),
            kind @ (4 | 5) => TypeKind::Struct {
                members: self.members(reader)?,
                variants: match kind {
                    4 => None,
                    _ => Some(self.variants(reader)?),
                },
            },
            6 => TypeKind::Union(self.members(reader)?),
            7 => TypeKind::Array(self.ty_index(reader)?, None),
            8 => TypeKind::Array(self.ty_index(reader)?, Some(reader.unsigned(64)?)),
            9 => TypeKind::Enum(
                reader.list(|reader| Ok((self.string(reader)?, reader.signed(64)?)))?,
            ),
            kind => return Err(reader.error_at(at, format!("unknown kind of type {kind:#04x}"))),
        };
        Ok(Type { name, bytes, kind })
    }

    fn variants(&self, reader: &mut Reader<'_>) -> Result<Variants, Malformed> {
        let at = reader.pos;
        let mut tag = self.members(reader)?;
        if tag.len() > 1 {
            return Err(reader.error_at(at, "more than one tag"));
        }
        let cases = reader.list(|reader| {
            let at = reader.pos;
            let value = match reader.byte()? {
                0 => None,
                1 => Some(reader.signed(64)?),
                flag => return Err(reader.error_at(at, format!("unknown flag {flag:#04x}"))),
            };
            Ok((value, self.member(reader)?))
        })?;
        let tag = tag.pop();
        Ok(Variants { tag, cases })
    }

    fn members(&self, reader: &mut Reader<'_>) -> Result<Vec<Member>, Malformed> {
        reader.list(|reader| self.member(reader))
    }

    fn member(&self, reader: &mut Reader<'_>) -> Result<Member, Malformed> {
        Ok(Member {
            name: self.string(reader)?,
            ty: self.ty_index(reader)?,
            offset: reader.unsigned(64)?,
        })
    }
}
