//! The machine's debugger, as a client has it: where the program stops, what the client asks is done here.

use std::path::PathBuf;
use std::sync::Arc;

use dotvm::TrapCode;
use dotvm::debug::{Debugger, Reason, Resume, Step, StepUnit, Stopped};
use serde_json::{Value, json};

use super::breakpoints::Hit;
use super::code::{self, Code};
use super::launch::Launch;
use super::link::{Link, Phase};
use super::output::Output;
use super::values::{self, Values};
use super::wire::Request;

/// A client's view of a program that runs.
pub(super) struct Front {
    link: Arc<Link>,
    code: Code,
    values: Values,
    /// What the program prints is to be seen before it is seen to stop.
    outputs: Vec<Arc<Output>>,
    stop_on_entry: bool,
    no_debug: bool,
    /// Whether the program has begun without the client.
    is_attached: bool,
    /// The trap that it has stopped at.
    trap: Option<TrapCode>,
}

/// What a request comes to.
enum Answer {
    Body(Value),
    /// The program goes on.
    Go(Resume),
}

impl Front {
    pub(super) fn new(link: Arc<Link>, launch: &Launch, outputs: Vec<Arc<Output>>) -> Front {
        Front {
            code: Code::new(launch.folder.clone(), link.settings),
            link,
            values: Values::new(),
            outputs,
            stop_on_entry: launch.stop_on_entry,
            no_debug: launch.no_debug,
            is_attached: false,
            trap: None,
        }
    }

    /// The view of a client that has come to a program that runs; relative paths of its debug information are
    /// relative to `folder`.
    pub(super) fn attached(link: Arc<Link>, folder: PathBuf) -> Front {
        Front {
            code: Code::new(folder, link.settings),
            link,
            values: Values::new(),
            outputs: Vec::new(),
            stop_on_entry: false,
            no_debug: false,
            is_attached: true,
            trap: None,
        }
    }

    /// The client that sees it.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// The program waits in front of its first instruction: until the client has said where it is to stop, or has
    /// left.
    pub(super) fn configure(&mut self, stopped: &mut Stopped<'_>) {
        while let Some(request) = self.link.next() {
            self.answer_while_running(stopped, &request);
        }
        self.stop_on_entry = true;
    }
}

impl Debugger for Front {
    fn stopped(&mut self, stopped: &mut Stopped<'_>) -> Resume {
        if self.link.ends() {
            return Resume::Quit(0);
        }
        let reason = stopped.reason().clone();
        let why = match reason {
            Reason::Entry => self.begin(stopped),
            Reason::Pause => self.link.take_pause().then(|| json!({ "reason": "pause" })),
            // Nobody opens these here.
            Reason::Core(_) => None,
            Reason::Step => Some(json!({ "reason": "step" })),
            Reason::Breakpoint(_, problem) => {
                let hit = self.link.breakpoints().hit(stopped);
                self.reason(hit, problem)
            }
            Reason::Watch {
                id, old, new, line, ..
            } => {
                let hit = self.link.breakpoints().hit_watch(id, stopped);
                let by = line.map_or(String::new(), |line| format!(", changed at {line}"));
                let why = self.reason(hit, None);
                why.map(|mut why| {
                    why["text"] = format!("was {old}, is {new}{by}").into();
                    why
                })
            }
            Reason::Trap(code) => {
                self.trap = Some(code);
                let stops = self.link.breakpoints().stops_at_traps() && !self.no_debug;
                stops.then(|| {
                    let text = code.to_string();
                    json!({ "reason": "exception", "description": "Trap", "text": text })
                })
            }
        };
        let resume = match why {
            // Traps end the program, whoever has paused it.
            Some(why) => self.serve(stopped, why),
            None => Resume::Unchanged,
        };
        // What the client asked for meanwhile does not need the program to stand.
        while let Some(request) = self.link.next_or_run() {
            self.answer_while_running(stopped, &request);
        }
        let stays = if self.link.ends() {
            Resume::Quit(0)
        } else {
            resume
        };
        self.sync(stopped);
        stays
    }
}

