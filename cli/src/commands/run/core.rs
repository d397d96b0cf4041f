//! What `dotvm run --coredump` writes.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use dotvm::wasi::WasiCtx;
use dotvm::{Error, Store};

use crate::args::Run;
use crate::output;

/// Writes the core dump of a program that ended with an error, where there is to be one, and says so. What
/// goes wrong with that is said as well, and changes nothing about how the program ended.
pub(super) fn write(args: &Run, store: &Store<WasiCtx>, error: &Error) {
    let Some(path) = &args.coredump else { return };
    let mut is_written = true;
    let done = output::write_file_with(path, |file| {
        let mut out = BufWriter::new(file);
        let program = args.file().to_string_lossy();
        is_written = store.write_core(&program, error, &mut out)?;
        match is_written {
            true => out.flush(),
            // Nothing is put in place of what there is.
            false => Err(std::io::ErrorKind::Other.into()),
        }
    });
    match (done, is_written) {
        (_, false) => output::say("no core dump is written: nothing of the program was running\n"),
        (Ok(()), true) => {
            let (path, program) = (shown(path), shown(args.file()));
            let options = args.source.shown();
            output::say(&format!(
                "the core dump is in {path}: dotvm debug {options}{path} {program}\n"
            ));
        }
        (Err(failure), true) => {
            failure.report();
        }
    }
}

/// A path in a line for people.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
