//! Fixed samples in every form.

use std::path::Path;
use std::time::Duration;

use dotvm::{Sample, SampledFrame, SampledProfile, SampledStack};
use expect_test::{Expect, expect};

use super::{Sampled, pprof};

/// Two functions in two files, one of which is called by itself, and a function of which only the index is known.
fn profile() -> SampledProfile {
    let frame = |function: Option<&str>, index, line: Option<(&str, u32)>| SampledFrame {
        module: None,
        func_index: index,
        function: function.map(str::to_owned),
        line: line.map(|(file, line)| (file.to_owned(), line)),
    };
    let stack = |caller, frame| SampledStack { caller, frame };
    let sample = |stack, count, micros, is_native| Sample {
        stack,
        count,
        time: Duration::from_micros(micros),
        is_native,
    };
    let mut profile = SampledProfile::default();
    profile.interval = Duration::from_millis(1);
    profile.frames = vec![
        frame(Some("main"), Some(0), Some(("src/main.rs", 7))),
        frame(
            Some("_ZN4fast3sum17h0123456789abcdefE"),
            None,
            Some(("src/fast.rs", 3)),
        ),
        frame(
            Some("_ZN4fast3sum17h0123456789abcdefE"),
            None,
            Some(("src/fast.rs", 4)),
        ),
        frame(None, Some(9), None),
    ];
    profile.stacks = vec![
        stack(None, 0),
        stack(Some(0), 1),
        stack(Some(1), 2),
        stack(Some(0), 3),
    ];
    profile.samples = vec![
        sample(0, 1, 1_100, false),
        sample(2, 3, 2_900, true),
        sample(1, 2, 2_000, true),
        sample(3, 1, 1_000, false),
        sample(2, 1, 1_000, true),
    ];
    profile
}

