//! Generates a JSON document, prints it, parses it and prints it again, round after round; the two
//! texts must be equal. The parser is a recursive descent over RFC 8259's grammar, with a limit on
//! nesting and errors that name the position. Byte scanning, number conversion, small allocations.
//! The size is the number of records in the document.
//!
//! test-args: 4

use std::fmt::Write;

const ROUNDS: u32 = 10;
const PREVIEW_MAX_RECORDS: u32 = 4;

fn main() {
    let records = size_argument(40_000);
    let document = generate(records);
    let text = compact(&document);
    for round in 0..ROUNDS {
        let parsed = parse(&text).unwrap_or_else(|error| panic!("round {}: {}", round, error));
        assert!(
            parsed == document,
            "round {}: the document has changed",
            round
        );
        assert!(
            compact(&parsed) == text,
            "round {}: the text has changed",
            round
        );
    }
    println!(
        "{records} records, {} bytes, checksum {:016x}",
        text.len(),
        checksum(&text)
    );
    println!("sum of all numbers: {:.3}", sum_of_numbers(&document));
    if records <= PREVIEW_MAX_RECORDS {
        let mut pretty = String::new();
        write_pretty(&document, 0, &mut pretty);
        println!("{pretty}");
    }
    report_errors();
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Value>),
    /// In the order of the text.
    Object(Vec<(String, Value)>),
}

// ---- generation

fn generate(records: u32) -> Value {
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let list = (0..records)
        .map(|id| generate_record(id, &mut random))
        .collect();
    object(vec![
        ("version", Value::Number(1.0)),
        ("records", Value::Array(list)),
    ])
}

fn generate_record(id: u32, random: &mut XorShift) -> Value {
    let name = format!(
        "{} \"{}\"\n{}",
        random.pick(&NAMES),
        random.pick(&NAMES),
        id
    );
    let tags = (0..random.below(5)).map(|_| Value::String(random.pick(&TAGS).to_string()));
    let tags = Value::Array(tags.collect());
    let parent = if random.below(4) == 0 {
        Value::Null
    } else {
        Value::Number(f64::from(id / 2))
    };
    let position = object(vec![
        (
            "x",
            Value::Number(f64::from(random.below(2_000_000)) / 1000.0 - 1000.0),
        ),
        (
            "y",
            Value::Number(f64::from(random.below(1 << 30)) / 4096.0),
        ),
        (
            "scale",
            Value::Number(1e-9 * f64::from(1 + random.below(1000))),
        ),
    ]);
    object(vec![
        ("id", Value::Number(f64::from(id))),
        ("name", Value::String(name)),
        ("active", Value::Bool(random.below(2) == 1)),
        ("parent", parent),
        ("tags", tags),
        ("position", position),
    ])
}

const NAMES: [&str; 6] = ["Ada", "Grace", "Édouard", "Łukasz", "小林", "😀 smile"];
const TAGS: [&str; 5] = ["new", "tab\tbed", "back\\slash", "control\u{1}", "plain"];

fn object(members: Vec<(&str, Value)>) -> Value {
    Value::Object(
        members
            .into_iter()
            .map(|(key, value)| (key.to_string(), value))
            .collect(),
    )
}

// ---- printing

fn compact(value: &Value) -> String {
    let mut out = String::new();
    write_compact(value, &mut out);
    out
}

fn write_compact(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_compact(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_compact(member, out);
            }
            out.push('}');
        }
        scalar => write_scalar(scalar, out),
    }
}

fn write_pretty(value: &Value, indent: usize, out: &mut String) {
    let new_line = |out: &mut String, indent: usize| {
        out.push('\n');
        out.extend(std::iter::repeat("  ").take(indent));
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                out.push(if i == 0 { '[' } else { ',' });
                new_line(out, indent + 1);
                write_pretty(item, indent + 1, out);
            }
            new_line(out, indent);
            out.push(']');
        }
        Value::Object(members) if !members.is_empty() => {
            for (i, (key, member)) in members.iter().enumerate() {
                out.push(if i == 0 { '{' } else { ',' });
                new_line(out, indent + 1);
                write_string(key, out);
                out.push_str(": ");
                write_pretty(member, indent + 1, out);
            }
            new_line(out, indent);
            out.push('}');
        }
        other => write_compact(other, out),
    }
}

