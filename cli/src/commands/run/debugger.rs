//! `dotvm run --debug`: the debugger at a terminal, or with commands from a file or pipe.
//!
//! [`Front`] is asked where the program stops; it reads commands and carries them out until one lets the program
//! go on. Commands are one table ([`COMMANDS`]), from which help and completion come.

mod input;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dotvm::Store;
use dotvm::db::{Direction, Interval};
use dotvm::debug::core::{CoreDump, PostMortem};
use dotvm::debug::{
    Debugger, Reason, Resume, StackFrame, Step, StepUnit, Stopped, check_expression,
};
use dotvm::wasi::WasiCtx;
use signal_hook::consts::SIGINT;

use crate::args::Run;
use crate::failure::{Failure, Result};
use crate::output;
use input::{Input, Line};

/// How often somebody looks whether ctrl-C was pressed.
const CTRL_C_TIME: Duration = Duration::from_millis(20);

/// Lines that `list` shows before and behind the one that it is about.
const LIST_LINES: u32 = 4;

/// Bytes that `memory` shows where nothing is said.
const MEMORY_BYTES: u64 = 64;

/// The most that it shows at once.
const MAX_MEMORY_BYTES: u64 = 1 << 16;

/// Rows that `db` shows.
const MAX_ROWS: u64 = 64;

/// Frames that `backtrace` shows.
const MAX_FRAMES: usize = 64;

/// What a command does; what it returns lets the program go on.
type Action = fn(&mut Front, &mut Stopped<'_>, &str) -> Outcome;

/// A line that was carried out, or what is wrong with it.
type Outcome = std::result::Result<Option<Resume>, String>;

/// A command.
struct Command {
    /// What it is called, the name that people are shown first.
    names: &'static [&'static str],
    arguments: &'static str,
    help: &'static str,
    action: Action,
}

macro_rules! commands {
    ($([$($name:literal)*] $arguments:literal $help:literal $action:expr;)*) => {
        /// All commands, in the order that help has.
        static COMMANDS: &[Command] = &[
            $(Command { names: &[$($name),*], arguments: $arguments, help: $help, action: $action },)*
        ];
    };
}

commands! {
    ["break" "b"] "PLACE [if CONDITION] [from HIT]" "stop at FILE:LINE, LINE, FUNCTION, FUNCTION+OFFSET or #INDEX" Front::add_break;
    ["tbreak"] "PLACE [if CONDITION]" "the same, once" Front::add_temporary;
    ["watch"] "PLACE" "stop when what is there changes: memory or a global" Front::watch;
    ["breakpoints"] "" "list breakpoints and watchpoints" Front::breakpoints;
    ["delete"] "NUMBER" "remove a breakpoint or watchpoint" Front::delete;
    ["enable"] "NUMBER" "look at one again" |_, stopped, text| enable(stopped, text, true);
    ["disable"] "NUMBER" "do not look at one" |_, stopped, text| enable(stopped, text, false);
    ["continue" "c"] "" "go on" |_, _, _| Ok(Some(Resume::Continue));
    ["step" "s"] "" "go on to the next line, into calls" |_, _, _| Ok(Some(Resume::Step(Step::In(StepUnit::Line))));
    ["next" "n"] "" "go on to the next line of this function" |_, _, _| Ok(Some(Resume::Step(Step::Over(StepUnit::Line))));
    ["finish" "out"] "" "go on until this function has returned" |_, _, _| Ok(Some(Resume::Step(Step::Out)));
    ["until"] "PLACE" "go on to a place" Front::until;
    ["stepi" "si"] "" "execute one instruction" |_, _, _| Ok(Some(Resume::Step(Step::In(StepUnit::Instruction))));
    ["nexti" "ni"] "" "execute one instruction, a call to its end" |_, _, _| Ok(Some(Resume::Step(Step::Over(StepUnit::Instruction))));
    ["backtrace" "bt"] "" "show the functions that are running" Front::backtrace;
    ["frame" "f"] "NUMBER" "look at one of them" Front::frame;
    ["up"] "" "look at its caller" |front, stopped, _| front.select(stopped, front.frame.checked_add(1));
    ["down"] "" "look at what it calls" |front, stopped, _| front.select(stopped, front.frame.checked_sub(1));
    ["print" "p"] "EXPRESSION" "show a value" Front::print;
    ["set"] "PLACE = EXPRESSION" "change a value" Front::set;
    ["locals"] "" "show parameters and variables" Front::locals;
    ["registers"] "" "show the function's locals in the bytecode, by number" Front::registers;
    ["stack"] "" "show the operand stack" Front::stack;
    ["globals"] "" "show the globals of the module" Front::globals;
    ["table"] "NUMBER" "show the elements of a table" Front::table;
    ["memory" "x"] "ADDRESS [BYTES]" "show bytes of memory; the address is an expression" Front::memory;
    ["db"] "[TABLE [KEY]]" "show tables of the database, rows of one, or a row" Front::database;
    ["list" "l"] "[LINE]" "show lines of the source, around this one or another" Front::list;
    ["disassemble"] "" "show the instructions around this one" Front::disassemble;
    ["help" "h"] "" "show this list" Front::help;
    ["quit" "q"] "" "end the program" |_, _, _| Ok(Some(Resume::Quit(0)));
}

