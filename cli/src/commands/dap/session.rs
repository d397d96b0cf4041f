//! A session: what a client asks for, one request after the other.
//!
//! What needs the program's values goes to the program's thread. Everything else is done here, so that a client
//! gets an answer whatever the program does.

use std::io::BufRead;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::breakpoints::{self, Breakpoints};
use super::guest;
use super::launch::{Launch, flag};
use super::link::{Link, Phase, Settings};
use super::listen::Desk;
use super::remote::{Remote, answer_for_gone};
use super::wire::{self, Client, Incoming, Request};

/// How long a running program may take to come to a place where breakpoints can be set.
const BREAKPOINT_PATIENCE: Duration = Duration::from_millis(500);

/// How long a program may take to end.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// A client and what it debugs.
pub(super) struct Session {
    client: Client,
    settings: Option<Settings>,
    breakpoints: Arc<Mutex<Breakpoints>>,
    /// The program that runs, or has run last.
    run: Option<Arc<Link>>,
    /// What starts it again.
    launch: Value,
    /// The program that this process runs and clients come to, in place of those that they start.
    desk: Option<Arc<Desk>>,
    /// What the client has said first, for a program elsewhere.
    hello: Value,
    /// The program elsewhere that the client has come to: it answers everything.
    remote: Option<Remote>,
}

/// What a request comes to here: its answer, or that somebody else gives that.
type Answer = Result<Option<Value>, String>;

impl Session {
    /// With a client that starts programs, or comes to that of `desk`.
    pub(super) fn new(client: Client, desk: Option<Arc<Desk>>) -> Session {
        Session {
            client,
            settings: None,
            breakpoints: Arc::default(),
            run: None,
            launch: Value::Null,
            desk,
            hello: Value::Null,
            remote: None,
        }
    }

    /// Does what the client asks until it goes.
    ///
    /// # Errors
    /// Where what it sends is not the protocol.
    pub(super) fn run(mut self, input: &mut impl BufRead) -> Result<(), String> {
        let outcome = loop {
            match wire::read(input) {
                Ok(Incoming::Request(request)) => {
                    if !self.handle(request) {
                        break Ok(());
                    }
                }
                Ok(Incoming::Fault(seq, reason)) => {
                    let command = String::new();
                    let arguments = Value::Null;
                    let request = Request {
                        seq,
                        command,
                        arguments,
                    };
                    self.client.refuse(&request, &reason);
                }
                Ok(Incoming::Nothing) => {}
                Ok(Incoming::End) => break Ok(()),
                Err(reason) => break Err(reason),
            }
        };
        self.part(false);
        outcome
    }

    /// The client goes: what it has started ends, and so does what it has come to where it says so.
    fn part(&mut self, ends: bool) {
        if let Some(run) = self.run.take() {
            match self.desk.is_some() && !ends {
                true => run.leave(),
                false => {
                    run.end(true, END_PATIENCE);
                }
            }
        }
    }

    /// Does what a request asks for; returns whether there is to be another one.
    fn handle(&mut self, request: Request) -> bool {
        if let Some(remote) = &self.remote {
            let is_last = request.command == "disconnect";
            if remote.pass_on(&request).is_err() {
                answer_for_gone(&self.client, &request);
            } else if is_last && let Some(remote) = self.remote.take() {
                remote.finish(END_PATIENCE);
            }
            return !is_last;
        }
        if request.command == "disconnect" {
            let ends = request.arguments["terminateDebuggee"] == true;
            if self.desk.is_some() {
                // The program that goes on or ends is this one: it may be gone with the answer.
                self.client.respond(&request, Value::Null);
                self.part(ends);
            } else {
                self.part(ends);
                self.client.respond(&request, Value::Null);
            }
            return false;
        }
        let answer = match self.settings {
            None if request.command != "initialize" => {
                Err("the first request must be `initialize`".to_owned())
            }
            _ => self.answer(&request),
        };
        match answer {
            Ok(Some(body)) => self.client.respond(&request, body),
            Ok(None) => {}
            Err(reason) => self.client.refuse(&request, &reason),
        }
        true
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match request.command.as_str() {
            "initialize" => self.initialize(&request.arguments),
            "launch" => self.start(request),
            "attach" => self.attach(request),
            "restart" => self.restart(request),
            "configurationDone" => {
                let run = self.the_run()?;
                // What comes of it is told after the answer.
                self.client.respond(request, Value::Null);
                if self.desk.is_some() && self.launch["stopOnEntry"] == true {
                    run.stop_soon();
                }
                run.configured();
                Ok(None)
            }
            "threads" => {
                let running = self.run.iter().filter(|run| run.phase() != Phase::Ended);
                let threads: Vec<Value> = running
                    .map(|_| json!({ "id": 1, "name": "main" }))
                    .collect();
                Ok(Some(json!({ "threads": threads })))
            }
            "pause" => {
                self.the_run()?.pause(request)?;
                Ok(None)
            }
            "terminate" => {
                let run = Arc::clone(self.the_run()?);
                self.client.respond(request, Value::Null);
                if !run.end(false, END_PATIENCE) {
                    // The host does something for it that cannot be stopped; nobody waits for that.
                    self.client.event("terminated", Value::Null);
                }
                Ok(None)
            }
            "setBreakpoints"
            | "setFunctionBreakpoints"
            | "setInstructionBreakpoints"
            | "setDataBreakpoints"
            | "setExceptionBreakpoints" => self.set_breakpoints(request),
            "continue" | "next" | "stepIn" | "stepOut" => self.ask(request, true),
            "stackTrace" | "scopes" | "variables" | "setVariable" | "setExpression"
            | "evaluate" | "exceptionInfo" | "disassemble" | "readMemory" | "writeMemory"
            | "dataBreakpointInfo" | "source" | "loadedSources" => self.ask(request, false),
            other => Err(format!("there is no request `{other}`")),
        }
    }

