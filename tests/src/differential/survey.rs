//! Running as many generated modules as one asks for.

use std::process::ExitCode;

use super::{Case, Difference, Tally, check};

/// Runs generated modules in every tier, and each through `also`; prints what came of them. `args` may
/// say how many, and which number is the first. Each difference is written to `NAME-NUMBER.wasm` in the
/// current folder, and makes the exit code 1.
///
/// # Panics
/// Where the arguments are no numbers, or a difference cannot be written.
pub fn survey(
    name: &str,
    args: impl Iterator<Item = String>,
    mut also: impl FnMut(&Case) -> Result<(), Box<Difference>>,
) -> ExitCode {
    let mut args = args.map(|arg| arg.parse::<u64>().expect("a number"));
    let count = args.next().unwrap_or(10_000);
    let first = args.next().unwrap_or(0);
    let (mut modules, mut differences) = (0, 0);
    let mut all = Tally::default();
    // Not every number makes a module.
    let cases = (first..).filter_map(|number| Some((number, Case::numbered(number)?)));
    for (number, case) in cases.take(count as usize) {
        modules += 1;
        let checked = check(&case).and_then(|tally| {
            all.add(&tally);
            also(&case)
        });
        if let Err(difference) = checked {
            differences += 1;
            println!("case {number}: {difference}");
            let path = format!("{name}-{number}.wasm");
            std::fs::write(&path, difference.wasm()).expect("a folder to write to");
        }
        if modules % 1000 == 0 {
            println!("{number}: {modules} modules, {differences} differ");
        }
    }
    let calls = all.returned + all.trapped() + all.unbounded;
    println!("{all}\n{modules} modules, {calls} calls in every tier; {differences} modules differ");
    ExitCode::from(u8::from(differences > 0))
}
