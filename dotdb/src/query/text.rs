//! The text of queries.

use crate::error::{Error, Result};
use crate::limits::{QUERY_BYTES_MAX, at_most};
use crate::session::Direction;
use crate::value::{Comparison, Value};

/// How deep conditions may nest.
const DEPTH_MAX: usize = 64;

/// A query.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Query {
    pub(super) table: String,
    pub(super) condition: Option<Condition>,
    pub(super) order: Option<(String, Direction)>,
    pub(super) limit: Option<u64>,
}

/// What a row must fulfil.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        field: String,
        /// Where the field is in the query.
        at: usize,
        comparison: Comparison,
        constant: Value,
    },
    In {
        field: String,
        at: usize,
        constants: Vec<Value>,
    },
    Exists {
        field: String,
        at: usize,
    },
}

/// Parses a query.
pub(super) fn parse(text: &str, parameters: &[Value]) -> Result<Query> {
    at_most("bytes of a query", text.len() as u64, QUERY_BYTES_MAX)?;
    let mut parser = Parser {
        text,
        at: 0,
        parameters,
    };
    let (_, table) = parser.name("the name of a table")?;
    let condition = match parser.word("where") {
        true => Some(parser.condition(0)?),
        false => None,
    };
    let mut order = None;
    if parser.word("order") {
        parser.expect_word("by")?;
        let (_, field) = parser.name("the name of a field")?;
        let direction = if parser.word("desc") {
            Direction::Backward
        } else {
            parser.word("asc");
            Direction::Forward
        };
        order = Some((field, direction));
    }
    let mut limit = None;
    if parser.word("limit") {
        let at = parser.at;
        limit = match parser.constant()? {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        };
        if limit.is_none() {
            return Err(wrong(at, "a limit is a number of rows"));
        }
    }
    parser.skip_space();
    match parser.rest() {
        "" => Ok(Query {
            table,
            condition,
            order,
            limit,
        }),
        _ => Err(parser.unexpected("the end")),
    }
}

