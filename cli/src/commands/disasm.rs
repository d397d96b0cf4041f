//! `dotvm disasm`: bytecode to assembler text.

use dotvm_isa::Names;
use dotvm_isa::text::disassemble_with_source;

use crate::args::Disasm;
use crate::failure::{Failure, Result};
use crate::sources::SourceFiles;
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
