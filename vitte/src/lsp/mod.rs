//! `vitte lsp`: what editors ask about programs, by the Language Server Protocol at standard input and output.
//!
//! Documents that are open stand for their files. After each change every open document is checked with all that it
//! imports, and what is wrong is published; questions are answered from that. Nothing is run.

mod program;
mod symbols;
mod text;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::check::notes::{ASKED, Referred};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::source::{SOURCE_LEN_MAX, Sources, Span};
use crate::syntax::lexer::{Kind, lex};
use program::Program;
use text::{is_of_name, offset, path_of, range, uri_of};
use wire::{
    INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, NOT_INITIALIZED, REQUEST_FAILED, Refusal,
};

/// How a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// As the client announced it.
    Announced,
    /// The client has gone.
    Gone,
}

/// Answers a client until it says that it ends, or has gone.
///
/// # Errors
/// Where messages cannot be read or written.
pub(crate) fn serve(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<Ended> {
    let mut server = Server::default();
    while let Some(message) = wire::read(input)? {
        let message = match message {
            Ok(message) => message,
            Err(refusal) => {
                wire::write(output, &wire::response(&Value::Null, Err(refusal)))?;
                continue;
            }
        };
        let (id, method) = (&message["id"], message["method"].as_str());
        match (method, id.is_null()) {
            (Some("exit"), _) => {
                return Ok(match server.state {
                    State::ShutDown => Ended::Announced,
                    _ => Ended::Gone,
                });
            }
            (Some(method), false) => {
                let result = server.request(method, &message["params"]);
                wire::write(output, &wire::response(id, result))?;
            }
            (Some(method), true) => server.notification(method, &message["params"]),
            // The answer to something; nothing is ever asked.
            (None, _) if message.get("result").is_some() || message.get("error").is_some() => {}
            (None, _) => {
                let refusal = Refusal::new(INVALID_REQUEST, "a message without `method`");
                wire::write(output, &wire::response(id, Err(refusal)))?;
            }
        }
        for message in server.outgoing.drain(..) {
            wire::write(output, &message)?;
        }
    }
    Ok(Ended::Gone)
}

/// How far a session is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    New,
    Running,
    ShutDown,
}

#[derive(Default)]
struct Server {
    state: State,
    /// The texts of open documents.
    texts: HashMap<PathBuf, String>,
    /// Their names as the client has them.
    uris: BTreeMap<PathBuf, String>,
    /// Open documents with what they import, checked.
    programs: HashMap<PathBuf, Program>,
    /// What was published of a document.
    published: BTreeMap<String, Value>,
    outgoing: Vec<Value>,
}

type Answer = Result<Value, Refusal>;

fn capabilities() -> Value {
    json!({
        "capabilities": {
            "positionEncoding": "utf-16",
            // Opened and closed; changes come as such.
            "textDocumentSync": { "openClose": true, "change": 2 },
            "hoverProvider": true,
            "definitionProvider": true,
            "referencesProvider": true,
            "renameProvider": { "prepareProvider": true },
            "completionProvider": { "triggerCharacters": ["."] },
            "documentFormattingProvider": true,
            "documentSymbolProvider": true,
        },
        "serverInfo": { "name": "vitte", "version": env!("CARGO_PKG_VERSION") },
    })
}

impl Server {
    fn request(&mut self, method: &str, params: &Value) -> Answer {
        match (self.state, method) {
            (State::New, "initialize") => {
                self.state = State::Running;
                return Ok(capabilities());
            }
            (State::New, _) => {
                return Err(Refusal::new(NOT_INITIALIZED, "`initialize` comes first"));
            }
            (State::ShutDown, _) => {
                return Err(Refusal::new(INVALID_REQUEST, "only `exit` comes now"));
            }
            (State::Running, _) => {}
        }
        match method {
            "initialize" => Err(Refusal::new(INVALID_REQUEST, "initialized already")),
            "shutdown" => {
                self.state = State::ShutDown;
                Ok(Value::Null)
            }
            "textDocument/hover" => self.hover(params),
            "textDocument/definition" => self.definition(params),
            "textDocument/references" => self.references(params),
            "textDocument/prepareRename" => self.prepare_rename(params),
            "textDocument/rename" => self.rename(params),
            "textDocument/completion" => self.completion(params),
            "textDocument/formatting" => self.formatting(params),
            "textDocument/documentSymbol" => self.symbols(params),
            _ => {
                let reason = format!("nothing is known of `{method}`");
                Err(Refusal::new(METHOD_NOT_FOUND, reason))
            }
        }
    }

