//! Expected output with holes: `[..]` stands for any text within a line, a line `...` for any number
//! of lines.

/// Whether the lines are what is expected.
pub fn matches(expected: &[&str], actual: &[&str]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((&"...", rest)) => (0..=actual.len()).any(|skip| matches(rest, &actual[skip..])),
        Some((first, rest)) => actual
            .split_first()
            .is_some_and(|(line, lines)| line_matches(first, line) && matches(rest, lines)),
    }
}

/// Whether a line is what is expected.
pub fn line_matches(expected: &str, line: &str) -> bool {
    let parts: Vec<&str> = expected.split("[..]").collect();
    let [start, middle @ .., end] = parts.as_slice() else {
        return expected == line;
    };
    let inner = line
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end));
    let Some(mut rest) = inner else {
        return false;
    };
    // What lies between two holes may be taken where it is found first.
    middle.iter().all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// The actual lines, in which those keep their expected form that match it: what to write when
/// expectations are brought up to date.
pub fn bless(expected: &[&str], actual: &[&str]) -> Vec<String> {
    if matches(expected, actual) {
        return expected.iter().map(|&line| line.to_owned()).collect();
    }
    let mut left = expected;
    let mut blessed = Vec::new();
    for &line in actual {
        match left
            .iter()
            .position(|expected| line_matches(expected, line))
        {
            Some(at) => {
                blessed.push(left[at].to_owned());
                left = &left[at + 1..];
            }
            None => blessed.push(line.to_owned()),
        }
    }
    blessed
}

#[cfg(test)]
mod tests {
    use super::{bless, line_matches, matches};

    #[test]
    fn holes_within_lines() {
        assert!(line_matches("a[..]c", "abc"));
        assert!(line_matches("a[..]c", "ac"));
        assert!(line_matches("[..]", ""));
        assert!(line_matches("[..]b[..]", "abc"));
        assert!(line_matches("x [..] y [..] z", "x 1 y 2 y 3 z"));
        assert!(line_matches("plain", "plain"));
        assert!(!line_matches("plain", "plainer"));
        assert!(!line_matches("a[..]c", "abcd"));
        assert!(!line_matches("a[..]a", "a"));
        assert!(!line_matches("[..]x[..]", "abc"));
    }

    #[test]
    fn holes_of_lines() {
        assert!(matches(&["a", "...", "d"], &["a", "b", "c", "d"]));
        assert!(matches(&["a", "..."], &["a"]));
        assert!(matches(&["..."], &[]));
        assert!(!matches(&["a", "...", "d"], &["a", "b", "c"]));
        assert!(!matches(&["a"], &["a", "b"]));
        assert!(!matches(&["a", "b"], &["a"]));
    }

    #[test]
    fn blessing_keeps_holes_that_still_fit() {
        let actual = ["time 3 ms", "new", "size 4"];
        assert_eq!(
            bless(&["time [..] ms", "size [..]"], &actual),
            ["time [..] ms", "new", "size [..]"]
        );
        assert_eq!(bless(&["..."], &actual), ["..."]);
        assert_eq!(bless(&[], &actual), actual);
    }
}
