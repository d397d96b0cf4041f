//! What reading says about bytes that are no module: every field of the header and of sections, every
//! code, every cut.

mod common;

use std::fmt::Write;

use common::{assembled, encoded};
use dotvm_isa::fuzzing::repair_checksums;
use dotvm_isa::verify::verify_all;
use dotvm_isa::{Bytes, EncodeOptions, Malformed, Module, Names, Place, decode, encode};
use expect_test::expect_file;

/// A module with everything in it that can be malformed.
const SAMPLE: &str = r#"
.module "sample"
.arch arch64
.import "a" "func" func $log (i32)
.import "a" "table" table externref 1 2
.import "a" "global" global $g i32
.memory 1 2
.table funcref 3
.global mut i64 = -1
.global f32 = 1.5
.global f64 = -2.5
.global i32 = (global.get $g, i32.push 300, i32.add)
.global externref = ref.null externref
.export "main" func $main
.start $main
.entry $main
.elem funcref at 0 in 1 ($main, null)
.elem funcref declared ($log)
.data at 16 "data"
.data passive "more data"
.func $main
    .local i64 $x
    ret
.end
"#;

fn sample() -> Vec<u8> {
    let (module, names) = assembled(SAMPLE);
    encoded(&module, &names)
}

fn read(bytes: &[u8]) -> Result<Module, Malformed> {
    let module = decode(&Bytes::new(bytes.to_vec()))?;
    Names::decode(&module)?;
    Ok(module)
}

/// Where the first of these bytes stand in the sample: they must be there once.
fn find(bytes: &[u8], needle: &[u8]) -> usize {
    let mut at = bytes.windows(needle.len()).enumerate();
    let found = at.by_ref().find(|(_, window)| *window == needle).unwrap().0;
    assert!(!at.any(|(_, window)| window == needle), "{needle:x?} twice");
    found
}

/// Starts of the sections' headers.
fn sections(bytes: &[u8]) -> Vec<usize> {
    let mut at = 16;
    let mut starts = Vec::new();
    while at < bytes.len() {
        starts.push(at);
        at += 24 + u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap()) as usize;
    }
    starts
}

/// Collects what reading says about changed samples.
struct Cases {
    sample: Vec<u8>,
    out: String,
}

impl Cases {
    fn new() -> Cases {
        Cases {
            sample: sample(),
            out: String::new(),
        }
    }

    /// Replaces `old.len()` bytes at `at`.
    fn patch(&self, at: usize, len: usize, new: &[u8]) -> Vec<u8> {
        let mut bytes = self.sample.clone();
        bytes.splice(at..at + len, new.iter().copied());
        bytes
    }

    fn check(&mut self, name: &str, bytes: &[u8]) {
        match read(bytes) {
            Ok(_) => writeln!(self.out, "{name}: no error"),
            Err(error) => writeln!(self.out, "{name}: {error}"),
        }
        .unwrap();
    }

    /// Replaces bytes inside of a section's payload, and corrects its length and checksum.
    fn payload(&mut self, name: &str, old: &[u8], new: &[u8]) {
        let at = find(&self.sample, old);
        let mut bytes = self.patch(at, old.len(), new);
        let section = sections(&self.sample)
            .into_iter()
            .rfind(|&start| start < at);
        for field in [8, 16] {
            let field = section.unwrap() + field;
            let len = u64::from_le_bytes(bytes[field..field + 8].try_into().unwrap());
            let len = len + new.len() as u64 - old.len() as u64;
            bytes[field..field + 8].copy_from_slice(&len.to_le_bytes());
        }
        self.check(name, &repair_checksums(&bytes));
    }
}

#[test]
fn the_sample_is_right() {
    verify_all(&read(&sample()).unwrap()).unwrap();
}