/// The debugger that `dotvm run --debug` attaches.
struct Front {
    input: Input,
    /// What is printed once the command is done.
    out: String,
    /// The frame that commands are about.
    frame: usize,
    /// Whether the place where the program starts is shown.
    shows_entry: bool,
    /// The lines of source files; nothing for those that cannot be read.
    files: HashMap<String, Option<Vec<String>>>,
    /// The breakpoint that `until` has set, which is gone wherever the program stops next.
    until: Option<u32>,
    /// Whether the program runs on alone.
    is_done: bool,
    /// Whether ctrl-C ends the program as if there was no debugger.
    ctrl_c_ends: Arc<AtomicBool>,
}

/// Attaches the debugger.
///
/// # Errors
/// Where the file of commands cannot be read.
pub(super) fn attach(store: &mut Store<WasiCtx>, args: &Run) -> Result {
    let input = input(args.commands.as_deref())?;
    let front = Front::new(input, args.step);
    let ctrl_c = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&front.ctrl_c_ends);
    let registered = signal_hook::flag::register_conditional_default(SIGINT, ends)
        .and_then(|_| signal_hook::flag::register(SIGINT, Arc::clone(&ctrl_c)));
    let pause = store.pause_handle();
    if registered.is_ok() {
        let watch = std::thread::Builder::new().name("dotvm-ctrl-c".into());
        let watching = watch.spawn(move || {
            loop {
                std::thread::sleep(CTRL_C_TIME);
                if ctrl_c.swap(false, Ordering::SeqCst) {
                    pause.pause();
                }
            }
        });
        watching.map_err(Failure::new)?;
    }
    store.attach(front);
    Ok(())
}

/// Shows a core dump, with commands from a terminal, a pipe or a file.
///
/// # Errors
/// Where commands cannot be read.
pub(crate) fn look(core: &mut PostMortem, dump: &CoreDump, commands: Option<&Path>) -> Result {
    let mut front = Front::new(input(commands)?, false);
    let program = dump.program();
    front.line(format_args!("core dump of {program}"));
    let (omitted, inner) = dump.omitted();
    if omitted > 0 {
        front.line(format_args!(
            "{omitted} frames are not in it, which were behind the first {inner}"
        ));
    }
    core.show(&mut front);
    Ok(())
}

/// Where commands come from.
fn input(commands: Option<&Path>) -> Result<Input> {
    let names = COMMANDS.iter().map(|command| command.names[0]).collect();
    match commands {
        Some(path) => Input::file(path),
        None => Input::standard(names).map_err(Failure::new),
    }
}

/// Commands that a core dump has no answer to, besides those that let a program go on.
const LIVE: [&str; 9] = [
    "break",
    "tbreak",
    "watch",
    "breakpoints",
    "delete",
    "enable",
    "disable",
    "until",
    "set",
];

