//! A client of the Debug Adapter Protocol, and sessions as text.
//!
//! ```text
//! # A comment, for the reader.
//! --- sum.dasm
//! the content of a file
//! ---
//! > threads {"an":"argument"}
//! < threads {"threads":[]}
//! ~ stopped
//! * stopped {"reason":"step"}
//! ```
//!
//! `$ ARGS` starts `dotvm` with these arguments, a program that listens for debuggers, and waits until it does; `=`
//! waits until it has ended, and shows behind it what it has printed and its exit code (`|`).
//!
//! `>` sends a request and waits for its response, `~` waits for an event. What comes until then stands behind
//! them: responses (`<`; `<!` where a request was refused, with the reason), and events (`*`), with their bodies.
//! Expected lines may have holes (see [`crate::pattern`]); `[DIR]` is the folder with the files, `[DEBUG]` that of the
//! programs for debuggers. With `UPDATE_EXPECT` set in the environment, a session that does not hold is rewritten.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::PATIENCE;
use crate::pattern::{bless, matches};

/// A client.
pub struct Client {
    writer: Box<dyn Write>,
    messages: Receiver<Value>,
    seq: i64,
}

impl Client {
    /// A client that reads what an adapter writes, and writes what it reads.
    pub fn new(reader: impl Read + Send + 'static, writer: impl Write + 'static) -> Client {
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            while let Some(message) = read(&mut reader) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Client {
            writer: Box::new(writer),
            messages,
            seq: 0,
        }
    }

    /// Sends a request; returns its number.
    ///
    /// # Errors
    /// Where nobody reads it.
    pub fn send(&mut self, command: &str, arguments: &Value) -> std::io::Result<i64> {
        self.seq += 1;
        let request = json!({
            "seq": self.seq, "type": "request", "command": command, "arguments": arguments,
        });
        let text = request.to_string();
        let framed = format!("Content-Length: {}\r\n\r\n{text}", text.len());
        self.writer.write_all(framed.as_bytes())?;
        self.writer.flush()?;
        Ok(self.seq)
    }

    /// The next message, or nothing where there are no more.
    ///
    /// # Panics
    /// Where none comes for longer than any test needs.
    pub fn receive(&mut self) -> Option<Value> {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => Some(message),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("nothing has come"),
        }
    }

    /// Sends a request and returns its response.
    ///
    /// # Panics
    /// Where there is none.
    pub fn ask(&mut self, command: &str, arguments: &Value) -> Value {
        let seq = self.send(command, arguments).expect("somebody reads");
        loop {
            let message = self.receive().expect("a response");
            if message["type"] == "response" && message["request_seq"] == seq {
                return message;
            }
        }
    }

    /// Waits for an event and returns its body.
    ///
    /// # Panics
    /// Where it does not come.
    pub fn wait(&mut self, event: &str) -> Value {
        loop {
            let message = self.receive().unwrap_or_else(|| panic!("no event {event}"));
            if message["event"] == event {
                return message["body"].clone();
            }
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Value> {
    let mut len = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => len = value.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// A program that listens for debuggers.
pub struct Listening {
    child: Child,
    /// Where it listens.
    pub place: String,
}

impl Listening {
    /// Starts `dotvm` with arguments, which spaces separate, in a folder, and waits until it listens.
    ///
    /// # Errors
    /// Where it does not.
    pub fn start(dotvm: &Path, args: &str, folder: &Path) -> Result<Listening, String> {
        let mut child = Command::new(dotvm)
            .args(args.split(' '))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let stderr = child.stderr.take().ok_or("no pipe")?;
        let mut line = String::new();
        let mut stderr = BufReader::new(stderr);
        let read = stderr.read_line(&mut line);
        read.map_err(|error| error.to_string())?;
        // What it says later is of no interest; it must not wait for somebody to read it.
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let place = line.trim_end().strip_prefix("listening for debuggers on ");
        match place.map(str::to_owned) {
            Some(place) => Ok(Listening { child, place }),
            None => Err(format!("it does not listen: {line:?}")),
        }
    }

    /// Waits until it has ended; returns lines with what it has printed and its exit code.
    ///
    /// # Errors
    /// Where it does not end for longer than any test needs.
    pub fn end(mut self) -> Result<Vec<String>, String> {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(2)),
                Ok(None) => return Err("the program does not end".to_owned()),
                Err(error) => return Err(error.to_string()),
            }
        };
        let mut printed = String::new();
        if let Some(stdout) = &mut self.child.stdout {
            let read = stdout.read_to_string(&mut printed);
            read.map_err(|error| error.to_string())?;
        }
        let mut lines: Vec<String> = printed.lines().map(|line| format!("| {line}")).collect();
        lines.push(format!("| {status}"));
        Ok(lines)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of a session, and what is expected behind it.
struct Step {
    line: String,
    expected: Vec<String>,
}

/// Plays a session with `dotvm` as the adapter.
///
/// # Errors
/// What does not hold.
pub fn check(path: &Path, dotvm: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let steps = parse(&text, folder.path())?;
    let mut adapter = Command::new(dotvm)
        .arg("dap")
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let pipes = (adapter.stdout.take(), adapter.stdin.take());
    let (Some(stdout), Some(stdin)) = pipes else {
        return Err("no pipes".to_owned());
    };
    let mut client = Client::new(stdout, stdin);
    let mut program = None;
    let names = [
        (folder.path().display().to_string(), "[DIR]"),
        (
            crate::root().join("tests/debug").display().to_string(),
            "[DEBUG]",
        ),
    ];
    let (mut faults, mut found) = (String::new(), String::new());
    for step in &steps {
        found += &format!("{}\n", step.line);
        if let Some(args) = step.line.strip_prefix("$ ") {
            program = Some(Listening::start(dotvm, args, folder.path())?);
            continue;
        }
        let lines = match (step.line.as_str(), program.take()) {
            ("=", Some(program)) => program.end()?,
            ("=", None) => return Err("nothing was started".to_owned()),
            (line, running) => {
                program = running;
                match play(&mut client, line, &names)? {
                    Some(lines) => lines,
                    None => continue,
                }
            }
        };
        let expected: Vec<&str> = step.expected.iter().map(String::as_str).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        if !matches(&expected, &lines) {
            faults += &format!(
                "{}\nexpected:\n{}\nfound:\n{}\n\n",
                step.line,
                expected.join("\n"),
                lines.join("\n")
            );
        }
        for line in bless(&expected, &lines) {
            found += &format!("{line}\n");
        }
    }
    drop(client);
    let status = adapter.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("{faults}the adapter: {status}"));
    }
    if faults.is_empty() {
        return Ok(());
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return fs::write(path, found).map_err(|error| error.to_string());
    }
    let path = path.display();
    Err(format!(
        "{faults}\nUPDATE_EXPECT=1 writes what is found into {path}"
    ))
}

