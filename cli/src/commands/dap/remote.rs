//! A program elsewhere that listens for debuggers: it speaks the protocol itself, and messages are passed on.

use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::launch::text;
use super::transport::Stream;
use super::wire::{self, Client, Request};

/// How long a program may take to answer the first time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where nobody says which machine.
const LOCALHOST: &str = "127.0.0.1";

/// The way to such a program.
pub(super) struct Remote {
    writer: Client,
    stream: Stream,
    waiting: Arc<Waiting>,
    /// Closed when everything it has said is passed on.
    end: Receiver<()>,
}

/// Requests that the program has not answered; nothing when it is gone.
struct Waiting(Mutex<Option<Vec<Request>>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Request>>> {
        // Nothing that holds it leaves anything half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote {
    /// Goes to the program that the arguments of an `attach` name, with what the client has said first. Everything
    /// the program says, the answer to that request first, goes to the client.
    ///
    /// # Errors
    /// What is wrong with the arguments, or that nobody is there.
    pub(super) fn connect(
        client: &Client,
        hello: &Value,
        request: &Request,
    ) -> Result<Remote, String> {
        let (stream, place) = open(&request.arguments)?;
        let fail = |error: std::io::Error| format!("{place}: {error}");
        let writer = Client::new(stream.try_clone().map_err(fail)?);
        stream.set_patience(Some(PATIENCE)).map_err(fail)?;
        writer.send(asked("initialize", hello));
        let mut reader = BufReader::new(stream.try_clone().map_err(fail)?);
        // Its abilities are known: it is this same program.
        let text = wire::read_text(&mut reader).ok().flatten();
        let answer = text.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        if answer.is_none_or(|it| it["command"] != "initialize" || it["success"] != true) {
            return Err(format!(
                "{place}: who is there is no program that listens for debuggers"
            ));
        }
        stream.set_patience(None).map_err(fail)?;
        let waiting = Arc::new(Waiting(Mutex::new(Some(Vec::new()))));
        let (sender, end) = channel();
        let (shared, client) = (Arc::clone(&waiting), client.clone());
        let back = move || {
            // Dropped when this ends.
            let _sender = sender;
            pass_back(&mut reader, &client, &shared);
        };
        let thread = thread::Builder::new().name("dotvm-remote".into());
        thread.spawn(back).map_err(fail)?;
        let remote = Remote {
            writer,
            stream,
            waiting,
            end,
        };
        match remote.pass_on(request) {
            Ok(()) => Ok(remote),
            Err(()) => Err(format!("{place}: the program has ended")),
        }
    }

    /// Hands a request to the program.
    ///
    /// # Errors
    /// Where it is gone.
    pub(super) fn pass_on(&self, request: &Request) -> Result<(), ()> {
        match &mut *self.waiting.lock() {
            Some(waiting) => waiting.push(Request {
                seq: request.seq,
                command: request.command.clone(),
                arguments: Value::Null,
            }),
            None => return Err(()),
        }
        let asked = asked(&request.command, &request.arguments);
        self.writer.send_as(asked, request.seq);
        Ok(())
    }

    /// Waits until the program has said everything, but no longer than that.
    pub(super) fn finish(self, patience: Duration) {
        // Either way it is over.
        let _ = self.end.recv_timeout(patience);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.stream.shutdown();
    }
}

/// Passes on what a program says until it is gone; what it has not answered then is answered here.
fn pass_back(reader: &mut BufReader<Stream>, client: &Client, waiting: &Waiting) {
    let mut has_ended = false;
    while let Ok(Some(text)) = wire::read_text(reader) {
        let Ok(message @ Value::Object(_)) = serde_json::from_slice(&text) else {
            break;
        };
        has_ended |= message["event"] == "terminated" || message["command"] == "disconnect";
        if let Some(waiting) = &mut *waiting.lock() {
            waiting.retain(|request| message["request_seq"] != request.seq);
        }
        client.send(message);
    }
    let left = waiting.lock().take().unwrap_or_default();
    if !has_ended {
        client.event("terminated", Value::Null);
    }
    for request in left {
        answer_for_gone(client, &request);
    }
}

/// Answers a request to a program that is gone.
pub(super) fn answer_for_gone(client: &Client, request: &Request) {
    match request.command.as_str() {
        "disconnect" => client.respond(request, Value::Null),
        // As a program that has ended answers while it is there.
        "threads" => client.respond(request, json!({ "threads": [] })),
        _ => client.refuse(request, "the program has ended"),
    }
}

fn asked(command: &str, arguments: &Value) -> Value {
    json!({ "type": "request", "command": command, "arguments": arguments })
}

/// Goes where the arguments say; returns also what that place is called.
fn open(arguments: &Value) -> Result<(Stream, String), String> {
    let host = text(arguments, "host")?.unwrap_or(LOCALHOST);
    let (opened, place) = match (text(arguments, "socket")?, &arguments["port"]) {
        (Some(path), Value::Null) => (Stream::to_socket(Path::new(path)), path.to_owned()),
        (None, port) if !port.is_null() => {
            let port = port.as_u64().and_then(|port| u16::try_from(port).ok());
            let port = port
                .filter(|&port| port > 0)
                .ok_or("`port` must be the number of a port")?;
            let place = format!("{host}:{port}");
            (Stream::to_port(host, port, PATIENCE), place)
        }
        _ => {
            return Err(
                "`attach` needs `port`, or `socket`: where `dotvm run --debug-listen` listens"
                    .to_owned(),
            );
        }
    };
    let stream = opened.map_err(|error| format!("{place}: {error}"))?;
    Ok((stream, place))
}