impl Debugger for Front {
    fn stopped(&mut self, stopped: &mut Stopped<'_>) -> Resume {
        if self.is_done {
            return Resume::Continue;
        }
        self.frame = 0;
        if let Some(id) = self.until.take() {
            stopped.remove_breakpoint(id);
        }
        let is_core = matches!(stopped.reason(), Reason::Core(_));
        self.say_reason(stopped);
        loop {
            self.flush();
            let line = match self.input.next() {
                Line::Text(line) => line,
                Line::Aborted => continue,
                Line::End if self.input.is_terminal() || is_core => return Resume::Quit(0),
                Line::End => {
                    // The program runs to its end as if nobody had looked.
                    self.is_done = true;
                    self.ctrl_c_ends.store(true, Ordering::SeqCst);
                    if *stopped.reason() == Reason::Pause {
                        // By ctrl-C, which nobody has more to say to.
                        let _ = signal_hook::low_level::raise(SIGINT);
                    }
                    remove_all(stopped);
                    return Resume::Continue;
                }
            };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let end = line.find(char::is_whitespace).unwrap_or(line.len());
            let (name, rest) = line.split_at(end);
            let found = COMMANDS
                .iter()
                .find(|command| command.names.contains(&name));
            let outcome = match found {
                Some(command) if is_core && LIVE.contains(&command.names[0]) => Err(format!(
                    "`{name}` needs a program that runs, this is a core dump"
                )),
                Some(command) if command.arguments.is_empty() && !rest.trim().is_empty() => {
                    Err(format!("`{name}` takes nothing behind it"))
                }
                Some(command) => (command.action)(self, stopped, rest.trim()),
                None => Err(format!("`{name}` is no command; `help` lists them")),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(resume)) if is_core && !matches!(resume, Resume::Quit(_)) => {
                    self.line("error: the program has ended, it cannot go on");
                }
                Ok(Some(resume)) => {
                    self.flush();
                    return resume;
                }
                Err(reason) => self.line(format_args!("error: {reason}")),
            }
        }
    }
}

impl Front {
    fn new(input: Input, shows_entry: bool) -> Front {
        Front {
            input,
            out: String::new(),
            frame: 0,
            shows_entry,
            files: HashMap::new(),
            until: None,
            is_done: false,
            ctrl_c_ends: Arc::default(),
        }
    }

    /// Adds a line. Names, paths and sources are the program's: nothing in them is to reach a terminal as a
    /// command, or to look like another line.
    fn line(&mut self, text: impl fmt::Display) {
        for c in text.to_string().chars() {
            match c.is_control() && c != '\t' {
                true => self.out.extend(c.escape_default()),
                false => self.out.push(c),
            }
        }
        self.out.push('\n');
    }

    /// Prints what is to be printed. Where nobody can read it, nobody is told.
    fn flush(&mut self) {
        let _ = output::print(&self.out);
        self.out.clear();
    }

    /// Says why the program has stopped, and where.
    fn say_reason(&mut self, stopped: &Stopped<'_>) {
        match stopped.reason() {
            Reason::Entry if !self.shows_entry => return,
            Reason::Entry => self.line("stopped at the program's start"),
            Reason::Pause => self.line("paused"),
            Reason::Step => {}
            Reason::Breakpoint(id, None) => self.line(format_args!("breakpoint {id}")),
            Reason::Breakpoint(id, Some(problem)) => {
                self.line(format_args!(
                    "breakpoint {id}, whose condition cannot be evaluated: {problem}"
                ));
            }
            Reason::Watch {
                id,
                old,
                new,
                writer,
                line,
            } => {
                let watch = stopped.watches().iter().find(|watch| watch.id == *id);
                let what = watch.map_or("", |watch| watch.expression.as_str());
                self.line(format_args!("watchpoint {id}: {what} was {old}, is {new}"));
                match (line, writer) {
                    (Some(line), _) => self.line(format_args!("  changed at {line}")),
                    (None, Some((func, offset))) => {
                        self.line(format_args!(
                            "  changed by function {func}, offset {offset:#x}"
                        ));
                    }
                    _ => {}
                }
            }
            Reason::Trap(code) => self.line(format_args!("trap: {code}")),
            Reason::Core(message) => self.line(message),
        }
        self.say_place(stopped);
    }

    /// Says where the frame is that commands are about.
    fn say_place(&mut self, stopped: &Stopped<'_>) {
        let Some(frame) = stopped.frames().get(self.frame).cloned() else {
            return;
        };
        self.line(Shown(&frame));
        match &frame.location {
            Some(at) if at.line > 0 => {
                if let Some(text) = self.source(&at.file, at.line) {
                    self.line(format_args!("{:>5}  {text}", at.line));
                }
            }
            _ => self.say_instruction(stopped, &frame),
        }
    }

    fn say_instruction(&mut self, stopped: &Stopped<'_>, frame: &StackFrame) {
        let all = stopped.instructions(self.frame).unwrap_or_default();
        if let Some((offset, text)) = all.iter().find(|(offset, _)| *offset == frame.offset) {
            self.line(format_args!("{offset:#7x}  {text}"));
        }
    }