fn check(write: impl Fn(&Sampled<'_>) -> String, expected: &Expect) {
    let profile = profile();
    expected.assert_eq(&write(&Sampled::new(Path::new("program.dotvm"), &profile)));
}

#[test]
fn tables_have_own_and_total_times() {
    check(
        |sampled| sampled.text(false),
        &expect![[r#"
            sampled profile
            samples: 8, about one each 1.000 ms
            time: 8.000 ms of the processor, 73.7 % in native code

                 self ms      %     total ms      %  function
                   5.900   73.7        5.900   73.7  fast::sum
                   1.100   13.7        8.000  100.0  main
                   1.000   12.5        1.000   12.5  function 9

                 self ms      %     total ms      %  line
                   3.900   48.7        3.900   48.7  src/fast.rs:4
                   2.000   25.0        5.900   73.7  src/fast.rs:3
                   1.100   13.7        8.000  100.0  src/main.rs:7
                   1.000   12.5        1.000   12.5  function 9, line not known
        "#]],
    );
}

#[test]
fn speedscope_has_samples_in_their_order() {
    check(
        |sampled| {
            let json = sampled.speedscope().expect("JSON");
            json.replace(env!("CARGO_PKG_VERSION"), "VERSION")
        },
        &expect![[
            r#"{"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"dotvm VERSION","name":"program.dotvm","shared":{"frames":[{"name":"main","file":"src/main.rs"},{"name":"fast::sum","file":"src/fast.rs"},{"name":"function 9"}]},"profiles":[{"type":"sampled","name":"program.dotvm","unit":"nanoseconds","startValue":0,"endValue":8000000,"samples":[[0],[0,1,1],[0,1],[0,2],[0,1,1]],"weights":[1100000,2900000,2000000,1000000,1000000]}]}"#
        ]],
    );
}

#[test]
fn folded_stacks_have_the_outermost_function_first() {
    let profile = profile();
    let sampled = Sampled::new(Path::new("program.dotvm"), &profile);
    expect![[r#"
        main 1100
        main;fast::sum 2000
        main;fast::sum;fast::sum 3900
        main;function_9 1000
    "#]]
    .assert_eq(&sampled.folded());
}

#[test]
fn a_flame_graph_names_functions_with_their_share() {
    let profile = profile();
    let sampled = Sampled::new(Path::new("program.dotvm"), &profile);
    let svg = sampled.flame_graph().expect("a picture");
    let svg = String::from_utf8(svg).expect("text");
    for title in [
        "<title>main (8,000 µs, 100.00%)</title>",
        "<title>fast::sum (5,900 µs, 73.75%)</title>",
        "<title>fast::sum (3,900 µs, 48.75%)</title>",
        "<title>function_9 (1,000 µs, 12.50%)</title>",
        "program.dotvm (time of the processor)",
    ] {
        assert!(svg.contains(title), "{title} is not in {svg}");
    }
}

#[test]
fn without_samples_there_is_that_to_be_seen() {
    let profile = SampledProfile::default();
    let sampled = Sampled::new(Path::new("p"), &profile);
    let svg = sampled.flame_graph().expect("a picture");
    assert!(
        String::from_utf8(svg)
            .expect("text")
            .contains("(no samples)")
    );
    assert!(sampled.text(true).contains("too little time"));
}

/// Reads a message: numbers of fields with their values, those within messages indented.
fn fields(mut bytes: &[u8], indent: usize, text: &mut String) {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = bytes.split_first().expect("a byte");
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = key >> 3;
        let place = format!("{:indent$}{field}", "");
        if key & 7 == 0 {
            *text += &format!("{place}: {}\n", varint(&mut bytes));
            continue;
        }
        assert_eq!(key & 7, 2, "the only other kind that is used");
        let len = varint(&mut bytes) as usize;
        let (mut inner, rest) = bytes.split_at(len);
        bytes = rest;
        match (indent, field) {
            (0, 6) => *text += &format!("{place}: {:?}\n", String::from_utf8_lossy(inner)),
            (2, 1 | 2) => {
                let mut numbers = Vec::new();
                while !inner.is_empty() {
                    numbers.push(varint(&mut inner));
                }
                *text += &format!("{place}: {numbers:?}\n");
            }
            _ => {
                *text += &format!("{place}:\n");
                fields(inner, indent + 2, text);
            }
        }
    }
}

#[test]
fn pprof_has_lines_and_times() {
    check(
        |sampled| {
            let mut text = String::new();
            fields(&sampled.pprof(), 0, &mut text);
            text
        },
        &expect![[r#"
            1:
              1: 1
              2: 2
            1:
              1: 3
              2: 4
            2:
              1: [1]
              2: [1, 1100000]
            2:
              1: [2, 1]
              2: [2, 2000000]
            2:
              1: [3, 2, 1]
              2: [4, 3900000]
            2:
              1: [4, 1]
              2: [1, 1000000]
            4:
              1: 1
              4:
                1: 1
                2: 7
            4:
              1: 2
              4:
                1: 2
                2: 3
            4:
              1: 3
              4:
                1: 2
                2: 4
            4:
              1: 4
              4:
                1: 3
            5:
              1: 1
              2: 5
              3: 5
              4: 6
            5:
              1: 2
              2: 7
              3: 7
              4: 8
            5:
              1: 3
              2: 9
              3: 9
            6: ""
            6: "samples"
            6: "count"
            6: "cpu"
            6: "nanoseconds"
            6: "main"
            6: "src/main.rs"
            6: "fast::sum"
            6: "src/fast.rs"
            6: "function 9"
            10: 8000000
            11:
              1: 3
              2: 4
            12: 1000000
        "#]],
    );
}

#[test]
fn gzip_stores_bytes_with_their_checksum() {
    let bytes = vec![7; 70_000];
    let file = pprof::gzip(&bytes);
    assert_eq!(&file[..4], [0x1f, 0x8b, 8, 0]);
    let (first, rest) = file[10..].split_at(5 + 0xffff);
    assert_eq!(first[..5], [0, 0xff, 0xff, 0, 0]);
    let last = 70_000 - 0xffff_u16 as usize;
    assert_eq!(rest[0], 1);
    assert_eq!(rest[1..3], (last as u16).to_le_bytes());
    assert_eq!(rest[5..5 + last], bytes[..last]);
    let end = &rest[5 + last..];
    assert_eq!(end[..4], crc32fast::hash(&bytes).to_le_bytes());
    assert_eq!(end[4..], 70_000_u32.to_le_bytes());
}
