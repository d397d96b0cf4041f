//! Transcripts: text files of commands and what they print.
//!
//! ```text
//! # A comment, for the reader.
//! --- hello.txt
//! the content of a file that the commands find
//! ---
//! $ dotvm run missing.dotvm
//! ? 1
//! > a line of standard output
//! ! error: a line of standard error
//! ```
//!
//! A command is run by a shell in an empty folder of the test's own, with `dotvm` on its search
//! path and the folder `examples/` in the variable `EXAMPLES`. `?` is the exit code, 0 if left out.
//! Expected lines may have holes (see [`crate::pattern`]). With `UPDATE_EXPECT` set in the
//! environment, a transcript that does not hold is rewritten; holes that still fit are kept.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{Outcome, run};
use crate::pattern::{bless, matches};

/// A part of a transcript.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Item {
    /// Comments and blank lines.
    Text(String),
    /// A file: its name and content.
    File(String, String),
    /// A command and what it does.
    Command(Step),
}

/// A command and what it does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Step {
    command: String,
    code: i32,
    stdout: Vec<String>,
    stderr: Vec<String>,
}

/// Runs a transcript with `dotvm` as the command of that name.
///
/// # Errors
/// What does not hold.
pub fn check(path: &Path, dotvm: &Path) -> Result<(), String> {
    let (found, faults) = replay(path, dotvm, str::to_owned)?;
    if faults.is_empty() {
        return Ok(());
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return fs::write(path, print(&found)).map_err(|error| error.to_string());
    }
    Err(format!(
        "{faults}\nUPDATE_EXPECT=1 writes what is found into {}",
        path.display()
    ))
}

/// The same where the options of every `dotvm run --debug` have one more in front, which is to make no difference.
///
/// # Errors
/// What does not hold.
pub fn check_debugged(path: &Path, dotvm: &Path, option: &str) -> Result<(), String> {
    let with = format!("dotvm run {option} --debug");
    let (_, faults) = replay(path, dotvm, |line| line.replace("dotvm run --debug", &with))?;
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("with {option}:\n{faults}")),
    }
}

/// Runs a transcript's commands, changed as `change` does; what is found, and what does not hold.
fn replay(
    path: &Path,
    dotvm: &Path,
    change: impl Fn(&str) -> String,
) -> Result<(Vec<Item>, String), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let items = parse(&text)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    let mut faults = String::new();
    for item in items {
        found.push(match item {
            Item::Command(step) => {
                let outcome = execute(&change(&step.command), folder.path(), dotvm);
                Item::Command(compare(step, &outcome, folder.path(), &mut faults))
            }
            Item::File(name, content) => {
                let written = fs::write(folder.path().join(&name), &content);
                written.map_err(|error| format!("{name}: {error}"))?;
                Item::File(name, content)
            }
            text => text,
        });
    }
    Ok((found, faults))
}

fn parse(text: &str) -> Result<Vec<Item>, String> {
    let mut items: Vec<Item> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((i, line)) = lines.next() {
        if let Some(name) = line.strip_prefix("--- ") {
            let mut content = String::new();
            loop {
                match lines.next() {
                    Some((_, "---")) => break,
                    Some((_, line)) => content += &format!("{line}\n"),
                    None => return Err(format!("line {}: a file without an end", i + 1)),
                }
            }
            items.push(Item::File(name.to_owned(), content));
        } else if let Some(command) = line.strip_prefix("$ ") {
            items.push(Item::Command(Step {
                command: command.to_owned(),
                ..Step::default()
            }));
        } else if line.is_empty() || line.starts_with('#') {
            items.push(Item::Text(line.to_owned()));
        } else {
            let Some(Item::Command(step)) = items.last_mut() else {
                return Err(format!("line {}: output without a command", i + 1));
            };
            let (kind, rest) = line.split_at_checked(1).unwrap_or((line, ""));
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match kind {
                ">" => step.stdout.push(rest.to_owned()),
                "!" => step.stderr.push(rest.to_owned()),
                "?" => {
                    let code = rest.parse().map_err(|_| format!("line {}: no code", i + 1));
                    step.code = code?;
                }
                _ => return Err(format!("line {}: neither `$`, `?`, `>` nor `!`", i + 1)),
            }
        }
    }
    Ok(items)
}