fn wrong(at: usize, reason: impl Into<String>) -> Error {
    Error::Query {
        at,
        reason: reason.into(),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    parameters: &'a [Value],
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found: String = self.rest().chars().take(12).collect();
        match found.is_empty() {
            true => wrong(self.at, format!("{expected} is missing")),
            false => wrong(self.at, format!("{expected} was expected, not {found:?}")),
        }
    }

    /// The name or word that comes next; empty where there is none.
    fn peek_name(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return "";
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        &rest[..rest.find(|c| !is_plain(c)).unwrap_or(rest.len())]
    }

    /// Takes a word, in any case, if it comes next.
    fn word(&mut self, word: &str) -> bool {
        let is_next = self.peek_name().eq_ignore_ascii_case(word);
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn expect_word(&mut self, word: &str) -> Result {
        match self.word(word) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{word}`"))),
        }
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.skip_space();
        let is_next = self.rest().starts_with(symbol);
        if is_next {
            self.at += symbol.len();
        }
        is_next
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result {
        match self.symbol(symbol) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{symbol}`"))),
        }
    }

    fn name(&mut self, what: &str) -> Result<(usize, String)> {
        let name = self.peek_name();
        if name.is_empty() {
            return Err(self.unexpected(what));
        }
        let at = self.at;
        self.at += name.len();
        Ok((at, name.to_owned()))
    }

    fn condition(&mut self, depth: usize) -> Result<Condition> {
        let mut any = vec![self.all(depth)?];
        while self.word("or") {
            any.push(self.all(depth)?);
        }
        Ok(match any.len() {
            1 => any.remove(0),
            _ => Condition::Any(any),
        })
    }

    fn all(&mut self, depth: usize) -> Result<Condition> {
        let mut all = vec![self.single(depth)?];
        while self.word("and") {
            all.push(self.single(depth)?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Condition::All(all),
        })
    }

    fn single(&mut self, depth: usize) -> Result<Condition> {
        if depth == DEPTH_MAX {
            return Err(wrong(self.at, "conditions nest too deep"));
        }
        if self.word("not") {
            return Ok(Condition::Not(Box::new(self.single(depth + 1)?)));
        }
        if self.symbol("(") {
            let inner = self.condition(depth + 1)?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition> {
        let (at, field) = self.name("the name of a field")?;
        let compare = |comparison, constant| Condition::Compare {
            field: field.clone(),
            at,
            comparison,
            constant,
        };
        if self.word("exists") {
            return Ok(Condition::Exists { field, at });
        }
        if self.word("prefix") {
            return Ok(compare(Comparison::Prefix, self.constant()?));
        }
        if self.word("between") {
            let low = self.constant()?;
            self.expect_word("and")?;
            let high = self.constant()?;
            return Ok(Condition::All(vec![
                compare(Comparison::GreaterOrEqual, low),
                compare(Comparison::LessOrEqual, high),
            ]));
        }
        if self.word("in") {
            self.expect_symbol("(")?;
            let mut constants = vec![self.constant()?];
            while self.symbol(",") {
                constants.push(self.constant()?);
            }
            self.expect_symbol(")")?;
            return Ok(Condition::In {
                field,
                at,
                constants,
            });
        }
        let symbols = [
            ("=", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            ("<", Comparison::Less),
            (">=", Comparison::GreaterOrEqual),
            (">", Comparison::Greater),
        ];
        for (symbol, comparison) in symbols {
            if self.symbol(symbol) {
                return Ok(compare(comparison, self.constant()?));
            }
        }
        Err(self.unexpected("a comparison"))
    }

    fn constant(&mut self) -> Result<Value> {
        self.skip_space();
        let at = self.at;
        let rest = self.rest();
        match rest.as_bytes() {
            [b'\'' | b'"', ..] => Ok(Value::Text(self.quoted()?)),
            [b'x' | b'X', b'\'' | b'"', ..] => {
                self.at += 1;
                let digits = self.quoted()?;
                match from_hex(&digits) {
                    Some(bytes) => Ok(Value::Bytes(bytes)),
                    None => Err(wrong(at, "bytes are pairs of hexadecimal digits")),
                }
            }
            [b'$', ..] => {
                let digits = &rest[1..];
                let end = digits.find(|c: char| !c.is_ascii_digit());
                let digits = &digits[..end.unwrap_or(digits.len())];
                self.at += 1 + digits.len();
                let number = digits.parse::<usize>().ok();
                let value = number.and_then(|n| self.parameters.get(n.checked_sub(1)?));
                value
                    .cloned()
                    .ok_or_else(|| wrong(at, format!("there is no parameter ${digits}")))
            }
            [b'-' | b'0'..=b'9', ..] => {
                let is_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
                let end = rest.find(|c| !is_number(c)).unwrap_or(rest.len());
                let digits = &rest[..end];
                self.at += end;
                if let Ok(number) = digits.parse::<i128>() {
                    return Ok(Value::Integer(number));
                }
                match digits.parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(Value::Float(number)),
                    _ => Err(wrong(at, format!("{digits:?} is no number"))),
                }
            }
            _ => {
                for (word, value) in [
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("null", Value::Null),
                ] {
                    if self.word(word) {
                        return Ok(value);
                    }
                }
                Err(self.unexpected("a constant"))
            }
        }
    }

    /// Text in quotes of either kind; two of them in it are one.
    fn quoted(&mut self) -> Result<String> {
        let start = self.at;
        let Some(quote) = self.rest().chars().next() else {
            return Err(self.unexpected("text"));
        };
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some((part, behind)) = self.rest().split_once(quote) else {
                return Err(wrong(start, "the quotes have no end"));
            };
            self.at += part.len() + 1;
            text += part;
            if !behind.starts_with(quote) {
                return Ok(text);
            }
            text.push(quote);
            self.at += 1;
        }
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || digits.len() % 2 == 1 {
        return None;
    }
    let bytes = (0..digits.len()).step_by(2);
    bytes
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_a_place_and_a_reason() {
        for (text, at, reason) in [
            ("", 0, "the name of a table is missing"),
            ("t where", 7, "the name of a field is missing"),
            ("t where a", 9, "a comparison is missing"),
            ("t where a = ", 12, "a constant is missing"),
            ("t where a = b", 12, "a constant was expected, not \"b\""),
            ("t where a = 'x", 12, "the quotes have no end"),
            (
                "t where a = x'0'",
                12,
                "bytes are pairs of hexadecimal digits",
            ),
            ("t where a = 1e999", 12, "\"1e999\" is no number"),
            ("t where a = 12b", 12, "\"12b\" is no number"),
            ("t where a = $2", 12, "there is no parameter $2"),
            ("t where a = $", 12, "there is no parameter $"),
            ("t where (a = 1", 14, "`)` is missing"),
            ("t where a = 1 b", 14, "the end was expected, not \"b\""),
            ("t order a", 8, "`by` was expected, not \"a\""),
            ("t limit -1", 7, "a limit is a number of rows"),
        ] {
            match parse(text, &[Value::Null]) {
                Err(Error::Query {
                    at: found,
                    reason: why,
                }) => {
                    assert_eq!((found, why.as_str()), (at, reason), "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let deep = format!("t where {}a = 1", "not ".repeat(100));
        assert!(matches!(parse(&deep, &[]), Err(Error::Query { .. })));
        let long = format!("t where a = '{}'", "x".repeat(20_000));
        assert!(matches!(parse(&long, &[]), Err(Error::Limit { .. })));
    }

    #[test]
    fn constants_are_what_they_look_like() {
        let constant = |text: &str| match parse(&format!("t where f = {text}"), &[]) {
            Ok(Query {
                condition: Some(Condition::Compare { constant, .. }),
                ..
            }) => constant,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(constant("-12"), Value::Integer(-12));
        assert_eq!(constant("1.5e3"), Value::Float(1500.0));
        assert_eq!(constant("'it''s'"), Value::Text("it's".into()));
        assert_eq!(constant("\"a'b\""), Value::Text("a'b".into()));
        assert_eq!(constant("x'00fF'"), Value::Bytes(vec![0, 255]));
        assert_eq!(constant("TRUE"), Value::Bool(true));
        assert_eq!(constant("null"), Value::Null);
    }
}
