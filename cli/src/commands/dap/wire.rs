//! Messages of the Debug Adapter Protocol: a header with a length, and JSON
//! (<https://microsoft.github.io/debug-adapter-protocol/overview>).

use std::io::{BufRead, Read as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// The most bytes of a message.
const MAX_MESSAGE_BYTES: u64 = 16 << 20;

/// The most bytes of a header.
const MAX_HEADER_BYTES: u64 = 1024;

/// What a client asks for.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Request {
    /// Its number, which the response repeats.
    pub(super) seq: i64,
    pub(super) command: String,
    /// `null` where there are none.
    pub(super) arguments: Value,
}

/// What came from a client.
#[derive(PartialEq, Debug)]
pub(super) enum Incoming {
    Request(Request),
    /// A message that says nothing that can be done, of the number that it has if any: what is wrong with it.
    Fault(i64, String),
    /// Something that needs no answer.
    Nothing,
    /// The client has gone.
    End,
}

/// Reads the text of a message; nothing where there are no more.
///
/// # Errors
/// As for [`read`].
pub(super) fn read_text(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let Some(len) = read_header(input)? else {
        return Ok(None);
    };
    let mut body = Vec::new();
    let read = input.take(len).read_to_end(&mut body);
    let is_whole = read.is_ok() && body.len() as u64 == len;
    Ok(is_whole.then_some(body))
}

/// Reads a message.
///
/// # Errors
/// Where nobody can tell where it ends: what comes behind it means nothing.
pub(super) fn read(input: &mut impl BufRead) -> Result<Incoming, String> {
    let Some(body) = read_text(input)? else {
        return Ok(Incoming::End);
    };
    let message: Value = match serde_json::from_slice(&body) {
        Ok(message) => message,
        Err(error) => return Ok(Incoming::Fault(0, format!("no JSON: {error}"))),
    };
    let seq = message["seq"].as_i64().unwrap_or_default();
    match (message["type"].as_str(), message["command"].as_str()) {
        (Some("request"), Some(command)) => Ok(Incoming::Request(Request {
            seq,
            command: command.to_owned(),
            arguments: message["arguments"].clone(),
        })),
        // Nothing is asked of clients, and nothing to be told by them.
        (Some("response" | "event"), _) => Ok(Incoming::Nothing),
        (Some("request"), None) => Ok(Incoming::Fault(seq, "a request without `command`".into())),
        _ => Ok(Incoming::Fault(seq, "`type` is not `request`".into())),
    }
}

