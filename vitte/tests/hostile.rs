//! Sources that nobody would write: nothing panics, hangs or overflows a stack.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use vitte::diagnostics::Diagnostics;
use vitte::format::{Refused, format};
use vitte::modules::Texts;
use vitte::source::Sources;

/// Checks a source; returns the codes of errors.
fn codes(text: &str) -> Vec<&'static str> {
    let mut texts = Texts::default();
    texts.0.insert("main.vit".into(), text.to_owned());
    let checked = vitte::check(Path::new("main.vit"), &mut texts).expect("the source is there");
    // Showing errors must work as well.
    let shown = checked.errors.render(&checked.sources);
    assert!(!shown.is_empty());
    checked
        .errors
        .iter()
        .map(|error| error.code.number())
        .collect()
}

/// Far more than anything here takes on a busy machine, and far less than if it took quadratic time.
const TIME_MAX: Duration = Duration::from_secs(300);

#[track_caller]
fn check(text: &str, code: Option<&str>) {
    let start = Instant::now();
    let found = codes(text);
    match code {
        Some(code) => assert!(found.contains(&code), "{found:?}"),
        None => assert!(found.is_empty(), "{found:?}"),
    }
    let time = start.elapsed();
    assert!(time < TIME_MAX, "took {time:?}");
}

#[test]
fn deep_nesting() {
    let n = 100_000;
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("-", ""),
        ("fn() => ", ""),
    ] {
        let text = format!("let x = {}1{}", open.repeat(n), close.repeat(n));
        check(&text, Some("E0202"));
    }
    check(&format!("let x = 1{}", " + 1".repeat(n)), Some("E0202"));
    check(&format!("let x = a{}", ".b".repeat(n)), Some("E0202"));
    check(&format!("let x = f{}", "()".repeat(n)), Some("E0202"));
    check(&"{".repeat(n), Some("E0202"));
    check(&"if x { ".repeat(n), Some("E0202"));
    check(&"match x { _ => ".repeat(n), Some("E0202"));
    check(
        &format!("let x: {}int{} = 1", "array<".repeat(n), ">".repeat(n)),
        Some("E0202"),
    );
    check(
        &format!("match 1 {{ {}x{} => {{}} }}", "A(".repeat(n), ")".repeat(n)),
        Some("E0202"),
    );
    check(&"/*".repeat(n), Some("E0103"));
}

#[test]
fn long_but_allowed() {
    check(&format!("let x = 1{}", " + 1".repeat(900)), None);
    let arms = " else if x == 2 { x = 3 }".repeat(20_000);
    check(&format!("let x = 1\nif x == 1 {{ x = 2 }}{arms}"), None);
    let statements: String = (0..50_000).map(|i| format!("let x{i} = {i}\n")).collect();
    check(&statements, None);
}

#[test]
fn types_that_grow() {
    // Each type is twice as large as the one before.
    let mut text = "let f0 = fn(x: int, y: int) => 0\n".to_owned();
    for i in 1..200 {
        text.push_str(&format!(
            "let f{i} = fn(x, y) => 0\nf{i}(f{}, f{})\n",
            i - 1,
            i - 1
        ));
    }
    check(&text, Some("E0418"));
    let mut text = "let a0 = [1]\n".to_owned();
    for i in 1..2000 {
        text.push_str(&format!("let a{i} = [a{}]\n", i - 1));
    }
    codes(&text);
    // Variables of inference in a long chain, bound from the inside.
    let mut text = String::new();
    for i in 0..2000 {
        text.push_str(&format!("let a{i} = []\n"));
    }
    for i in 0..1999 {
        text.push_str(&format!("a{i}.push(a{})\n", i + 1));
    }
    codes(&text);
    check("let f = fn(x) => x(x)", Some("E0418"));
}

#[test]
fn matches_that_take_exponential_time() {
    let mut text = "enum B { T, F }\nenum V { V(".to_owned();
    text.push_str(&vec!["B"; 30].join(", "));
    text.push_str(") }\nfn f(v: V) {\nmatch v {\n");
    for i in 0..30 {
        let mut row = vec!["_"; 30];
        row[i] = "T";
        text.push_str(&format!("V({}) => {{}}\n", row.join(", ")));
        row[i] = "F";
        row[(i + 1) % 30] = "F";
        text.push_str(&format!("V({}) => {{}}\n", row.join(", ")));
    }
    text.push_str("}\n}\n");
    check(&text, Some("E0408"));
}

#[test]
fn many_errors_are_bounded() {
    let text = "let x = y\n".repeat(10_000);
    let found = codes(&text);
    assert_eq!(found.len(), vitte::diagnostics::ERRORS_MAX);
    let line = "@ ".repeat(1 << 16);
    assert_eq!(codes(&line).len(), vitte::diagnostics::ERRORS_MAX);
}

#[test]
fn sources_that_are_too_long() {
    let text = " ".repeat(vitte::source::SOURCE_LEN_MAX + 1);
    check(&text, Some("E0106"));
}