    /// Takes note of something; what makes no sense is left out, as nobody waits for an answer.
    fn notification(&mut self, method: &str, params: &Value) {
        if self.state != State::Running {
            return;
        }
        let document = &params["textDocument"];
        let Some(uri) = document["uri"].as_str() else {
            return;
        };
        let path = path_of(uri);
        match method {
            "textDocument/didOpen" => {
                let Some(text) = document["text"].as_str() else {
                    return;
                };
                self.uris.insert(path.clone(), uri.to_owned());
                self.texts.insert(path, text.to_owned());
            }
            "textDocument/didChange" => {
                let Some(text) = self.texts.get_mut(&path) else {
                    return;
                };
                for change in params["contentChanges"].as_array().into_iter().flatten() {
                    apply(text, change);
                }
            }
            "textDocument/didClose" => {
                self.texts.remove(&path);
                self.uris.remove(&path);
            }
            "textDocument/didSave" => {}
            _ => return,
        }
        self.check();
    }

    /// Checks all documents that are open, and publishes what is wrong, where that is news.
    fn check(&mut self) {
        self.programs.clear();
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (path, uri) in &self.uris {
            found.insert(uri.clone(), Vec::new());
            if let Ok(program) = Program::check(path, &self.texts) {
                self.programs.insert(path.clone(), program);
            }
        }
        for path in self.uris.keys() {
            let Some(program) = self.programs.get(path) else {
                continue;
            };
            let mut of_program: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for error in program.errors.iter() {
                let number = error.span.file as usize;
                let Some(of) = program.paths.get(number) else {
                    continue;
                };
                // Of others that are open, what is wrong is said when they are looked at themselves.
                if number > 0 && self.uris.contains_key(of) {
                    continue;
                }
                let errors = of_program.entry(self.uri(of)).or_default();
                errors.push(self.diagnostic(program, error));
            }
            for (uri, errors) in of_program {
                let all = found.entry(uri).or_default();
                let new = errors.into_iter().filter(|error| !all.contains(error));
                let new: Vec<Value> = new.collect();
                all.extend(new);
            }
        }
        for uri in self.published.keys() {
            found.entry(uri.clone()).or_default();
        }
        for (uri, errors) in found {
            let errors = Value::from(errors);
            let old = self.published.get(&uri);
            if old != Some(&errors) {
                self.outgoing.push(json!({
                    "jsonrpc": "2.0",
                    "method": "textDocument/publishDiagnostics",
                    "params": { "uri": uri, "diagnostics": errors },
                }));
                self.published.insert(uri, errors);
            }
        }
        // Of what is closed and right, nothing has to be taken back any more.
        let uris: Vec<&String> = self.uris.values().collect();
        self.published
            .retain(|uri, errors| uris.contains(&uri) || *errors != json!([]));
    }

    /// The name of a document, as the client has it where it is open.
    fn uri(&self, path: &Path) -> String {
        let known = self.uris.get(path);
        known.cloned().unwrap_or_else(|| uri_of(path))
    }

    fn location(&self, program: &Program, span: Span) -> Option<Value> {
        let path = program.paths.get(span.file as usize)?;
        let text = program.sources.text(span.file);
        let range = range(text, span.start as usize, span.end as usize);
        Some(json!({ "uri": self.uri(path), "range": range }))
    }

    fn diagnostic(&self, program: &Program, error: &Diagnostic) -> Value {
        let text = program.sources.text(error.span.file);
        let also = error.also.iter().filter_map(|(span, message)| {
            let location = self.location(program, *span)?;
            Some(json!({ "location": location, "message": message }))
        });
        let also: Vec<Value> = also.collect();
        let mut message = error.message.clone();
        if !error.hint.is_empty() {
            message.push_str("\nhint: ");
            message.push_str(&error.hint);
        }
        let mut diagnostic = json!({
            "range": range(text, error.span.start as usize, error.span.end as usize),
            "severity": 1,
            "code": error.code.number(),
            "source": "vitte",
            "message": message,
        });
        if !also.is_empty() {
            diagnostic["relatedInformation"] = also.into();
        }
        diagnostic
    }

    /// The document that a question is about, and its text.
    fn document(&self, params: &Value) -> Result<(PathBuf, &str), Refusal> {
        let uri = params["textDocument"]["uri"].as_str();
        let uri = uri.ok_or_else(|| Refusal::new(INVALID_PARAMS, "no document is named"))?;
        let path = path_of(uri);
        match self.texts.get(&path) {
            Some(text) => Ok((path, text)),
            None => Err(Refusal::new(INVALID_PARAMS, format!("{uri} is not open"))),
        }
    }