fn write_scalar(value: &Value, out: &mut String) {
    match value {
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        // The shortest text that reads back as the same number.
        Value::Number(number) => write!(out, "{number}").expect("strings take any text"),
        Value::String(text) => write_string(text, out),
        _ => out.push_str("null"),
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\u{0}'..='\u{1f}' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("strings take any text");
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

// ---- parsing

/// Deeper nesting is refused: the parser recurses.
const MAX_DEPTH: u32 = 64;

fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.error("expected the end of the document"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    /// The byte offset of what is read next, always between characters.
    at: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: u32) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(self.error("too deeply nested"));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-') | Some(b'0'..=b'9') => self.number(),
            _ if self.take("true") => Ok(Value::Bool(true)),
            _ if self.take("false") => Ok(Value::Bool(false)),
            _ if self.take("null") => Ok(Value::Null),
            _ => Err(self.error("expected a value")),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Value, String> {
        self.expect("{")?;
        let mut members = Vec::new();
        self.skip_space();
        if self.take("}") {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.skip_space();
            self.expect(":")?;
            members.push((key, self.value(depth + 1)?));
            self.skip_space();
            if self.take("}") {
                return Ok(Value::Object(members));
            }
            self.expect(",")?;
        }
    }

    fn array(&mut self, depth: u32) -> Result<Value, String> {
        self.expect("[")?;
        let mut items = Vec::new();
        self.skip_space();
        if self.take("]") {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take("]") {
                return Ok(Value::Array(items));
            }
            self.expect(",")?;
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        self.take("-");
        if !self.take("0") {
            self.digits()?;
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            if !self.take("+") {
                self.take("-");
            }
            self.digits()?;
        }
        let number = self.text[start..self.at]
            .parse()
            .map_err(|_| self.error("bad number"))?;
        Ok(Value::Number(number))
    }

    /// Takes at least one digit.
    fn digits(&mut self) -> Result<(), String> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.error("expected a digit"));
        }
        self.at += count;
        Ok(())
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect("\"")?;
        let mut out = String::new();
        loop {
            // Everything up to the next special byte is copied at once.
            let rest = &self.text[self.at..];
            let plain = rest
                .bytes()
                .take_while(|&b| b != b'"' && b != b'\\' && b >= b' ')
                .count();
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("unterminated string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let kind = self
            .peek()
            .ok_or_else(|| self.error("unterminated string"))?;
        let plain = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.error("unknown escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// The digits after `\u`; characters beyond 16 bits come as two escapes.
    fn unicode_escape(&mut self) -> Result<char, String> {
        let unit = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&unit) {
            self.expect("\\u")?;
            let low = self.hex4()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.error("unpaired surrogate"));
            }
            0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
        } else {
            unit
        };
        char::from_u32(code).ok_or_else(|| self.error("unpaired surrogate"))
    }

    fn hex4(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or("");
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(self.error("expected four hexadecimal digits"));
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.error("bad hexadecimal number"))
    }

    fn skip_space(&mut self) {
        while let Some(b' ') | Some(b'\t') | Some(b'\n') | Some(b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over the token if it comes next.
    fn take(&mut self, token: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(token.as_bytes());
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.error(&format!("expected {token}")))
        }
    }

    fn error(&self, message: &str) -> String {
        format!("offset {}: {message}", self.at)
    }
}

// ---- reports

fn report_errors() {
    let bad = [
        "{\"a\":}",
        "[1,2",
        "01",
        "\"\\ud800\"",
        "\"\\x\"",
        "[1 2]",
        "nul",
        "",
    ];
    for text in bad {
        match parse(text) {
            Ok(value) => println!("{text} was read as {value:?}"),
            Err(error) => println!("{text:12} {error}"),
        }
    }
    let deep = "[".repeat(100);
    println!("100 brackets {}", parse(&deep).err().unwrap_or_default());
    println!("an escape    {:?}", parse("\"\\u00e9 \\ud83d\\ude00\""));
}

fn sum_of_numbers(value: &Value) -> f64 {
    match value {
        Value::Number(number) => *number,
        Value::Array(items) => items.iter().map(sum_of_numbers).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(_, member)| sum_of_numbers(member))
            .sum(),
        _ => 0.0,
    }
}

/// The FNV-1a hash, 64 bits.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Marsaglia's xorshift generator with 64 bits of state.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u32) -> u32 {
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u32) as usize]
    }
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
