//! Expressions over the values of a stopped program.
//!
//! Operators and their precedence are those of Rust; what is looked up by name is whatever the frame offers
//! (see [`Names`]). Integers have as many bits as they need.

use dotvm_isa::debug::Scalar;

use super::number::{Binary, Int, Number};
use super::show::{parts, target};
use super::value::{Home, Ty, Value};
use crate::store::StoreOpaque;

/// The longest expression.
const MAX_BYTES: usize = 4096;

/// How deep expressions may nest.
const MAX_DEPTH: u32 = 64;

/// Where names are looked up.
pub(super) trait Names {
    /// The value with that name.
    fn named(&self, store: &StoreOpaque, name: &str) -> Result<Value, String>;
    /// `local[i]`, `stack[i]`, `global[i]`.
    fn numbered(&self, store: &StoreOpaque, what: &str, index: u64) -> Result<Value, String>;
    /// What addresses are in.
    fn memory(&self, store: &StoreOpaque) -> Result<u32, String>;
}

/// Evaluates an expression.
///
/// # Errors
/// What is wrong with it.
pub(super) fn evaluate(
    store: &StoreOpaque,
    names: &dyn Names,
    text: &str,
) -> Result<Value, String> {
    Parser::new(Some((store, names)), text)?.whole()
}

/// Looks whether a text can be an expression, whatever its names are: for conditions, which are evaluated later.
///
/// # Errors
/// What is wrong with it.
pub fn check_expression(text: &str) -> Result<(), String> {
    Parser::new(None, text)?.whole().map(drop)
}

/// Operators by their text, those that others begin with behind these, and how strongly they bind.
const OPERATORS: [(&str, u8, Option<Binary>); 18] = [
    ("||", 1, None),
    ("&&", 2, None),
    ("==", 3, Some(Binary::Eq)),
    ("!=", 3, Some(Binary::Ne)),
    ("<<", 7, Some(Binary::Shl)),
    (">>", 7, Some(Binary::Shr)),
    ("<=", 3, Some(Binary::Le)),
    (">=", 3, Some(Binary::Ge)),
    ("<", 3, Some(Binary::Lt)),
    (">", 3, Some(Binary::Gt)),
    ("|", 4, Some(Binary::Or)),
    ("^", 5, Some(Binary::Xor)),
    ("&", 6, Some(Binary::And)),
    ("+", 8, Some(Binary::Add)),
    ("-", 8, Some(Binary::Sub)),
    ("*", 9, Some(Binary::Mul)),
    ("/", 9, Some(Binary::Div)),
    ("%", 9, Some(Binary::Rem)),
];

struct Parser<'e> {
    /// What values are of; nothing where none are asked for, as behind `false &&`. All are zero then.
    world: Option<(&'e StoreOpaque, &'e dyn Names)>,
    text: &'e str,
    at: usize,
    depth: u32,
}

fn zero() -> Value {
    Value::number(Number::Int(Int::from_bool(false)))
}

