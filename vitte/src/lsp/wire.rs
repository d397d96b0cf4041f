//! Messages of the Language Server Protocol: a header with a length, and JSON
//! (<https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/>).

use std::io::{self, BufRead, Read as _, Write};

use serde_json::{Value, json};

/// The most bytes of a message.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;

/// The most bytes of a line of a header.
const LINE_BYTES_MAX: u64 = 1024;

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: i32,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Refusal {
        let message = message.into();
        Refusal { code, message }
    }
}

/// No JSON.
pub(super) const PARSE_ERROR: i32 = -32700;
/// No request.
pub(super) const INVALID_REQUEST: i32 = -32600;
/// Nothing that is known.
pub(super) const METHOD_NOT_FOUND: i32 = -32601;
/// Something that is asked for in the wrong way.
pub(super) const INVALID_PARAMS: i32 = -32602;
/// A request before `initialize`.
pub(super) const NOT_INITIALIZED: i32 = -32002;
/// A request that cannot be answered as things are.
pub(super) const REQUEST_FAILED: i32 = -32803;

/// Reads a message; nothing at the end of the input. What is no message in between is left out, and what is no JSON is
/// given as why.
///
/// # Errors
/// Where the input cannot be read.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Result<Value, Refusal>>> {
    let Some(len) = read_header(input)? else {
        return Ok(None);
    };
    if len > MESSAGE_BYTES_MAX {
        io::copy(&mut input.take(len), &mut io::sink())?;
        let reason = format!("a message of {len} bytes; at most {MESSAGE_BYTES_MAX}");
        return Ok(Some(Err(Refusal::new(PARSE_ERROR, reason))));
    }
    let mut body = Vec::new();
    input.take(len).read_to_end(&mut body)?;
    if (body.len() as u64) < len {
        return Ok(None);
    }
    let message = serde_json::from_slice(&body);
    Ok(Some(message.map_err(|error| {
        Refusal::new(PARSE_ERROR, format!("no JSON: {error}"))
    })))
}

/// Reads a header; gives how many bytes follow. What is none is passed over.
fn read_header(input: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut len = None;
    loop {
        let mut line = Vec::new();
        let mut limited = input.take(LINE_BYTES_MAX);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            match len {
                Some(len) => return Ok(Some(len)),
                None => continue,
            }
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            len = value.trim().parse().ok();
        }
    }
}

/// Writes a message.
///
/// # Errors
/// Where the client has gone.
pub(super) fn write(output: &mut impl Write, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

/// The answer to a request.
pub(super) fn response(id: &Value, result: Result<Value, Refusal>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(Refusal { code, message }) => json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": { "code": code, "message": message },
        }),
    }
}
