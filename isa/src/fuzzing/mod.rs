//! Bodies of fuzz targets: what must hold for any bytes and any text, as functions that panic where
//! it does not.
//!
//! The targets themselves only call these. They are in the library so that tests can run them, too,
//! and so that other crates can build on [`module`], which makes valid modules of random bytes.

mod generate;
mod generate_body;
mod generate_source;

use crate::debug::SourceTables;
use crate::encode::{EncodeOptions, HEADER_BYTES, SECTION_HEADER_BYTES, encode};
use crate::error::Malformed;
use crate::module::{Bytes, Module, Names};
use crate::text;
use crate::verify::verify_all;

/// A valid module made of `choices`: the same bytes make the same module, any bytes make one, and
/// more bytes make larger ones.
pub fn module(choices: &[u8]) -> (Module, Names) {
    generate::module(&mut generate::Choices::new(choices))
}

/// Debug information made of `choices`, of functions that need not exist.
pub fn source_tables(choices: &[u8]) -> SourceTables {
    SourceTables::encode(&generate_source::source(&mut generate::Choices::new(
        choices,
    )))
}

/// Reads, verifies and disassembles a module; nothing of that may panic, and what it prints must
/// mean the same module. The same is done with the checksums corrected, so that a fuzzer gets
/// past them.
///
/// # Panics
/// Where one of these does not hold.
pub fn decode_and_verify(data: &[u8]) {
    check_bytes(data);
    let repaired = repair_checksums(data);
    if repaired != data {
        check_bytes(&repaired);
    }
}

fn check_bytes(data: &[u8]) {
    let Ok(module) = crate::decode(&Bytes::new(data.to_vec())) else {
        return;
    };
    let names = Names::decode(&module);
    let verified = verify_all(&module);
    assert!(
        names.is_ok() || verified.is_err(),
        "verified, but its names cannot be read"
    );
    let names = names.unwrap_or_default();
    check_source(&module, &names, verified.is_ok());
    match text::disassemble(&module, &names) {
        Ok(text) => check_text_of(&names, &text, verified.is_ok()),
        Err(error) => assert!(verified.is_err(), "verified, but has no text: {error}"),
    }
    // Writing what was read is stable, whether it verifies or not.
    let bytes = encode(&module, &names, EncodeOptions::default());
    let again = crate::decode(&Bytes::new(bytes.clone())).expect("what was written can be read");
    let names = Names::decode(&again).expect("names that were written can be read");
    assert_eq!(encode(&again, &names, EncodeOptions::default()), bytes);
}

/// Asks about the source of every function, which must not panic, nor fail where all of it verifies.
fn check_source(module: &Module, names: &Names, verified: bool) {
    let tables = &names.source;
    let ask = || -> Result<(), Malformed> {
        for index in tables.funcs()? {
            let Some(func) = tables.func(index)? else {
                continue;
            };
            for row in &func.func.rows {
                func.frames_at(row.offset)?;
                func.variables_at(row.offset)?;
            }
        }
        let source = tables.decode_all()?;
        if !tables.is_empty() {
            let again = SourceTables::encode(&source).decode_all()?;
            assert_eq!(
                again, source,
                "debug information changed when it was written"
            );
        }
        Ok(())
    };
    let asked = ask();
    assert!(asked.is_ok() || !verified, "verified, but {asked:?}");
    let mut lines = |path: &str, line| Some(format!("{path} {line}"));
    match text::disassemble_with_source(module, names, &mut lines) {
        Ok(text) => assert!(
            text::assemble(&text).is_ok(),
            "comments are in the way of the assembler"
        ),
        Err(error) => assert!(!verified, "verified, but has no text: {error}"),
    }
}

/// Writes and reads debug information made of `choices`, and reads it again with some bytes changed.
///
/// # Panics
/// Where it changes, or makes reading panic.
pub fn source(choices: &[u8]) {
    let mut choices = generate::Choices::new(choices);
    let source = generate_source::source(&mut choices);
    let tables = SourceTables::encode(&source);
    assert_eq!(tables.verify(), Ok(()));
    assert_eq!(tables.decode_all().as_ref(), Ok(&source));
    for func in &source.funcs {
        let found = tables
            .func(func.index)
            .expect("what was written can be read");
        assert_eq!(found.map(|found| found.func).as_ref(), Some(func));
    }
    let mut bytes = tables.as_bytes().to_vec();
    let changes = choices.below(4);
    for _ in 0..changes {
        let at = choices.below(bytes.len().min(65_536));
        bytes[at] = choices.byte();
    }
    let (mut module, mut names) = (Module::default(), Names::default());
    let len = bytes.len();
    if let Ok(tables) = SourceTables::read(&Bytes::new(bytes), 0..len) {
        let verified = tables.verify().is_ok();
        names.source = tables;
        module.arch = choices.pick(&crate::Arch::ALL);
        check_source(&module, &names, verified);
    }
}

/// Checks the text that was printed of a module.
fn check_text_of(names: &Names, text: &str, verified: bool) {
    let (again, names_again) = match text::assemble(text) {
        Ok(pair) => pair,
        Err(error) => panic!("a disassembled module does not assemble: {error}"),
    };
    let names = Names {
        source: SourceTables::default(),
        ..names.clone()
    };
    assert_eq!(names_again, names, "names changed on the way through text");
    assert_eq!(
        text::disassemble(&again, &names_again).as_deref(),
        Ok(text),
        "the text changed when it was assembled and disassembled"
    );
    if verified {
        verify_all(&again).expect("what verifies still does after a way through text");
    }
}

/// Assembles a text; that may not panic, and what it makes must survive every way round.
///
/// # Panics
/// Where one of these does not hold.
pub fn assemble(text: &str) {
    let Ok((module, names)) = text::assemble(text) else {
        return;
    };
    let bytes = encode(&module, &names, EncodeOptions::default());
    let decoded = crate::decode(&Bytes::new(bytes.clone())).expect("assembled modules can be read");
    let printed = text::disassemble(&decoded, &names).expect("assembled modules can be printed");
    let (again, names_again) = match text::assemble(&printed) {
        Ok(pair) => pair,
        Err(error) => panic!("a disassembled module does not assemble: {error}\n{printed}"),
    };
    assert_eq!(
        encode(&again, &names_again, EncodeOptions::default()),
        bytes,
        "{printed}"
    );
    // Whether it verifies is not asked here, only that asking is safe.
    let _ = verify_all(&decoded);
}

/// Sets the checksum of every section to what it must be, as far as sections can be told apart.
pub fn repair_checksums(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let mut at = HEADER_BYTES;
    while let Some(header) = data.get(at..at + SECTION_HEADER_BYTES) {
        let mut len = [0; 8];
        len.copy_from_slice(&header[8..16]);
        let start = at + SECTION_HEADER_BYTES;
        let end = usize::try_from(u64::from_le_bytes(len))
            .ok()
            .and_then(|len| start.checked_add(len));
        let Some(payload) = end.and_then(|end| data.get(start..end)) else {
            break;
        };
        let crc = crc32fast::hash(payload);
        data[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
        at = end.unwrap_or(data.len());
    }
    data
}