#[test]
fn headers_and_sections() {
    let mut cases = Cases::new();
    let sample = cases.sample.clone();
    cases.check("nothing", &[]);
    cases.check("half a header", &sample[..8]);
    cases.check("magic", &cases.patch(0, 4, b"DOTX"));
    cases.check("another format", &cases.patch(0, 4, b"\0asm"));
    cases.check("version 0", &cases.patch(4, 2, &[0, 0]));
    cases.check("version 2", &cases.patch(4, 2, &[2, 0]));
    cases.check("version 257", &cases.patch(4, 2, &[1, 1]));
    cases.check("architecture", &cases.patch(6, 1, &[5]));
    cases.check("flags", &cases.patch(7, 1, &[2]));
    cases.check("all flags", &cases.patch(7, 1, &[0xff]));
    cases.check("compressed, it says", &cases.patch(7, 1, &[1]));
    cases.check("entry", &cases.patch(8, 8, &(1u64 << 32).to_le_bytes()));
    cases.check("no entry", &cases.patch(8, 8, &u64::MAX.to_le_bytes()));
    let starts = sections(&sample);
    for (start, name) in starts.iter().zip(["code", "data", "debug"]) {
        let mut check = |what: &str, at: usize, new: &[u8]| {
            let bytes = cases.patch(start + at, new.len(), new);
            cases.check(&format!("{name} section, {what}"), &bytes);
        };
        check("id", 0, &[9]);
        check("reserved bytes", 2, &[1]);
        check("checksum", 4, &[0, 0, 0, 0]);
        check("payload", 24, &[0xee]);
        check("stored length too large", 8, &u64::MAX.to_le_bytes());
        check("stored length too small", 8, &[3]);
        check("unpacked length", 16, &[0xff, 0xff]);
        check("unpacked length of 2 GiB", 16, &(1u64 << 31).to_le_bytes());
    }
    cases.check("no sections", &sample[..16]);
    cases.check("no data section", &sample[..starts[1]]);
    cases.check("no debug section", &sample[..starts[2]]);
    cases.check("a byte too many", &[&sample[..], &[0]].concat());
    cases.check(
        "half a section header",
        &[&sample[..starts[2]], &[3, 0, 0, 0]].concat(),
    );
    let swapped = [
        &sample[..16],
        &sample[starts[1]..],
        &sample[starts[0]..starts[1]],
    ]
    .concat();
    cases.check("sections in another order", &swapped);
    let doubled = [&sample[..starts[1]], &sample[starts[0]..]].concat();
    cases.check("the code section twice", &doubled);
    expect_file!["decoder/sections.txt"].assert_eq(&cases.out);
}

/// Lists, names, types and kinds in the code section.
fn check_declarations(cases: &mut Cases) {
    // Names of imports find their declarations.
    let import = |name: &str| [&[1, b'a', name.len() as u8], name.as_bytes()].concat();
    let (func, table, global) = (import("func"), import("table"), import("global"));
    let with = |bytes: &[u8], more: &[u8]| [bytes, more].concat();
    let mut check = |name: &str, old: &[u8], new: &[u8]| cases.payload(name, old, new);
    // Two types: (i32) -> (), () -> (); then three imports.
    let types = |types: &[u8]| with(types, &with(&[3], &func));
    let right = types(&[2, 1, 0, 0, 0, 0]);
    check("a type too few", &right, &types(&[3, 1, 0, 0, 0, 0]));
    check(
        "many types",
        &right,
        &types(&[0xff, 0xff, 3, 1, 0, 0, 0, 0]),
    );
    check(
        "types beyond 32 bits",
        &right,
        &[0xff, 0xff, 0xff, 0xff, 0x7f],
    );
    check(
        "an unknown value type",
        &right,
        &types(&[2, 1, 14, 0, 0, 0]),
    );
    check(
        "a usual reference type as a narrower one",
        &right,
        &types(&[2, 1, 0x41, 0, 0, 0, 0]),
    );
    check(
        "what is referred to is missing",
        &right,
        &types(&[2, 1, 0x40, 0x80, 0x80, 0x80, 0x80, 0x80]),
    );
    check(
        "a name longer than the section",
        &func,
        &with(&[0xff, 0x7f], &func[1..]),
    );
    check(
        "a name that is not UTF-8",
        &func,
        &with(&[1, 0xff], &func[2..]),
    );
    check("a kind of import", &with(&func, &[0]), &with(&func, &[5]));
    let limits = with(&table, &[1, 11, 1]);
    check("limit flags", &limits, &with(&table, &[1, 11, 2]));
    check(
        "an imported table's elements",
        &limits,
        &with(&table, &[1, 11, 17]),
    );
    check("a table's type", &limits, &with(&table, &[1, 99, 1]));
    let mutability = with(&global, &[3, 0, 0]);
    check("mutability", &mutability, &with(&global, &[3, 0, 2]));
    // The memory's limits, and the number of globals.
    let too_long = [&[1, 1, 1][..], &[0xff; 9], &[2, 5]].concat();
    check("a limit beyond 64 bits", &[1, 1, 1, 2, 5], &too_long);
    check("a page size", &[1, 1, 1, 2, 5], &[1, 9, 1, 2, 3, 5]);
    let export = |kind: u8| with(b"\x04main", &[kind, 1]);
    check("a kind of export", &export(0), &export(5));
    // The start function, and one more.
    let start = |start: &[u8]| with(&export(0), start);
    let beyond = [0xff, 0xff, 0xff, 0xff, 0x1f];
    check("a start beyond 32 bits", &start(&[2]), &start(&beyond));
}