/// Reads a session, and writes its files.
fn parse(text: &str, folder: &Path) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with(['<', '*', '|']) {
            let step = steps
                .last_mut()
                .ok_or("a message before anything was asked")?;
            step.expected.push(line.to_owned());
            continue;
        }
        let mut line = line.to_owned();
        if let Some(name) = line.strip_prefix("--- ") {
            let content: Vec<&str> = lines.by_ref().take_while(|line| *line != "---").collect();
            let content = content.join("\n") + "\n";
            let written = fs::write(folder.join(name), &content);
            written.map_err(|error| format!("{name}: {error}"))?;
            line = format!("{line}\n{content}---");
        }
        steps.push(Step {
            line,
            expected: Vec::new(),
        });
    }
    Ok(steps)
}

/// Does what a line says; returns what has come until that was done. Nothing where the line is only for the reader.
fn play(
    client: &mut Client,
    line: &str,
    names: &[(String, &str)],
) -> Result<Option<Vec<String>>, String> {
    let is_last: Box<dyn Fn(&Value) -> bool> = if let Some(request) = line.strip_prefix("> ") {
        let (command, arguments) = request.split_once(' ').unwrap_or((request, "null"));
        let full = |text: &str| {
            let names = names.iter();
            names.fold(text.to_owned(), |text, (path, name)| {
                text.replace(name, path)
            })
        };
        let arguments = serde_json::from_str(&full(arguments));
        let arguments = arguments.map_err(|error| format!("{line}: {error}"))?;
        let sent = client.send(command, &arguments);
        let seq = sent.map_err(|error| format!("{line}: {error}"))?;
        Box::new(move |it| it["type"] == "response" && it["request_seq"] == seq)
    } else if let Some(event) = line.strip_prefix("~ ") {
        let event = event.to_owned();
        Box::new(move |it| it["event"] == event.as_str())
    } else {
        return Ok(None);
    };
    let mut messages: Vec<Value> = Vec::new();
    loop {
        let Some(message) = client.receive() else {
            return Err(format!("{line}: the adapter has gone, after {messages:?}"));
        };
        let is_last = is_last(&message);
        push(&mut messages, message);
        if is_last {
            break;
        }
    }
    let short = |message: &Value| {
        let text = shown(message);
        let names = names.iter();
        names.fold(text, |text, (path, name)| text.replace(path, name))
    };
    Ok(Some(messages.iter().map(short).collect()))
}

/// Adds a message. How output is cut into pieces says nothing: it is put together again.
fn push(messages: &mut Vec<Value>, message: Value) {
    if message["event"] == "output"
        && let Some(last) = messages.last_mut()
        && last["event"] == "output"
        && last["body"]["category"] == message["body"]["category"]
    {
        let text = |message: &Value| message["body"]["output"].as_str().map(str::to_owned);
        let both = text(last).unwrap_or_default() + &text(&message).unwrap_or_default();
        last["body"]["output"] = both.into();
        return;
    }
    messages.push(message);
}

/// A message as a line.
fn shown(message: &Value) -> String {
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let body = match &message["body"] {
        Value::Null => String::new(),
        body => format!(" {body}"),
    };
    match (message["type"].as_str(), message["success"].as_bool()) {
        (Some("event"), _) => format!("* {}{body}", text("event")),
        (_, Some(true)) => format!("< {}{body}", text("command")),
        _ => format!("<! {} {}", text("command"), text("message").escape_debug()),
    }
}
