//! The command line: every transcript in `cli/` holds.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use dotvm_tests::transcript::{check, check_debugged};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli");
    let mut trials: Vec<Trial> = fs::read_dir(&folder)
        .expect("the folder of transcripts")
        .map(|entry| entry.expect("an entry of the folder of transcripts").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            Trial::test(name, move || check(&path, dotvm()).map_err(Into::into))
        })
        .collect();
    assert!(!trials.is_empty(), "no transcripts in {}", folder.display());
    // What a debugger shows is the same where functions are native until it looks.
    for option in ["--jit=off", "--jit=eager"] {
        let path = folder.join("debugger.txt");
        trials.push(Trial::test(format!("debugger {option}"), move || {
            check_debugged(&path, dotvm(), option).map_err(Into::into)
        }));
    }
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&args, trials).exit_code()
}

fn dotvm() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dotvm-under-test"))
}