impl<'e> Parser<'e> {
    fn new(
        world: Option<(&'e StoreOpaque, &'e dyn Names)>,
        text: &'e str,
    ) -> Result<Parser<'e>, String> {
        match text.len() > MAX_BYTES {
            true => Err(format!("an expression of more than {MAX_BYTES} bytes")),
            false => Ok(Parser {
                world,
                text,
                at: 0,
                depth: 0,
            }),
        }
    }

    /// All of the text.
    fn whole(mut self) -> Result<Value, String> {
        let value = self.binary(0)?;
        self.skip_space();
        match self.rest() {
            "" => Ok(value),
            rest => Err(format!("`{rest}` was not expected")),
        }
    }

    /// The number that a value is.
    fn number(&self, value: &Value) -> Result<Number, String> {
        match self.world {
            Some((store, _)) => value.to_number(store),
            None => Ok(Number::Int(Int::from_bool(false))),
        }
    }

    fn rest(&self) -> &'e str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.eat(token) {
            true => Ok(()),
            false if self.rest().is_empty() => Err(format!("`{token}` is missing at the end")),
            false => Err(format!("`{token}` is missing before `{}`", self.rest())),
        }
    }

    /// Operators that bind more strongly than `weakest`.
    fn binary(&mut self, weakest: u8) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it nests too deep".to_owned());
        }
        let mut left = self.unary()?;
        loop {
            self.skip_space();
            let rest = self.rest();
            let found = OPERATORS.iter().find(|(token, ..)| rest.starts_with(token));
            let Some(&(token, strength, op)) = found else {
                break;
            };
            if strength <= weakest {
                break;
            }
            self.at += token.len();
            let a = self.number(&left)?;
            let Some(op) = op else {
                left = self.logical(token, a.is_true(), strength)?;
                continue;
            };
            let right = self.binary(strength)?;
            let b = self.number(&right)?;
            left = match self.world {
                Some(_) => Value::number(op.apply(a, b)?),
                None => zero(),
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `&&` or `||` behind a left side: where that says the result, the right side is only parsed.
    fn logical(&mut self, token: &str, left: bool, strength: u8) -> Result<Value, String> {
        let is_decided = left == (token == "||");
        let world = match is_decided {
            true => self.world.take(),
            false => self.world,
        };
        let right = self.binary(strength)?;
        let truth = match is_decided {
            true => left,
            false => self.number(&right)?.is_true(),
        };
        self.world = world;
        Ok(Value::number(Number::Int(Int::from_bool(truth))))
    }

    fn unary(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it nests too deep".to_owned());
        }
        let value = self.any_unary();
        self.depth -= 1;
        value
    }

    fn any_unary(&mut self) -> Result<Value, String> {
        if self.eat("-") {
            let value = self.unary()?;
            return Ok(Value::number(match self.number(&value)? {
                Number::Int(int) => Number::Int(int.negated()),
                Number::Float(float) => Number::Float(-float),
            }));
        }
        if self.eat("!") {
            let value = self.unary()?;
            let truth = !self.number(&value)?.is_true();
            return Ok(Value::number(Number::Int(Int::from_bool(truth))));
        }
        if self.eat("~") {
            let value = self.unary()?;
            return match self.number(&value)? {
                Number::Int(int) => Ok(Value::number(Number::Int(int.inverted()))),
                Number::Float(_) => Err("floats have no bits to invert".to_owned()),
            };
        }
        if self.eat("*") {
            let value = self.unary()?;
            return match self.world {
                Some((store, _)) => target(store, &value),
                None => Ok(value),
            };
        }
        if self.eat("&") {
            let value = self.unary()?;
            if self.world.is_none() {
                return Ok(value);
            }
            let address = value.address().ok_or("it is not in memory")?;
            let int = Int::from_bytes(&address.to_le_bytes(), false);
            return Ok(Value::number(Number::Int(int)));
        }
        if self.eat("{") {
            // `{u32} address`: what is there in memory.
            let rest = self.rest();
            let end = rest.find('}').ok_or("`}` is missing at the end")?;
            let name = rest[..end].trim();
            let (scalar, bytes) =
                scalar_type(name).ok_or_else(|| format!("{name} is no type of a number"))?;
            self.at += end + 1;
            let address = self.unary()?;
            let Some((store, names)) = self.world else {
                return Ok(address);
            };
            let Number::Int(address) = address.to_number(store)? else {
                return Err("a float is no address".to_owned());
            };
            let address = address.to_u64().ok_or("an address beyond 64 bits")?;
            let memory = names.memory(store)?;
            return Ok(Value {
                ty: Ty::Scalar(scalar, bytes),
                home: Home::Memory(memory, address),
            });
        }
        let mut value = self.primary()?;
        loop {
            if self.eat("[") {
                let index = self.index()?;
                value = self.item(&value, index)?;
            } else if self.eat(".") {
                self.skip_space();
                let name = self.word();
                value = self.field(value, name)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn index(&mut self) -> Result<u64, String> {
        let index = self.binary(0)?;
        let index = self.number(&index)?;
        self.expect("]")?;
        let Number::Int(index) = index else {
            return Err("a float is no index".to_owned());
        };
        index
            .to_u64()
            .ok_or_else(|| "an index that is negative or too large".to_owned())
    }

    /// A part of a value; what it is behind pointers is looked for as well.
    fn field(&self, mut value: Value, name: &str) -> Result<Value, String> {
        let Some((store, _)) = self.world else {
            return Ok(value);
        };
        let tuple = format!("__{name}");
        for _ in 0..4 {
            let mut all = parts(store, &value, 0, u64::MAX)?;
            // The fields of a variant, without naming that.
            if let [(_, variant)] = &all[..] {
                all.extend(parts(store, &variant.clone(), 0, u64::MAX)?);
            }
            let found = all
                .into_iter()
                .find(|(part, _)| part == name || *part == tuple);
            if let Some((_, part)) = found {
                return Ok(part);
            }
            match target(store, &value) {
                Ok(to) => value = to,
                Err(_) => break,
            }
        }
        Err(format!(
            "a value of type {} has no field `{name}`",
            value.type_name()
        ))
    }

    fn item(&self, value: &Value, index: u64) -> Result<Value, String> {
        let Some((store, _)) = self.world else {
            return Ok(zero());
        };
        let mut parts_there = parts(store, value, index, 1)?;
        let wanted = format!("[{index}]");
        if let Some((name, _)) = parts_there.first()
            && *name == wanted
        {
            return Ok(parts_there.remove(0).1);
        }
        // Of a pointer, what comes behind; of a slice, the same of its first part.
        let pointer = match parts(store, value, 0, 2)?.first() {
            Some((name, part)) if name == "data_ptr" => part.clone(),
            _ => value.clone(),
        };
        let first = target(store, &pointer)
            .map_err(|_| format!("a value of type {} has no item {index}", value.type_name()))?;
        let bytes = match first.source_type()? {
            Some((_, ty)) => ty.bytes,
            None => 0,
        };
        let home = first.home.at(bytes.wrapping_mul(index));
        Ok(Value { home, ..first })
    }

    fn word(&mut self) -> &'e str {
        let rest = self.rest();
        let is_part = |c: char| c.is_alphanumeric() || "_$:".contains(c);
        let mut end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        // A colon is part of a path only.
        if let Some(colon) = rest[..end].find(':')
            && !rest[colon..].starts_with("::")
        {
            end = colon;
        }
        self.at += end;
        &rest[..end]
    }

    fn primary(&mut self) -> Result<Value, String> {
        if self.eat("(") {
            let value = self.binary(0)?;
            self.expect(")")?;
            return Ok(value);
        }
        self.skip_space();
        let rest = self.rest();
        match rest.chars().next() {
            None => Err("something is missing at the end".to_owned()),
            Some(c) if c.is_ascii_digit() => self.literal(),
            Some('\'') => {
                let (c, bytes) = character(&rest[1..])
                    .filter(|&(_, bytes)| rest[1 + bytes..].starts_with('\''))
                    .ok_or_else(|| format!("`{rest}` is no character"))?;
                self.at += bytes + 2;
                let code = i64::from(u32::from(c));
                Ok(Value::number(Number::Int(Int::from_i64(code))))
            }
            Some(c) if c.is_alphabetic() || "_$".contains(c) => {
                let name = self.word();
                match name {
                    "true" | "false" => {
                        let int = Int::from_bool(name == "true");
                        return Ok(Value::number(Number::Int(int)));
                    }
                    "local" | "stack" | "global" if self.eat("[") => {
                        let index = self.index()?;
                        return match self.world {
                            Some((store, names)) => names.numbered(store, name, index),
                            None => Ok(zero()),
                        };
                    }
                    _ => {}
                }
                match self.world {
                    Some((store, names)) => names.named(store, name),
                    None => Ok(zero()),
                }
            }
            Some(_) => Err(format!("`{rest}` was not expected")),
        }
    }

    fn literal(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let mut end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let is_fraction = rest[end..].starts_with('.')
            && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit());
        if is_fraction {
            let digits = &rest[end + 1..];
            end += 1 + digits
                .find(|c: char| !c.is_alphanumeric())
                .unwrap_or(digits.len());
        }
        // `1e-3`: the sign belongs to the number.
        if rest[..end].ends_with(['e', 'E'])
            && !rest.starts_with("0x")
            && rest[end..].starts_with(['-', '+'])
        {
            let digits = &rest[end + 1..];
            end += 1 + digits
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(digits.len());
        }
        self.at += end;
        let token = &rest[..end];
        let digits = token.get(2..).unwrap_or_default();
        let int = match token.get(..2) {
            Some("0x") => Int::parse(digits, 16),
            Some("0b") => Int::parse(digits, 2),
            Some("0o") => Int::parse(digits, 8),
            _ => Int::parse(token, 10),
        };
        // Digits alone are never a float, however many they are.
        let is_float = token.contains(|c: char| !c.is_ascii_digit() && c != '_');
        let float = || {
            let value = token.parse().ok().filter(|value: &f64| value.is_finite());
            value.filter(|_| is_float).map(Number::Float)
        };
        let number = int.map(Number::Int).or_else(float);
        let number = number.ok_or_else(|| format!("`{token}` is no number of at most 512 bits"))?;
        Ok(Value::number(number))
    }
}

/// The character that a text begins with, escaped as in Rust or not, and how many bytes that takes.
fn character(text: &str) -> Option<(char, usize)> {
    let mut chars = text.chars();
    let c = chars.next()?;
    if c != '\\' {
        return Some((c, c.len_utf8()));
    }
    let escaped = match chars.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        c @ ('\\' | '\'' | '"') => c,
        _ => return None,
    };
    Some((escaped, 2))
}

/// A type of numbers by its name.
fn scalar_type(name: &str) -> Option<(Scalar, u64)> {
    match name {
        "bool" => return Some((Scalar::Bool, 1)),
        "char" => return Some((Scalar::Char, 4)),
        _ => {}
    }
    let (kind, bits) = name.split_at_checked(1)?;
    let bits: u64 = bits.parse().ok()?;
    let scalar = match (kind, bits) {
        ("i", 8 | 16 | 32 | 64 | 128 | 256 | 512) => Scalar::Signed,
        ("u", 8 | 16 | 32 | 64 | 128 | 256 | 512) => Scalar::Unsigned,
        ("f", 32 | 64) => Scalar::Float,
        _ => return None,
    };
    Some((scalar, bits / 8))
}
