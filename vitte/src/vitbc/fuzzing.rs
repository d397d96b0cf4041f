//! The body of a fuzz target: whatever bytes are read, nothing panics, and what is accepted has one form.

use super::text::{TooLong, assemble, disassemble};
use super::{decode, encode, v2, verify};
use crate::diagnostics::Diagnostics;
use crate::source::Sources;

/// Puts the right checksum into a file, so that what is behind it is looked at.
pub fn fix_checksum(bytes: &mut [u8]) {
    let Some(tail) = bytes.len().checked_sub(10).filter(|tail| *tail >= 6) else {
        return;
    };
    let crc = crc32fast::hash(&bytes[6..tail]);
    bytes[tail..tail + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Reads bytes in every way. Files that are accepted are written and assembled to the same again.
///
/// # Panics
/// If a module that is accepted comes back as another one.
pub fn check(bytes: &[u8]) -> bool {
    if let Ok(old) = v2::decode(bytes) {
        v2::disassemble(&old);
    }
    let Ok(module) = decode(bytes) else {
        return false;
    };
    if verify(&module).is_err() {
        return false;
    }
    // Fails for files only that were packed and are too long without that.
    let Ok(written) = encode(&module, false) else {
        return true;
    };
    // Floats are compared by their bits, so a module equals itself.
    assert_eq!(decode(&written).as_ref(), Ok(&module));
    let text = match disassemble(&module) {
        Ok(text) => text,
        Err(TooLong) => return true,
    };
    let mut sources = Sources::default();
    let file = sources.add("text", text);
    let mut errors = Diagnostics::default();
    let again = assemble(&sources, file, &mut errors);
    let shown = errors.render(&sources);
    assert_eq!(
        again.as_ref(),
        Some(&module),
        "{}\n{shown}",
        sources.text(file)
    );
    true
}
