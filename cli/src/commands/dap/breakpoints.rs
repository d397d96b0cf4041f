//! Breakpoints as clients want them, and how they are set.
//!
//! Clients name all breakpoints of a file, or of a kind, at once. Those that were there before stay, with their
//! hits. The machine's breakpoints are set by the thread of the program, where that has stopped; until then those
//! here wait.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dotvm::SourceLocation;
use dotvm::debug::{Stopped, Value as Watched};
use serde_json::{Value, json};

use super::code::{Address, instruction_of_line};
use super::launch::text;
use super::link::Settings;
use super::sources;
use super::wire::Request;

/// The most breakpoints of a list.
const MAX_BREAKPOINTS: usize = 1000;

/// The most places that were offered to be watched and are remembered.
const MAX_WATCHED: usize = 10_000;

/// What the breakpoints of a list are in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum List {
    /// A file, by the path that the client has for it.
    File(String),
    /// The instructions of a function, shown as a source.
    Listing(u32),
    Functions,
    Instructions,
    Data,
}

/// Where a breakpoint is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    /// A line, from 1 on.
    Line(u64),
    Function(String),
    Instruction(Address),
    /// What is watched, by the name that the client was told.
    Data(String),
}

/// How often a breakpoint must be hit to stop the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hits {
    From(u64),
    Only(u64),
    Below(u64),
    Each(u64),
}

/// What a client wants.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wanted {
    place: Place,
    condition: Option<String>,
    hits: Hits,
    /// What is printed, instead of stopping.
    log: Option<String>,
    /// Of data, whether it is to stop the program where that is read.
    waits_for_reads: bool,
}

/// A breakpoint of a client's.
struct Breakpoint {
    /// The number that the client knows it by.
    id: u64,
    wanted: Result<Wanted, String>,
    /// The machine's.
    set: Option<Set>,
    /// What the client was told last: why it is not set.
    problem: Option<String>,
}

/// A breakpoint of the machine's.
struct Set {
    id: u32,
    /// How often it has been hit, as far as anybody looked.
    hits: u64,
    line: Option<SourceLocation>,
    instruction: Option<Address>,
}

/// All breakpoints of a session.
#[derive(Default)]
pub(super) struct Breakpoints {
    lists: BTreeMap<List, Vec<Breakpoint>>,
    last_id: u64,
    /// Those of the machine's that are to go.
    gone: Vec<u32>,
    /// Whether traps are let pass.
    ignores_traps: bool,
    /// What can be watched, by the names that clients were told.
    watched: HashMap<String, Watched>,
}

/// What is to be done where breakpoints were hit.
#[derive(Default, Debug)]
pub(super) struct Hit {
    /// Those that stop the program.
    pub(super) ids: Vec<u64>,
    /// What they are to the client, for the reason that it shows.
    pub(super) reason: &'static str,
    /// What is to be printed.
    pub(super) logs: Vec<String>,
}

