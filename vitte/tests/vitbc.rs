//! VITBC files and texts: each form gives the others exactly, and hostile files are refused.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::{expect, expect_file};
use proptest::prelude::*;
use vitte::diagnostics::Diagnostics;
use vitte::source::Sources;
use vitte::vitbc::module::Module;
use vitte::vitbc::text::{assemble, disassemble};
use vitte::vitbc::{decode, encode, fuzzing, v2, verify};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vitbc")
        .join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

fn try_assemble(text: &str) -> Result<Module, String> {
    let mut sources = Sources::default();
    let file = sources.add("text.vasm", text.to_owned());
    let mut errors = Diagnostics::default();
    let module = assemble(&sources, file, &mut errors);
    module.ok_or_else(|| errors.render(&sources))
}

fn sample(name: &str) -> Module {
    try_assemble(&read(name)).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn texts_come_back_exactly() {
    for name in ["overview.vasm", "everything.vasm"] {
        let text = read(name);
        let module = sample(name);
        assert_eq!(disassemble(&module).unwrap(), text, "{name}");
        for packed in [false, true] {
            let bytes = encode(&module, packed).unwrap();
            let again = decode(&bytes).unwrap();
            assert_eq!(again, module);
            assert_eq!(encode(&again, packed).unwrap(), bytes);
            assert!(fuzzing::check(&bytes));
        }
    }
}

#[test]
fn every_instruction_is_in_a_sample() {
    let modules = [sample("overview.vasm"), sample("everything.vasm")];
    let functions = modules.iter().flat_map(|module| &module.functions);
    let used: Vec<_> = functions
        .flat_map(|row| &row.code)
        .map(|instr| instr.op)
        .collect();
    for op in vitte::vitbc::ops::Op::ALL {
        assert!(used.contains(op), "{op:?}");
    }
}

#[test]
fn errors_have_places() {
    let errors = try_assemble(&read("errors.vasm")).unwrap_err();
    expect_file![path("errors.expected")].assert_eq(&errors);
    let errors = try_assemble(&read("mistyped.vasm")).unwrap_err();
    expect_file![path("mistyped.expected")].assert_eq(&errors);
}

#[test]
fn every_flipped_byte_is_refused_with_its_place() {
    for packed in [false, true] {
        let bytes = encode(&sample("everything.vasm"), packed).unwrap();
        for i in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[i] ^= flip;
                let refused = decode(&bytes).expect_err("the checksum sees it");
                assert!(!refused.reason.is_empty() && refused.offset <= bytes.len());
            }
        }
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }
}

