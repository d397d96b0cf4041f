//! `dotvm disasm`: bytecode to assembler text.

use dotvm_isa::Names;
use dotvm_isa::text::disassemble;

use crate::args::Disasm;
use crate::failure::{Failure, Result};
use crate::{output, source};

/// Disassembles a file. The module need not pass the verifier.
pub(crate) fn disasm(args: &Disasm) -> Result<u8> {
    if let Some(output) = &args.output {
        output::keep_input(&args.input, output)?;
    }
    let (module, _) = source::decode(&args.input)?;
    let text = Names::decode(&module)
        .and_then(|names| disassemble(&module, &names))
        .map_err(|error| Failure::at(&args.input, error))?;
    match &args.output {
        Some(path) => output::write_file(path, text.as_bytes())?,
        None => output::print(&text)?,
    }
    Ok(0)
}
