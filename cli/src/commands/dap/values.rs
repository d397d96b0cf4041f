//! Scopes, variables, expressions and memory, as the protocol has them.
//!
//! Numbers that stand for frames and for values with parts mean something until the program goes on; later ones are
//! different, so that an old one is noticed.

use dotvm::debug::{Stopped, Value as Seen};
use serde_json::{Value, json};

use crate::base64;

/// The most bytes of memory that are read at once.
const MAX_MEMORY_BYTES: u64 = 4 << 20;

/// The most bytes that the machine's debugger reads at once.
const CHUNK_BYTES: u64 = 1 << 16;

/// The most values with parts that are remembered at a stop.
const MAX_NODES: usize = 1 << 20;

/// The most parts of a value in one answer.
const MAX_PARTS: u64 = 4096;

/// Numbers start again behind this one: the protocol's have 31 bits.
const MAX_NUMBER: i64 = 1 << 30;

/// What a number stands for.
#[derive(Clone)]
struct Node {
    frame: usize,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Locals,
    Registers,
    Operands,
    Globals,
    /// A value, and the expression for it.
    Value(Seen, String),
}

/// The scopes of a frame: what they are called, and what they are to clients that know.
const SCOPES: [(&str, &str, Kind); 4] = [
    ("Variables", "locals", Kind::Locals),
    ("Globals", "globals", Kind::Globals),
    ("Bytecode locals", "registers", Kind::Registers),
    ("Operand stack", "registers", Kind::Operands),
];

/// A variable, a part of a value or the like.
struct Item {
    name: String,
    value: Result<Seen, String>,
    /// The expression for it.
    expression: String,
    is_param: bool,
}

/// What numbers stand for at this stop.
pub(super) struct Values {
    nodes: Vec<Node>,
    /// The number of the first one.
    first_node: i64,
    /// The number of frame 0.
    first_frame: i64,
    frames: usize,
}

impl Values {
    pub(super) fn new() -> Values {
        Values {
            nodes: Vec::new(),
            first_node: 1,
            first_frame: 1,
            frames: 0,
        }
    }

    /// Forgets everything from before: the program has gone on, and stopped again.
    pub(super) fn renew(&mut self, stopped: &Stopped<'_>) {
        let next = |first: i64, count: usize| match first + count as i64 {
            next if next < MAX_NUMBER => next,
            _ => 1,
        };
        self.first_node = next(self.first_node, self.nodes.len());
        self.first_frame = next(self.first_frame, self.frames);
        self.nodes.clear();
        self.frames = stopped.frames().len();
    }

    /// The number of frame 0.
    pub(super) fn first_frame(&self) -> i64 {
        self.first_frame
    }

    /// The frame of a number.
    fn frame(&self, number: &Value) -> Result<usize, String> {
        let number = number.as_i64().ok_or("`frameId` must be a number")?;
        let frame = number.checked_sub(self.first_frame);
        let frame = frame.and_then(|frame| usize::try_from(frame).ok());
        let frame = frame.filter(|&frame| frame < self.frames);
        frame.ok_or_else(|| "there is no such frame, or not any more".to_owned())
    }

    /// The frame that a request names, or the innermost one.
    fn frame_or_innermost(&self, arguments: &Value) -> Result<usize, String> {
        match &arguments["frameId"] {
            Value::Null => Ok(0),
            number => self.frame(number),
        }
    }

    fn node(&self, number: &Value) -> Result<Node, String> {
        let number = number
            .as_i64()
            .ok_or("`variablesReference` must be a number")?;
        let at = number.checked_sub(self.first_node);
        let node = at.and_then(|at| self.nodes.get(usize::try_from(at).ok()?));
        node.cloned()
            .ok_or_else(|| "there are no such variables, or not any more".to_owned())
    }

    fn add(&mut self, frame: usize, kind: Kind) -> i64 {
        if self.nodes.len() >= MAX_NODES {
            // It is shown, and cannot be looked into.
            return 0;
        }
        self.nodes.push(Node { frame, kind });
        self.first_node + self.nodes.len() as i64 - 1
    }

    pub(super) fn scopes(&mut self, arguments: &Value) -> Result<Value, String> {
        let frame = self.frame(&arguments["frameId"])?;
        let scopes = SCOPES.map(|(name, hint, kind)| {
            json!({
                "name": name,
                "presentationHint": hint,
                "variablesReference": self.add(frame, kind),
                "expensive": false,
            })
        });
        Ok(json!({ "scopes": scopes }))
    }

