//! Writing results: to standard output and to files.

use std::io::Write as _;
use std::path::Path;

use crate::failure::{Failure, Result};

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
    written.map_err(|error| Failure::new(format_args!("cannot write to standard output: {error}")))
}

/// Writes a file, by replacing the one that is there: a program that runs from it, mapped into
/// memory, keeps the old one, and nobody sees half of the new one. What is no regular file, such
/// as `/dev/stdout`, is written in place.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result {
    let fail =
        |error: std::io::Error| Failure::at(path, format_args!("cannot be written: {error}"));
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => return std::fs::write(path, bytes).map_err(fail),
        _ => {}
    }
    // Symbolic links are followed as if the file were written in place.
    let path_buf = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path_buf
        .file_name()
        .ok_or_else(|| Failure::at(path, "is no name for a file"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", std::process::id()));
    let temporary = path_buf.with_file_name(temporary);
    let written = std::fs::write(&temporary, bytes)
        .and_then(|()| keep_permissions(&path_buf, &temporary))
        .and_then(|()| std::fs::rename(&temporary, &path_buf));
    written.map_err(|error| {
        // Best effort: the error to report is the one above.
        let _ = std::fs::remove_file(&temporary);
        fail(error)
    })
}

/// A file that is replaced keeps its permissions.
fn keep_permissions(old: &Path, new: &Path) -> std::io::Result<()> {
    match std::fs::metadata(old) {
        Ok(metadata) => std::fs::set_permissions(new, metadata.permissions()),
        Err(_) => Ok(()),
    }
}
