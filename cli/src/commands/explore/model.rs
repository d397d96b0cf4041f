//! What the page shows: functions with their rows, and the lines of the source that these belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use dotvm::{ListedFrame, Listing, MAX_FRAMES, Module, NativeListing};
use serde::Serialize;

use super::native;
use crate::profile::{Report, function_name};
use crate::sources::SourceFiles;

/// Lines that are shown before and behind those that code belongs to.
const CONTEXT_LINES: u32 = 2;

/// A gap of so many lines is shown.
const GAP_LINES: u32 = 6;

/// The most lines of a function's own file that are shown where code belongs only to some of them.
const WHOLE_LINES_MAX: u32 = 2000;

/// The most characters of a name or line that are shown.
const MAX_CHARS: usize = 500;

/// What names of source files end in. A program can name any file; the page is made to be passed on, and is not to
/// hold what else there is on this machine.
const SOURCE_ENDINGS: &[&str] = &[
    "c", "cc", "cpp", "cxx", "d", "dasm", "go", "h", "hh", "hpp", "hxx", "inc", "m", "nim", "rs",
    "s", "swift", "ts", "vit", "wat", "zig",
];

/// Everything.
#[derive(Serialize)]
pub(super) struct Model {
    /// The program's file, as it was named.
    program: String,
    arch: &'static str,
    version: &'static str,
    /// Why there is no native code at all.
    no_native: Option<String>,
    profile: Option<Profile>,
    files: Vec<File>,
    functions: Vec<Function>,
    /// The function that is shown first.
    first: u32,
    /// Not part of the page's table of contents.
    #[serde(skip)]
    pub(super) texts: Vec<Text>,
    #[serde(skip)]
    pub(super) bodies: Vec<Body>,
}

/// What is known of a run.
#[derive(Serialize)]
struct Profile {
    program: String,
    fuel: u64,
    /// Of the line that has cost the most.
    most: u64,
}

/// A source file.
#[derive(Serialize)]
struct File {
    path: String,
    /// Whether its text is known.
    is_here: bool,
}

/// A function in the list.
#[derive(Serialize)]
struct Function {
    index: u32,
    name: String,
    /// Bytes of bytecode.
    bytes: usize,
    /// Bytes of native code.
    native: usize,
    /// What it has cost in the run of the profile.
    fuel: u64,
}

/// Text of a source file.
#[derive(Serialize, Default)]
pub(super) struct Text {
    /// Numbers of first lines, and lines.
    runs: Vec<(u32, Vec<String>)>,
    /// What lines have cost.
    fuel: Vec<(u32, u64)>,
}

/// A place in the source, with the name of the function: of [`Model::files`], and its line.
type Spot = (usize, u32, String);

/// An instruction: offset, text, name of a local, number of its place, function that it names.
type BytecodeRow = (u32, String, String, Option<usize>, Option<u32>);

/// A machine instruction: offset, text, note, number of its place, offset of the instruction that it belongs to, callee.
type NativeRow = (u32, String, String, Option<usize>, Option<u32>, Option<u32>);

/// A function's columns.
#[derive(Serialize, Default)]
pub(super) struct Body {
    /// Parts of source files: file, first line, last line.
    source: Vec<(usize, u32, u32)>,
    /// Places of instructions, innermost first.
    spots: Vec<Vec<Spot>>,
    bytecode: Vec<BytecodeRow>,
    native: Vec<NativeRow>,
    /// Why there is no native code.
    no_native: Option<String>,
}

