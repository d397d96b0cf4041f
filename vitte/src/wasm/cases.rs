//! Tables of upper and lower case, made of what Rust knows of characters.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Bytes of the tables, by the names that sources of functions have for them.
pub(crate) fn table(name: &str) -> Option<&'static [u8]> {
    static TABLES: LazyLock<HashMap<&str, Vec<u8>>> = LazyLock::new(tables);
    TABLES.get(name).map(Vec::as_slice)
}

/// The names of the tables.
pub(crate) const NAMES: [&str; 6] = [
    "{UPPER}",
    "{UPPER_LONG}",
    "{LOWER}",
    "{LOWER_LONG}",
    "{CASED}",
    "{IGNORED}",
];

fn tables() -> HashMap<&'static str, Vec<u8>> {
    let [mut upper, mut lower, mut cased, mut ignored] = [const { Vec::new() }; 4];
    let [mut upper_long, mut lower_long] = [const { Vec::new() }; 2];
    for c in (0..=char::MAX as u32).filter_map(char::from_u32) {
        let add = |mapped: Vec<char>, short: &mut Vec<(u32, i32)>, long: &mut Vec<[u32; 4]>| {
            let code = c as u32;
            match &mapped[..] {
                [same] if *same == c => {}
                [other] => short.push((code, *other as i32 - code as i32)),
                [first, second, rest @ ..] => {
                    let third = rest.first().map_or(0, |c| *c as u32);
                    long.push([code, *first as u32, *second as u32, third]);
                }
                [] => {}
            }
        };
        add(c.to_uppercase().collect(), &mut upper, &mut upper_long);
        add(c.to_lowercase().collect(), &mut lower, &mut lower_long);
        // A sigma before a letter is none at the end of a word, also with what does not count in between.
        let is_inner = |text: String| text.to_lowercase().contains('σ');
        if is_inner(format!("aΣ{c}")) {
            cased.push((c as u32, 0));
        } else if is_inner(format!("aΣ{c}a")) {
            ignored.push((c as u32, 0));
        }
    }
    HashMap::from([
        ("{UPPER}", ranges(&upper)),
        ("{UPPER_LONG}", words(upper_long)),
        ("{LOWER}", ranges(&lower)),
        ("{LOWER_LONG}", words(lower_long)),
        ("{CASED}", ranges(&cased)),
        ("{IGNORED}", ranges(&ignored)),
    ])
}

/// Characters of which the same is to be said, in rows: first, last, distance, what is added.
fn ranges(all: &[(u32, i32)]) -> Vec<u8> {
    let mut rows: Vec<[u32; 4]> = Vec::new();
    for &(code, add) in all {
        let add = add.cast_unsigned();
        match rows.last_mut() {
            Some([first, last, step, known])
                if *known == add
                    && (code - *last == *step || first == last && code - *last == 2) =>
            {
                *step = code - *last;
                *last = code;
            }
            _ => rows.push([code, code, 1, add]),
        }
    }
    words(rows)
}

fn words(rows: Vec<[u32; 4]>) -> Vec<u8> {
    let words = rows.into_iter().flatten();
    words.flat_map(u32::to_le_bytes).collect()
}
