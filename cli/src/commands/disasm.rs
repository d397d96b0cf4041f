//! `dotvm disasm`: bytecode to assembler text.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::Path;

use dotvm_isa::Names;
use dotvm_isa::text::disassemble_with_source;

use crate::args::Disasm;
use crate::failure::{Failure, Result};
use crate::{output, source};

/// Disassembles a file. The module need not pass the verifier.
pub(crate) fn disasm(args: &Disasm) -> Result<u8> {
    if let Some(output) = &args.output {
        output::keep_input(&args.input, output)?;
    }
    let (module, _) = source::decode(&args.input)?;
    let mut files = SourceFiles::default();
    let mut lines = |path: &str, line| files.line(path, line);
    let text = Names::decode(&module)
        .and_then(|names| disassemble_with_source(&module, &names, &mut lines))
        .map_err(|error| Failure::at(&args.input, error))?;
    match &args.output {
        Some(path) => output::write_file(path, text.as_bytes())?,
        None => output::print(&text)?,
    }
    Ok(0)
}

/// Source files that were read, as far as they are there; by path.
#[derive(Default)]
struct SourceFiles(HashMap<String, Option<Vec<String>>>);

impl SourceFiles {
    /// A line of a file, by its number from 1.
    fn line(&mut self, path: &str, number: u32) -> Option<String> {
        let read = || {
            let path = Path::new(path);
            // A module could name a pipe that nobody writes to, or what the system shows as an empty file
            // and makes up when it is read, perhaps without end.
            let has_text = |file: &Metadata| file.is_file() && file.len() > 0;
            path.metadata().ok().filter(has_text)?;
            let text = source::read_text(path).ok()?;
            Some(text.lines().map(str::to_owned).collect())
        };
        let lines = self.0.entry(path.to_owned()).or_insert_with(read);
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        lines.as_ref()?.get(index).cloned()
    }
}