#[test]
fn flips_behind_the_checksum_are_refused_or_harmless() {
    let bytes = encode(&sample("everything.vasm"), false).unwrap();
    let mut accepted = 0;
    for i in 0..bytes.len() {
        for flip in [1, 2, 0x10, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[i] ^= flip;
            fuzzing::fix_checksum(&mut bytes);
            accepted += u32::from(fuzzing::check(&bytes));
        }
    }
    // Letters of names, constants and lines: these stay valid.
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn counts_beyond_the_file_take_no_memory() {
    let bytes = encode(&sample("overview.vasm"), false).unwrap();
    // The first count is behind head, tag and length.
    for count in [u32::MAX, 1 << 20, 1000] {
        let mut bytes = bytes.clone();
        bytes[22..26].copy_from_slice(&count.to_le_bytes());
        fuzzing::fix_checksum(&mut bytes);
        let refused = decode(&bytes).unwrap_err();
        assert_eq!(
            (refused.section.as_deref(), refused.offset),
            (Some("CONS"), 0)
        );
    }
}

/// A file whose first section is packed, and unpacks to zeros.
fn bomb(claimed: u32, real: usize) -> Vec<u8> {
    let packed = zstd_of_zeros(real);
    let mut bytes = b"VITBC\0\x03\0\0\0\x01\0\0\0CONS".to_vec();
    bytes.extend_from_slice(&(packed.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&claimed.to_le_bytes());
    bytes.extend_from_slice(&packed);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(b"VEND\0\0");
    fuzzing::fix_checksum(&mut bytes);
    bytes
}

fn zstd_of_zeros(len: usize) -> Vec<u8> {
    zstd::bulk::compress(&vec![0; len], 19).unwrap()
}

#[test]
fn bombs_are_refused() {
    let refused = decode(&bomb(1 << 31, 1 << 28)).unwrap_err();
    assert!(refused.reason.contains("at most"), "{refused}");
    let refused = decode(&bomb(1000, 1 << 28)).unwrap_err();
    assert!(refused.reason.contains("more than 1000 bytes"), "{refused}");
    let refused = decode(&bomb(1 << 20, 1000)).unwrap_err();
    assert!(refused.reason.contains("another length"), "{refused}");
}

#[test]
fn types_that_double_are_refused() {
    let mut text = "TYPE fn(int, int)\n".to_owned();
    let mut last = "fn(int, int)".to_owned();
    for _ in 0..7 {
        last = format!("fn({last}, {last})");
        text.push_str(&format!("TYPE {last}\n"));
    }
    let main = "MAIN\nEND\n";
    assert!(try_assemble(&format!("{text}{main}")).is_ok());
    let errors = try_assemble(&format!("{text}TYPE fn({last}, {last})\n{main}")).unwrap_err();
    assert!(errors.contains("too many types"), "{errors}");
}

#[test]
fn hostile_texts() {
    let deep = format!(
        "TYPE {}int{}\nMAIN\nEND\n",
        "array<".repeat(9999),
        ">".repeat(9999)
    );
    assert!(try_assemble(&deep).unwrap_err().contains("too many levels"));
    let deep = format!("MAIN\nREG r0: {}int\nEND\n", "(".repeat(100_000));
    assert!(try_assemble(&deep).is_err());
    assert!(try_assemble("").is_err());
    assert!(
        try_assemble("MAIN\nJUMP L0\nL0:\nEND")
            .unwrap_err()
            .contains("no instruction")
    );
}

/// A file of version 2, as its format says.
fn old_file(packed: bool) -> Vec<u8> {
    let name = |bytes: &mut Vec<u8>, name: &str| {
        bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
    };
    let mut rows = Vec::new();
    name(&mut rows, "X");
    rows.extend_from_slice(&(-7i64).to_le_bytes());
    name(&mut rows, "HALF");
    rows.extend_from_slice(&0.5f64.to_bits().to_le_bytes());
    name(&mut rows, "msg");
    rows.extend_from_slice(&5u32.to_le_bytes());
    rows.extend_from_slice(b"Hello");
    rows.push(1);
    name(&mut rows, "blob");
    rows.push(1);
    rows.extend_from_slice(&0x1000u32.to_le_bytes());
    rows.extend_from_slice(&3u32.to_le_bytes());
    rows.extend_from_slice(&[1, 2, 255]);
    rows.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    for (code, operands) in [(1u16, &[1u64, 2][..]), (12, &[])] {
        rows.extend_from_slice(&code.to_le_bytes());
        rows.extend_from_slice(&[operands.len() as u8, 0]);
        rows.extend(operands.iter().flat_map(|value| value.to_le_bytes()));
    }
    let mut bytes = b"VITBC\0\x02\0\0\0".to_vec();
    bytes.extend_from_slice(&u32::from(packed).to_le_bytes());
    bytes.extend_from_slice(&1i64.to_le_bytes());
    for count in [1u32, 1, 1, 2, 2] {
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    match packed {
        true => bytes.extend_from_slice(&zstd::bulk::compress(&rows, 3).unwrap()),
        false => bytes.extend_from_slice(&rows),
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(b"VEND\0\0");
    fuzzing::fix_checksum(&mut bytes);
    bytes
}

#[test]
fn files_of_version_2_are_shown() {
    let expected = expect![[r#"
        ; VITBC version 2
        INT "X" = -7
        FLOAT "HALF" = 0.5
        STRING "msg" = "Hello"
        DATA "blob" AT 0x1000 = 01 02 ff
        DATA _ =
                0  OP_0001 1, 2
        =>      1  OP_000c
    "#]];
    for packed in [false, true] {
        let bytes = old_file(packed);
        expected.assert_eq(&v2::disassemble(&v2::decode(&bytes).unwrap()));
        assert!(decode(&bytes).unwrap_err().reason.contains("version 2"));
        for i in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[i] ^= 0xff;
            assert!(v2::decode(&bytes).is_err(), "byte {i}");
            fuzzing::fix_checksum(&mut bytes);
            fuzzing::check(&bytes);
        }
    }
}

#[test]
fn the_chapter_has_every_instruction() {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/vitbc.md");
    let text = fs::read_to_string(&chapter).unwrap();
    let (before, rest) = text.split_once("<!-- instructions -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->\n").unwrap();
    let mut table =
        "| code | instruction | operands | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for op in vitte::vitbc::ops::Op::ALL {
        let operands: Vec<String> = op
            .operands()
            .iter()
            .map(|kind| format!("{kind:?}"))
            .collect();
        let (code, operands) = (op.code(), operands.join(" ").to_lowercase());
        table += &format!(
            "| {code:#04x} | `{}` | {operands} | {} |\n",
            op.mnemonic(),
            op.meaning()
        );
    }
    let whole = format!("{before}<!-- instructions -->\n{table}<!-- end -->\n{after}");
    expect_file![chapter].assert_eq(&whole);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_files(
        sample_number in 0..3usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..8),
    ) {
        let mut bytes = match sample_number {
            0 => encode(&sample("everything.vasm"), false).unwrap(),
            1 => encode(&sample("overview.vasm"), false).unwrap(),
            _ => old_file(false),
        };
        for (at, value, kind) in changes {
            let at = 6 + at.index(bytes.len() - 16);
            match kind {
                0 => bytes[at] = value,
                1 => bytes[at] = bytes[at].wrapping_add(1),
                2 => { bytes.remove(at); }
                _ => bytes.insert(at, value),
            }
        }
        fuzzing::fix_checksum(&mut bytes);
        fuzzing::check(&bytes);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzzing::check(&bytes);
        let mut framed = b"VITBC\0\x03\0\0\0\0\0\0\0".to_vec();
        framed.extend_from_slice(&bytes);
        framed.extend_from_slice(b"\0\0\0\0VEND\0\0");
        fuzzing::fix_checksum(&mut framed);
        fuzzing::check(&framed);
    }

    #[test]
    fn any_text(text in ".{0,200}") {
        let _ = try_assemble(&text);
        let _ = try_assemble(&format!("MAIN\n{text}\nEND"));
    }
}

#[test]
fn samples_are_valid() {
    for name in ["overview.vasm", "everything.vasm"] {
        assert_eq!(verify(&sample(name)), Ok(()));
    }
}