    /// A line of a source file, as far as that can be read.
    fn source(&mut self, file: &str, line: u32) -> Option<String> {
        let lines = self.files.entry(file.to_owned()).or_insert_with(|| {
            let text = std::fs::read_to_string(file).ok()?;
            Some(text.lines().map(str::to_owned).collect())
        });
        let at = line.checked_sub(1)? as usize;
        lines.as_ref()?.get(at).cloned()
    }

    fn add_break(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        self.new_break(stopped, text, false)
    }

    fn add_temporary(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        self.new_break(stopped, text, true)
    }

    fn new_break(&mut self, stopped: &mut Stopped<'_>, text: &str, temporary: bool) -> Outcome {
        let (text, from) = match text.rsplit_once(" from ") {
            Some((before, hit)) => {
                let number = hit.trim().parse();
                (before, number.map_err(|_| from_problem(hit.trim()))?)
            }
            None => (text, 1),
        };
        let (place, condition) = match text.split_once(" if ") {
            Some((place, condition)) => (place, Some(condition.trim().to_owned())),
            None => (text, None),
        };
        if place.is_empty() {
            return Err("a place is missing: FILE:LINE, LINE, FUNCTION or #INDEX".to_owned());
        }
        for word in [" if", " from"] {
            if place.ends_with(word) {
                return Err(format!("nothing is behind `{}`", word.trim()));
            }
        }
        condition.as_deref().map_or(Ok(()), check_expression)?;
        let id = stopped.add_breakpoint(self.frame, place.trim())?;
        if let Some(breakpoint) = stopped.breakpoint_mut(id) {
            breakpoint.condition = condition;
            breakpoint.from_hit = from;
            breakpoint.temporary = temporary;
            let breakpoint = breakpoint.clone();
            self.line(format_args!("breakpoint {id} at {}", place_of(&breakpoint)));
        }
        Ok(None)
    }

    fn until(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        let id = stopped.add_breakpoint(self.frame, text)?;
        if let Some(breakpoint) = stopped.breakpoint_mut(id) {
            breakpoint.temporary = true;
            self.until = Some(id);
        }
        Ok(Some(Resume::Continue))
    }

    fn watch(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        let id = stopped.add_watch(self.frame, text)?;
        self.line(format_args!("watchpoint {id}: {text}"));
        Ok(None)
    }

    fn breakpoints(&mut self, stopped: &mut Stopped<'_>, _: &str) -> Outcome {
        for it in stopped.breakpoints() {
            let mut text = format!("{:>3}  {}", it.id, place_of(it));
            if let Some(condition) = &it.condition {
                text += &format!(" if {condition}");
            }
            if it.from_hit > 1 {
                text += &format!(" from {}", it.from_hit);
            }
            if !it.enabled {
                text += ", disabled";
            }
            self.line(format_args!("{text}, hits: {}", it.hits));
        }
        for it in stopped.watches() {
            let off = if it.enabled { "" } else { ", disabled" };
            self.line(format_args!(
                "{:>3}  watches {}{off}, hits: {}",
                it.id, it.expression, it.hits
            ));
        }
        Ok(None)
    }

    fn delete(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        match stopped.remove_breakpoint(number(text)?) {
            true => Ok(None),
            false => Err(format!("there is no breakpoint {text}")),
        }
    }

    fn backtrace(&mut self, stopped: &mut Stopped<'_>, _: &str) -> Outcome {
        let all = stopped.frames();
        for (i, frame) in all.iter().take(MAX_FRAMES).enumerate() {
            let mark = if i == self.frame { '>' } else { ' ' };
            self.line(format_args!("{mark}{i:>3}  {}", Shown(frame)));
        }
        if all.len() > MAX_FRAMES {
            self.line(format_args!("      ... {} more", all.len() - MAX_FRAMES));
        }
        Ok(None)
    }

    fn frame(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        let frame = number(text)? as usize;
        self.select(stopped, Some(frame))
    }

    fn select(&mut self, stopped: &Stopped<'_>, frame: Option<usize>) -> Outcome {
        match frame.filter(|&frame| frame < stopped.frames().len()) {
            Some(frame) => {
                self.frame = frame;
                self.say_place(stopped);
                Ok(None)
            }
            None => Err("there is no such frame".to_owned()),
        }
    }

    fn print(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        let value = stopped.evaluate(self.frame, text)?;
        self.line(format_args!("{text} = {}", stopped.show(&value)));
        Ok(None)
    }