    /// The program of the document that a question is about, and the byte in it.
    fn place(&self, params: &Value) -> Result<(&Program, usize), Refusal> {
        let (path, text) = self.document(params)?;
        let offset = offset(text, &params["position"]);
        let offset = offset.ok_or_else(|| Refusal::new(INVALID_PARAMS, "no position"))?;
        match self.programs.get(&path) {
            Some(program) => Ok((program, offset)),
            None => Err(Refusal::new(REQUEST_FAILED, "it could not be checked")),
        }
    }

    fn hover(&self, params: &Value) -> Answer {
        let (program, offset) = self.place(params)?;
        let Some((span, code, meaning)) = program.hover(offset) else {
            return Ok(Value::Null);
        };
        let mut value = format!("```vitte\n{code}\n```");
        if !meaning.is_empty() {
            value.push_str(&format!("\n\n{meaning}"));
        }
        let text = program.sources.text(0);
        Ok(json!({
            "contents": { "kind": "markdown", "value": value },
            "range": range(text, span.start as usize, span.end as usize),
        }))
    }

    fn definition(&self, params: &Value) -> Answer {
        let (program, offset) = self.place(params)?;
        let place = program
            .referred(offset)
            .and_then(|(_, referred)| program.place(referred))
            .and_then(|span| self.location(program, span));
        Ok(place.unwrap_or(Value::Null))
    }

    /// All places, in all documents that are open and what they import, with names of what is at a place: path, byte of
    /// start and end, and the text of each file.
    fn uses(
        &self,
        program: &Program,
        referred: Referred,
    ) -> Option<BTreeMap<(PathBuf, u32, u32), Value>> {
        let declared = program.place(referred)?;
        let of = |program: &Program, span: Span| {
            let path = program.paths.get(span.file as usize)?;
            Some((path.clone(), span.start, span.end))
        };
        let target = of(program, declared)?;
        let mut found = BTreeMap::new();
        for other in self.programs.values() {
            // Numbers differ between programs; what is declared at one place is the same.
            let same = other.declared_at(&target.0, target.1, target.2);
            for referred in same {
                for span in other.uses(referred) {
                    if let (Some(key), Some(place)) = (of(other, span), self.location(other, span))
                    {
                        found.insert(key, place);
                    }
                }
            }
        }
        Some(found)
    }

    fn references(&self, params: &Value) -> Answer {
        let (program, offset) = self.place(params)?;
        let Some((_, referred)) = program.referred(offset) else {
            return Ok(json!([]));
        };
        let found = self.uses(program, referred).unwrap_or_default();
        let declared = program.place(referred).and_then(|span| {
            let path = program.paths.get(span.file as usize)?;
            Some((path.clone(), span.start, span.end))
        });
        let with = params["context"]["includeDeclaration"].as_bool() != Some(false);
        let places = found.into_iter();
        let places = places.filter(|(key, _)| with || Some(key) != declared.as_ref());
        Ok(places.map(|(_, place)| place).collect())
    }

    /// The name at a place, if it may be changed: its place, what it refers to, and its text.
    fn renamed(&self, params: &Value) -> Result<(&Program, Span, Referred, String), Refusal> {
        let (program, offset) = self.place(params)?;
        let refused = |reason| Refusal::new(REQUEST_FAILED, reason);
        let (span, referred) = program
            .referred(offset)
            .ok_or_else(|| refused("there is no name here"))?;
        let declared = match referred {
            Referred::Module(_) => None,
            other => program.place(other),
        };
        let declared =
            declared.ok_or_else(|| refused("this is not declared in a program, or is a module"))?;
        let text = |span: Span| &program.sources.text(span.file)[span.range()];
        if text(span) != text(declared) {
            return Err(refused(
                "this is another name for it: rename it where it is declared",
            ));
        }
        let name = text(span).to_owned();
        if name == "self" {
            return Err(refused("`self` is called so everywhere"));
        }
        Ok((program, span, referred, name))
    }

    fn prepare_rename(&self, params: &Value) -> Answer {
        let (program, span, _, name) = self.renamed(params)?;
        let text = program.sources.text(0);
        let range = range(text, span.start as usize, span.end as usize);
        Ok(json!({ "range": range, "placeholder": name }))
    }

    fn rename(&self, params: &Value) -> Answer {
        let (program, _, referred, old) = self.renamed(params)?;
        let new = params["newName"].as_str().unwrap_or("");
        let is_name = new.starts_with(|c: char| is_of_name(c) && !c.is_ascii_digit())
            && new.chars().all(is_of_name)
            && !Kind::WORDS.contains(&new)
            && new != "_";
        if !is_name {
            return Err(Refusal::new(INVALID_PARAMS, format!("{new:?} is no name")));
        }
        let mut changes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for ((path, start, end), place) in self.uses(program, referred).unwrap_or_default() {
            // Other names that imports gave stay.
            if self.text_at(&path, start, end).as_deref() != Some(&old) {
                continue;
            }
            let edit = json!({ "range": place["range"], "newText": new });
            changes.entry(self.uri(&path)).or_default().push(edit);
        }
        Ok(json!({ "changes": changes }))
    }

