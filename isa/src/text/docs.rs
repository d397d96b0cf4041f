//! `docs/isa.md`, produced from the opcode table, the value types and the trap codes.
//!
//! What the tables do not say (the rules that hold for many instructions) is text in this folder:
//! `isa_intro.md` before them, `isa_rules.md` after them.

use std::fmt::Write;

use crate::abi::MAX_FRAME_SLOTS;
use crate::crypto::{HashAlgorithm, KeyKind};
use crate::db::ParamKind;
use crate::ops::{Category, Imm, OPS, Op, OpInfo, Service, Sig};
use crate::trap::TrapCode;
use crate::types::{Arch, ValType};

/// The text of `docs/isa.md`.
///
/// ```
/// let text = dotvm_isa::text::docs::isa_reference();
/// assert!(text.contains("| `i64.add` | `7c` |"));
/// ```
pub fn isa_reference() -> String {
    let mut out = include_str!("isa_intro.md").to_owned();
    for (mark, table) in [
        ("<!-- value types -->\n", value_types()),
        ("<!-- architectures -->\n", architectures()),
        ("<!-- immediates -->\n", immediates()),
    ] {
        out = out.replace(mark, &table);
    }
    out = out.replace("<!-- frame slots -->", &MAX_FRAME_SLOTS.to_string());
    out += "\n## Instructions\n\n";
    out += INSTRUCTIONS_INTRO;
    for category in Category::ALL {
        chapter(&mut out, category).expect("writing to a string does not fail");
    }
    out += "\n";
    out += &include_str!("isa_rules.md")
        .replace("<!-- algorithms -->\n", &algorithms())
        .replace("<!-- parameters -->\n", &parameters())
        .replace("<!-- traps -->\n", &traps());
    out
}

const INSTRUCTIONS_INTRO: &str = "\
Codes are hexadecimal; two bytes are a prefix and the second byte. A signature `a b -- c` pops
`b`, then `a`, and pushes `c`: the top of the stack is on the right. In it, `t` is any type (the same
one in all places), `u` and `v` are other ones, `..` is any number of values, `r` is a reference
type, and `a` is the type of the memory's addresses or the table's indices, `i32` or `i64` (`b`: of the
second one's, `c`: `i64` only where both are). Every instruction exists from the named architecture on.
";

/// Collects table rows.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = format!(
        "| {} |\n|{}\n",
        head.join(" | "),
        " --- |".repeat(head.len())
    );
    for row in rows {
        out += &format!("| {} |\n", row.join(" | "));
    }
    out
}

fn value_types() -> String {
    let rows = ValType::ALL.into_iter().map(|ty| {
        let meaning = match ty {
            ValType::I32 | ValType::I64 | ValType::I128 | ValType::I256 | ValType::I512 => {
                "integer; instructions say whether they take it as signed"
            }
            ValType::F32 => "IEEE 754 binary32",
            ValType::F64 => "IEEE 754 binary64",
            ValType::V128 | ValType::V256 | ValType::V512 => "vector",
            ValType::FuncRef => "reference to a function, or null",
            ValType::ExternRef => "reference to a host object, or null",
            ValType::ExnRef => "reference to an exception, or null",
            ValType::AnyRef => "reference to a managed object, or a number of 31 bits, or null",
        };
        vec![
            format!("`{ty}`"),
            ty.code().to_string(),
            ty.bits().to_string(),
            ty.slots().to_string(),
            ty.first_arch().to_string(),
            meaning.to_owned(),
        ]
    });
    table(&["type", "code", "bits", "slots", "since", "values"], rows)
}

fn architectures() -> String {
    let rows = Arch::ALL.into_iter().map(|arch| {
        let types = ValType::ALL.into_iter().filter(|ty| arch.has(*ty));
        let types: Vec<String> = types.map(|ty| format!("`{ty}`")).collect();
        vec![
            format!("`{arch}`"),
            arch.code().to_string(),
            format!("`{}`", arch.word()),
            types.join(" "),
        ]
    });
    table(&["architecture", "code", "word", "types"], rows)
}

