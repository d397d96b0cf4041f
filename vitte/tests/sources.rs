//! Sources and what the checker and the formatter say about them. Expected texts stand beside the
//! sources; `UPDATE_EXPECT=1` renews them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use vitte::diagnostics::Diagnostics;
use vitte::format::format;
use vitte::modules::{Files, Loader, Texts};
use vitte::source::Sources;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// The programs in a folder: sources, and in folders their `main.vit`.
fn programs(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder(name)).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.push(path.join("main.vit"));
        } else if path.extension().is_some_and(|end| end == "vit") {
            found.push(path);
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Reads sources by their paths from a folder, so that messages have no others.
struct Below(PathBuf);

impl Loader for Below {
    fn load(&mut self, path: &Path) -> std::io::Result<String> {
        Files.load(&self.0.join(path))
    }
}

/// Everything that is wrong with a program, and the types of its variables at top level.
fn report(path: &Path) -> String {
    let mut loader = Below(path.parent().unwrap().to_owned());
    let checked = vitte::check(Path::new(path.file_name().unwrap()), &mut loader).unwrap();
    let mut text = match checked.errors.is_empty() {
        true => String::new(),
        false => checked.errors.render(&checked.sources),
    };
    let program = &checked.program;
    for global in &program.globals {
        writeln!(text, "{}: {}", global.name, program.show(global.ty)).unwrap();
    }
    text
}

fn format_text(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("a.vit", text.to_owned());
    let mut errors = Diagnostics::default();
    let result = format(&sources, file, &mut errors);
    result.unwrap_or_else(|refused| panic!("{refused:?}:\n{}", errors.render(&sources)))
}

#[test]
fn checked_sources() {
    for path in programs("check") {
        let wrong = path.to_string_lossy().contains("error") || path.ends_with("main.vit");
        let found = report(&path);
        let clean = !found.contains("error[");
        assert!(wrong || clean, "{}:\n{found}", path.display());
        expect_file![path.with_extension("expected")].assert_eq(&found);
    }
}

/// What is said of each case of a file of errors: what is behind a line `//# name`.
fn cases(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let mut found = String::new();
    for case in text.split("//# ").skip(1) {
        let (name, code) = case.split_once('\n').expect("a case has a name");
        let mut texts = Texts::default();
        texts.0.insert("case.vit".into(), code.to_owned());
        let checked = vitte::check(Path::new("case.vit"), &mut texts).unwrap();
        let errors = checked.errors.render(&checked.sources);
        writeln!(found, "//# {name}\n{errors}").unwrap();
    }
    found
}

#[test]
fn errors_are_what_is_expected() {
    for path in programs("errors") {
        expect_file![path.with_extension("expected")].assert_eq(&cases(&path));
    }
}

#[test]
fn every_error_has_a_test() {
    let mut all = String::new();
    for path in programs("errors") {
        all.push_str(&cases(&path));
    }
    for path in programs("check") {
        all.push_str(&report(&path));
    }
    // What takes large sources, or is found when a program is to be run, is tested in `run.rs` and `hostile.rs`, texts of bytecode in `vitbc.rs`.
    let large = [
        "E0106", "E0202", "E0418", "E0420", "E0421", "E0503", "E0601",
    ];
    for code in vitte::diagnostics::Code::ALL {
        let number = code.number();
        let found = all.contains(number) || large.contains(&number);
        assert!(found, "{number}: {}", code.meaning());
    }
}

#[test]
fn formatted_sources() {
    for path in programs("fmt") {
        let text = fs::read_to_string(&path).unwrap();
        let result = format_text(&text);
        expect_file![path.with_extension("expected")].assert_eq(&result);
    }
}

#[test]
fn formatting_twice_changes_nothing() {
    let accepted = programs("check").into_iter().chain(programs("fmt"));
    let mut count = 0;
    for path in accepted {
        let text = fs::read_to_string(&path).unwrap();
        let mut sources = Sources::default();
        let file = sources.add("a.vit", text);
        let Ok(once) = format(&sources, file, &mut Diagnostics::default()) else {
            continue;
        };
        assert_eq!(format_text(&once), once, "{}", path.display());
        count += 1;
    }
    assert!(count > 8, "only {count} sources could be formatted");
}

/// The code blocks of a chapter: what is behind the opening quotes, and the code.
fn snippets(chapter: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(chapter);
    let text = fs::read_to_string(path).unwrap();
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) {
            let code = lines.by_ref().take_while(|line| *line != "```");
            let code: String = code.map(|line| format!("{line}\n")).collect();
            found.push((kind.to_owned(), code));
        }
    }
    found
}

#[test]
fn snippets_of_the_tour_are_what_the_text_says() {
    let mut count = 0;
    for (kind, code) in snippets("vitte.md") {
        let mut words = kind.split(' ');
        if words.next() != Some("vit") {
            continue;
        }
        count += 1;
        let mut texts = Texts::default();
        texts.0.insert("main.vit".into(), code.clone());
        let shapes = "fn area(side: float) -> float { return side * side }\n";
        texts.0.insert("shapes.vit".into(), shapes.to_owned());
        let checked = vitte::check(Path::new("main.vit"), &mut texts).unwrap();
        let mut found: Vec<&str> = checked
            .errors
            .iter()
            .map(|error| error.code.number())
            .collect();
        found.dedup();
        let wanted: Vec<&str> = words.collect();
        let shown = checked.errors.render(&checked.sources);
        assert_eq!(found, wanted, "{code}\n{shown}");
        if wanted.is_empty() {
            assert_eq!(format_text(&code), code);
            let compiled = vitte::run::compile(Path::new("main.vit"), &mut texts).unwrap();
            let module = compiled.unwrap_or_else(|errors| panic!("{code}\n{errors}"));
            assert!(vitte::run::machine_module(&module).is_ok(), "{code}");
        }
    }
    assert!(count >= 15, "only {count} snippets");
}