#[test]
fn many_modules() {
    let mut texts = Texts::default();
    let count = vitte::modules::MODULES_MAX + 10;
    for i in 0..count {
        let text = format!("import m{}\n", i + 1);
        texts.0.insert(format!("m{i}.vit").into(), text);
    }
    let checked = vitte::check(Path::new("m0.vit"), &mut texts).unwrap();
    let found: Vec<_> = checked
        .errors
        .iter()
        .map(|error| error.code.number())
        .collect();
    assert_eq!(found, ["E0503"]);
}

/// All accepted sources of the tests, to mutate.
fn samples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut found = Vec::new();
    for name in ["check", "fmt"] {
        for entry in std::fs::read_dir(folder.join(name)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "vit") {
                found.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    found.sort();
    assert!(found.len() > 10);
    found
}

/// Formats a text; where that works, once more: nothing changes then.
fn format_twice(text: &str) {
    let run = |text: &str| {
        let mut sources = Sources::default();
        let file = sources.add("a.vit", text.to_owned());
        format(&sources, file, &mut Diagnostics::default())
    };
    match run(text) {
        Ok(once) => assert_eq!(run(&once).as_ref(), Ok(&once), "{text}"),
        Err(refused) => assert_eq!(refused, Refused::Errors, "{text}"),
    }
}

/// Words that mean something.
const WORDS: [&str; 40] = [
    "let", "fn", "x", "1", "(", ")", "{", "}", "[", "]", "=", "=>", "->", "if", "else", "match",
    "struct", "enum", "for", "in", "while", "return", ",", ";", "\n", ".", "?", "!", "-", "+",
    "null", "\"s\"", "int", ":", "<", ">", "//", "/*", "??", "S",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_text(text in ".{0,200}") {
        codes(&text);
        format_twice(&text);
    }

    #[test]
    fn any_words(words in prop::collection::vec(0..WORDS.len(), 0..120)) {
        let words: Vec<&str> = words.into_iter().map(|i| WORDS[i]).collect();
        let text = words.join(" ");
        codes(&text);
        format_twice(&text);
    }

    #[test]
    fn changed_sources(
        sample in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, 0..WORDS.len()), 1..6),
    ) {
        let mut text = samples()[sample.index(samples().len())].clone();
        for (at, len, word) in cuts {
            let floor = |mut i: usize| {
                while !text.is_char_boundary(i) {
                    i -= 1;
                }
                i
            };
            let start = floor(at.index(text.len() + 1));
            let end = floor((start + len).min(text.len())).max(start);
            text.replace_range(start..end, WORDS[word]);
        }
        codes(&text);
        format_twice(&text);
    }
}

/// The time that a source takes.
fn time(text: &str) -> Duration {
    let start = Instant::now();
    codes(text);
    start.elapsed()
}

/// Fails if eight times the source takes much more than eight times the time.
#[track_caller]
fn is_linear(source: impl Fn(usize) -> String) {
    let (small, large) = (source(1000), source(8000));
    // A busy machine may slow down any of them: one good pair is enough.
    let mut times = Vec::new();
    let good = (0..5).any(|_| {
        let (small, large) = (time(&small), time(&large));
        times.push((small, large));
        large < small * 20
    });
    assert!(good, "{times:?}");
}

#[test]
fn what_is_known_of_many_variables_is_bounded() {
    is_linear(|n| {
        let mut text = "fn f() {\n".to_owned();
        for i in 0..n {
            text.push_str(&format!("let x{i}: int? = {i}\n"));
        }
        for i in 0..n {
            text.push_str(&format!("if x{i} != null {{ print(x{i} + 1) }}\n"));
        }
        text.push_str("}\n");
        text
    });
    // What was tested last is known, whatever else is.
    let lets: String = (0..600)
        .map(|i| format!("let x{i}: int? = {i}\n"))
        .collect();
    let tests = (0..600).map(|i| format!("if x{i} != null {{ print(x{i} + 1) }}\n"));
    check(&format!("{lets}{}", tests.collect::<String>()), None);
    // Variables that are gone do not count.
    let block = "if true { let x: int? = 1; print(x + 1) }\n";
    check(&block.repeat(1000), None);
}

#[test]
fn fields_and_variants_are_found_at_once() {
    is_linear(|n| {
        let fields: Vec<_> = (0..n).map(|i| format!("f{i}: int")).collect();
        let mut text = format!("struct S {{ {} }}\nfn f(s: S) {{\n", fields.join(", "));
        for i in 0..n {
            text.push_str(&format!("print(s.f{i})\n"));
        }
        text.push_str("}\n");
        text
    });
    // Nor do errors look at everything once more each.
    is_linear(|n| (0..n).map(|i| format!("let x{i} = y{i}\n")).collect());
    is_linear(|n| {
        let variants: Vec<_> = (0..n).map(|i| format!("V{i}")).collect();
        let mut text = format!("enum E {{ {} }}\n", variants.join(", "));
        for i in 0..n {
            text.push_str(&format!("let v{i} = E.V{i}\n"));
        }
        text
    });
}
