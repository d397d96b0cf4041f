//! Paths of source files.

use std::collections::HashMap;

use gimli::{AttributeValue, Dwarf};

use super::Slice;
use super::entry::shortened;

/// The source files of all units.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) paths: Vec<String>,
    index: HashMap<String, u32>,
}

impl Files {
    /// Of each file of a unit's line program, its index among all.
    pub(super) fn of_unit<'a>(
        &mut self,
        dwarf: &Dwarf<Slice<'a>>,
        unit: &gimli::Unit<Slice<'a>>,
        home: Option<&str>,
    ) -> Result<Vec<Option<u32>>, gimli::Error> {
        let Some(program) = &unit.line_program else {
            return Ok(Vec::new());
        };
        let header = program.header();
        let text = |value: AttributeValue<Slice<'a>>| -> Result<String, gimli::Error> {
            Ok(dwarf
                .attr_string(unit, value)?
                .to_string_lossy()
                .into_owned())
        };
        let own = unit.comp_dir.map(|dir| dir.to_string_lossy().into_owned());
        let count = header.file_names().len() as u64 + 1;
        let mut files = Vec::new();
        for index in 0..count {
            // Numbers begin at 0 or 1, depending on the version.
            let Some(file) = header.file(index) else {
                files.push(None);
                continue;
            };
            let name = text(file.path_name())?;
            let dir = match file.directory(header) {
                Some(dir) if file.directory_index() > 0 => text(dir)?,
                _ => String::new(),
            };
            let path = path(own.as_deref(), &dir, &name);
            let path = shortened(relative(&path, home.or(own.as_deref())));
            files.push(Some(self.add(path)));
        }
        Ok(files)
    }

    fn add(&mut self, path: String) -> u32 {
        let next = self.paths.len() as u32;
        *self.index.entry(path).or_insert_with_key(|path| {
            self.paths.push(path.clone());
            next
        })
    }
}

/// The path of a file that a compiler read which ran in the folder `own`.
fn path(own: Option<&str>, dir: &str, name: &str) -> String {
    let mut path = name.to_owned();
    for folder in [Some(dir), own].into_iter().flatten() {
        let folder = folder.trim_end_matches('/');
        if !path.starts_with('/') && !matches!(folder, "" | ".") {
            path = format!("{folder}/{}", path.trim_start_matches("./"));
        }
    }
    path
}

/// A path as seen from the folder `home`, where it leads to something in there.
fn relative(path: &str, home: Option<&str>) -> String {
    let inside = home.and_then(|home| {
        let home = home.trim_end_matches('/');
        path.strip_prefix(home)?.strip_prefix('/')
    });
    inside.unwrap_or(path).trim_start_matches("./").to_owned()
}

/// Whether a file belongs to the standard library of a language: everybody's programs have those in
/// them, and nobody's mistakes are in there, as a rule.
pub(crate) fn is_standard_library(path: &str) -> bool {
    // Rust's as released, as built by distributions, as installed, and what it is made of; C's.
    const MARKS: [&str; 8] = [
        "/rustc/",
        "/rustc-",
        "/rustlib/",
        "/rust/deps/",
        "libc-top-half/",
        "libc-bottom-half/",
        "wasi-libc/",
        "emscripten/system/",
    ];
    MARKS.iter().any(|mark| path.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::{is_standard_library, path, relative};

    #[test]
    fn paths_are_relative_to_the_programs_folder() {
        let own = Some("/home/me/project");
        let cases = [
            ("", "a.c", "a.c"),
            (".", "a.c", "a.c"),
            ("src", "main.rs", "src/main.rs"),
            ("./src/", "main.rs", "src/main.rs"),
            ("../lib", "x.rs", "../lib/x.rs"),
            ("/home/me/project", "a.c", "a.c"),
            ("/home/me/project/src", "./a.c", "src/a.c"),
            ("/home/me/projects", "a.c", "/home/me/projects/a.c"),
            ("/usr/include", "stdio.h", "/usr/include/stdio.h"),
            ("ignored", "/home/me/project/b.c", "b.c"),
        ];
        for (dir, name, want) in cases {
            assert_eq!(relative(&path(own, dir, name), own), want, "{dir} {name}");
        }
        let other = path(Some("/rustc/0123/library"), "core/src", "option.rs");
        assert_eq!(
            relative(&other, own),
            "/rustc/0123/library/core/src/option.rs"
        );
        assert_eq!(relative(&path(Some("."), "", "./src/x.c"), own), "src/x.c");
        assert_eq!(relative(&path(None, "/a", "b.c"), None), "/a/b.c");
    }

    #[test]
    fn standard_libraries_are_known() {
        let cases = [
            ("/rustc/59807616e1fa/library/core/src/fmt/mod.rs", true),
            ("/usr/src/rustc-1.63.0/library/std/src/io/mod.rs", true),
            ("/rust/deps/dlmalloc-0.2.8/src/dlmalloc.rs", true),
            ("libc-top-half/musl/src/string/memcpy.c", true),
            ("src/main.rs", false),
            (
                "/home/me/.cargo/registry/src/index/serde-1.0.0/src/lib.rs",
                false,
            ),
        ];
        for (path, is_library) in cases {
            assert_eq!(is_standard_library(path), is_library, "{path}");
        }
    }
}
