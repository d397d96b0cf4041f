//! Source files: as the compiler gave their paths, and as the client has them.

use std::path::{Path, PathBuf};

/// The path that debug information has for a file of the client's: the same, once it is joined to the folder that
/// the client named; or else one that is the end of the other.
pub(super) fn compiled<'f>(files: &'f [String], path: &str, base: &Path) -> Option<&'f str> {
    if path.is_empty() {
        return None;
    }
    let files = || {
        files
            .iter()
            .map(String::as_str)
            .filter(|file| !file.is_empty())
    };
    let wanted = base.join(path);
    let same = |file: &&str| base.join(file) == wanted;
    let end = |file: &&str| {
        let named = Path::new(file);
        wanted.ends_with(named) || named.ends_with(path)
    };
    files().find(same).or_else(|| files().find(end))
}

/// Where a file of debug information is on this machine, if it is here.
pub(super) fn on_disk(file: &str, base: &Path) -> Option<PathBuf> {
    let path = base.join(file);
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_either_path() {
        let files = ["/rust/core/src/lib.rs", "src/lib.rs", "main.rs", "/w/b.rs"].map(String::from);
        let found = |path: &str| compiled(&files, path, Path::new("/w"));
        assert_eq!(found("/w/src/lib.rs"), Some("src/lib.rs"));
        assert_eq!(found("src/lib.rs"), Some("src/lib.rs"));
        assert_eq!(found("/elsewhere/main.rs"), Some("main.rs"));
        assert_eq!(found("core/src/lib.rs"), Some("/rust/core/src/lib.rs"));
        assert_eq!(found("b.rs"), Some("/w/b.rs"));
        assert_eq!(found("/w/ain.rs"), None);
        assert_eq!(found("/w/lib.rs"), None);
        assert_eq!(found(""), None);
    }
}
