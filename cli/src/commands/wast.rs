//! `dotvm wast`: runs WebAssembly specification scripts.

use std::path::Path;

use dotvm::Config;

use crate::args::Wast;
use crate::failure::{EXIT_ERROR, Result};
use crate::wast::{Options, Report, run, run_any};
use crate::{output, source};

/// Runs each script and prints a line about it, and one about each directive that failed.
pub(crate) fn wast(args: &Wast) -> Result<u8> {
    let mut config = Config::new();
    args.tiers.apply(&mut config);
    if let Some(bytes) = args.max_memory {
        config.max_memory_bytes(bytes);
    }
    let defaults = Options::default();
    let options = Options {
        config,
        timeout: args.timeout.unwrap_or(defaults.timeout),
        arch: args.target.arch(),
        opt_level: args.target.opt_level(),
        features: args.features.unwrap_or_default(),
    };
    let mut code = 0;
    for path in &args.files {
        match source::read_text(path) {
            Ok(text) => {
                let report = match args.features {
                    Some(_) => run(&text, &options),
                    None => run_any(&text, &options),
                };
                if !report.failures.is_empty() {
                    code = EXIT_ERROR;
                }
                output::print(&show(path, &report))?;
            }
            Err(failure) => code = failure.report(),
        }
    }
    Ok(code)
}

fn show(path: &Path, report: &Report) -> String {
    let path = path.display();
    let (passed, failed) = (report.passed, report.failures.len());
    let mut text = format!("{path}: {passed} passed, {failed} failed\n");
    for failure in &report.failures {
        let message = failure.message.replace('\n', "\n    ");
        text += &format!("  {path}:{}:{}: {message}\n", failure.line, failure.column);
    }
    text
}
