//! Writing results: to standard output and to files.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::signals::Interruption;

/// Prints text on standard output, in one go. (Where its reader has gone away, as in `dotvm disasm x |
/// head`, the process ends quietly by the signal for that.)
///
/// # Errors
/// Where it cannot be written, such as to a full disk.
pub(crate) fn print(text: &str) -> Result {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.map_err(|error| no_output(&error))
}

/// Says something on standard error. If that is closed or full, there is nobody to tell, and no
/// reason not to go on.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Prints help, or says what is wrong with a command line; returns the exit code.
///
/// # Errors
/// Where help cannot be written.
pub(crate) fn say_usage(help_or_error: &clap::Error) -> Result<u8> {
    let printed = help_or_error
        .print()
        .and_then(|()| std::io::stdout().flush());
    match printed {
        Err(error) if !help_or_error.use_stderr() => Err(no_output(&error)),
        _ => Ok(help_or_error.exit_code() as u8),
    }
}

fn no_output(error: &std::io::Error) -> Failure {
    Failure::new(format_args!("cannot write to standard output: {error}"))
}

/// Writes a file, by replacing the one that is there: a program that runs from it, mapped into
/// memory, keeps the old one, and nobody sees half of the new one. What is no regular file, such
/// as `/dev/stdout`, is written in place.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result {
    write_file_with(path, |file| file.write_all(bytes))
}

/// The same for a file that is written piece by piece.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write_file_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result {
    let written = match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => File::options()
            .write(true)
            .open(path)
            .and_then(|mut file| write(&mut file)),
        _ => {
            // A signal that ends the process must not leave the temporary file behind.
            let interruption = Interruption::catch();
            let written = target(path).and_then(|target| replace(&target, write));
            interruption.resume();
            written
        }
    };
    written.map_err(|error| Failure::at(path, format_args!("cannot be written: {error}")))
}

/// Refuses to write the result of `input` over it.
///
/// # Errors
/// Where `output` is the same file.
pub(crate) fn keep_input(input: &Path, output: &Path) -> Result {
    let (Ok(read), Ok(written)) = (std::fs::metadata(input), std::fs::metadata(output)) else {
        return Ok(());
    };
    // Devices can be both, as the terminal is.
    if written.is_file() && (read.dev(), read.ino()) == (written.dev(), written.ino()) {
        return Err(Failure::at(
            output,
            "is the input, too, which would be lost; write to another file with -o",
        ));
    }
    Ok(())
}

/// Where a file is in the end that is written to by the name of `path`: symbolic links are followed,
/// also to files that are not there yet.
fn target(path: &Path) -> std::io::Result<PathBuf> {
    /// As many links as Linux follows.
    const LINKS_MAX: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..LINKS_MAX {
        match std::fs::symlink_metadata(&target) {
            Ok(there) if there.is_symlink() => {
                let link = std::fs::read_link(&target)?;
                target.pop();
                target.push(link);
            }
            _ => return Ok(target),
        }
    }
    Err(std::io::Error::other("too many levels of symbolic links"))
}

/// Replaces a file, or makes it.
fn replace(
    target: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    // A short name, as that of the file may be as long as names can be. It must be a new file: in a
    // folder that others may write to, there could be a link of that name to somewhere else.
    let mut number = 0;
    let (temporary, mut file) = loop {
        let name = format!(".dotvm-{}-{number}", std::process::id());
        let temporary = target.with_file_name(name);
        match File::options()
            .write(true)
            .create_new(true)
            .open(&temporary)
        {
            Ok(file) => break (temporary, file),
            // Left by a process that was killed, years ago maybe.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number < 100 => number += 1,
            Err(error) => return Err(error),
        }
    };
    let written = write(&mut file)
        .and_then(|()| keep_permissions(target, &temporary))
        .and_then(|()| std::fs::rename(&temporary, target));
    if written.is_err() {
        // Best effort: the error to report is the one above.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// A file that is replaced keeps its permissions.
fn keep_permissions(old: &Path, new: &Path) -> std::io::Result<()> {
    match std::fs::metadata(old) {
        Ok(metadata) => std::fs::set_permissions(new, metadata.permissions()),
        Err(_) => Ok(()),
    }
}