fn parameters() -> String {
    let rows = ParamKind::ALL
        .iter()
        .map(|&kind| vec![(kind as u8).to_string(), kind.doc().to_owned()]);
    table(&["kind", "parameter"], rows)
}

/// Every kind of immediate, in the order of the documentation.
const IMMEDIATES: [Imm; 33] = [
    Imm::I32,
    Imm::I64,
    Imm::I128,
    Imm::I256,
    Imm::I512,
    Imm::F32,
    Imm::F64,
    Imm::V128,
    Imm::V256,
    Imm::V512,
    Imm::Lanes,
    Imm::Lane2,
    Imm::Lane4,
    Imm::Lane8,
    Imm::Lane16,
    Imm::Lane32,
    Imm::Lane64,
    Imm::Local,
    Imm::Global,
    Imm::Func,
    Imm::Type,
    Imm::Table,
    Imm::Memory,
    Imm::Data,
    Imm::Elem,
    Imm::Count,
    Imm::Offset,
    Imm::RefType,
    Imm::Label,
    Imm::Labels,
    Imm::Tag,
    Imm::Object,
    Imm::Catches,
];

/// Name, encoding and text form of an immediate.
fn immediate(imm: Imm) -> [&'static str; 3] {
    const INDEX: &str = "unsigned LEB128 of 32 bits";
    match imm {
        Imm::I32 => ["i32", "signed LEB128 of 32 bits", "integer"],
        Imm::I64 => ["i64", "signed LEB128 of 64 bits", "integer"],
        Imm::I128 => ["i128", "signed LEB128 of 128 bits", "integer"],
        Imm::I256 => ["i256", "signed LEB128 of 256 bits", "integer"],
        Imm::I512 => ["i512", "signed LEB128 of 512 bits", "integer"],
        Imm::F32 => ["f32", "4 bytes, little-endian", "float"],
        Imm::F64 => ["f64", "8 bytes, little-endian", "float"],
        Imm::V128 => [
            "v128",
            "16 bytes, lane 0 first",
            "integer of 128 bits, or a shape and its lanes: `f32x4 1.0 0.0 0.0 0.0`",
        ],
        Imm::V256 => [
            "v256",
            "32 bytes, lane 0 first",
            "integer of 256 bits, or a shape and its lanes",
        ],
        Imm::V512 => [
            "v512",
            "64 bytes, lane 0 first",
            "integer of 512 bits, or a shape and its lanes",
        ],
        Imm::Lanes => ["lanes", "16 bytes, each below 32", "16 numbers"],
        Imm::Lane2 => ["lane2", "1 byte below 2", "number"],
        Imm::Lane4 => ["lane4", "1 byte below 4", "number"],
        Imm::Lane8 => ["lane8", "1 byte below 8", "number"],
        Imm::Lane16 => ["lane16", "1 byte below 16", "number"],
        Imm::Lane32 => ["lane32", "1 byte below 32", "number"],
        Imm::Lane64 => ["lane64", "1 byte below 64", "number"],
        Imm::Local => ["local", INDEX, "`$name` or index; parameters come first"],
        Imm::Global => ["global", INDEX, "`$name` or index"],
        Imm::Func => ["func", INDEX, "`$name` or index"],
        Imm::Type => [
            "type",
            INDEX,
            "`(i32, i32) -> i32` or `type` and `$name` or index",
        ],
        Imm::Table => ["table", INDEX, "`$name` or index, 0 if it is left out"],
        Imm::Memory => ["memory", INDEX, "`$name` or index, 0 if it is left out"],
        Imm::Data => ["data", INDEX, "`$name` or index of a data segment"],
        Imm::Elem => ["elem", INDEX, "`$name` or index of an element segment"],
        Imm::Count => ["n", INDEX, "number"],
        Imm::Offset => [
            "offset",
            "unsigned LEB128 of 64 bits",
            "number, 0 if it is left out",
        ],
        Imm::RefType => [
            "reftype",
            "1 byte: the type's code",
            "`funcref`, `externref` or `exnref`",
        ],
        Imm::Label => [
            "label",
            "signed LEB128 of 32 bits: the target's distance in bytes from the first byte of the instruction",
            "name of a label",
        ],
        Imm::Labels => [
            "labels",
            "unsigned LEB128: how many but the last; then each one as a label",
            "names of labels, the last one the default; in parentheses they may take several lines",
        ],
        Imm::Tag => ["tag", INDEX, "`$name` or index"],
        Imm::Object => ["object", INDEX, "`$name` or index of a type of objects"],
        Imm::Catches => [
            "catches",
            "unsigned LEB128: how many; then each one: a byte for its kind, for `catch` (0) and `catch_ref` (1) a tag, none for `catch_all` (2) and `catch_all_ref` (3), and a label",
            "`catch $tag label`, `catch_all label` and so on; in parentheses they may take several lines",
        ],
    }
}