/// Locks; what is half done is done again the next time.
pub(super) fn lock(breakpoints: &Mutex<Breakpoints>) -> MutexGuard<'_, Breakpoints> {
    breakpoints.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Breakpoints {
    /// Takes in what a client wants; returns the list that it is about, if it is about one.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub(super) fn take_in(
        &mut self,
        request: &Request,
        settings: Settings,
    ) -> Result<Option<List>, String> {
        let arguments = &request.arguments;
        let list = match request.command.as_str() {
            "setExceptionBreakpoints" => {
                let filters = arguments["filters"].as_array();
                let filters = filters.ok_or("`filters` must be a list")?;
                if let Some(other) = filters.iter().find(|filter| *filter != "traps") {
                    return Err(format!("there is no filter {other}"));
                }
                self.ignores_traps = filters.is_empty();
                return Ok(None);
            }
            "setFunctionBreakpoints" => List::Functions,
            "setInstructionBreakpoints" => List::Instructions,
            "setDataBreakpoints" => List::Data,
            _ => {
                let source = &arguments["source"];
                match (source["sourceReference"].as_u64(), text(source, "path")?) {
                    (Some(number @ 1..=0xffff_ffff), _) => List::Listing(number as u32 - 1),
                    (_, Some(path)) => List::File(path.to_owned()),
                    _ => return Err("`source` has neither a path nor a reference".to_owned()),
                }
            }
        };
        let items: &[Value] = match &arguments["breakpoints"] {
            Value::Null => &[],
            Value::Array(items) => &items[..],
            _ => return Err("`breakpoints` must be a list".to_owned()),
        };
        if items.len() > MAX_BREAKPOINTS {
            return Err(format!("more than {MAX_BREAKPOINTS} breakpoints"));
        }
        let mut before = self.lists.remove(&list).unwrap_or_default();
        let mut all = Vec::new();
        for item in items {
            let wanted = Wanted::new(item, &list, settings);
            let is_same = |known: &Breakpoint| known.wanted.is_ok() && known.wanted == wanted;
            all.push(match before.iter().position(is_same) {
                Some(at) => before.swap_remove(at),
                None => {
                    self.last_id += 1;
                    Breakpoint {
                        id: self.last_id,
                        wanted,
                        set: None,
                        problem: Some("the program has not come to it yet".to_owned()),
                    }
                }
            });
        }
        let sets = before
            .iter()
            .filter_map(|breakpoint| breakpoint.set.as_ref());
        self.gone.extend(sets.map(|set| set.id));
        self.lists.insert(list.clone(), all);
        Ok(Some(list))
    }

    /// What a client is told of a list.
    pub(super) fn answer(&self, list: Option<&List>, settings: Settings) -> Value {
        let all = list.and_then(|list| self.lists.get(list));
        let all = all.into_iter().flatten();
        let shown: Vec<Value> = all.map(|it| it.shown(settings)).collect();
        json!({ "breakpoints": shown })
    }

    /// The program is gone, and with it everything that was set in it.
    pub(super) fn forget_program(&mut self) {
        self.gone.clear();
        self.watched.clear();
        self.lists.remove(&List::Data);
        for breakpoint in self.lists.values_mut().flatten() {
            breakpoint.set = None;
        }
    }

    /// Sets what is not set, and removes what is to go. Returns what has changed of those that the client has
    /// been told about before, but for a list that it is about to be told.
    pub(super) fn sync(
        &mut self,
        stopped: &mut Stopped<'_>,
        base: &Path,
        settings: Settings,
        told: Option<&List>,
    ) -> Vec<Value> {
        for id in self.gone.drain(..) {
            stopped.remove_breakpoint(id);
        }
        let mut changed = Vec::new();
        let mut files = None;
        for (list, breakpoints) in &mut self.lists {
            for breakpoint in breakpoints {
                let Ok(wanted) = &breakpoint.wanted else {
                    continue;
                };
                if breakpoint.set.is_some() {
                    continue;
                }
                let files = files.get_or_insert_with(|| stopped.source_files());
                let set = wanted.set(stopped, list, base, files, &self.watched);
                let problem = match set {
                    Ok(set) => {
                        breakpoint.set = Some(set);
                        None
                    }
                    Err(reason) => Some(reason),
                };
                if problem != breakpoint.problem {
                    breakpoint.problem = problem;
                    if told != Some(list) {
                        changed.push(breakpoint.shown(settings));
                    }
                }
            }
        }
        changed
    }

    /// Whether traps stop the program.
    pub(super) fn stops_at_traps(&self) -> bool {
        !self.ignores_traps
    }

    /// Remembers what can be watched by a name.
    pub(super) fn offer(&mut self, name: String, value: Watched) {
        if self.watched.len() < MAX_WATCHED {
            self.watched.insert(name, value);
        }
    }

    /// What was hit, of the machine's breakpoints that count their hits.
    pub(super) fn hit(&mut self, stopped: &mut Stopped<'_>) -> Hit {
        let mut hit = Hit::default();
        for (list, breakpoints) in &mut self.lists {
            for breakpoint in breakpoints.iter_mut() {
                let (Some(set), Ok(wanted)) = (&mut breakpoint.set, &breakpoint.wanted) else {
                    continue;
                };
                let own = stopped.breakpoints().iter().find(|it| it.id == set.id);
                let Some(hits) = own.map(|it| it.hits).filter(|&hits| hits > set.hits) else {
                    continue;
                };
                set.hits = hits;
                if wanted.hits.is_met(hits) {
                    hit.add(breakpoint.id, list, wanted, stopped);
                }
            }
        }
        hit
    }

    /// What is at the instruction at which the program begins, where nobody has counted hits.
    pub(super) fn hit_at_entry(&mut self, stopped: &mut Stopped<'_>) -> Hit {
        let here = stopped.frames().first().map(|it| (it.func, it.offset));
        let is_here = |it: &dotvm::debug::Breakpoint| {
            it.instructions()
                .any(|(_, func, offset)| Some((func, offset)) == here)
        };
        let there = stopped.breakpoints().iter().filter(|it| is_here(it));
        let there: Vec<(u32, Option<String>)> =
            there.map(|it| (it.id, it.condition.clone())).collect();
        for (id, condition) in there {
            let holds = condition.is_none_or(|it| stopped.is_true(0, &it) != Ok(false));
            if holds && let Some(breakpoint) = stopped.breakpoint_mut(id) {
                breakpoint.hits += 1;
            }
        }
        self.hit(stopped)
    }

    /// What is to be done where the machine's watchpoint of that number has seen a change.
    pub(super) fn hit_watch(&mut self, id: u32, stopped: &mut Stopped<'_>) -> Hit {
        let mut hit = Hit::default();
        for breakpoint in self.lists.get_mut(&List::Data).into_iter().flatten() {
            let (Some(set), Ok(wanted)) = (&mut breakpoint.set, &breakpoint.wanted) else {
                continue;
            };
            let condition = wanted.condition.as_ref();
            let holds = condition.is_none_or(|it| stopped.is_true(0, it) != Ok(false));
            if set.id != id || !holds {
                continue;
            }
            set.hits += 1;
            if wanted.hits.is_met(set.hits) {
                hit.add(breakpoint.id, &List::Data, wanted, stopped);
            }
        }
        hit
    }
}

