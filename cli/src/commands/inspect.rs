//! `dotvm inspect`: what a module consists of, for people or as JSON.

mod facts;
mod text;

use crate::args::Inspect;
use crate::failure::{Failure, Result};
use crate::{output, source};
use facts::Facts;

/// Prints the facts of a module.
pub(crate) fn inspect(args: &Inspect) -> Result<u8> {
    let (module, bytes) = source::decode(&args.file)?;
    let facts = Facts::of(&args.file, &module, bytes.as_slice())
        .map_err(|error| Failure::at(&args.file, error))?;
    let printed = if args.json {
        let mut json = serde_json::to_string_pretty(&facts).map_err(Failure::new)?;
        json.push('\n');
        json
    } else {
        text::text(&facts)
    };
    output::print(&printed)?;
    Ok(0)
}
