//! Documents that are made from code, or quote what code makes, are fresh.

use dotvm_isa::abi::MAX_FRAME_SLOTS;
use dotvm_isa::instr::{MAX_BODY_BYTES, MAX_LOCALS};
use dotvm_isa::text::assemble;
use dotvm_isa::types::{AddressType, MAX_PAGES_32};
use dotvm_isa::verify::{MAX_MEMORIES, MAX_PARAMS, verify_all};
use dotvm_isa::{EncodeOptions, encode};
use expect_test::expect_file;

/// `UPDATE_EXPECT=1` rewrites the file.
#[test]
fn isa_reference_is_fresh() {
    expect_file!["../../docs/isa.md"].assert_eq(&dotvm_isa::text::docs::isa_reference());
}

/// The text between a fence of that language and the next one.
fn fenced<'t>(document: &'t str, language: &str) -> &'t str {
    let start = document.split(&format!("```{language}\n")).nth(1).unwrap();
    start.split("```").next().unwrap()
}

/// The example of `docs/bytecode.md` is what the assembler and the encoder make.
#[test]
fn bytecode_example_is_right() {
    let document = include_str!("../../docs/bytecode.md");
    let (module, names) = assemble(fenced(document, "dasm")).unwrap();
    verify_all(&module).unwrap();
    let bytes = encode(&module, &names, EncodeOptions::default());
    let mut shown = Vec::new();
    for line in fenced(document, "hex")
        .lines()
        .filter(|line| !line.is_empty())
    {
        // Offset and bytes; what they mean follows after several blanks.
        let (offset, rest) = line.split_once("  ").unwrap();
        assert_eq!(usize::from_str_radix(offset, 16), Ok(shown.len()), "{line}");
        let (hex, _) = rest.split_once("  ").unwrap();
        let hex = hex
            .split(' ')
            .map(|byte| u8::from_str_radix(byte, 16).unwrap());
        shown.extend(hex);
    }
    assert_eq!(shown, bytes);
}

/// The limits in `docs/bytecode.md` are those of the code.
#[test]
fn documented_limits_are_right() {
    let document = include_str!("../../docs/bytecode.md");
    let limits = document.split("## Limits").nth(1).unwrap();
    let limits = limits.split("\n## ").next().unwrap();
    let check = |what: &str, limit: u64| {
        let row = limits.lines().find(|line| line.contains(what)).unwrap();
        let shown = row.split('|').nth(2).unwrap().replace(',', "");
        let (number, shift) = match shown.trim().split_once(' ') {
            Some((number, "GiB")) => (number, 30),
            Some((number, "MiB")) => (number, 20),
            _ => (shown.trim(), 0),
        };
        let shown = number.parse::<u64>().unwrap() << shift;
        assert_eq!(shown, limit, "{row}");
    };
    check("unpacked payload", dotvm_isa::decode::MAX_SECTION_BYTES);
    check("body of a function", MAX_BODY_BYTES as u64);
    check("parameters, or results", MAX_PARAMS as u64);
    check("locals of a function", MAX_LOCALS.into());
    check("slots of a frame", MAX_FRAME_SLOTS.into());
    check("memories of a module", MAX_MEMORIES as u64);
    check("elements of a table", AddressType::I32.max());
    check("pages of a memory", MAX_PAGES_32);
}