    pub(super) fn variables(
        &mut self,
        stopped: &Stopped<'_>,
        arguments: &Value,
    ) -> Result<Value, String> {
        let node = self.node(&arguments["variablesReference"])?;
        let start = arguments["start"].as_u64().unwrap_or_default();
        let count = match arguments["count"].as_u64().unwrap_or_default() {
            0 => MAX_PARTS,
            count => count.min(MAX_PARTS),
        };
        let items = match (&node.kind, arguments["filter"].as_str()) {
            (Kind::Value(value, _), Some(filter)) => {
                let (named, indexed) = stopped.part_count(value)?;
                let wanted = if filter == "indexed" { indexed } else { named };
                match wanted {
                    0 => Vec::new(),
                    _ => items(stopped, &node, start, count)?,
                }
            }
            (_, Some("indexed")) => Vec::new(),
            _ => items(stopped, &node, start, count)?,
        };
        let shown = items
            .into_iter()
            .map(|item| self.shown(stopped, node.frame, item));
        let shown: Vec<Value> = shown.collect();
        Ok(json!({ "variables": shown }))
    }

    fn shown(&mut self, stopped: &Stopped<'_>, frame: usize, item: Item) -> Value {
        match item.value {
            Ok(value) => {
                let is_place = value.is_place();
                let mut shown = self.described(stopped, frame, value, &item.expression, "value");
                shown["name"] = item.name.into();
                shown["evaluateName"] = item.expression.into();
                if !is_place {
                    shown["presentationHint"] = json!({ "attributes": ["readOnly"] });
                }
                shown
            }
            Err(reason) => json!({
                "name": item.name,
                "value": format!("<{reason}>"),
                "variablesReference": 0,
                "presentationHint": { "attributes": ["readOnly"] },
            }),
        }
    }

    /// A value, whose text has the name `key`.
    fn described(
        &mut self,
        stopped: &Stopped<'_>,
        frame: usize,
        value: Seen,
        expression: &str,
        key: &str,
    ) -> Value {
        let mut shown = json!({ "type": value.type_name() });
        shown[key] = stopped.show(&value).into();
        if let Some(address) = value.address() {
            shown["memoryReference"] = format!("{address:#x}").into();
        }
        let (named, indexed) = stopped.part_count(&value).unwrap_or_default();
        if indexed > 0 {
            shown["indexedVariables"] = indexed.into();
        }
        if named > 0 {
            shown["namedVariables"] = named.into();
        }
        shown["variablesReference"] = match named + indexed {
            0 => 0.into(),
            _ => self
                .add(frame, Kind::Value(value, expression.to_owned()))
                .into(),
        };
        shown
    }

    pub(super) fn evaluate(
        &mut self,
        stopped: &mut Stopped<'_>,
        arguments: &Value,
    ) -> Result<Value, String> {
        let frame = self.frame_or_innermost(arguments)?;
        let text = arguments["expression"].as_str();
        let text = text.ok_or("`expression` must be a string")?.trim();
        let is_repl = arguments["context"] == "repl";
        if let (true, Some((place, expression))) = (is_repl, assignment(text)) {
            let value = stopped.assign(frame, place, expression)?;
            return Ok(self.described(stopped, frame, value, place, "result"));
        }
        let value = stopped.evaluate(frame, text)?;
        Ok(self.described(stopped, frame, value, text, "result"))
    }

    pub(super) fn set_expression(
        &mut self,
        stopped: &mut Stopped<'_>,
        arguments: &Value,
    ) -> Result<Value, String> {
        let frame = self.frame_or_innermost(arguments)?;
        let text = |name: &str| {
            let text = arguments[name].as_str();
            text.ok_or_else(|| format!("`{name}` must be a string"))
        };
        let place = text("expression")?;
        let value = stopped.assign(frame, place, text("value")?)?;
        Ok(self.described(stopped, frame, value, place, "value"))
    }

    pub(super) fn set_variable(
        &mut self,
        stopped: &mut Stopped<'_>,
        arguments: &Value,
    ) -> Result<Value, String> {
        let node = self.node(&arguments["variablesReference"])?;
        let item = self.named(stopped, &node, arguments)?;
        let place = item.value?;
        let text = arguments["value"]
            .as_str()
            .ok_or("`value` must be a string")?;
        stopped.assign_to(node.frame, &place, text)?;
        Ok(self.described(stopped, node.frame, place, &item.expression, "value"))
    }

