//! The Debug Adapter Protocol: every session in `dap/` holds, and whatever a client does ends well.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use dotvm_tests::command;
use dotvm_tests::dap::{Client, Listening, check};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

/// A loop that never ends, unless somebody changes `stop`.
const LOOP: &str = "
    .export \"run\" func $run
    .func $run () -> i32
        .local i32 $stop
        .local i32 $round
    again:
        loop
        local.get $round
        i32.push 1
        i32.add
        local.set $round
        local.get $stop
        i32.eqz
        jnz again
        local.get $stop
        ret
    .end
";

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dap");
    let mut trials: Vec<Trial> = fs::read_dir(&folder)
        .expect("the folder of sessions")
        .map(|entry| entry.expect("an entry of the folder of sessions").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            Trial::test(name, move || check(&path, dotvm()).map_err(Into::into))
        })
        .collect();
    assert!(!trials.is_empty(), "no sessions in {}", folder.display());
    trials.push(Trial::test(
        "two_clients_and_one_that_hangs_up",
        two_clients,
    ));
    trials.push(Trial::test("clients_of_a_program_that_runs", come_and_go));
    trials.push(Trial::test("places_to_listen_at", places_to_listen_at));
    trials.push(Trial::test("hostile_bytes", hostile_bytes));
    trials.push(Trial::test("hostile_requests", hostile_requests));
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&args, trials).exit_code()
}

fn dotvm() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dotvm-under-test"))
}

/// A folder with the program above, and its file.
fn program() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loop.dasm");
    fs::write(&path, LOOP).expect("a file");
    (folder, path)
}