impl Front {
    /// The program is about to execute its first instruction.
    fn begin(&mut self, stopped: &mut Stopped<'_>) -> Option<Value> {
        if let Some(start) = self.link.take_start() {
            self.link.client.respond(&start, Value::Null);
        }
        if !self.link.is_restart && !self.is_attached {
            self.link.enter(Phase::Configuring);
            self.link.client.event("initialized", Value::Null);
            while let Some(request) = self.link.next() {
                self.answer_while_running(stopped, &request);
            }
        }
        if self.no_debug {
            return None;
        }
        self.sync(stopped);
        let hit = self.link.breakpoints().hit_at_entry(stopped);
        let at_breakpoint = self.reason(hit, None);
        let wants_pause = self.link.take_pause();
        if self.stop_on_entry {
            return Some(json!({ "reason": "entry" }));
        }
        at_breakpoint.or_else(|| wants_pause.then(|| json!({ "reason": "pause" })))
    }

    /// Prints what is to be printed of what was hit, and says why the program stops if it does.
    fn reason(&self, hit: Hit, problem: Option<String>) -> Option<Value> {
        for log in &hit.logs {
            let body = json!({ "category": "console", "output": log });
            self.link.client.event("output", body);
        }
        if hit.ids.is_empty() {
            return None;
        }
        let mut why = json!({ "reason": hit.reason, "hitBreakpointIds": hit.ids });
        if let Some(problem) = problem {
            why["text"] = format!("its condition cannot be evaluated: {problem}").into();
        }
        Some(why)
    }

    /// Tells the client that the program has stopped, and does what it asks until the program goes on.
    fn serve(&mut self, stopped: &mut Stopped<'_>, mut why: Value) -> Resume {
        for output in &self.outputs {
            output.pass_on();
        }
        self.values.renew(stopped);
        self.link.enter(Phase::Stopped);
        why["threadId"] = 1.into();
        why["allThreadsStopped"] = true.into();
        self.link.client.event("stopped", why);
        while let Some(request) = self.link.next() {
            match self.answer(stopped, &request) {
                Ok(Answer::Body(body)) => self.link.client.respond(&request, body),
                Ok(Answer::Go(resume)) => {
                    let body = match request.command.as_str() {
                        "continue" => json!({ "allThreadsContinued": true }),
                        _ => Value::Null,
                    };
                    self.link.client.respond(&request, body);
                    return resume;
                }
                Err(reason) => {
                    // A request to go on that makes no sense leaves the program where it is.
                    self.link.enter(Phase::Stopped);
                    self.link.client.refuse(&request, &reason);
                }
            }
        }
        // It is to end, or goes on without the client.
        match self.link.ends() {
            true => Resume::Quit(0),
            false => Resume::Continue,
        }
    }

    /// Does what a request asks for that needs no program that stands.
    fn answer_while_running(&mut self, stopped: &mut Stopped<'_>, request: &Request) {
        match self.set_breakpoints(stopped, request) {
            Some(Ok(body)) => self.link.client.respond(request, body),
            Some(Err(reason)) => self.link.client.refuse(request, &reason),
            None => self.link.client.refuse(request, "the program is running"),
        }
    }

    /// Sets breakpoints, where a request is about these.
    fn set_breakpoints(
        &mut self,
        stopped: &mut Stopped<'_>,
        request: &Request,
    ) -> Option<Result<Value, String>> {
        let commands = [
            "setBreakpoints",
            "setFunctionBreakpoints",
            "setInstructionBreakpoints",
            "setDataBreakpoints",
            "setExceptionBreakpoints",
        ];
        if !commands.contains(&request.command.as_str()) {
            return None;
        }
        let settings = self.link.settings;
        let mut breakpoints = self.link.breakpoints();
        let list = match breakpoints.take_in(request, settings) {
            Ok(list) => list,
            Err(reason) => return Some(Err(reason)),
        };
        if self.no_debug {
            return Some(Ok(breakpoints.answer(list.as_ref(), settings)));
        }
        let changed = breakpoints.sync(stopped, self.code.base(), settings, list.as_ref());
        let answer = breakpoints.answer(list.as_ref(), settings);
        drop(breakpoints);
        self.tell_changed(changed);
        Some(Ok(answer))
    }

