//! Types of managed objects in assembler text: `.struct $pair sub $base final (mut i32 anyref)`,
//! `.array $bytes (mut i8)`, and `.group $first 2` for types of a group.

use super::error::{Parsed, fault};
use super::lexer::Kind;
use super::listing::Listing;
use super::parser::{Parser, Space, Symbols};
use crate::module::Module;
use crate::objects::{Content, Field, MAX_FIELDS, ObjectType, Storage};

/// Reads what follows the type's name.
pub(super) fn object_type<'t>(
    parser: &mut Parser<'t>,
    symbols: &Symbols<'t>,
    is_array: bool,
) -> Parsed<ObjectType> {
    let supertype = match parser.eat_word("sub") {
        true => Some(symbols.reference(parser, Space::Object)?),
        false => None,
    };
    let is_final = parser.eat_word("final");
    let span = parser.span();
    parser.expect(Kind::Open, "`(`")?;
    let mut fields = Vec::new();
    while parser.kind() != Kind::Close {
        if fields.len() > MAX_FIELDS {
            return fault(parser.span(), format!("more than {MAX_FIELDS} fields"));
        }
        fields.push(field(parser)?);
    }
    parser.bump();
    let content = match (is_array, fields.as_slice()) {
        (false, _) => Content::Struct(fields),
        (true, &[element]) => Content::Array(element),
        (true, _) => return fault(span, "an array has elements of one type"),
    };
    Ok(ObjectType {
        content,
        supertype,
        is_final,
    })
}

fn field(parser: &mut Parser<'_>) -> Parsed<Field> {
    let mutable = parser.eat_word("mut");
    let storage = match parser.kind() {
        Kind::Word => Storage::from_name(parser.slice()),
        _ => None,
    };
    let Some(storage) = storage else {
        return parser.unexpected("the type of a field (i8, i16 or a value type) or `)`");
    };
    parser.bump();
    Ok(Field { storage, mutable })
}

/// Prints the types of objects that a module declares.
pub(super) fn print(list: &mut Listing<'_>, module: &Module) {
    for (i, ty) in module.objects.iter().enumerate() {
        list.out.push_str(match ty.content {
            Content::Struct(_) => ".struct ",
            Content::Array(_) => ".array ",
        });
        list.number(ty);
        list.out.push_str("  ; object type ");
        list.number(i);
        list.out.push('\n');
    }
    for group in &module.object_groups {
        list.out.push_str(".group ");
        list.number(group.first);
        list.out.push(' ');
        list.number(group.count);
        list.out.push('\n');
    }
}