/// Constant expressions.
fn check_constants(cases: &mut Cases) {
    let mut check = |name: &str, old: &[u8], new: &[u8]| cases.payload(name, old, new);
    // i32.push 300, i32.add, ret
    let right = [0x20, 0xac, 2, 0x6a, 9];
    check(
        "an instruction that is not constant",
        &right,
        &[0x20, 0xac, 2, 0x6d, 9],
    );
    check("an unknown instruction", &right, &[0x20, 0xac, 2, 0xff, 9]);
    check(
        "a prefixed instruction",
        &right,
        &[0x20, 0xac, 2, 0xfc, 0x14, 9],
    );
    let beyond = [0x20, 0xff, 0xff, 0xff, 0xff, 0x1f, 0x6a, 9];
    check("a constant beyond 32 bits", &right, &beyond);
    check("a null of an unknown type", &[0xd0, 11, 9], &[0xd0, 77, 9]);
}

/// Segments and bodies, whose bytes follow after their lengths.
fn check_segments_and_bodies(cases: &mut Cases) {
    let mut check = |name: &str, old: &[u8], new: &[u8]| cases.payload(name, old, new);
    let right = [2, 0, 1, 0x20, 0, 9, 10, 2];
    check("a segment mode", &right, &[2, 3, 1, 0x20, 0, 9, 10, 2]);
    // One body of type 1 and 4 bytes; its locals and `ret`.
    let right = [1, 1, 4, 1, 1, 1, 9];
    check(
        "a body longer than the section",
        &right,
        &[1, 1, 5, 1, 1, 1, 9],
    );
    check(
        "a body shorter than the section",
        &right,
        &[1, 1, 3, 1, 1, 1, 9],
    );
    check("a body too few", &right, &[2, 1, 4, 1, 1, 1, 9]);
    check(
        "no groups of types, in a list",
        &right,
        &[1, 1, 4, 1, 1, 1, 9, 0],
    );
    check(
        "a group of types too few",
        &right,
        &[1, 1, 4, 1, 1, 1, 9, 2, 0, 2],
    );
    let right = [0, 0, 0x20, 16, 9, 4, 1, 9];
    check("data that is only declared", &right, &[2, 4, 1, 9]);
    check(
        "data longer than the section",
        &right,
        &[0, 0, 0x20, 16, 9, 5, 1, 9],
    );
    check(
        "data shorter than the section",
        &right,
        &[0, 0, 0x20, 16, 9, 3, 1, 9],
    );
}

/// The debug section.
fn check_names(cases: &mut Cases) {
    let mut check = |name: &str, old: &[u8], new: &[u8]| cases.payload(name, old, new);
    let right = b"\x02\0\x03log\x01\x04main";
    check(
        "names in another order",
        right,
        b"\x02\x01\x04main\0\x03log",
    );
    check("two names of a function", right, b"\x02\0\x03log\0\x04main");
    check("a name too few", right, b"\x03\0\x03log\x01\x04main");
    // The locals of function 1.
    let right = b"\x01\x01\x01\0\x01x";
    check("a name of a local too few", right, b"\x01\x01\x02\0\x01x");
    check("names that end too early", right, b"\x01\x01\x01\0\x02x");
    check("a byte after the names", right, b"\x01\x01\x01\0\x01xx");
}

#[test]
fn payloads() {
    let mut cases = Cases::new();
    check_declarations(&mut cases);
    check_constants(&mut cases);
    check_segments_and_bodies(&mut cases);
    check_names(&mut cases);
    expect_file!["decoder/payloads.txt"].assert_eq(&cases.out);
}