fn immediates() -> String {
    let rows = IMMEDIATES.map(|imm| {
        let [name, encoding, text] = immediate(imm);
        vec![format!("`{name}`"), encoding.to_owned(), text.to_owned()]
    });
    table(&["immediate", "encoding", "in assembler text"], rows)
}

/// Title and introduction of a category's chapter.
fn introduction(category: Category) -> (&'static str, &'static str) {
    match category {
        Category::Stack => (
            "Stack and constants",
            "They work on values of every type, the wide ones included.",
        ),
        Category::Variable => (
            "Locals and globals",
            "Locals that are no parameters start as 0 or null.",
        ),
        Category::Arithmetic => (
            "Arithmetic",
            "Integers wrap around. Names ending in `_u` take integers as unsigned.",
        ),
        Category::Comparison => (
            "Comparison",
            "The result is an `i32`, 0 or 1. A comparison of floats with a NaN is false, but for `ne`.",
        ),
        Category::Logic => ("Logic", "Bit by bit."),
        Category::Shift => (
            "Shifts and rotations",
            "The count is taken modulo the value's width; it is an `i32` for wide integers, else of the value's type.",
        ),
        Category::Bits => ("Bit counts", "Of 0, `clz` and `ctz` are the width."),
        Category::Conversion => (
            "Conversions",
            "A name reads `to.how_from`; with `_u`, the integer is unsigned.",
        ),
        Category::Control => (
            "Control",
            "Jumps name an instruction of the same function. A backward jump must lead to a `loop`. \
             A catch pushes the exception's values, if it names a tag, and a reference to the exception, if \
             its name ends in `_ref`, on what was on the stack at the `try`.",
        ),
        Category::Memory => (
            "Memory",
            "Addresses are unsigned; the offset is added without wrapping around. The signatures of loads and \
             stores are those for memories with 32-bit addresses: where addresses are of 64 bits, the first \
             operand is an `i64`. Behind the prefix `1f` and the index of a memory, a load or store accesses \
             that one instead of memory 0.",
        ),
        Category::Table => ("Tables", "Indices are unsigned."),
        Category::Reference => (
            "References",
            "They cannot be made from integers, nor seen as such.",
        ),
        Category::Object => (
            "Managed objects",
            "Structs and arrays on a heap that the machine collects. The type that an instruction names is \
             compared with the object's, which may be of a subtype: `NullReference` where there is no object, \
             `CastFailure` where it is of another type. Making an object may end in `MemoryLimit`.",
        ),
        Category::Simd => (
            "SIMD",
            "A name starts with the shape its lanes have; lane 0 is in the lowest bits, and first in \
             memory. Memory is accessed as by scalar loads and stores. NaNs come out as they do of scalar \
             arithmetic, where nothing else is said; of `relaxed_madd` and `relaxed_nmadd` it is that of \
             the second operand, else of the first, else of the third. What WebAssembly leaves open of \
             relaxed instructions is fixed here: they give the same results everywhere.",
        ),
        Category::Crypto => (
            "Cryptography",
            "The runtime executes these. Algorithms and kinds of keys are numbers, see \
             [below](#services). Buffers are in memory 0, which must have 32-bit addresses. Fuel for bytes is \
             charged for those read and written.",
        ),
        Category::Database => (
            "Databases",
            "The runtime executes these, on the database that the program is run with. \
             [DotDB](dotdb.md) is the chapter on tables, transactions, indices and queries; \
             [below](#services) is what holds for all of these. Buffers are in memory 0, which must have 32-bit \
             addresses. Fuel is charged for bytes of keys, values and texts, and for rows that are looked at.",
        ),
        Category::BigInt => (
            "Big integers",
            "Numbers of any size, as references to managed objects that nothing changes; those that fit in 31 \
             bits are what `ref.i31` makes, so equal numbers below that size are one reference. \
             [Big integers](bigint.md) says how large they may be, how long instructions take, and what the \
             fuel for products is charged for. Operands that are null or no numbers stop with `NullReference` \
             or `CastFailure`, results that are too large with `IntegerOverflow` or `MemoryLimit`.",
        ),
    }
}