    /// Sets what the client wanted while nobody could be asked.
    fn sync(&self, stopped: &mut Stopped<'_>) {
        if self.no_debug {
            return;
        }
        let (settings, base) = (self.link.settings, self.code.base());
        let changed = self.link.breakpoints().sync(stopped, base, settings, None);
        self.tell_changed(changed);
    }

    fn tell_changed(&self, changed: Vec<Value>) {
        for breakpoint in changed {
            let body = json!({ "reason": "changed", "breakpoint": breakpoint });
            self.link.client.event("breakpoint", body);
        }
    }

    fn answer(&mut self, stopped: &mut Stopped<'_>, request: &Request) -> Result<Answer, String> {
        if let Some(answer) = self.set_breakpoints(stopped, request) {
            return answer.map(Answer::Body);
        }
        let arguments = &request.arguments;
        let first_frame = self.values.first_frame();
        let body = match request.command.as_str() {
            "continue" => return Ok(Answer::Go(Resume::Continue)),
            "next" => return Ok(Answer::Go(Resume::Step(Step::Over(unit(arguments)?)))),
            "stepIn" => return Ok(Answer::Go(Resume::Step(Step::In(unit(arguments)?)))),
            "stepOut" => return Ok(Answer::Go(Resume::Step(Step::Out))),
            "stackTrace" => self.code.stack_trace(stopped, arguments, first_frame)?,
            "scopes" => self.values.scopes(arguments)?,
            "variables" => self.values.variables(stopped, arguments)?,
            "setVariable" => {
                let body = self.values.set_variable(stopped, arguments)?;
                self.tell_invalidated();
                body
            }
            "setExpression" => {
                let body = self.values.set_expression(stopped, arguments)?;
                self.tell_invalidated();
                body
            }
            "evaluate" => self.values.evaluate(stopped, arguments)?,
            "exceptionInfo" => self.exception_info()?,
            "disassemble" => self.code.disassemble(stopped, arguments)?,
            "readMemory" => values::read_memory(stopped, arguments)?,
            "writeMemory" => {
                let body = values::write_memory(stopped, arguments)?;
                self.tell_invalidated();
                body
            }
            "dataBreakpointInfo" => self.data_breakpoint_info(stopped, arguments)?,
            "source" => code::source(stopped, arguments)?,
            "loadedSources" => self.code.loaded_sources(stopped),
            other => return Err(format!("there is no request `{other}`")),
        };
        Ok(Answer::Body(body))
    }

    /// Other values may depend on one that was changed.
    fn tell_invalidated(&self) {
        if self.link.settings.wants_invalidated {
            let body = json!({ "areas": ["variables"] });
            self.link.client.event("invalidated", body);
        }
    }

    fn exception_info(&self) -> Result<Value, String> {
        let code = self.trap.ok_or("the program has not trapped")?;
        Ok(json!({
            "exceptionId": format!("{code:?}"),
            "description": code.to_string(),
            "breakMode": "always",
        }))
    }

    fn data_breakpoint_info(
        &self,
        stopped: &mut Stopped<'_>,
        arguments: &Value,
    ) -> Result<Value, String> {
        let (expression, value) = self.values.watchable(stopped, arguments)?;
        // Whether it can be watched is for the machine to say.
        let id = match stopped.add_value_watch(&expression, &value) {
            Ok(id) => id,
            Err(reason) => return Ok(json!({ "dataId": null, "description": reason })),
        };
        stopped.remove_breakpoint(id);
        let name = match value.address() {
            Some(address) => format!("{expression} at {address:#x}"),
            None => expression,
        };
        self.link.breakpoints().offer(name.clone(), value);
        Ok(json!({
            "dataId": name,
            "description": name,
            "accessTypes": ["write"],
            "canPersist": false,
        }))
    }
}

/// What a step counts in.
fn unit(arguments: &Value) -> Result<StepUnit, String> {
    match arguments["granularity"].as_str() {
        None | Some("statement" | "line") => Ok(StepUnit::Line),
        Some("instruction") => Ok(StepUnit::Instruction),
        Some(other) => Err(format!("there is no granularity {other:?}")),
    }
}
