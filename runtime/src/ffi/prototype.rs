//! What a native function takes and gives, as the names of imports say it.
//!
//! ```text
//! prototype = SYMBOL [ '(' [ param { ',' param } ] ')' [ '->' result ] ]
//! param     = [ NAME ':' ] type
//! type      = number | 'bool' | 'str' | 'null' | ( '*const' | '*mut' ) number [ '[' count ']' ]
//! number    = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'i64' | 'u64' | 'f32' | 'f64'
//! count     = INTEGER | NAME | '*' NAME
//! result    = number | 'bool' | 'str'
//! ```

use std::fmt;

use dotvm_jit::{Scalar, THUNK_PARAMS_MAX};

/// A native function as a program declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prototype {
    /// Its name in the library.
    pub symbol: String,
    /// What it takes and gives; nothing where only the name is there, so the types of the import say it.
    pub signature: Option<Signature>,
}

/// What a native function takes and gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// Parameters, in order.
    pub params: Vec<Param>,
    /// The result.
    pub result: Option<NativeResult>,
}

/// A parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What it is.
    pub kind: ParamKind,
}

/// What a parameter is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamKind {
    /// A number.
    Number(Number),
    /// A pointer to text that ends with a zero byte: `str`.
    Text,
    /// A null pointer, which is no parameter of the program's: `null`.
    Null,
    /// A pointer to numbers.
    Pointer {
        /// Whether the function writes there.
        mutable: bool,
        /// What is there.
        element: Number,
        /// How many of them there must be.
        count: Count,
    },
}

/// How many elements there must be where a pointer points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// So many.
    Fixed(u64),
    /// As many as that parameter says, by its position.
    Param(usize),
    /// As many as the number says that parameter points to, by its position.
    Pointee(usize),
}

/// What a function gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NativeResult {
    /// A number.
    Number(Number),
    /// A pointer to text that ends with a zero byte, or null.
    Text,
}

/// A kind of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Number {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    Bool,
}

const NUMBERS: [(&str, Number); 11] = [
    ("i8", Number::I8),
    ("u8", Number::U8),
    ("i16", Number::I16),
    ("u16", Number::U16),
    ("i32", Number::I32),
    ("u32", Number::U32),
    ("i64", Number::I64),
    ("u64", Number::U64),
    ("f32", Number::F32),
    ("f64", Number::F64),
    ("bool", Number::Bool),
];

impl Number {
    /// Its name.
    pub fn name(self) -> &'static str {
        let row = NUMBERS.iter().find(|row| row.1 == self);
        row.map_or("?", |row| row.0)
    }

    /// Bytes in memory.
    pub fn bytes(self) -> u64 {
        match self {
            Number::I8 | Number::U8 | Number::Bool => 1,
            Number::I16 | Number::U16 => 2,
            Number::I32 | Number::U32 | Number::F32 => 4,
            Number::I64 | Number::U64 | Number::F64 => 8,
        }
    }

    /// The least and the greatest, of integers.
    pub fn range(self) -> Option<(i128, i128)> {
        let bits = self.bytes() as u32 * 8;
        match self {
            Number::F32 | Number::F64 => None,
            Number::Bool => Some((0, 1)),
            Number::I8 | Number::I16 | Number::I32 | Number::I64 => {
                Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
            }
            Number::U8 | Number::U16 | Number::U32 | Number::U64 => Some((0, (1 << bits) - 1)),
        }
    }

    /// As native code takes and gives it.
    pub(super) fn scalar(self) -> Scalar {
        match self {
            Number::I8 => Scalar::I8,
            Number::U8 | Number::Bool => Scalar::U8,
            Number::I16 => Scalar::I16,
            Number::U16 => Scalar::U16,
            Number::I32 => Scalar::I32,
            Number::U32 => Scalar::U32,
            Number::I64 | Number::U64 => Scalar::I64,
            Number::F32 => Scalar::F32,
            Number::F64 => Scalar::F64,
        }
    }
}

impl fmt::Display for Prototype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.symbol)?;
        let Some(Signature { params, result }) = &self.signature else {
            return Ok(());
        };
        let name = |number: usize| params[number].name.as_deref().unwrap_or("_");
        for (i, param) in params.iter().enumerate() {
            f.write_str(if i == 0 { "(" } else { ", " })?;
            if let Some(name) = &param.name {
                write!(f, "{name}: ")?;
            }
            match param.kind {
                ParamKind::Number(number) => f.write_str(number.name())?,
                ParamKind::Text => f.write_str("str")?,
                ParamKind::Null => f.write_str("null")?,
                ParamKind::Pointer {
                    mutable,
                    element,
                    count,
                } => {
                    let access = if mutable { "mut" } else { "const" };
                    write!(f, "*{access} {}", element.name())?;
                    match count {
                        Count::Fixed(count) => write!(f, "[{count}]")?,
                        Count::Param(number) => write!(f, "[{}]", name(number))?,
                        Count::Pointee(number) => write!(f, "[*{}]", name(number))?,
                    }
                }
            }
        }
        f.write_str(if params.is_empty() { "()" } else { ")" })?;
        match result {
            None => Ok(()),
            Some(NativeResult::Text) => f.write_str(" -> str"),
            Some(NativeResult::Number(number)) => write!(f, " -> {}", number.name()),
        }
    }
}

