//! `dotvm transpile`: programs to bytecode.

use dotvm_transpiler::Report;

use crate::args::Transpile;
use crate::build::{Style, build};
use crate::failure::{Failure, Result};
use crate::phases::Phases;
use crate::source::{Kind, Program};
use crate::{output, source};

/// Transpiles a program.
pub(crate) fn transpile(args: &Transpile) -> Result<u8> {
    let program = Program::open(&args.input)?;
    match program.kind {
        Kind::Bytecode | Kind::Compiled => {
            return Err(Failure::at(&args.input, "is bytecode already"));
        }
        Kind::Assembler => {
            return Err(Failure::at(
                &args.input,
                "is assembler text, which `dotvm asm` is for",
            ));
        }
        Kind::Vitte | Kind::Vitbc => {
            return Err(Failure::at(
                &args.input,
                "is a program in Vitte, which `dotvm run` and `dotvm compile` take as it is",
            ));
        }
        Kind::Wasm | Kind::Rust | Kind::CargoProject => {}
    }
    let target = match &args.output {
        Some(path) => path.clone(),
        None => source::default_output(&args.input, "dotvm")?,
    };
    output::keep_input(&args.input, &target)?;
    let style = Style {
        strip_names: args.strip_names,
        debug_info: args.debug,
        compress: args.compress,
        compress_debug: args.debug,
        verbose: args.verbose,
        warnings: true,
    };
    let mut phases = Phases::new(args.verbose);
    let (bytes, report) = build(program, &args.source, style, &mut phases)?;
    output::write_file(&target, &bytes)?;
    phases.end("write");
    if args.verbose {
        let name = target.display();
        output::say(&format!(
            "{name}: {} bytes, {}\n{}time: {}\n",
            bytes.len(),
            report.arch,
            show(&report),
            phases.show()
        ));
    }
    Ok(0)
}

/// What the optimizer did; passes without effect are left out.
fn show(report: &Report) -> String {
    let Report {
        functions,
        bytes_in,
        bytes_out,
        instructions_in,
        instructions_out,
        ..
    } = *report;
    let ratio = bytes_out as f64 / bytes_in.max(1) as f64;
    let mut text = format!(
        "functions: {functions}\n\
         code: {bytes_out} bytes, {ratio:.3} of WebAssembly's {bytes_in}\n\
         instructions: {instructions_out}, before optimization {instructions_in}\n"
    );
    let effects = [
        (
            "calls of the SDK that are instructions now",
            report.word_instructions,
        ),
        ("words kept whole", report.whole_words),
        ("halves added as one number", report.joined_halves),
        ("functions raised to wide instructions", report.raised),
        (
            "calls of the runtime library that are instructions now",
            report.raised_calls,
        ),
        ("simplified", report.simplified),
        ("unreachable instructions removed", report.unreachable),
        ("jumps threaded", report.threaded_jumps),
        ("copies propagated", report.propagated_copies),
        ("dead stores removed", report.dead_stores),
        ("locals dropped", report.dropped_locals),
        ("loops rotated", report.rotated_loops),
        ("calls inlined", report.inlined_calls),
    ];
    for (effect, count) in effects {
        if count > 0 {
            text += &format!("  {effect}: {count}\n");
        }
    }
    text
}