    /// The variable or part that a request names.
    fn named(&self, stopped: &Stopped<'_>, node: &Node, arguments: &Value) -> Result<Item, String> {
        let name = arguments["name"]
            .as_str()
            .ok_or("`name` must be a string")?;
        let index = name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let all = match (&node.kind, index.and_then(|index| index.parse().ok())) {
            (Kind::Value(..), Some(index)) => items(stopped, node, index, 1)?,
            _ => items(stopped, node, 0, MAX_PARTS)?,
        };
        // Of variables that hide each other, the last one that is there.
        let mut named: Vec<Item> = all.into_iter().filter(|item| item.name == name).collect();
        let at = named.iter().rposition(|item| item.value.is_ok());
        match at.or(named.len().checked_sub(1)) {
            Some(at) => Ok(named.swap_remove(at)),
            None => Err(format!("there is no {name:?} here")),
        }
    }

    /// What a data breakpoint may be set on: the name for it, and the value.
    pub(super) fn watchable(
        &self,
        stopped: &Stopped<'_>,
        arguments: &Value,
    ) -> Result<(String, Seen), String> {
        if arguments["asAddress"] == true {
            let text = at_address(arguments)?;
            return Ok((text.clone(), stopped.evaluate(0, &text)?));
        }
        let (value, expression) = match &arguments["variablesReference"] {
            Value::Null => {
                let frame = self.frame_or_innermost(arguments)?;
                let text = arguments["name"]
                    .as_str()
                    .ok_or("`name` must be a string")?;
                (stopped.evaluate(frame, text)?, text.to_owned())
            }
            number => {
                let node = self.node(number)?;
                let item = self.named(stopped, &node, arguments)?;
                (item.value?, item.expression)
            }
        };
        Ok((expression, value))
    }
}

/// The expression for bytes of memory that a client names by address and number.
fn at_address(arguments: &Value) -> Result<String, String> {
    let name = arguments["name"].as_str().unwrap_or_default();
    let number = match name.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => name.parse(),
    };
    let address = number.map_err(|_| "`name` must be an address")?;
    let bytes = match &arguments["bytes"] {
        Value::Null => Some(1),
        number => number.as_u64(),
    };
    match bytes {
        Some(bytes @ (1 | 2 | 4 | 8 | 16 | 32 | 64)) => {
            Ok(format!("{{u{}}} {address:#x}", bytes * 8))
        }
        _ => Err("`bytes` must be a power of two up to 64".to_owned()),
    }
}

/// What a node consists of, from one part on.
fn items(stopped: &Stopped<'_>, node: &Node, start: u64, count: u64) -> Result<Vec<Item>, String> {
    let plain = |name: String, value: Seen, expression: String| Item {
        name,
        value: Ok(value),
        expression,
        is_param: false,
    };
    let numbered = |values: Vec<Seen>, what: &str| -> Vec<Item> {
        let items = values.into_iter().enumerate();
        items
            .map(|(i, value)| plain(format!("[{i}]"), value, format!("{what}[{i}]")))
            .collect()
    };
    let mut all = match &node.kind {
        Kind::Value(value, expression) => {
            let (_, indexed) = stopped.part_count(value)?;
            // Those with names are few, and are counted below.
            let (from, most) = if indexed > 0 {
                (start, count)
            } else {
                (0, MAX_PARTS)
            };
            let parts = stopped.parts(value, from, most)?;
            let items: Vec<Item> = parts
                .into_iter()
                .map(|(name, part)| {
                    let path = part_of(expression, &name);
                    let name = name.strip_prefix("__").map_or(name.clone(), str::to_owned);
                    plain(name, part, path)
                })
                .collect();
            if indexed > 0 {
                return Ok(items);
            }
            items
        }
        Kind::Locals => {
            let variables = stopped.variables(node.frame)?.into_iter();
            let mut all: Vec<Item> = variables
                .map(|it| Item {
                    expression: it.name.clone(),
                    name: it.name,
                    value: it.value,
                    is_param: it.is_param,
                })
                .collect();
            // Parameters first.
            all.sort_by_key(|item| !item.is_param);
            all
        }
        Kind::Registers => numbered(stopped.locals(node.frame)?, "local"),
        Kind::Operands => {
            let mut values = stopped.operands(node.frame)?;
            // The top is number 0.
            values.reverse();
            numbered(values, "stack")
        }
        Kind::Globals => {
            let globals = stopped.globals(node.frame)?.into_iter().enumerate();
            globals
                .map(|(i, (name, value))| {
                    let expression = format!("global[{i}]");
                    plain(name.unwrap_or_else(|| format!("[{i}]")), value, expression)
                })
                .collect()
        }
    };
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(all.len());
    all.drain(..start);
    all.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    Ok(all)
}

