//! Helpers of the tests: files of cases with the expected results beside them.
#![allow(
    dead_code,
    reason = "every test program uses some of it, none uses all of it"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use dotvm_isa::text::{assemble, disassemble};
use dotvm_isa::{Bytes, EncodeOptions, Module, Names, decode, encode};
use expect_test::expect_file;

/// Runs every case of every `.dasm` file in `tests/FOLDER` and compares the results with the `.txt`
/// file beside it (`UPDATE_EXPECT=1` rewrites that). Cases start with a line `;;; name`.
pub(crate) fn check_cases(folder: &str, result: impl Fn(&str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let files = files_in(&folder, "dasm");
    assert!(!files.is_empty(), "no cases in {}", folder.display());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut all = String::new();
        for case in text.split("\n;;; ") {
            let case = case.trim_start_matches(";;; ");
            let (name, source) = case.split_once('\n').unwrap_or((case, ""));
            write!(all, ";;; {name}\n{}\n\n", result(source).trim_end()).unwrap();
        }
        expect_file![file.with_extension("txt")].assert_eq(&all);
    }
}

/// The files in a folder whose names end so, sorted.
pub(crate) fn files_in(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

/// The bytes of a module.
pub(crate) fn encoded(module: &Module, names: &Names) -> Vec<u8> {
    encode(module, names, EncodeOptions::default())
}

/// Reads a module and its names from bytes.
pub(crate) fn decoded(bytes: &[u8]) -> (Module, Names) {
    let module = decode(&Bytes::new(bytes.to_vec())).unwrap();
    let names = Names::decode(&module).unwrap();
    (module, names)
}

/// Assembles a text that has no faults.
pub(crate) fn assembled(text: &str) -> (Module, Names) {
    assemble(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Disassembles a module, and checks that this gives back its bytes, and the text itself again.
pub(crate) fn round_trip(module: &Module, names: &Names) -> String {
    let bytes = encoded(module, names);
    let text = disassemble(module, names).unwrap();
    let (again, names_again) = assemble(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(encoded(&again, &names_again), bytes, "{text}");
    assert_eq!(disassemble(&again, &names_again).unwrap(), text);
    text
}
