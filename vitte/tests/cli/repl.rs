//! `vitte repl` from a pipe: a transcript in `repl.txt`. Lines that start with `> ` are entered, one session up to each
//! empty line; what is shown is below.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::expect_file;

/// Enters lines in a folder; gives all that is shown, and the exit code.
fn entered(folder: &Path, args: &str, text: &str) -> (String, Option<i32>) {
    let mut command = Command::new("sh");
    let script = format!("exec \"$0\" repl {args} 2>&1");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_vitte")]);
    command.current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut input = child.stdin.take().unwrap();
    // All of it fits in a pipe; a session that ends before the input does reads no more.
    let _ = input.write_all(text.as_bytes());
    drop(input);
    let mut shown = String::new();
    let mut output = child.stdout.take().unwrap();
    output.read_to_string(&mut shown).unwrap();
    (shown, child.wait().unwrap().code())
}

#[test]
fn sessions_show_values_and_go_on_after_errors() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "counter.vit",
        "println(\"counter runs\")\nlet count = 0\nfn next() -> int {\n    count += 1\n    return count\n}\n",
    );
    write(
        "loaded.vit",
        "fn tripled(x: int) -> int { return 3 * x }\ntripled(5)\n",
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/repl.txt");
    let script = fs::read_to_string(&path).unwrap();
    let mut transcript = String::new();
    for session in script.trim_end().split("\n\n") {
        let lines = session.lines();
        let lines: Vec<&str> = lines.filter(|line| line.starts_with(['>', '#'])).collect();
        let entered_lines = lines.iter().filter_map(|line| line.strip_prefix('>'));
        let text: String = entered_lines
            .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
            .collect();
        let mut all = String::new();
        for args in ["", "--jit eager", "--jit off"] {
            let (shown, code) = entered(folder.path(), args, &text);
            let code = code.map_or("a signal".to_owned(), |code| code.to_string());
            let shown = format!("{shown}exit code {code}\n");
            // Native code and interpreter show the same.
            assert!(all.is_empty() || all == shown, "{args}: {shown}\n{all}");
            all = shown;
        }
        let shown: Vec<String> = all
            .lines()
            .map(|line| format!("  {line}\n").replace("  \n", "  .\n"))
            .collect();
        transcript.push_str(&format!("{}\n{}\n", lines.join("\n"), shown.concat()));
    }
    let transcript = format!("{}\n", transcript.trim_end());
    expect_file![path].assert_eq(&transcript);
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_stops_what_runs_and_the_session_goes_on() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitte"));
    command.arg("repl");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let text = "let n = 41\nprintln(\"runs\")\nwhile true { n = 42 }\nn\n";
    input.write_all(text.as_bytes()).unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "runs\n");
    // The loop follows at once; should the signal come before it runs, it ends the process, and the test says so.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    let mut errors = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut errors).unwrap();
    assert_eq!(rest, "42: int\n", "{errors}");
    assert!(errors.contains("interrupted"), "{errors}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