fn chapter(out: &mut String, category: Category) -> std::fmt::Result {
    let (title, introduction) = introduction(category);
    write!(out, "\n### {title}\n\n{introduction}\n\n")?;
    let mut rows: Vec<&OpInfo> = OPS
        .iter()
        .filter(|info| info.category == category)
        .collect();
    rows.sort_by_key(|info| info.code);
    let rows = rows.into_iter().map(|info| {
        let immediates = info.imms.iter().map(|&imm| immediate(imm)[0]);
        let immediates = immediates.collect::<Vec<_>>().join(" ");
        vec![
            format!("`{}`", info.mnemonic),
            code(info),
            if immediates.is_empty() {
                String::new()
            } else {
                format!("`{immediates}`")
            },
            format!("`{}`", signature(info)),
            fuel(info),
            info.first_arch.to_string(),
            info.doc.to_owned(),
        ]
    });
    let head = [
        "instruction",
        "code",
        "immediates",
        "stack",
        "fuel",
        "since",
        "meaning",
    ];
    out.write_str(&table(&head, rows))
}

fn code(info: &OpInfo) -> String {
    match info.code.to_be_bytes() {
        [0, byte] => format!("`{byte:02x}`"),
        [prefix, byte] => format!("`{prefix:02x} {byte:02x}`"),
    }
}

fn fuel(info: &OpInfo) -> String {
    let more = Service::of(info.op).map_or("", |service| service.rate().doc());
    format!("{}{more}", info.fuel)
}

fn signature(info: &OpInfo) -> String {
    match info.sig {
        Sig::Fixed(params, results) => {
            let names = |types: &[ValType]| {
                let names: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
                names.join(" ")
            };
            let text = format!("{} -- {}", names(params), names(results));
            text.trim().to_owned()
        }
        Sig::Poly => poly_signature(info.op).unwrap_or("?").to_owned(),
    }
}