    fn set(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        let (place, expression) = text
            .split_once('=')
            .ok_or("it is written as PLACE = EXPRESSION")?;
        let (place, expression) = (place.trim(), expression.trim());
        let value = stopped.assign(self.frame, place, expression)?;
        self.line(format_args!("{place} = {}", stopped.show(&value)));
        Ok(None)
    }

    fn locals(&mut self, stopped: &mut Stopped<'_>, _: &str) -> Outcome {
        for it in stopped.variables(self.frame)? {
            let shown = match &it.value {
                Ok(value) => format!("{} = {}", value.type_name(), stopped.show(value)),
                Err(reason) => format!("<{reason}>"),
            };
            self.line(format_args!("{}: {shown}", it.name));
        }
        Ok(None)
    }

    fn registers(&mut self, stopped: &mut Stopped<'_>, _: &str) -> Outcome {
        for (i, value) in stopped.locals(self.frame)?.iter().enumerate() {
            let shown = stopped.show(value);
            self.line(format_args!("local[{i}]: {} = {shown}", value.type_name()));
        }
        Ok(None)
    }

    fn stack(&mut self, stopped: &mut Stopped<'_>, _: &str) -> Outcome {
        for (i, value) in stopped.operands(self.frame)?.iter().rev().enumerate() {
            let shown = stopped.show(value);
            self.line(format_args!("stack[{i}]: {} = {shown}", value.type_name()));
        }
        Ok(None)
    }

    fn globals(&mut self, stopped: &mut Stopped<'_>, _: &str) -> Outcome {
        for (i, (name, value)) in stopped.globals(self.frame)?.iter().enumerate() {
            let name = name
                .as_ref()
                .map_or(String::new(), |name| format!(" ({name})"));
            let shown = stopped.show(value);
            self.line(format_args!(
                "global[{i}]{name}: {} = {shown}",
                value.type_name()
            ));
        }
        Ok(None)
    }

    fn table(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        for (i, element) in stopped.table(self.frame, number(text)?)?.iter().enumerate() {
            self.line(format_args!("[{i}]: {element}"));
        }
        Ok(None)
    }

