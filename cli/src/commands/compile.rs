//! `dotvm compile`: programs to native code.

use std::mem::ManuallyDrop;

use dotvm::{Config, Engine};

use crate::args::Compile;
use crate::failure::{Failure, Result};
use crate::load::load;
use crate::phases::Phases;
use crate::units::show_size;
use crate::{output, source};

/// Compiles a program.
pub(crate) fn compile(args: &Compile) -> Result<u8> {
    let target = match &args.output {
        Some(path) => path.clone(),
        None => source::default_output(&args.input, "dotc")?,
    };
    output::keep_input(&args.input, &target)?;
    if target
        .extension()
        .is_none_or(|extension| extension != "dotc")
    {
        output::say(&format!(
            "warning: {}: native code is only used from files named .dotc\n",
            target.display()
        ));
    }
    let mut phases = Phases::new(args.verbose);
    let mut config = Config::new();
    config.metering(args.metering);
    let engine = Engine::new(&config);
    // The process ends soon.
    let module = load(
        &args.input,
        &args.source,
        args.debug_info,
        &engine,
        &mut phases,
    )?;
    let module = ManuallyDrop::new(module);
    let fail = |error| Failure::of(&args.input, error);
    // A function that does not verify is an error of its call, and of this: nobody compiles a program
    // to find that out later.
    module.verify_all().map_err(fail)?;
    phases.end("verify");
    let bytes = module.precompile().map_err(fail)?;
    phases.end("native code");
    output::write_file(&target, &bytes)?;
    phases.end("write");
    if args.verbose {
        let report = engine.tier_report();
        let mut text = format!(
            "{}: {} bytes\ncompiled: {} functions, {} of native code\n",
            target.display(),
            bytes.len(),
            report.compiled_funcs,
            show_size(report.code_bytes),
        );
        for (reason, count) in &report.bailouts {
            text += &format!("not compiled, {reason}: {count}\n");
        }
        text += &format!("time: {}\n", phases.show());
        output::say(&text);
    }
    Ok(0)
}