/// An adapter that listens, its port, and what it prints.
struct Server {
    child: Child,
    port: u16,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> Server {
        let mut child = Command::new(dotvm())
            .args(["dap", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the adapter starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let port = line.trim().strip_prefix("listening on 127.0.0.1:");
        let port = port.and_then(|port| port.parse().ok());
        Server {
            child,
            port: port.unwrap_or_else(|| panic!("{line:?}")),
            _stdout: stdout,
        }
    }

    fn stream(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("somebody listens")
    }

    fn client(&self) -> Client {
        let stream = self.stream();
        Client::new(stream.try_clone().expect("a stream"), stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Launches the program above, which then runs.
fn launch(client: &mut Client, program: &Path) {
    client.ask("initialize", &json!({ "adapterID": "test" }));
    let launch = json!({ "program": program, "invoke": "run" });
    assert_eq!(client.ask("launch", &launch)["success"], true);
    client.wait("initialized");
    assert_eq!(
        client.ask("configurationDone", &Value::Null)["success"],
        true
    );
}

fn pause(client: &mut Client) {
    let paused = client.ask("pause", &json!({ "threadId": 1 }));
    assert_eq!(paused["success"], true, "{paused}");
    assert_eq!(client.wait("stopped")["reason"], "pause");
}

fn two_clients() -> Result<(), Failed> {
    let server = Server::start();
    let (_folder, path) = program();
    let (mut a, mut b) = (server.client(), server.client());
    launch(&mut a, &path);
    launch(&mut b, &path);
    let lines = json!({ "source": { "path": path }, "breakpoints": [{ "line": 9 }] });
    // Set while it runs.
    let set = a.ask("setBreakpoints", &lines);
    assert_eq!(set["body"]["breakpoints"][0]["verified"], true, "{set}");
    assert_eq!(a.wait("stopped")["reason"], "breakpoint");
    pause(&mut b);
    // One goes in the middle of a step.
    let over = json!({ "threadId": 1, "granularity": "instruction" });
    b.send("next", &over)?;
    drop(b);
    let mut c = server.client();
    launch(&mut c, &path);
    pause(&mut c);
    drop(c);
    // The other one does not notice.
    let clear = json!({ "source": { "path": path }, "breakpoints": [] });
    assert_eq!(a.ask("setBreakpoints", &clear)["success"], true);
    let set = json!({ "expression": "stop", "value": "42" });
    assert_eq!(a.ask("setExpression", &set)["body"]["value"], "42");
    assert_eq!(
        a.ask("continue", &json!({ "threadId": 1 }))["success"],
        true
    );
    assert_eq!(a.wait("output")["output"], "42\n");
    assert_eq!(a.wait("exited")["exitCode"], 0);
    assert_eq!(a.ask("disconnect", &Value::Null)["success"], true);
    Ok(())
}

/// A client of a program that listens.
fn visitor(place: &str) -> Client {
    let stream = TcpStream::connect(place).expect("somebody listens");
    let mut client = Client::new(stream.try_clone().expect("a stream"), stream);
    assert_eq!(client.ask("initialize", &json!({}))["success"], true);
    client
}

/// Attaches, as soon as the client before has gone.
fn attach(client: &mut Client) {
    let start = Instant::now();
    while client.ask("attach", &json!({}))["success"] != true {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(2));
    }
    client.wait("initialized");
    assert_eq!(
        client.ask("configurationDone", &Value::Null)["success"],
        true
    );
}

/// Clients come to a program that runs, one at a time, and go in any way; it goes on, and forgets what they had set.
fn come_and_go() -> Result<(), Failed> {
    let (folder, path) = program();
    let args = "run --debug-listen 0 --invoke run loop.dasm";
    let program = Listening::start(dotvm(), args, folder.path())?;
    let lines = json!({ "source": { "path": path }, "breakpoints": [{ "line": 9 }] });
    let mut a = visitor(&program.place);
    attach(&mut a);
    let mut b = visitor(&program.place);
    let refused = b.ask("attach", &json!({}));
    assert_eq!(refused["message"], "another debugger is at this program");
    let refused = b.ask("launch", &json!({ "program": path }));
    assert_eq!(
        refused["message"],
        "this program runs already: use `attach`"
    );
    assert_eq!(
        a.ask("setBreakpoints", &lines)["body"]["breakpoints"][0]["verified"],
        true
    );
    assert_eq!(a.wait("stopped")["reason"], "breakpoint");
    assert_eq!(a.ask("restart", &Value::Null)["success"], false);
    // It detaches with the breakpoint set, the next one hangs up in the middle of a step.
    assert_eq!(a.ask("disconnect", &Value::Null)["success"], true);
    attach(&mut b);
    let while_running = b.ask("stackTrace", &json!({ "threadId": 1 }));
    assert_eq!(while_running["message"], "the program is running");
    pause(&mut b);
    b.send(
        "next",
        &json!({ "threadId": 1, "granularity": "instruction" }),
    )?;
    drop(b);
    let mut c = visitor(&program.place);
    attach(&mut c);
    pause(&mut c);
    let set = json!({ "expression": "stop", "value": "42" });
    assert_eq!(c.ask("setExpression", &set)["body"]["value"], "42");
    assert_eq!(c.ask("continue", &Value::Null)["success"], true);
    assert_eq!(c.wait("exited")["exitCode"], 0);
    assert_eq!(program.end()?, ["| 42", "| exit status: 0"]);
    // One that is told to end says so.
    for request in ["terminate", "disconnect"] {
        let program = Listening::start(dotvm(), args, folder.path())?;
        let mut client = visitor(&program.place);
        attach(&mut client);
        let ends = json!({ "terminateDebuggee": true });
        assert_eq!(client.ask(request, &ends)["success"], true);
        assert_eq!(program.end()?, ["| exit status: 143"]);
    }
    Ok(())
}

/// Only this machine is listened to; what is no address, or taken, is an error.
fn places_to_listen_at() -> Result<(), Failed> {
    let (folder, path) = program();
    fs::write(folder.path().join("file"), "")?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let taken = taken.local_addr()?.to_string();
    for (place, code, reason) in [
        ("0.0.0.0:0", 2, "only addresses of this machine"),
        ("[::]:0", 2, "only addresses of this machine"),
        ("x", 2, "it is no port"),
        ("", 2, "it is no port"),
        ("65536", 2, "it is no port"),
        ("localhost:x", 2, "it is no port"),
        (&taken, 1, "in use"),
        ("./file", 1, "there is a file already"),
        ("./no/folder", 1, "No such file"),
    ] {
        let mut command = Command::new(dotvm());
        command
            .current_dir(folder.path())
            .args(["run", "--debug-listen", place]);
        let outcome = command::run(command.arg(&path), b"");
        assert_eq!(outcome.code(), code, "{place:?}");
        assert!(
            outcome.stderr.contains(reason),
            "{place:?}: {}",
            outcome.stderr
        );
    }
    Ok(())
}

/// Bytes that are not the protocol are refused at once, and the machine stays.
fn hostile_bytes() -> Result<(), Failed> {
    for wrong in [
        "Content-Length: 99999999999999\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "\r\n\r\n",
        &"x".repeat(100_000),
    ] {
        let outcome = command::run(Command::new(dotvm()).arg("dap"), wrong.as_bytes());
        assert_eq!(outcome.code(), 1, "{wrong:?}");
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
        assert!(outcome.time < Duration::from_secs(20));
    }
    // What has an end is answered, and the next one is read.
    let framed = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let ask = r#"{"seq":7,"type":"request","command":"initialize"}"#;
    let text = framed("{\"x\":") + &framed("[1]") + &framed(&"[".repeat(100_000)) + &framed(ask);
    let outcome = command::run(Command::new(dotvm()).arg("dap"), text.as_bytes());
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr);
    assert_eq!(outcome.stdout.matches("\"success\":false").count(), 3);
    assert!(
        outcome
            .stdout
            .contains("\"request_seq\":7,\"seq\":4,\"success\":true")
    );
    // At a port only that client goes.
    let server = Server::start();
    let mut web = server.stream();
    web.write_all(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")?;
    let mut answer = Vec::new();
    // Whether it is closed or reset depends on what was still on the way.
    let _ = web.read_to_end(&mut answer);
    assert!(answer.is_empty());
    let mut client = server.client();
    assert_eq!(client.ask("initialize", &json!({}))["success"], true);
    Ok(())
}

/// Each request, with arguments that make no sense, in each state: there is an answer, and the program goes on.
fn hostile_requests() -> Result<(), Failed> {
    let start = Instant::now();
    let server = Server::start();
    let (_folder, path) = program();
    let mut client = server.client();
    let values = [
        Value::Null,
        json!(-1),
        json!(u64::MAX),
        json!(1.5),
        json!("x"),
        json!("0xffffffffffffffff"),
        json!([[]]),
        json!({ "path": 1, "sourceReference": u64::MAX }),
        json!([{ "line": i64::MIN, "name": "x", "instructionReference": "0x0", "dataId": "" }]),
    ];
    let names = [
        "frameId",
        "variablesReference",
        "name",
        "value",
        "expression",
        "context",
        "start",
        "count",
        "filter",
        "source",
        "breakpoints",
        "filters",
        "memoryReference",
        "offset",
        "instructionOffset",
        "instructionCount",
        "startFrame",
        "levels",
        "data",
        "granularity",
        "sourceReference",
        "program",
        "args",
        "env",
        "cwd",
        "dirs",
        "invoke",
        "arguments",
    ];
    // Not those that let the program go on, or end it.
    let commands = [
        "initialize",
        "attach",
        "threads",
        "setBreakpoints",
        "setFunctionBreakpoints",
        "setInstructionBreakpoints",
        "setDataBreakpoints",
        "setExceptionBreakpoints",
        "stackTrace",
        "scopes",
        "variables",
        "setVariable",
        "setExpression",
        "evaluate",
        "exceptionInfo",
        "disassemble",
        "readMemory",
        "writeMemory",
        "dataBreakpointInfo",
        "source",
        "loadedSources",
        "launch",
        "gotoTargets",
        "",
    ];
    let bother = |client: &mut Client| {
        for command in commands {
            for value in &values {
                let all = names.iter().map(|name| ((*name).to_owned(), value.clone()));
                let arguments = Value::Object(all.collect());
                let answer = client.ask(command, &arguments);
                assert_eq!(answer["command"], command);
            }
        }
    };
    bother(&mut client);
    client.ask("initialize", &json!({}));
    bother(&mut client);
    launch(&mut client, &path);
    pause(&mut client);
    bother(&mut client);
    // It stands where it stood.
    let frames = client.ask("stackTrace", &json!({ "threadId": 1 }));
    assert_eq!(frames["body"]["stackFrames"][0]["name"], "run", "{frames}");
    client.ask("continue", &Value::Null);
    for command in [
        "stackTrace",
        "variables",
        "continue",
        "next",
        "evaluate",
        "readMemory",
    ] {
        assert_eq!(
            client.ask(command, &Value::Null)["success"],
            false,
            "{command}"
        );
    }
    pause(&mut client);
    assert_eq!(client.ask("terminate", &Value::Null)["success"], true);
    client.wait("terminated");
    bother(&mut client);
    assert!(start.elapsed() < Duration::from_secs(60));
    Ok(())
}