/// Reads a header; returns how many bytes follow.
///
/// Only what the protocol knows may stand in it. So nothing that a web page has a browser send is taken for a
/// request.
fn read_header(input: &mut impl BufRead) -> Result<Option<u64>, String> {
    let mut header = input.by_ref().take(MAX_HEADER_BYTES);
    let mut len = None;
    let mut is_first = true;
    loop {
        let mut line = Vec::new();
        let read = header.read_until(b'\n', &mut line);
        if read.is_err() || line.is_empty() && header.limit() > 0 {
            return match is_first {
                true => Ok(None),
                false => Err("the header of a message has no end".to_owned()),
            };
        }
        if line.pop() != Some(b'\n') {
            return Err(format!(
                "the header of a message has no end within {MAX_HEADER_BYTES} bytes"
            ));
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        is_first = false;
        if line.is_empty() {
            let len = len.ok_or("the header of a message has no Content-Length")?;
            return Ok(Some(len));
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            let bytes = value.trim().parse().ok();
            let bytes = bytes.filter(|&bytes| bytes <= MAX_MESSAGE_BYTES);
            len = Some(bytes.ok_or_else(|| {
                format!(
                    "Content-Length: {:?} is no number up to {MAX_MESSAGE_BYTES}",
                    value.trim()
                )
            })?);
        } else if !name.eq_ignore_ascii_case("content-type") {
            return Err(format!("the header of a message has the line {line:?}"));
        }
    }
}

/// Where messages to a client go. Clones are for the same client.
#[derive(Clone)]
pub(super) struct Client(Arc<Mutex<Out>>);

struct Out {
    writer: Box<dyn Write + Send>,
    /// The number of the last message.
    seq: i64,
}

impl Client {
    pub(super) fn new(writer: impl Write + Send + 'static) -> Client {
        Client(Arc::new(Mutex::new(Out {
            writer: Box::new(writer),
            seq: 0,
        })))
    }

    /// Does what a request asked for, with that result.
    pub(super) fn respond(&self, request: &Request, body: Value) {
        let mut message = json!({
            "type": "response",
            "request_seq": request.seq,
            "command": request.command,
            "success": true,
        });
        if !body.is_null() {
            message["body"] = body;
        }
        self.send(message);
    }

    /// Does not do what a request asked for.
    pub(super) fn refuse(&self, request: &Request, reason: &str) {
        self.send(json!({
            "type": "response",
            "request_seq": request.seq,
            "command": request.command,
            "success": false,
            "message": reason,
            "body": { "error": { "id": 1, "format": escaped(reason), "showUser": true } },
        }));
    }

    /// Tells what happened.
    pub(super) fn event(&self, name: &str, body: Value) {
        let mut message = json!({ "type": "event", "event": name });
        if !body.is_null() {
            message["body"] = body;
        }
        self.send(message);
    }

    /// Sends a message, with a number of its own.
    pub(super) fn send(&self, message: Value) {
        let mut out = self.lock();
        let seq = out.seq + 1;
        out.send(message, seq);
    }

    /// Sends a message with the number that it has for somebody else.
    pub(super) fn send_as(&self, message: Value, seq: i64) {
        self.lock().send(message, seq);
    }

    fn lock(&self) -> MutexGuard<'_, Out> {
        // Messages are whole before any of this is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Out {
    fn send(&mut self, mut message: Value, seq: i64) {
        self.seq = seq;
        message["seq"] = seq.into();
        let text = message.to_string();
        let framed = format!("Content-Length: {}\r\n\r\n{text}", text.len());
        // A client that has gone is noticed where it is read from.
        let written = self.writer.write_all(framed.as_bytes());
        let _ = written.and_then(|()| self.writer.flush());
    }
}

/// A text in which clients are not to look for variables.
fn escaped(text: &str) -> String {
    text.replace('{', "(").replace('}', ")")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn messages_are_read_one_after_the_other() {
        let text = framed(r#"{"seq":1,"type":"request","command":"a","arguments":{"x":1}}"#)
            + &framed("{")
            + &framed(r#"{"seq":3,"type":"request"}"#)
            + &framed(r#"{"seq":4,"type":"response"}"#)
            + &framed("[]")
            + &framed(r#"{"seq":6,"type":"request","command":"b"}"#);
        let mut input = text.as_bytes();
        let mut next = || read(&mut input).unwrap();
        let request = |seq, command: &str, arguments| {
            let command = command.to_owned();
            Incoming::Request(Request {
                seq,
                command,
                arguments,
            })
        };
        assert_eq!(next(), request(1, "a", json!({ "x": 1 })));
        assert!(matches!(next(), Incoming::Fault(0, _)));
        assert!(matches!(next(), Incoming::Fault(3, _)));
        assert_eq!(next(), Incoming::Nothing);
        assert!(matches!(next(), Incoming::Fault(0, _)));
        assert_eq!(next(), request(6, "b", Value::Null));
        assert_eq!(next(), Incoming::End);
    }

    #[test]
    fn what_has_no_end_ends_everything() {
        let long = "Content-Length: 1\r\n".repeat(100);
        let deep = framed(&"[".repeat(1 << 20));
        assert!(matches!(
            read(&mut deep.as_bytes()),
            Ok(Incoming::Fault(0, _))
        ));
        for wrong in [
            "Content-Length: x\r\n\r\n{}",
            "Content-Length: -1\r\n\r\n{}",
            "Content-Length: 16777217\r\n\r\n{}",
            "Content-Length: 99999999999999999999\r\n\r\n{}",
            "Content-Length: 2\r\n",
            "Content-Type: x\r\n\r\n{}",
            "\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
            "Content-Length: 2\r\nOrigin: http://example.org\r\n\r\n{}",
            "{}",
            &long,
            &"x".repeat(10_000),
        ] {
            assert!(read(&mut wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        for short in ["", "Content-Length: 3\r\n\r\n{}"] {
            assert_eq!(read(&mut short.as_bytes()), Ok(Incoming::End), "{short:?}");
        }
    }
}