/// What is wrong with a prototype, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrototypeError {
    /// Bytes from the start.
    pub offset: usize,
    /// Why.
    pub reason: String,
}

impl fmt::Display for PrototypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at byte {} of the prototype: {}",
            self.offset, self.reason
        )
    }
}

impl std::error::Error for PrototypeError {}

type Parsed<T> = Result<T, PrototypeError>;

/// A count as it is written: what it refers to may come later.
enum Written<'t> {
    Fixed(u64),
    Param(&'t str, usize),
    Pointee(&'t str, usize),
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Prototype {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Prototype, PrototypeError> {
        let mut parser = Parser { text, at: 0 };
        let end = text.find('(').unwrap_or(text.len());
        let symbol = text[..end].trim();
        if symbol.is_empty() || symbol.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return parser.error("the name of a function must be here");
        }
        parser.at = end;
        let signature = match end < text.len() {
            true => Some(parser.signature()?),
            false => None,
        };
        Ok(Prototype {
            symbol: symbol.to_owned(),
            signature,
        })
    }
}

impl<'t> Parser<'t> {
    fn error<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        Err(PrototypeError {
            offset: self.at,
            reason: reason.into(),
        })
    }

    fn rest(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    fn eat(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    fn expect(&mut self, what: &str) -> Parsed<()> {
        match self.eat(what) {
            true => Ok(()),
            false => self.error(format!("`{what}` is missing")),
        }
    }

    /// A name or an integer; may be empty.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn signature(&mut self) -> Parsed<Signature> {
        self.expect("(")?;
        let mut params: Vec<Param> = Vec::new();
        let mut counts = Vec::new();
        while !self.eat(")") {
            if !params.is_empty() {
                self.expect(",")?;
            }
            if params.len() == THUNK_PARAMS_MAX {
                return self.error(format!("there may be {THUNK_PARAMS_MAX} parameters"));
            }
            let (param, count) = self.param()?;
            if let Some(name) = &param.name
                && params.iter().any(|other| other.name.as_ref() == Some(name))
            {
                return self.error(format!("`{name}` is there twice"));
            }
            params.push(param);
            counts.push(count);
        }
        for (i, written) in counts.into_iter().enumerate() {
            let Some(written) = written else { continue };
            let found = self.count(&params, written)?;
            if let ParamKind::Pointer { count, .. } = &mut params[i].kind {
                *count = found;
            }
        }
        let result = match self.eat("->") {
            true => Some(self.result()?),
            false => None,
        };
        match self.rest().is_empty() {
            true => Ok(Signature { params, result }),
            false => self.error("nothing may follow here"),
        }
    }

    fn param(&mut self) -> Parsed<(Param, Option<Written<'t>>)> {
        let start = self.at;
        let word = self.word();
        let name = match !word.is_empty() && self.eat(":") {
            true => Some(word.to_owned()),
            false => {
                self.at = start;
                None
            }
        };
        if name
            .as_ref()
            .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        {
            self.at = start;
            return self.error("names do not start with digits");
        }
        let mutable = self.eat("*mut ");
        if !mutable && !self.eat("*const ") {
            let kind = match self.word() {
                "str" => ParamKind::Text,
                "null" => ParamKind::Null,
                word => ParamKind::Number(self.number(word)?),
            };
            return Ok((Param { name, kind }, None));
        }
        let word = self.word();
        let element = self.number(word)?;
        let mut written = None;
        if self.eat("[") {
            let pointee = self.eat("*");
            let _ = self.rest();
            let at = self.at;
            let word = self.word();
            written = Some(match word.parse::<u64>() {
                Ok(count) if !pointee => Written::Fixed(count),
                _ if word.is_empty() => return self.error("a number of elements must be here"),
                _ if pointee => Written::Pointee(word, at),
                _ => Written::Param(word, at),
            });
            self.expect("]")?;
        }
        let kind = ParamKind::Pointer {
            mutable,
            element,
            count: Count::Fixed(1),
        };
        Ok((Param { name, kind }, written))
    }

    fn number(&self, word: &str) -> Parsed<Number> {
        let row = NUMBERS.iter().find(|row| row.0 == word);
        row.map(|row| row.1).ok_or_else(|| PrototypeError {
            offset: self.at - word.len(),
            reason: match word {
                "" => "a type must be here".to_owned(),
                _ => format!("`{word}` is no type"),
            },
        })
    }

    fn count(&mut self, params: &[Param], written: Written<'t>) -> Parsed<Count> {
        let (name, at, pointee) = match written {
            Written::Fixed(count) => return Ok(Count::Fixed(count)),
            Written::Param(name, at) => (name, at, false),
            Written::Pointee(name, at) => (name, at, true),
        };
        let error = |reason: String| PrototypeError { offset: at, reason };
        let found = params
            .iter()
            .position(|param| param.name.as_deref() == Some(name));
        let Some(found) = found else {
            return Err(error(format!("there is no parameter `{name}`")));
        };
        let is_integer = |number: Number| number.range().is_some() && number != Number::Bool;
        match params[found].kind {
            ParamKind::Number(number) if !pointee && is_integer(number) => Ok(Count::Param(found)),
            ParamKind::Pointer { element, .. } if pointee && is_integer(element) => {
                Ok(Count::Pointee(found))
            }
            _ if pointee => Err(error(format!("`{name}` is no pointer to integers"))),
            _ => Err(error(format!("`{name}` is no integer"))),
        }
    }

    fn result(&mut self) -> Parsed<NativeResult> {
        match self.word() {
            "str" => Ok(NativeResult::Text),
            word => self.number(word).map(NativeResult::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn parsed(text: &str) -> String {
        match Prototype::parse(text) {
            Err(error) => error.to_string(),
            Ok(Prototype {
                symbol,
                signature: None,
            }) => symbol,
            Ok(
                prototype @ Prototype {
                    signature: Some(_), ..
                },
            ) => {
                assert_eq!(
                    Prototype::parse(&prototype.to_string()),
                    Ok(prototype.clone())
                );
                let Prototype {
                    symbol,
                    signature: Some(signature),
                } = prototype
                else {
                    unreachable!()
                };
                let params = signature.params.iter().map(|param| {
                    let name = param.name.as_deref().unwrap_or("_");
                    format!("\n  {name}: {:?}", param.kind)
                });
                format!(
                    "{symbol}{}\n  {:?}",
                    params.collect::<String>(),
                    signature.result
                )
            }
        }
    }

    #[test]
    fn prototypes() {
        expect!["sqrt"].assert_eq(&parsed("sqrt"));
        expect![[r#"
            crc32
              crc: Number(U64)
              data: Pointer { mutable: false, element: U8, count: Param(2) }
              len: Number(U32)
              Some(Number(U64))"#]]
        .assert_eq(&parsed(
            "crc32(crc: u64, data: *const u8[len], len: u32) -> u64",
        ));
        expect![[r#"
            compress
              dest: Pointer { mutable: true, element: U8, count: Pointee(1) }
              room: Pointer { mutable: true, element: U64, count: Fixed(1) }
              _: Pointer { mutable: false, element: U8, count: Fixed(12) }
              _: Text
              _: Null
              None"#]]
        .assert_eq(&parsed(
            " compress ( dest : *mut u8 [ * room ], room:*mut u64,*const u8[12] , str, null )",
        ));
        expect![[r#"
            zlibVersion
              Some(Text)"#]]
        .assert_eq(&parsed("zlibVersion() -> str"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let wrong = [
            "",
            "a b",
            "f(",
            "f(int)",
            "f(i32 i32)",
            "f(a: i32, a: i32)",
            "f(1: i32)",
            "f(*u8)",
            "f(*const )",
            "f(*const u8[])",
            "f(*const u8[n])",
            "f(p: *const u8[p])",
            "f(p: *const u8[*n], n: i32)",
            "f(p: *const u8[x], x: f64)",
            "f(*const u8[99999999999999999999])",
            "f() -> null",
            "f() -> *const u8",
            "f() i32",
            "f() -> i32 x",
            "f(é)",
        ];
        let all = wrong.map(|text| format!("{text}\n    {}\n", parsed(text)));
        expect![[r#"

                at byte 0 of the prototype: the name of a function must be here
            a b
                at byte 0 of the prototype: the name of a function must be here
            f(
                at byte 2 of the prototype: a type must be here
            f(int)
                at byte 2 of the prototype: `int` is no type
            f(i32 i32)
                at byte 6 of the prototype: `,` is missing
            f(a: i32, a: i32)
                at byte 16 of the prototype: `a` is there twice
            f(1: i32)
                at byte 2 of the prototype: names do not start with digits
            f(*u8)
                at byte 2 of the prototype: a type must be here
            f(*const )
                at byte 9 of the prototype: a type must be here
            f(*const u8[])
                at byte 12 of the prototype: a number of elements must be here
            f(*const u8[n])
                at byte 12 of the prototype: there is no parameter `n`
            f(p: *const u8[p])
                at byte 15 of the prototype: `p` is no integer
            f(p: *const u8[*n], n: i32)
                at byte 16 of the prototype: `n` is no pointer to integers
            f(p: *const u8[x], x: f64)
                at byte 15 of the prototype: `x` is no integer
            f(*const u8[99999999999999999999])
                at byte 12 of the prototype: there is no parameter `99999999999999999999`
            f() -> null
                at byte 7 of the prototype: `null` is no type
            f() -> *const u8
                at byte 7 of the prototype: a type must be here
            f() i32
                at byte 4 of the prototype: nothing may follow here
            f() -> i32 x
                at byte 11 of the prototype: nothing may follow here
            f(é)
                at byte 2 of the prototype: a type must be here
        "#]]
        .assert_eq(&all.concat());
        let many = format!("f({})", vec!["i32"; 65].join(","));
        expect!["at byte 258 of the prototype: there may be 64 parameters"]
            .assert_eq(&parsed(&many));
    }
}
