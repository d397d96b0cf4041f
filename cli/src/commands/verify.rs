//! `dotvm verify`: checks whole modules.

use std::path::Path;

use dotvm_isa::verify::verify_all;

use crate::args::Verify;
use crate::failure::{EXIT_ERROR, Failure, Result};
use crate::{output, source};

/// Verifies each file. A file with a fault does not keep the others from being looked at.
pub(crate) fn verify(args: &Verify) -> Result<u8> {
    let mut code = 0;
    for path in &args.files {
        match verify_file(path) {
            Ok(facts) => output::print(&format!("{}: {facts}\n", path.display()))?,
            Err(failure) => {
                failure.report();
                code = EXIT_ERROR;
            }
        }
    }
    Ok(code)
}

fn verify_file(path: &Path) -> Result<String> {
    let (module, _) = source::decode(path)?;
    verify_all(&module).map_err(|error| Failure::at(path, error))?;
    let functions = match module.bodies.len() {
        1 => "1 function".to_owned(),
        n => format!("{n} functions"),
    };
    Ok(format!("ok, {}, {functions}", module.arch))
}
