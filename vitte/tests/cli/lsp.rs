//! `vitte lsp`, as clients talk to it: transcripts in `lsp/*.txt`. A line that starts with `> ` is sent, as JSON, one with
//! `! ` as it is, between messages; what comes back is below, with `< `; `UPDATE_EXPECT=1` renews that.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::expect_file;
use serde_json::{Value, json};

/// What is asked behind each line: the answer tells that nothing more comes because of it.
const BARRIER: &str = "barrier";

fn send(input: &mut impl Write, message: &Value) {
    let text = message.to_string();
    write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
    input.flush().unwrap();
}

fn receive(output: &mut impl BufRead) -> Option<Value> {
    let mut header = String::new();
    output.read_line(&mut header).unwrap();
    let len = header.strip_prefix("Content-Length: ")?.trim();
    output.read_line(&mut String::new()).unwrap();
    let mut body = vec![0; len.parse().unwrap()];
    output.read_exact(&mut body).unwrap();
    let mut message: Value = serde_json::from_slice(&body).unwrap();
    let version = message.as_object_mut().unwrap().remove("jsonrpc");
    assert_eq!(version, Some(json!("2.0")));
    Some(message)
}

/// Says again what a transcript says to a server; gives the transcript with what comes back.
fn replay(script: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitte"));
    command
        .arg("lsp")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut server = command.spawn().expect("the command starts");
    let mut input = server.stdin.take().unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    let mut transcript = String::new();
    for line in script.lines().filter(|line| !line.starts_with("< ")) {
        writeln!(transcript, "{line}").unwrap();
        match line.split_at_checked(2) {
            Some(("> ", message)) => {
                let mut message: Value = serde_json::from_str(message).expect(line);
                message["jsonrpc"] = "2.0".into();
                send(&mut input, &message);
                if message["method"] == "exit" {
                    continue;
                }
            }
            Some(("! ", raw)) => {
                write!(input, "{}", raw.replace("\\r\\n", "\r\n")).unwrap();
                input.flush().unwrap();
            }
            _ => continue,
        }
        send(&mut input, &json!({ "id": BARRIER, "method": BARRIER }));
        while let Some(message) = receive(&mut output) {
            if message["id"] == BARRIER {
                break;
            }
            writeln!(transcript, "< {message}").unwrap();
        }
    }
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    let code = server.wait().unwrap().code();
    writeln!(transcript, "< {rest}exit code {}", code.unwrap_or(-1)).unwrap();
    transcript
}

#[test]
fn clients_are_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/lsp");
    for name in ["session", "questions", "damaged"] {
        let path = folder.join(format!("{name}.txt"));
        let script = std::fs::read_to_string(&path).unwrap();
        expect_file![path].assert_eq(&replay(&script));
    }
}