impl Model {
    /// Of a program that verifies.
    ///
    /// # Errors
    /// Where the debug section makes no sense.
    pub(super) fn new(
        program: &Path,
        module: &Module,
        profile: Option<&Report>,
    ) -> dotvm::Result<Model> {
        let mut no_native = None;
        let mut native = HashMap::new();
        match module.native_listings() {
            Ok(all) => native.extend(all),
            Err(error) => no_native = Some(error.to_string()),
        }
        let mut maker = Maker {
            module,
            listing: module.listing(),
            sources: SourceFiles::default(),
            files: Vec::new(),
            numbers: HashMap::new(),
            paths: Vec::new(),
            shown: Vec::new(),
        };
        let imported = module.bytecode().imported_funcs().count() as u32;
        let costs: HashMap<&str, u64> = profile
            .map(|report| {
                let rows = report.functions.iter();
                rows.map(|row| (row.function.as_str(), row.costs.fuel))
                    .collect()
            })
            .unwrap_or_default();
        let (mut functions, mut bodies) = (Vec::new(), Vec::new());
        for (defined, func) in (0..module.bytecode().bodies.len() as u32).zip(imported..) {
            let code = native.remove(&func);
            let bytes = module.bytecode().body(defined).len();
            let code_bytes = code.as_ref().and_then(|code| code.as_ref().ok());
            functions.push(Function {
                index: func,
                name: maker.name(func),
                bytes,
                native: code_bytes.map_or(0, |code| code.code.len()),
                fuel: costs
                    .get(maker.profile_name(func).as_str())
                    .copied()
                    .unwrap_or(0),
            });
            let mut body = maker.body(func)?;
            match code {
                Some(Ok(code)) => maker.native(&mut body, &code)?,
                Some(Err(why)) => body.no_native = Some(why.to_string()),
                None => {}
            }
            body.source = maker.parts(&body);
            bodies.push(body);
        }
        let texts = maker.texts(profile);
        let first = first(&functions, &bodies, &maker.files);
        let profile = profile.map(|report| {
            let lines = texts.iter().flat_map(|text| &text.fuel);
            Profile {
                program: printable(&report.program),
                fuel: report.total.fuel,
                most: lines.map(|&(_, fuel)| fuel).max().unwrap_or(0),
            }
        });
        Ok(Model {
            program: printable(&program.display().to_string()),
            arch: module.arch().name(),
            version: env!("CARGO_PKG_VERSION"),
            no_native,
            profile,
            files: maker.files,
            functions,
            first,
            texts,
            bodies,
        })
    }

    /// Whether there is a profile that says nothing of this program.
    pub(super) fn has_nothing_of_profile(&self) -> bool {
        let is_unknown = |profile: &Profile| {
            profile.most == 0 && self.functions.iter().all(|function| function.fuel == 0)
        };
        self.profile.as_ref().is_some_and(is_unknown)
    }

    /// The program's file.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// The numbers of functions, in the order of [`Model::bodies`].
    pub(super) fn indices(&self) -> impl Iterator<Item = u32> {
        self.functions.iter().map(|function| function.index)
    }
}

/// The function that is shown first: of those whose source is here the one that has cost the most, or the first.
fn first(functions: &[Function], bodies: &[Body], files: &[File]) -> u32 {
    let is_here = |body: &Body| {
        body.source
            .first()
            .is_some_and(|part| files[part.0].is_here)
    };
    let all = functions.iter().zip(bodies);
    let best = all
        .rev()
        .max_by_key(|(function, body)| (is_here(body), function.fuel));
    best.map_or(0, |(function, _)| function.index)
}

/// Gathers.
struct Maker<'m> {
    module: &'m Module,
    listing: Listing<'m>,
    sources: SourceFiles,
    files: Vec<File>,
    /// The numbers of files by their paths.
    numbers: HashMap<Arc<str>, usize>,
    /// The paths of files by their numbers.
    paths: Vec<Arc<str>>,
    /// Of each file, the lines that are shown somewhere.
    shown: Vec<BTreeSet<u32>>,
}

/// Places of a function, each once.
#[derive(Default)]
struct Places {
    known: HashMap<Vec<Spot>, usize>,
}