    fn memory(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        let (address, len) = match text.rsplit_once(' ') {
            Some((address, len)) if len.parse::<u64>().is_ok() => {
                let len = len.parse().unwrap_or(u64::MAX);
                if len > MAX_MEMORY_BYTES {
                    return Err(format!(
                        "{len} bytes are too many, {MAX_MEMORY_BYTES} at most"
                    ));
                }
                (address, len)
            }
            Some((_, len)) if len.starts_with('-') && len[1..].parse::<u64>().is_ok() => {
                return Err(format!("`{len}` is no number of bytes"));
            }
            _ => (text, MEMORY_BYTES),
        };
        let value = stopped.evaluate(self.frame, address)?;
        // Of a value that is in memory and no number, its own address.
        let shown = stopped.show(&value);
        let number = shown.split(' ').next().unwrap_or_default();
        let parsed = match number.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        };
        let address = parsed.or(value.address()).ok_or("that is no address")?;
        let bytes = stopped.memory(self.frame, address, len)?;
        for (i, row) in (0..).zip(bytes.chunks(16)) {
            let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = row.iter().map(|&byte| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '.',
            });
            let text: String = text.collect();
            let at = address + 16 * i;
            self.line(format_args!("{at:#010x}  {:<47}  {text}", hex.join(" ")));
        }
        Ok(None)
    }

    fn database(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        if matches!(stopped.reason(), Reason::Core(_)) {
            return Err("a core dump has nothing of databases".to_owned());
        }
        let session = stopped.database();
        let session = session.ok_or("the program has not used its database")?;
        let reason = |error: dotvm::db::Error| error.to_string();
        if text.is_empty() {
            for name in session.table_names().map_err(reason)? {
                self.line(name.escape_default());
            }
            return Ok(None);
        }
        let (table, key) = match text.split_once(' ') {
            Some((table, key)) => (table, Some(key.trim())),
            None => (text, None),
        };
        let table = session.table(table).map_err(reason)?;
        if let Some(key) = key {
            let value = session.get(table, key.as_bytes()).map_err(reason)?;
            let value = value.ok_or("there is no such key")?;
            self.line(value.escape_ascii());
            return Ok(None);
        }
        let rows = session.scan(table, Interval::all(), Direction::Forward);
        let mut rows = rows.map_err(reason)?.limited(MAX_ROWS);
        while let Some((key, value)) = rows.next(session).map_err(reason)? {
            let row = format!("{}: {}", key.escape_ascii(), value.escape_ascii());
            self.line(row);
        }
        Ok(None)
    }

    fn list(&mut self, stopped: &mut Stopped<'_>, text: &str) -> Outcome {
        let frame = stopped.frames().get(self.frame).cloned();
        let at = frame
            .and_then(|frame| frame.location)
            .ok_or("no source is known")?;
        let middle = match text {
            "" => at.line,
            _ => number(text)?,
        };
        let mut any = false;
        let lines = middle.saturating_sub(LIST_LINES).max(1)..=middle.saturating_add(LIST_LINES);
        for line in lines {
            if let Some(text) = self.source(&at.file, line) {
                let mark = if line == at.line { '>' } else { ' ' };
                self.line(format_args!("{mark}{line:>4}  {text}"));
                any = true;
            }
        }
        match any {
            true => Ok(None),
            false => Err(format!(
                "{} has no line {middle}, or cannot be read",
                at.file
            )),
        }
    }

    fn disassemble(&mut self, stopped: &mut Stopped<'_>, _: &str) -> Outcome {
        let all = stopped.instructions(self.frame)?;
        let here = stopped
            .frames()
            .get(self.frame)
            .map_or(0, |frame| frame.offset);
        let at = all
            .iter()
            .position(|(offset, _)| *offset == here)
            .unwrap_or_default();
        for (offset, text) in all.iter().skip(at.saturating_sub(8)).take(17) {
            let mark = if *offset == here { '>' } else { ' ' };
            self.line(format_args!("{mark}{offset:#7x}  {text}"));
        }
        Ok(None)
    }

    fn help(&mut self, _: &mut Stopped<'_>, _: &str) -> Outcome {
        for command in COMMANDS {
            let head = format!("{} {}", command.names.join(", "), command.arguments);
            self.line(format_args!("  {:<44} {}", head.trim_end(), command.help));
        }
        self.line("Expressions have names of variables, fields, indices, `*`, `&`, numbers up to 512 bits, Rust's operators,");
        self.line("`{u32} ADDRESS` for memory, and local[N], stack[N], global[N].");
        Ok(None)
    }
}

fn enable(stopped: &mut Stopped<'_>, text: &str, on: bool) -> Outcome {
    let id = number(text)?;
    if let Some(breakpoint) = stopped.breakpoint_mut(id) {
        breakpoint.enabled = on;
    } else if let Some(watch) = stopped.watch_mut(id) {
        watch.enabled = on;
    } else {
        return Err(format!("there is no breakpoint {text}"));
    }
    Ok(None)
}

/// What is wrong with what stands behind `from`.
fn from_problem(hit: &str) -> String {
    match hit.contains(" if ") {
        true => "`from` comes behind the condition: PLACE if CONDITION from HIT".to_owned(),
        false => "`from` takes a number".to_owned(),
    }
}

fn number(text: &str) -> std::result::Result<u32, String> {
    if text.trim().is_empty() {
        return Err("a number is missing".to_owned());
    }
    text.trim()
        .parse()
        .map_err(|_| format!("`{text}` is no number"))
}

fn remove_all(stopped: &mut Stopped<'_>) {
    let breakpoints = stopped.breakpoints().iter().map(|it| it.id);
    let watches = stopped.watches().iter().map(|it| it.id);
    for id in breakpoints.chain(watches).collect::<Vec<_>>() {
        stopped.remove_breakpoint(id);
    }
}

/// Where a breakpoint is.
fn place_of(breakpoint: &dotvm::debug::Breakpoint) -> String {
    let count = breakpoint.instructions().count();
    let more = if count > 1 {
        format!(" ({count} places)")
    } else {
        String::new()
    };
    match breakpoint.line() {
        Some(line) => format!("{line}{more}"),
        None => format!("{}{more}", breakpoint.place),
    }
}

/// A frame as a line of a backtrace.
struct Shown<'f>(&'f StackFrame);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StackFrame {
            name,
            offset,
            is_inlined,
            location,
            ..
        } = self.0;
        f.write_str(name)?;
        match is_inlined {
            true => write!(f, " (inlined)")?,
            false => write!(f, " (offset {offset:#x})")?,
        }
        match location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}