fn print(items: &[Item]) -> String {
    let mut text = String::new();
    let lines = |text: &mut String, mark: char, lines: &[String]| {
        for line in lines {
            *text += format!("{mark} {line}").trim_end();
            text.push('\n');
        }
    };
    for item in items {
        match item {
            Item::Text(line) => {
                let _ = writeln!(text, "{line}");
            }
            Item::File(name, content) => {
                let _ = writeln!(text, "--- {name}\n{content}---");
            }
            Item::Command(step) => {
                let _ = writeln!(text, "$ {}", step.command);
                if step.code != 0 {
                    let _ = writeln!(text, "? {}", step.code);
                }
                lines(&mut text, '>', &step.stdout);
                lines(&mut text, '!', &step.stderr);
            }
        }
    }
    text
}

fn execute(command: &str, folder: &Path, dotvm: &Path) -> Outcome {
    let bin = folder.join(".bin");
    let link = bin.join("dotvm");
    if !link.exists() {
        fs::create_dir(&bin).expect("a folder for the command");
        std::os::unix::fs::symlink(dotvm, &link).expect("a link to the command");
    }
    let inherited = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", format!("{}:{inherited}", bin.display()))
        .env("EXAMPLES", crate::root().join("examples"))
        .env("LC_ALL", "C.UTF-8")
        .env_remove("RUST_BACKTRACE");
    run(&mut shell, b"")
}

/// Compares; describes differences in `faults`. Returns the step as it should be written.
fn compare(expected: Step, outcome: &Outcome, folder: &Path, faults: &mut String) -> Step {
    let (stdout, stderr) = (
        lines(&outcome.stdout, folder),
        lines(&outcome.stderr, folder),
    );
    // An exit code that no process can end with stands for a signal, so that it never matches.
    let code = outcome.status.code().unwrap_or(-1);
    let mut fault = |what: &str, expected: &str, found: &str| {
        let _ = writeln!(
            faults,
            "{what}, expected:\n{expected}\n{what}, found:\n{found}\n"
        );
    };
    let mut same = true;
    if code != expected.code {
        same = false;
        fault(
            "exit code",
            &expected.code.to_string(),
            &outcome.status.to_string(),
        );
    }
    for (what, expected, found) in [
        ("stdout", &expected.stdout, &stdout),
        ("stderr", &expected.stderr, &stderr),
    ] {
        if !matches(&strs(expected), &strs(found)) {
            same = false;
            fault(what, &expected.join("\n"), &found.join("\n"));
        }
    }
    if same {
        return expected;
    }
    let _ = writeln!(faults, "of the command\n$ {}\n", expected.command);
    Step {
        code,
        stdout: bless(&strs(&expected.stdout), &strs(&stdout)),
        stderr: bless(&strs(&expected.stderr), &strs(&stderr)),
        command: expected.command,
    }
}

/// Output as lines, without what differs from machine to machine.
fn lines(output: &str, folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let examples = crate::root().join("examples").display().to_string();
    let output = output
        .replace(&folder, "[DIR]")
        .replace(&examples, "[EXAMPLES]");
    let mut lines: Vec<String> = output
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    if !output.is_empty() && !output.ends_with('\n') {
        lines.push("[no line end]".to_owned());
    }
    lines
}

fn strs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_is_printed_again() {
        let text = "# A comment.\n\n--- a.txt\n$ no command\n---\n$ cat a.txt; exit 3\n? 3\n\
                    > $ no command\n>\n! error: x\n";
        assert_eq!(print(&parse(text).unwrap()), text);
        assert!(parse("> output").is_err());
        assert!(parse("$ x\nwhat").is_err());
        assert!(parse("$ x\n? one").is_err());
        assert!(parse("--- a.txt\n$ x\n").is_err());
    }

    #[test]
    fn differences_are_found_and_blessed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("case.txt");
        let check = |text: &str| {
            fs::write(&path, text).unwrap();
            check(&path, Path::new("/bin/true"))
        };
        assert_eq!(
            check("$ dotvm\n$ echo a 1; echo b >&2; exit 3\n? 3\n> a [..]\n! b\n"),
            Ok(())
        );
        for wrong in [
            "$ echo a\n> b\n",
            "$ echo a\n",
            "$ echo a >&2\n! b\n",
            "$ true\n? 1\n",
            "$ kill -9 $$\n? 137\n",
            "$ printf a\n> a\n",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
