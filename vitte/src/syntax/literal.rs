//! The values of literals.

use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::Span;

/// The value of an integer literal, at most 2^63.
pub(crate) fn int(text: &str, span: Span, errors: &mut Diagnostics) -> u64 {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x', ..] => (&text[2..], 16),
        [b'0', b'b', ..] => (&text[2..], 2),
        [b'0', b'o', ..] => (&text[2..], 8),
        _ => (text, 10),
    };
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        let message = "this is no integer".to_owned();
        let hint = "integers are like `42`, `1_000`, `0xff`, `0b101` or `0o17`";
        errors.push(Diagnostic::new(Code::Number, span, message, hint));
        return 0;
    }
    match u64::from_str_radix(&digits, radix) {
        Ok(value) if value <= 1 << 63 => value,
        _ => {
            let message = "this integer is too large".to_owned();
            let hint = "integers have 64 bits: at most 9223372036854775807";
            errors.push(Diagnostic::new(Code::Number, span, message, hint));
            0
        }
    }
}

/// The value of a float literal.
pub(crate) fn float(text: &str, span: Span, errors: &mut Diagnostics) -> f64 {
    let digits = text.replace('_', "");
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => value,
        result => {
            let (message, hint) = match result {
                Ok(_) => ("this float is too large", "at most about 1.79e308"),
                Err(_) => ("this is no float", "floats are like `1.5` or `2e-3`"),
            };
            let error = Diagnostic::new(Code::Number, span, message.to_owned(), hint);
            errors.push(error);
            0.0
        }
    }
}

/// The value of a string literal, which `text` is with its quotes.
pub(crate) fn string(text: &str, span: Span, errors: &mut Diagnostics) -> String {
    let inner = text.strip_prefix('"').unwrap_or(text);
    let mut value = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(i) = rest.find(['\\', '"']) {
        value.push_str(&rest[..i]);
        let at = text.len() - rest.len() + i;
        rest = &rest[i..];
        if rest.starts_with('"') {
            // The lexer ends strings at the first quote that is not escaped.
            return value;
        }
        match escape(&rest[1..]) {
            Some((c, len)) => {
                value.push(c);
                rest = &rest[1 + len..];
            }
            None => {
                let len = rest[1..].chars().next().map_or(0, char::len_utf8);
                let start = span.start + at as u32;
                let place = Span {
                    start,
                    end: start + 1 + len as u32,
                    ..span
                };
                let message = "unknown escape sequence".to_owned();
                let hint = "there are `\\n`, `\\t`, `\\r`, `\\0`, `\\\\`, `\\\"` and `\\u{1f600}`";
                errors.push(Diagnostic::new(Code::Escape, place, message, hint));
                rest = &rest[1 + len..];
            }
        }
    }
    value.push_str(rest);
    value
}

/// The character that is escaped by what follows a backslash, and the length of that.
fn escape(rest: &str) -> Option<(char, usize)> {
    let simple = match rest.chars().next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        '\\' => '\\',
        '"' => '"',
        'u' => {
            let digits = rest.strip_prefix("u{")?;
            let end = digits.find('}').filter(|&end| (1..=6).contains(&end))?;
            let digits = &digits[..end];
            if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
                return None;
            }
            let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            return Some((c, end + 3));
        }
        _ => return None,
    };
    Some((simple, 1))
}

/// A string as a literal with that value.
pub(crate) fn quote(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            '\0' => text.push_str("\\0"),
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            c if c.is_control() => text.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> (String, usize) {
        let mut errors = Diagnostics::default();
        let value = string(text, Span::default(), &mut errors);
        (value, errors.count())
    }

    #[test]
    fn escapes() {
        assert_eq!(all(r#""a\n\u{e9}\"\\""#), ("a\n\u{e9}\"\\".to_owned(), 0));
        assert_eq!(all(r#""\q\u{110000}""#).1, 2);
        assert_eq!(all(r#""\u{}\u{1234567}""#).1, 2);
    }

    #[test]
    fn the_largest_integers() {
        let mut errors = Diagnostics::default();
        assert_eq!(
            int("0x8000_0000_0000_0000", Span::default(), &mut errors),
            1 << 63
        );
        assert_eq!(errors.count(), 0);
        int("9223372036854775809", Span::default(), &mut errors);
        int("0b12", Span::default(), &mut errors);
        int("12ab", Span::default(), &mut errors);
        assert_eq!(errors.count(), 3);
    }

    proptest! {
        #[test]
        fn quoted_strings_have_their_value(value in ".*") {
            prop_assert_eq!(all(&quote(&value)), (value, 0));
        }
    }
}