/// The expression for a part of a value.
fn part_of(whole: &str, part: &str) -> String {
    match part {
        "*" => format!("(*{whole})"),
        index if index.starts_with('[') => format!("{whole}{index}"),
        field => format!("{whole}.{}", field.strip_prefix("__").unwrap_or(field)),
    }
}

/// The two sides of `place = expression`.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let at = text.match_indices('=').map(|(at, _)| at).find(|&at| {
        let before = text[..at].chars().next_back();
        !matches!(before, Some('=' | '!' | '<' | '>')) && !text[at + 1..].starts_with('=')
    })?;
    Some((text[..at].trim(), text[at + 1..].trim()))
}

/// The address that a request names.
fn address(arguments: &Value) -> Result<u64, String> {
    let text = arguments["memoryReference"].as_str();
    let text = text.ok_or("`memoryReference` must be a string")?;
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let number = number.ok_or_else(|| format!("{text:?} is no address"))?;
    let offset = arguments["offset"].as_i64().unwrap_or_default();
    let sum = number.checked_add_signed(offset);
    sum.ok_or_else(|| "the offset leads out of memory".to_owned())
}

/// Bytes of memory, as many as there are of those that are asked for.
pub(super) fn read_memory(stopped: &Stopped<'_>, arguments: &Value) -> Result<Value, String> {
    let start = address(arguments)?;
    let count = arguments["count"]
        .as_u64()
        .filter(|&count| count <= MAX_MEMORY_BYTES);
    let count =
        count.ok_or_else(|| format!("`count` must be a number up to {MAX_MEMORY_BYTES}"))?;
    let there = stopped.memory_bytes(0)?.saturating_sub(start).min(count);
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < there {
        let done = bytes.len() as u64;
        bytes.extend(stopped.memory(0, start + done, (there - done).min(CHUNK_BYTES))?);
    }
    Ok(json!({
        "address": format!("{start:#x}"),
        "data": base64::encode(&bytes),
        "unreadableBytes": count - there,
    }))
}

/// Changes memory.
pub(super) fn write_memory(stopped: &mut Stopped<'_>, arguments: &Value) -> Result<Value, String> {
    let start = address(arguments)?;
    let data = arguments["data"].as_str().and_then(base64::decode);
    let mut bytes = data.ok_or("`data` must be bytes in base 64")?;
    let there = stopped.memory_bytes(0)?.saturating_sub(start);
    if bytes.len() as u64 > there {
        if arguments["allowPartial"] != true {
            return Err(format!("the memory has only {there} bytes from there on"));
        }
        bytes.truncate(there as usize);
    }
    let mut at = start;
    for chunk in bytes.chunks(CHUNK_BYTES as usize) {
        stopped.write_memory(0, at, chunk)?;
        at += chunk.len() as u64;
    }
    Ok(json!({ "bytesWritten": bytes.len() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_told_from_comparisons() {
        assert_eq!(assignment("a = b"), Some(("a", "b")));
        assert_eq!(assignment("a[i]=b == c"), Some(("a[i]", "b == c")));
        assert_eq!(assignment("a[b == c] = 1"), Some(("a[b == c]", "1")));
        for none in ["", "a", "a == b", "a != b", "a <= b", "a >= b"] {
            assert_eq!(assignment(none), None, "{none}");
        }
    }

    #[test]
    fn parts_have_expressions() {
        assert_eq!(part_of("a", "*"), "(*a)");
        assert_eq!(part_of("a", "[3]"), "a[3]");
        assert_eq!(part_of("a.b", "__0"), "a.b.0");
        assert_eq!(part_of("(*a)", "len"), "(*a).len");
    }
}
