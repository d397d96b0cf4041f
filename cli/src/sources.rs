//! Source files that debug information names, as far as they are on this machine.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::Path;

use crate::source;

/// Source files that were read, as far as they are there; by path.
#[derive(Default)]
pub(crate) struct SourceFiles(HashMap<String, Option<Vec<String>>>);

impl SourceFiles {
    /// A line of a file, by its number from 1.
    pub(crate) fn line(&mut self, path: &str, number: u32) -> Option<String> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.lines(path)?.get(index).cloned()
    }

    /// All lines of a file.
    pub(crate) fn lines(&mut self, path: &str) -> Option<&[String]> {
        let read = || {
            let path = Path::new(path);
            // A module could name a pipe that nobody writes to, or what the system shows as an empty file
            // and makes up when it is read, perhaps without end.
            let has_text = |file: &Metadata| file.is_file() && file.len() > 0;
            path.metadata().ok().filter(has_text)?;
            let text = source::read_text(path).ok()?;
            Some(text.lines().map(str::to_owned).collect())
        };
        let lines = self.0.entry(path.to_owned()).or_insert_with(read);
        lines.as_deref()
    }
}
