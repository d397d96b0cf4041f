//! Scripts of commands and what the database answers: examples of everything a session can do.
//!
//! ```text
//! # A comment.
//! $ put accounts ann 5
//! > new
//! ```
//!
//! `@2` in front of a command makes another session execute it. Words are keys; a value is the rest of the line.
//! `UPDATE_EXPECT=1` in the environment writes what is found into the scripts.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use dotvm_dotdb::{Change, Cursor, Database, Direction, Error, Interval, Options, Session, Value};

type Result<T = String> = std::result::Result<T, Error>;

cases! { scripts_do_what_they_say }

struct Script {
    database: Database,
    sessions: Vec<Session>,
}

impl Script {
    fn new(engine: &crate::Engine) -> Script {
        let mut options = Options::default();
        options.limits.tables = 5;
        options.limits.indices = 3;
        options.limits.key_bytes = 40;
        options.limits.value_bytes = 200;
        options.limits.transaction_bytes = 2000;
        options.patience = std::time::Duration::from_millis(10);
        let database = engine.database(options);
        let sessions = vec![database.session(), database.session()];
        Script { database, sessions }
    }

    fn execute(&mut self, line: &str) -> String {
        let (session, command) = match line.strip_prefix("@2 ") {
            Some(command) => (&mut self.sessions[1], command),
            None => (&mut self.sessions[0], line),
        };
        if command == "leave" {
            *session = self.database.session();
            return "left".to_owned();
        }
        execute(session, command).unwrap_or_else(|error| format!("error: {error}"))
    }
}

fn execute(session: &mut Session, line: &str) -> Result {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let done = "done".to_owned();
    match command {
        "begin" if rest == "read" => return session.begin_read().map(|()| done),
        "begin" => return session.begin().map(|()| done),
        "commit" => return session.commit().map(|()| done),
        "rollback" => return session.rollback().map(|()| done),
        "create" => return session.create_table(rest).map(|_| done),
        "drop" => return session.drop_table(rest).map(|was| was.to_string()),
        "tables" => return Ok(session.table_names()?.join("\n")),
        "query" => {
            let mut cursor =
                session.query(rest, &[Value::Integer(1), Value::Text("bob".into())])?;
            let mut text = rows(&mut cursor, session)?;
            let _ = write!(text, "\n{} entries read", cursor.examined());
            return Ok(text.trim_start().to_owned());
        }
        "explain" => return session.explain(rest, &[]),
        _ => {}
    }
    let (table, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let table = session.table(table)?;
    let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
    let (key, value) = (key.as_bytes(), value.as_bytes());
    let word = |word: &str| rest.split(' ').skip_while(|&found| found != word).nth(1);
    let range = || match (word("prefix"), word("from"), word("to")) {
        (Some(prefix), ..) => Interval::prefix(prefix.as_bytes()),
        (_, from, to) => Interval::new(from.unwrap_or("").as_bytes(), to.map(str::as_bytes)),
    };
    Ok(match command {
        "put" => match session.put(table, key, value)? {
            true => "replaced".to_owned(),
            false => "new".to_owned(),
        },
        "get" => match session.get(table, key)? {
            Some(value) => value.escape_ascii().to_string(),
            None => "nothing".to_owned(),
        },
        "delete" => session.delete(table, key)?.to_string(),
        "exists" => session.exists(table, key)?.to_string(),
        "count" => session.count(table, &range())?.to_string(),
        "clear" => session.delete_range(table, &range())?.to_string(),
        "cas" => {
            let (expected, new) = rest[key.len()..].trim().split_once(' ').unwrap();
            let value = |text: &'static str| (text != "-").then_some(text.as_bytes());
            let (expected, new) = (expected.to_owned().leak(), new.to_owned().leak());
            session
                .compare_and_swap(table, key, value(expected), value(new))?
                .to_string()
        }
        "apply" => {
            let changes: Vec<Change<'_>> = rest
                .split(' ')
                .map(|change| match change.split_once('=') {
                    Some((key, value)) => Change::Put {
                        key: key.as_bytes(),
                        value: value.as_bytes(),
                    },
                    None => Change::Delete {
                        key: change.as_bytes(),
                    },
                })
                .collect();
            session.apply(table, &changes).map(|()| done)?
        }
        "scan" => {
            let direction = match rest.contains("backward") {
                true => Direction::Backward,
                false => Direction::Forward,
            };
            let limit = word("limit").map_or(u64::MAX, |limit| limit.parse().unwrap());
            let mut cursor = session.scan(table, range(), direction)?.limited(limit);
            rows(&mut cursor, session)?
        }
        "index" => {
            let new = session.create_index(
                table,
                str::from_utf8(key).unwrap(),
                str::from_utf8(value).unwrap(),
            )?;
            if new { "new" } else { "known" }.to_owned()
        }
        "unindex" => session
            .drop_index(table, str::from_utf8(key).unwrap())
            .map(|()| done)?,
        "indices" => {
            let mut text = String::new();
            for index in session.indices(table)? {
                let _ = writeln!(
                    text,
                    "{}: {}, {} entries",
                    index.name, index.extractor, index.entries
                );
            }
            text + &session.check_indices(table)?.join("\n")
        }
        _ => panic!("what is {command:?}?"),
    })
}

fn rows(cursor: &mut Cursor, session: &mut Session) -> Result {
    let mut text = String::new();
    while let Some((key, value)) = cursor.next(session)? {
        let _ = writeln!(text, "{} {}", key.escape_ascii(), value.escape_ascii());
    }
    Ok(text.trim_end().to_owned())
}

fn run(engine: &crate::Engine, text: &str) -> String {
    let mut script = Script::new(engine);
    let mut found = String::new();
    for line in text.lines().filter(|line| !line.starts_with('>')) {
        found += &format!("{line}\n");
        if let Some(command) = line.strip_prefix("$ ") {
            for line in script.execute(command).lines() {
                found += format!("> {line}").trim_end();
                found.push('\n');
            }
        }
    }
    found
}

fn scripts_do_what_they_say(engine: &crate::Engine) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts = 0;
    let mut faults = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let found = run(engine, &text);
        scripts += 1;
        if found == text {
            continue;
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, found).unwrap();
            continue;
        }
        let differs = text.lines().zip(found.lines()).position(|(a, b)| a != b);
        let line = differs.unwrap_or_else(|| text.lines().count().min(found.lines().count()));
        let _ = writeln!(
            faults,
            "{}, line {}:\nexpected: {:?}\nfound:    {:?}",
            path.display(),
            line + 1,
            text.lines().nth(line),
            found.lines().nth(line)
        );
    }
    assert!(scripts >= 5, "{scripts} scripts were found");
    assert!(faults.is_empty(), "{faults}");
}