    fn the_run(&self) -> Result<&Arc<Link>, String> {
        let run = self.run.as_ref();
        run.ok_or_else(|| "no program has been launched".to_owned())
    }

    fn ask(&self, request: &Request, goes_on: bool) -> Answer {
        self.the_run()?.ask(request.clone(), goes_on)?;
        Ok(None)
    }

    fn initialize(&mut self, arguments: &Value) -> Answer {
        if self.settings.is_some() {
            return Err("`initialize` comes once".to_owned());
        }
        if arguments["pathFormat"].as_str().unwrap_or("path") != "path" {
            return Err("`pathFormat`: there are only paths".to_owned());
        }
        let first = |name: &str| i64::from(arguments[name].as_bool().unwrap_or(true));
        self.hello = arguments.clone();
        self.settings = Some(Settings {
            first_line: first("linesStartAt1"),
            first_column: first("columnsStartAt1"),
            wants_invalidated: arguments["supportsInvalidatedEvent"] == true,
        });
        Ok(Some(json!({
            "supportsConfigurationDoneRequest": true,
            "supportsFunctionBreakpoints": true,
            "supportsConditionalBreakpoints": true,
            "supportsHitConditionalBreakpoints": true,
            "supportsLogPoints": true,
            "supportsEvaluateForHovers": true,
            "supportsSetVariable": true,
            "supportsSetExpression": true,
            "supportsRestartRequest": self.desk.is_none(),
            "supportTerminateDebuggee": true,
            "supportsTerminateRequest": true,
            "supportsExceptionInfoRequest": true,
            "supportsDelayedStackTraceLoading": true,
            "supportsLoadedSourcesRequest": true,
            "supportsDataBreakpoints": true,
            "supportsDataBreakpointBytes": true,
            "supportsInstructionBreakpoints": true,
            "supportsReadMemoryRequest": true,
            "supportsWriteMemoryRequest": true,
            "supportsDisassembleRequest": true,
            "supportsSteppingGranularity": true,
            "exceptionBreakpointFilters": [{
                "filter": "traps",
                "label": "Traps",
                "description": "Stops where the program traps, before anything is left",
                "default": true,
            }],
        })))
    }

    fn start(&mut self, request: &Request) -> Answer {
        if let Some(run) = &self.run
            && run.phase() != Phase::Ended
        {
            return Err("the session has a program already".to_owned());
        }
        if self.desk.is_some() {
            return Err("this program runs already: use `attach`".to_owned());
        }
        let launch = Launch::new(&request.arguments)?;
        self.launch = request.arguments.clone();
        self.spawn(request, launch, false)
    }

    /// Comes to a program that runs: here, or where the arguments say.
    fn attach(&mut self, request: &Request) -> Answer {
        if let Some(run) = &self.run
            && run.phase() != Phase::Ended
        {
            return Err("the session has a program already".to_owned());
        }
        let settings = self
            .settings
            .ok_or("the first request must be `initialize`")?;
        flag(&request.arguments, "stopOnEntry")?;
        let Some(desk) = &self.desk else {
            let remote = Remote::connect(&self.client, &self.hello, request)?;
            self.remote = Some(remote);
            return Ok(None);
        };
        let link = desk.take(self.client.clone(), settings, Arc::clone(&self.breakpoints))?;
        self.launch = request.arguments.clone();
        self.run = Some(link);
        self.client.respond(request, Value::Null);
        self.client.event("initialized", Value::Null);
        Ok(None)
    }

    fn restart(&mut self, request: &Request) -> Answer {
        if self.desk.is_some() {
            return Err("only who has started the program can start it again".to_owned());
        }
        let run = Arc::clone(self.the_run()?);
        // Clients may say anew what is to be started.
        let arguments = &request.arguments["arguments"];
        let launch = if arguments["program"].is_null() {
            &self.launch
        } else {
            arguments
        };
        let (launch, again) = (Launch::new(launch)?, launch.clone());
        if !run.end(true, END_PATIENCE) {
            return Err("the program does not end: it waits for something outside".to_owned());
        }
        self.launch = again;
        breakpoints::lock(&self.breakpoints).forget_program();
        self.spawn(request, launch, true)
    }

    /// Runs a program; the request is answered when that is about to begin.
    fn spawn(&mut self, request: &Request, launch: Launch, is_restart: bool) -> Answer {
        let settings = self
            .settings
            .ok_or("the first request must be `initialize`")?;
        let link = Arc::new(Link::new(
            self.client.clone(),
            settings,
            Arc::clone(&self.breakpoints),
            request.clone(),
            is_restart,
        ));
        guest::start(Arc::clone(&link), launch).map_err(|error| error.to_string())?;
        self.run = Some(link);
        Ok(None)
    }

    /// Breakpoints are set by the program's thread, which knows where they are; where that cannot be asked they
    /// wait for it.
    fn set_breakpoints(&mut self, request: &Request) -> Answer {
        let settings = self
            .settings
            .ok_or("the first request must be `initialize`")?;
        if let Some(run) = &self.run
            && run.ask_any(request.clone(), BREAKPOINT_PATIENCE).is_ok()
        {
            return Ok(None);
        }
        let mut breakpoints = breakpoints::lock(&self.breakpoints);
        let list = breakpoints.take_in(request, settings)?;
        Ok(Some(breakpoints.answer(list.as_ref(), settings)))
    }
}