/// A module that is cut off is refused wherever the cut is, but between its sections where the debug
/// section may be missing.
#[test]
fn cut_off_everywhere() {
    for options in [
        EncodeOptions::default(),
        EncodeOptions {
            zstd_level: Some(1),
            ..EncodeOptions::default()
        },
    ] {
        let (module, names) = assembled(SAMPLE);
        let bytes = encode(&module, &names, options);
        let without_debug = sections(&bytes)[2];
        for end in 0..bytes.len() {
            let result = read(&bytes[..end]);
            assert_eq!(result.is_ok(), end == without_debug, "cut at {end}");
            if let Err(error) = result {
                assert!(error.offset() <= end as u64, "cut at {end}: {error}");
            }
        }
    }
}

/// With its payload cut off and lengths and checksum corrected, a section still has to say the
/// same.
#[test]
fn payloads_cut_off_everywhere() {
    let sample = sample();
    let starts = sections(&sample);
    for (start, end) in starts.iter().zip(starts[1..].iter().chain([&sample.len()])) {
        for cut in start + 24..*end {
            let mut bytes = [&sample[..cut], &sample[*end..]].concat();
            let len = ((cut - start - 24) as u64).to_le_bytes();
            bytes[start + 8..start + 16].copy_from_slice(&len);
            bytes[start + 16..start + 24].copy_from_slice(&len);
            let error = read(&repair_checksums(&bytes)).unwrap_err();
            assert!(matches!(error.place(), Place::Section(_)), "{error}");
            let range = *start as u64..=cut as u64;
            assert!(range.contains(&error.offset()), "cut at {cut}: {error}");
        }
    }
}

/// Every single byte that is changed is noticed: by the checks of the header, or by the checksums.
#[test]
fn every_byte_counts() {
    let sample = sample();
    for at in 0..sample.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = sample.clone();
            bytes[at] ^= change;
            // Other architectures and entry points are modules, too.
            let other_header = at == 6 || (8..12).contains(&at);
            assert!(
                other_header || read(&bytes).is_err(),
                "byte {at} ^ {change:#x}"
            );
        }
    }
}

/// Compressed sections: the checks that only they have.
#[test]
fn compressed_sections() {
    let (module, names) = assembled(SAMPLE);
    let packed = encode(
        &module,
        &names,
        EncodeOptions {
            zstd_level: Some(19),
            ..EncodeOptions::default()
        },
    );
    let [start, .., debug] = sections(&packed)[..] else {
        panic!("a code section and a debug section");
    };
    let raw = u64::from_le_bytes(packed[start + 16..start + 24].try_into().unwrap());
    let mut out = String::new();
    let mut check = |name: &str, raw: u64, frame: Option<&[u8]>| {
        let mut bytes = packed.clone();
        bytes[start + 16..start + 24].copy_from_slice(&raw.to_le_bytes());
        if let Some(frame) = frame {
            let stored = u64::from_le_bytes(bytes[start + 8..start + 16].try_into().unwrap());
            bytes.splice(
                start + 24..start + 24 + stored as usize,
                frame.iter().copied(),
            );
            bytes[start + 8..start + 16].copy_from_slice(&(frame.len() as u64).to_le_bytes());
        }
        match read(&repair_checksums(&bytes)) {
            Ok(_) => writeln!(out, "{name}: no error"),
            Err(error) => writeln!(out, "{name}: {error}"),
        }
        .unwrap();
    };
    check("as it is", raw, None);
    check("unpacks to more than declared", raw - 1, None);
    check("unpacks to less than declared", raw + 1, None);
    check("declares more than is allowed", (1 << 30) + 1, None);
    check("is no frame", raw, Some(b"no frame"));
    check("is empty", raw, Some(b""));
    let stored = u64::from_le_bytes(packed[start + 8..start + 16].try_into().unwrap()) as usize;
    let frame = &packed[start + 24..start + 24 + stored];
    check("is cut off", raw, Some(&frame[..stored - 1]));
    check(
        "is followed by something",
        raw,
        Some(&[frame, b"x"].concat()),
    );
    // Less than a section may have, but nothing that could describe so little code.
    let mut bytes = packed.clone();
    bytes[debug + 16..debug + 24].copy_from_slice(&(1u64 << 25).to_le_bytes());
    let error = read(&repair_checksums(&bytes)).expect_err("too large");
    writeln!(out, "a debug section of 32 MiB: {error}").unwrap();
    expect_file!["decoder/compressed.txt"].assert_eq(&out);
}
