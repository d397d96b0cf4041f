//! `dotvm asm`: assembler text to bytecode.

use std::path::Path;

use dotvm_isa::encode::{EncodeOptions, encode};
use dotvm_isa::text::{AsmError, MAX_DIAGNOSTICS, assemble, assemble_with_source};

use crate::args::Asm;
use crate::failure::{Failure, Result};
use crate::{output, source};

/// Assembles a file.
pub(crate) fn asm(args: &Asm) -> Result<u8> {
    let target = match &args.output {
        Some(path) => path.clone(),
        None => source::default_output(&args.input, "dotvm")?,
    };
    output::keep_input(&args.input, &target)?;
    let bytes = assemble_file(&args.input, args.debug)?;
    output::write_file(&target, &bytes)?;
    Ok(0)
}

/// The bytecode of an assembler text file, with debug information or without.
///
/// # Errors
/// Where it cannot be read, or with all that is wrong in it.
pub(crate) fn assemble_file(path: &Path, debug_info: bool) -> Result<Vec<u8>> {
    let text = source::read_text(path)?;
    let assembled = match debug_info {
        true => assemble_with_source(&text, &path.to_string_lossy()),
        false => assemble(&text),
    };
    let (module, names) = assembled.map_err(|error| failure(path, &error))?;
    Ok(encode(&module, &names, EncodeOptions::default()))
}

/// Every fault with the file's name in front, so that editors can go to the place.
fn failure(path: &Path, error: &AsmError) -> Failure {
    let faults = error.diagnostics();
    let mut message = String::new();
    for fault in faults {
        let line_end = if message.is_empty() { "" } else { "\n" };
        message += &format!("{line_end}{}:{fault}", path.display());
    }
    if faults.len() == MAX_DIAGNOSTICS {
        message += &format!("\nnot more than {MAX_DIAGNOSTICS} errors are shown");
    }
    Failure::new(message)
}