impl Places {
    /// The number of a place; nothing for none.
    fn number(&mut self, all: &mut Vec<Vec<Spot>>, place: Vec<Spot>) -> Option<usize> {
        if place.is_empty() {
            return None;
        }
        Some(*self.known.entry(place).or_insert_with_key(|place| {
            all.push(place.clone());
            all.len() - 1
        }))
    }
}

impl Maker<'_> {
    /// What a function is called.
    fn name(&self, func: u32) -> String {
        printable(&function_name(
            None,
            self.module.func_name(func),
            Some(func),
        ))
    }

    /// What a profile calls it.
    fn profile_name(&self, func: u32) -> String {
        function_name(self.module.name(), self.module.func_name(func), Some(func))
    }

    /// The number of a file.
    fn file(&mut self, path: &Arc<str>) -> usize {
        if let Some(&number) = self.numbers.get(path) {
            return number;
        }
        let ending = Path::new(&**path).extension();
        let ending = ending
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        let is_source = SOURCE_ENDINGS.contains(&ending.to_ascii_lowercase().as_str());
        self.files.push(File {
            path: printable(path),
            is_here: is_source && self.sources.lines(path).is_some(),
        });
        self.shown.push(BTreeSet::new());
        let number = self.files.len() - 1;
        self.numbers.insert(Arc::clone(path), number);
        self.paths.push(Arc::clone(path));
        number
    }

    fn spots(&mut self, frames: Vec<ListedFrame>) -> Vec<Spot> {
        let known = frames.into_iter().filter_map(|frame| {
            let (file, line) = frame.line?;
            Some((self.file(&file), line, printable(&frame.name)))
        });
        known.collect()
    }

    /// The bytecode of a function.
    fn body(&mut self, func: u32) -> dotvm::Result<Body> {
        let mut body = Body::default();
        let mut places = Places::default();
        for instr in self.listing.instructions(func)? {
            let frames = self.listing.frames(func, instr.offset)?;
            let spots = self.spots(frames);
            let place = places.number(&mut body.spots, spots);
            let local = instr.local.as_deref().map(printable).unwrap_or_default();
            body.bytecode.push((
                instr.offset,
                printable(&instr.text),
                local,
                place,
                instr.callee,
            ));
        }
        Ok(body)
    }

    /// Adds the native code of a function.
    fn native(&mut self, body: &mut Body, code: &NativeListing) -> dotvm::Result<()> {
        let known = body.spots.iter().cloned().zip(0..);
        let mut places = Places {
            known: known.collect(),
        };
        let rows = native::rows(code, &|func| self.name(func));
        let mut starts = code.starts.iter().peekable();
        let (mut place, mut own, mut inlined) = (None, None, String::new());
        let mut traps = code.traps.iter().peekable();
        for row in rows {
            while let Some((_, frames)) = starts.next_if(|(start, _)| *start <= row.offset) {
                let mut spots = Vec::new();
                for &(func, offset) in frames {
                    let frames = self.listing.frames(func, offset)?;
                    spots.extend(self.spots(frames));
                    if spots.len() > MAX_FRAMES {
                        break;
                    }
                }
                place = places.number(&mut body.spots, spots);
                own = frames.last().map(|&(_, offset)| offset);
                inlined = match frames.split_last() {
                    Some((_, [innermost, ..])) => format!("in {}", self.name(innermost.0)),
                    _ => String::new(),
                };
            }
            let mut note = inlined.clone();
            while traps.next_if(|(at, _)| *at < row.offset).is_some() {}
            if let Some((_, trap)) = traps.next_if(|(at, _)| *at == row.offset) {
                if !note.is_empty() {
                    note += ", ";
                }
                note += "may trap: ";
                note += trap.message();
            }
            body.native.push((
                row.offset,
                printable(&row.text),
                note,
                place,
                own,
                row.callee,
            ));
        }
        Ok(())
    }

    /// The parts of source files that a function's code belongs to: its own file first, then the others in the
    /// order in which they come.
    fn parts(&mut self, body: &Body) -> Vec<(usize, u32, u32)> {
        let mut lines: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        let mut own: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for place in &body.spots {
            for (file, line, _) in place {
                lines.entry(*file).or_default().insert(*line);
            }
            if let Some((file, line, _)) = place.last() {
                own.entry(*file).or_default().insert(*line);
            }
        }
        let main = own.iter().max_by_key(|(_, lines)| lines.len());
        let main = main.map(|(&file, lines)| (file, lines.first().copied(), lines.last().copied()));
        let mut parts = Vec::new();
        if let Some((file, Some(first), Some(last))) = main
            && self.files[file].is_here
            && last - first < WHOLE_LINES_MAX
        {
            let of_file = lines.entry(file).or_default();
            of_file.extend(first..=last);
        }
        let order = main.map(|(file, ..)| file);
        let others = lines.keys().copied().filter(|&file| Some(file) != order);
        for file in order.into_iter().chain(others) {
            let is_here = self.files[file].is_here;
            let (context, gap) = match is_here {
                true => (CONTEXT_LINES, GAP_LINES),
                false => (0, 1),
            };
            let mut part: Option<(usize, u32, u32)> = None;
            for &line in &lines[&file] {
                let (first, last) = (
                    line.saturating_sub(context).max(1),
                    line.saturating_add(context),
                );
                match &mut part {
                    Some((_, _, end)) if line.saturating_sub(*end) <= gap => *end = last,
                    _ => parts.extend(part.replace((file, first, last))),
                }
            }
            parts.extend(part);
        }
        for &(file, first, last) in &parts {
            if self.files[file].is_here {
                // Not more than there are, whatever a program says.
                let lines = self.sources.lines(&self.paths[file]);
                let count = lines.map_or(0, <[String]>::len);
                self.shown[file].extend(first..=last.min(u32::try_from(count).unwrap_or(u32::MAX)));
            }
        }
        parts
    }

    /// The texts of files, as far as they are shown, and what their lines have cost.
    fn texts(&mut self, profile: Option<&Report>) -> Vec<Text> {
        let mut texts: Vec<Text> = self.files.iter().map(|_| Text::default()).collect();
        for (path, &number) in &self.numbers {
            let text = &mut texts[number];
            let lines = self.sources.lines(path).unwrap_or_default();
            for &line in &self.shown[number] {
                let Some(content) = lines.get(line as usize - 1) else {
                    continue;
                };
                match text.runs.last_mut() {
                    Some((first, run)) if *first + run.len() as u32 == line => {
                        run.push(printable(content));
                    }
                    _ => text.runs.push((line, vec![printable(content)])),
                }
            }
        }
        let mut fuel: BTreeMap<(usize, u32), u64> = BTreeMap::new();
        for row in profile.map(|report| &report.lines[..]).unwrap_or_default() {
            if let (Some(file), Some(line)) = (&row.file, row.line)
                && let Some(&number) = self.numbers.get(file.as_str())
            {
                let sum = fuel.entry((number, line)).or_default();
                *sum = sum.saturating_add(row.costs.fuel);
            }
        }
        for ((file, line), fuel) in fuel {
            texts[file].fuel.push((line, fuel));
        }
        texts
    }
}

/// Text without what could make a page show other things than there are: characters that control something, or
/// the direction of writing; and not without end, as names may be shown many times.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == MAX_CHARS {
            shown.push('…');
            break;
        }
        match c {
            '\t' => shown.push(c),
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {
                shown.extend(c.escape_unicode());
            }
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_controls_the_page() {
        assert_eq!(printable("\ta\u{7}b\u{202e}c"), "\ta\\u{7}b\\u{202e}c");
        assert_eq!(printable("<b>Größe</b>"), "<b>Größe</b>");
        assert_eq!(printable(&"ä".repeat(900)).chars().count(), MAX_CHARS + 1);
    }
}