    /// What is written at a place of a file that was read.
    fn text_at(&self, path: &Path, start: u32, end: u32) -> Option<String> {
        self.programs.values().find_map(|program| {
            let file = program.paths.iter().position(|other| other == path)?;
            let text = program.sources.text(file as u32);
            text.get(start as usize..end as usize).map(str::to_owned)
        })
    }

    fn completion(&self, params: &Value) -> Answer {
        let (path, text) = self.document(params)?;
        let end = offset(text, &params["position"]);
        let end = end.ok_or_else(|| Refusal::new(INVALID_PARAMS, "no position"))?;
        let before = &text[..end];
        let start = before.trim_end_matches(is_of_name).len();
        let rest = text[end..].trim_start_matches(is_of_name);
        // A name that nothing has stands for what is asked; the checker says what it could be. Where that is nothing,
        // the line may be unfinished: a type in front of its value, a field in front of its own, open brackets.
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let closing = closing(&text[line..start]);
        let below = text[end..].find('\n').map_or("", |at| &text[end + at..]);
        let endings = ["", " = 0", ": 0"].map(|value| format!("{value}{closing}{below}"));
        let mut texts = self.texts.clone();
        let mut choices = Vec::new();
        for behind in [rest].into_iter().chain(endings.iter().map(String::as_str)) {
            let asked = format!("{}{ASKED}{behind}", &text[..start]);
            texts.insert(path.clone(), asked);
            let program = Program::check(&path, &texts)
                .map_err(|error| Refusal::new(REQUEST_FAILED, error.to_string()))?;
            choices = program.choices();
            if !choices.is_empty() {
                break;
            }
        }
        let items = choices.into_iter().map(|choice| {
            let mut item = json!({ "label": choice.name, "kind": choice.kind });
            if !choice.detail.is_empty() {
                item["detail"] = choice.detail.into();
            }
            if !choice.meaning.is_empty() {
                item["documentation"] = choice.meaning.into();
            }
            item
        });
        Ok(items.collect())
    }

    fn formatting(&self, params: &Value) -> Answer {
        let (_, text) = self.document(params)?;
        let result = crate::with_stack(|| {
            let mut sources = Sources::default();
            let mut errors = Diagnostics::default();
            let file = sources.add("", text.to_owned());
            crate::format::format(&sources, file, &mut errors).ok()
        });
        match result {
            Ok(Some(new)) if new == text => Ok(json!([])),
            Ok(Some(new)) => Ok(json!([{ "range": range(text, 0, text.len()), "newText": new }])),
            Ok(None) => Err(Refusal::new(
                REQUEST_FAILED,
                "it cannot be laid out as long as it has errors",
            )),
            Err(error) => Err(Refusal::new(REQUEST_FAILED, error.to_string())),
        }
    }

    fn symbols(&self, params: &Value) -> Answer {
        let (_, text) = self.document(params)?;
        crate::with_stack(|| symbols::of(text))
            .map_err(|error| Refusal::new(REQUEST_FAILED, error.to_string()))
    }
}

/// The brackets that close those which are open at the end of a piece of a line.
fn closing(piece: &str) -> String {
    let lexed = lex(0, piece, &mut Diagnostics::default());
    let mut open = Vec::new();
    for token in &lexed.tokens {
        match token.kind {
            Kind::OpenParen => open.push(')'),
            Kind::OpenBracket => open.push(']'),
            Kind::OpenBrace => open.push('}'),
            Kind::CloseParen | Kind::CloseBracket | Kind::CloseBrace => {
                open.pop();
            }
            _ => {}
        }
    }
    open.into_iter().rev().collect()
}

/// Changes a text as a client did: a part of it, or all. What makes no sense changes nothing.
fn apply(text: &mut String, change: &Value) {
    let Some(new) = change["text"].as_str() else {
        return;
    };
    let range = &change["range"];
    if range.is_null() {
        new.clone_into(text);
        return;
    }
    if let (Some(start), Some(end)) = (offset(text, &range["start"]), offset(text, &range["end"]))
        && start <= end
        && text.len() - (end - start) + new.len() <= SOURCE_LEN_MAX * 2
    {
        text.replace_range(start..end, new);
    }
}