impl Hit {
    fn add(&mut self, id: u64, list: &List, wanted: &Wanted, stopped: &Stopped<'_>) {
        if let Some(log) = &wanted.log {
            self.logs.push(filled(log, stopped));
            return;
        }
        self.ids.push(id);
        self.reason = match list {
            List::File(_) => "breakpoint",
            List::Functions => "function breakpoint",
            List::Listing(_) | List::Instructions => "instruction breakpoint",
            List::Data => "data breakpoint",
        };
    }
}

/// A message with the values of what stands in braces.
fn filled(log: &str, stopped: &Stopped<'_>) -> String {
    let mut text = String::new();
    let mut rest = log;
    while let Some((before, behind)) = rest.split_once('{')
        && let Some((expression, after)) = behind.split_once('}')
    {
        text += before;
        text += &match stopped.evaluate(0, expression) {
            Ok(value) => stopped.show(&value),
            Err(reason) => format!("<{reason}>"),
        };
        rest = after;
    }
    text + rest + "\n"
}

impl Breakpoint {
    fn shown(&self, settings: Settings) -> Value {
        let problem = self.wanted.as_ref().err().or(self.problem.as_ref());
        let mut shown = json!({ "id": self.id, "verified": self.set.is_some() });
        match &self.set {
            Some(set) => {
                if let Some(line) = &set.line {
                    shown["line"] = (i64::from(line.line) - 1 + settings.first_line).into();
                }
                if let Some(address) = set.instruction {
                    shown["instructionReference"] = address.to_string().into();
                }
            }
            None => {
                if let Some(problem) = problem {
                    shown["message"] = problem.as_str().into();
                }
            }
        }
        shown
    }
}

impl Wanted {
    fn new(item: &Value, list: &List, settings: Settings) -> Result<Wanted, String> {
        let filled = |name: &str| -> Result<Option<String>, String> {
            let text = text(item, name)?.filter(|text| !text.trim().is_empty());
            Ok(text.map(str::to_owned))
        };
        let place = match list {
            List::File(_) | List::Listing(_) => {
                let line = item["line"].as_i64().ok_or("`line` must be a number")?;
                let line = line
                    .checked_sub(settings.first_line)
                    .and_then(|it| it.checked_add(1));
                let line = line.and_then(|line| u64::try_from(line).ok());
                Place::Line(line.ok_or("`line` is no line")?)
            }
            List::Functions => Place::Function(filled("name")?.ok_or("`name` is missing")?),
            List::Instructions => {
                let text = filled("instructionReference")?;
                let text = text.ok_or("`instructionReference` is missing")?;
                let offset = item["offset"].as_i64().unwrap_or_default();
                Place::Instruction(Address::parse(&text)?.plus(offset)?)
            }
            List::Data => Place::Data(filled("dataId")?.ok_or("`dataId` is missing")?),
        };
        Ok(Wanted {
            place,
            condition: filled("condition")?,
            hits: match filled("hitCondition")? {
                Some(text) => Hits::parse(&text)?,
                None => Hits::From(1),
            },
            log: filled("logMessage")?,
            // What else there is was not offered.
            waits_for_reads: matches!(item["accessType"].as_str(), Some("read" | "readWrite")),
        })
    }

