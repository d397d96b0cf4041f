//! What the tests of tiers share: every way to run a program, and comparing them.

use dotvm::{Engine, Jit, Module, Val};
use dotvm_tests::differential::{
    Call, INTERPRETED, Outcome, Way, engine, is_exhausted, kept, outcomes,
};

/// Native code in every way: from the start, from the first call, from the second and fourth one (so
/// that loops are entered in the middle, and tiers call each other).
pub(crate) fn native_ways(metering: bool) -> Vec<Way> {
    let mut ways = Vec::new();
    for inlining in [true, false] {
        for (jit, threshold) in [
            (Jit::Eager, 1),
            (Jit::Tiered, 1),
            (Jit::Tiered, 2),
            (Jit::Tiered, 4),
        ] {
            ways.push(Way {
                jit,
                threshold,
                inlining,
                metering,
                counting: false,
                kept: false,
            });
        }
        ways.push(Way {
            jit: Jit::Tiered,
            // What is not in the file is seen to be interpreted.
            threshold: 1_000_000,
            inlining,
            metering,
            counting: false,
            kept: true,
        });
    }
    ways
}

/// Only the interpreter.
pub(crate) fn interpreted(metering: bool) -> Way {
    Way {
        metering,
        ..INTERPRETED
    }
}

/// A module of an assembler text, with the native code that the way takes from a file.
#[track_caller]
pub(crate) fn load_for(way: Way, engine: &Engine, text: &str) -> Module {
    kept(way, load(engine, text))
}

/// A module of an assembler text.
#[track_caller]
pub(crate) fn load(engine: &Engine, text: &str) -> Module {
    match Module::from_text(engine, text) {
        Ok(module) => {
            module
                .verify_all()
                .unwrap_or_else(|error| panic!("{error}"));
            module
        }
        Err(error) => panic!("{error}"),
    }
}

/// A call of an export.
pub(crate) fn call(export: &str, args: &[Val]) -> Call {
    Call {
        export: export.to_owned(),
        args: args.to_vec(),
    }
}

/// Runs calls in every way, metered and not. Every native way must do what the interpreter does, to
/// the bit; only how deep recursion gets may differ without metering. Returns what the interpreter
/// does.
#[track_caller]
pub(crate) fn everywhere(text: &str, calls: &[Call]) -> Vec<Outcome> {
    let mut result = Vec::new();
    for metering in [true, false] {
        let run = |way: Way| {
            let engine = engine(way);
            outcomes(&engine, &load_for(way, &engine, text), calls)
        };
        let expected = run(interpreted(metering));
        for way in native_ways(metering) {
            let found = run(way);
            assert_eq!(expected.len(), found.len(), "{way:?}");
            for (i, (a, b)) in expected.iter().zip(&found).enumerate() {
                let deep = !metering && (is_exhausted(a) || is_exhausted(b));
                let call = i.checked_sub(1).map(|i| &calls[i]);
                assert!(
                    a == b || deep,
                    "{way:?}, call {i}: {call:?}\ninterpreter: {a:#?}\nnative: {b:#?}"
                );
            }
        }
        result = expected;
    }
    result
}

/// The end of each call, and the innermost frame where it did not return: a line each.
pub(crate) fn summary(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in &outcomes[1..] {
        text += &outcome.end;
        if !outcome.place.is_empty() {
            text += &format!(" at {}", outcome.place.join(" "));
        }
        text.push('\n');
    }
    text
}