/// What instructions do to the stack whose signature depends on more than themselves.
fn poly_signature(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::Nop | Op::Cold | Op::Loop | Op::Jmp | Op::Try | Op::EndTry => "--",
        Op::Trap | Op::Halt => ".. --",
        Op::Jz | Op::Jnz | Op::BrTable => "i32 --",
        Op::Call => "params.. -- results..",
        Op::CallIndirect => "params.. a -- results..",
        Op::Ret => ".. results.. --",
        Op::RetCall => ".. params.. --",
        Op::RetCallIndirect => ".. params.. a --",
        Op::Throw => ".. values.. --",
        Op::ThrowRef => ".. exnref --",
        Op::Select => "t t i32 -- t",
        Op::Pop => "t --",
        Op::Dup => "t -- t t",
        Op::Swap => "t u -- u t",
        Op::Rot => "t u v -- u v t",
        Op::Over => "t u -- t u t",
        Op::Nip => "t u -- u",
        Op::Tuck => "t u -- u t u",
        Op::Pick => "t .. -- t .. t",
        Op::Slide => ".. kept.. -- kept..",
        Op::LocalGet | Op::GlobalGet => "-- t",
        Op::LocalSet | Op::GlobalSet => "t --",
        Op::LocalTee => "t -- t",
        Op::CallRef => "params.. funcref -- results..",
        Op::RetCallRef => ".. params.. funcref --",
        Op::RefAsNonNull => "r -- r",
        Op::RefNull => "-- r",
        Op::RefIsNull => "r -- i32",
        Op::MemorySize | Op::TableSize => "-- a",
        Op::MemoryGrow => "a -- a",
        Op::MemoryInit | Op::TableInit => "a i32 i32 --",
        Op::MemoryCopy | Op::TableCopy => "a b c --",
        Op::MemoryFill => "a i32 a --",
        Op::TableGet => "a -- r",
        Op::TableSet => "a r --",
        Op::TableGrow => "r a -- a",
        Op::TableFill => "a r a --",
        Op::StructNew => "fields.. -- anyref",
        Op::StructNewDefault => "-- anyref",
        Op::StructGet => "anyref -- t",
        Op::StructGetU => "anyref -- i32",
        Op::StructSet => "anyref t --",
        Op::ArrayNew => "t i32 -- anyref",
        Op::ArrayNewDefault => "i32 -- anyref",
        Op::ArrayNewFixed => "elements.. -- anyref",
        Op::ArrayNewData => "i32 i32 -- anyref",
        Op::ArrayGet => "anyref i32 -- t",
        Op::ArrayGetU => "anyref i32 -- i32",
        Op::ArraySet => "anyref i32 t --",
        Op::ArrayFill => "anyref i32 t i32 --",
        Op::ArrayCopy => "anyref i32 anyref i32 i32 --",
        _ => return None,
    })
}

fn algorithms() -> String {
    let rows = HashAlgorithm::ALL.iter().map(|&algorithm| {
        vec![
            (algorithm as u8).to_string(),
            algorithm.doc().to_owned(),
            algorithm.digest_bytes().to_string(),
        ]
    });
    let kinds = KeyKind::ALL.iter().map(|&kind| {
        let bytes = match kind.lengths() {
            (min, max) if min == max => min.to_string(),
            (0, max) => format!("at most {max}"),
            (min, max) => format!("{min} or {max}"),
        };
        vec![(kind as u8).to_string(), kind.doc().to_owned(), bytes]
    });
    let hashes = table(&["algorithm", "hash", "bytes"], rows);
    let keys = table(&["kind", "key", "bytes"], kinds);
    format!("{hashes}\n{keys}\n")
}

fn traps() -> String {
    let rows = TrapCode::ALL.iter().map(|&trap| {
        vec![
            (trap as u8).to_string(),
            format!("`{}`", trap.name()),
            trap.message().to_owned(),
            trap.doc().to_owned(),
        ]
    });
    table(&["code", "trap", "message", "when"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_has_a_signature() {
        for info in OPS {
            let is_poly = info.sig == Sig::Poly;
            assert_eq!(
                poly_signature(info.op).is_some(),
                is_poly,
                "{}",
                info.mnemonic
            );
        }
    }

    #[test]
    fn every_immediate_is_listed() {
        for imm in OPS.iter().flat_map(|info| info.imms) {
            assert!(IMMEDIATES.contains(imm), "{imm:?}");
        }
    }
}