    /// Sets a breakpoint of the machine's.
    fn set(
        &self,
        stopped: &mut Stopped<'_>,
        list: &List,
        base: &Path,
        files: &[String],
        watched: &HashMap<String, Watched>,
    ) -> Result<Set, String> {
        if self.waits_for_reads {
            return Err("only writing stops the program, not reading".to_owned());
        }
        let at_instruction = |address: Address| format!("#{}+{}", address.func, address.offset);
        let place = match (&self.place, list) {
            (Place::Line(line), List::File(path)) => {
                let file = sources::compiled(files, path, base);
                let file = file.ok_or("the program has no debug information about this file")?;
                format!("{file}:{line}")
            }
            (Place::Line(line), List::Listing(func)) => {
                at_instruction(instruction_of_line(stopped, *func, *line)?)
            }
            (Place::Line(_), _) => return Err("a line of no file".to_owned()),
            (Place::Function(name), _) => name.clone(),
            (Place::Instruction(address), _) => at_instruction(*address),
            (Place::Data(name), _) => {
                let value = watched.get(name);
                let value = value.ok_or("it is not known what that is in this run")?;
                let id = stopped.add_value_watch(name, value)?;
                return Ok(Set {
                    id,
                    hits: 0,
                    line: None,
                    instruction: None,
                });
            }
        };
        let id = stopped.add_breakpoint(0, &place)?;
        let breakpoint = stopped.breakpoint_mut(id).ok_or("it is gone")?;
        breakpoint.condition.clone_from(&self.condition);
        let first = breakpoint.instructions().next();
        let instruction = first.map(|(_, func, offset)| Address { func, offset });
        Ok(Set {
            id,
            hits: 0,
            line: match list {
                List::File(_) | List::Functions => breakpoint.line(),
                _ => None,
            },
            instruction,
        })
    }
}

impl Hits {
    /// `10` and `>= 10` from the tenth hit on, `== 10`, `> 10`, `< 10`, `<= 10`; `% 10` for each tenth.
    fn parse(text: &str) -> Result<Hits, String> {
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let operator = text[..text.len() - digits.len()].trim();
        let wrong =
            || format!("{text:?} is no number of hits: write 10, == 10, > 10, < 10 or % 10");
        let number: u64 = digits.trim().parse().map_err(|_| wrong())?;
        match operator {
            "" | ">=" => Ok(Hits::From(number)),
            ">" => Ok(Hits::From(number.saturating_add(1))),
            "=" | "==" => Ok(Hits::Only(number)),
            "<" => Ok(Hits::Below(number)),
            "<=" => Ok(Hits::Below(number.saturating_add(1))),
            "%" if number > 0 => Ok(Hits::Each(number)),
            _ => Err(wrong()),
        }
    }

    fn is_met(self, hits: u64) -> bool {
        match self {
            Hits::From(number) => hits >= number,
            Hits::Only(number) => hits == number,
            Hits::Below(number) => hits < number,
            Hits::Each(number) => hits.is_multiple_of(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_hits() {
        let met = |text: &str| -> Vec<u64> {
            let hits = Hits::parse(text).expect("a number of hits");
            (1..=6).filter(|&number| hits.is_met(number)).collect()
        };
        assert_eq!(met("4"), [4, 5, 6]);
        assert_eq!(met(">= 4"), [4, 5, 6]);
        assert_eq!(met("> 4"), [5, 6]);
        assert_eq!(met("==4"), [4]);
        assert_eq!(met("= 4 "), [4]);
        assert_eq!(met("<3"), [1, 2]);
        assert_eq!(met("<= 3"), [1, 2, 3]);
        assert_eq!(met(" % 3"), [3, 6]);
        for wrong in [
            "",
            "x",
            "-1",
            "% 0",
            "4 5",
            "99999999999999999999",
            "\u{e9}4",
            "!= 4",
        ] {
            assert!(Hits::parse(wrong).is_err(), "{wrong}");
        }
    }
}
