//! Backtraces: where a program was when it was stopped.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, OnceLock};

use dotvm_isa::debug::SubprogramName;

use crate::module::Module;

/// Frames kept at the inner end.
const INNER_FRAMES: usize = 32;

/// Frames kept at the outer end, where there are more than fit at the inner end.
const OUTER_FRAMES: usize = 16;

/// The guest functions that were running, innermost first: of a run and of those that it was called
/// from through host functions.
///
/// Of very deep recursion, the innermost and outermost frames are kept. Names and offsets are
/// looked up when somebody asks for them.
#[derive(Clone, Debug, Default)]
pub struct Backtrace(Option<Arc<Frames>>);

#[derive(Debug, Default)]
struct Frames {
    frames: Vec<Frame>,
    /// How many are left out after the first [`INNER_FRAMES`].
    omitted: u64,
}

impl Backtrace {
    /// The frames, innermost first.
    pub fn frames(&self) -> &[Frame] {
        self.0.as_ref().map_or(&[], |frames| &frames.frames)
    }

    /// How many frames in the middle are not among [`Backtrace::frames`].
    pub fn omitted(&self) -> u64 {
        self.0.as_ref().map_or(0, |frames| frames.omitted)
    }

    /// Whether there are no frames.
    pub fn is_empty(&self) -> bool {
        self.frames().is_empty()
    }

    /// Writes the frames, each on a line of its own behind what was written before.
    pub(crate) fn fmt_after(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = 0;
        for (i, frame) in self.frames().iter().enumerate() {
            if i == INNER_FRAMES && self.omitted() > 0 {
                write!(f, "\n  ... {} more frames", self.omitted())?;
                number += self.omitted();
            }
            for symbol in frame.symbols() {
                write!(f, "\n{number:>3}: {symbol}")?;
                number += 1;
            }
        }
        Ok(())
    }
}

/// A function a line, those that were inlined as well: ` 0: main!divide (function 3, offset 0x1f)`. Where
/// it is in the source follows on a line of its own: `      at src/main.rs:12:5`.
impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_after(f)
    }
}

/// Collects frames, innermost first.
#[derive(Debug, Default)]
pub(crate) struct BacktraceBuilder {
    inner: Vec<Frame>,
    outer: VecDeque<Frame>,
    omitted: u64,
}

impl BacktraceBuilder {
    pub(crate) fn push(&mut self, frame: impl FnOnce() -> Frame) {
        if self.inner.len() < INNER_FRAMES {
            self.inner.push(frame());
            return;
        }
        if self.outer.len() == OUTER_FRAMES {
            self.outer.pop_front();
            self.omitted += 1;
        }
        self.outer.push_back(frame());
    }

    pub(crate) fn finish(self) -> Backtrace {
        let BacktraceBuilder {
            inner: mut frames,
            outer,
            omitted,
        } = self;
        frames.extend(outer);
        Backtrace(Some(Arc::new(Frames { frames, omitted })))
    }
}

/// A guest function that was running.
#[derive(Clone)]
pub struct Frame {
    module: Module,
    func: u32,
    /// The word of its threaded code that was executing.
    word: usize,
    offset: OnceLock<u32>,
}

impl Frame {
    pub(crate) fn new(module: Module, func: u32, word: usize) -> Frame {
        Frame {
            module,
            func,
            word,
            offset: OnceLock::new(),
        }
    }

    /// A frame of native code, where the offset is known.
    pub(crate) fn at(module: Module, func: u32, offset: u32) -> Frame {
        Frame {
            module,
            func,
            word: 0,
            offset: OnceLock::from(offset),
        }
    }

    /// The function's module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The function's index in its module, imported functions first.
    pub fn func_index(&self) -> u32 {
        self.func
    }

    /// The function's name: from the debug section or, where there is none, the first export of
    /// that function.
    pub fn func_name(&self) -> Option<&str> {
        self.module.func_name(self.func)
    }

    /// Offset in bytes, from the start of the function's body, of the instruction that was
    /// executing: in all frames but the innermost a call.
    pub fn offset(&self) -> u32 {
        *self
            .offset
            .get_or_init(|| self.module.code_offset(self.func, self.word))
    }

    /// The functions of the source that were executing, innermost first: those that were inlined, and
    /// the frame's own function. Without debug information there is the latter only.
    pub fn symbols(&self) -> Vec<FrameSymbol> {
        let own = || FrameSymbol {
            frame: self.clone(),
            inlined: None,
            location: None,
        };
        // A fault in debug information must not hide the trap.
        match self.module.source_frames(self.func, self.offset()) {
            Ok(frames) if !frames.is_empty() => {
                let last = frames.len() - 1;
                let symbol = |(i, (name, location))| FrameSymbol {
                    frame: self.clone(),
                    inlined: (i < last).then_some(name),
                    location,
                };
                frames.into_iter().enumerate().map(symbol).collect()
            }
            _ => vec![own()],
        }
    }
}

/// A function of the source that was executing.
#[derive(Clone, Debug)]
pub struct FrameSymbol {
    frame: Frame,
    /// What it is called where it was inlined.
    inlined: Option<SubprogramName>,
    location: Option<SourceLocation>,
}

/// A place in the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceLocation {
    /// Path of the file, as the compiler gave it.
    pub file: String,
    /// Line, from 1; 0 where that is not known.
    pub line: u32,
    /// Column in bytes, from 1; 0 where that is not known.
    pub column: u32,
}

/// `src/main.rs:12:5`; without the numbers that are not known.
impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.file))?;
        match (self.line, self.column) {
            (0, _) => Ok(()),
            (line, 0) => write!(f, ":{line}"),
            (line, column) => write!(f, ":{line}:{column}"),
        }
    }
}

impl FrameSymbol {
    /// Its index in the module; `None` where it was inlined everywhere.
    pub fn func_index(&self) -> Option<u32> {
        match self.inlined {
            None => Some(self.frame.func),
            Some(SubprogramName::Func(func)) => Some(func),
            Some(SubprogramName::Text(_)) => None,
        }
    }

    /// Its name. Those of the module's functions may be mangled, others are not.
    pub fn name(&self) -> Option<&str> {
        match &self.inlined {
            Some(SubprogramName::Text(name)) => Some(name.as_str()).filter(|name| !name.is_empty()),
            _ => self.frame.module.func_name(self.func_index()?),
        }
    }

    /// Whether it was inlined into its caller.
    pub fn is_inlined(&self) -> bool {
        self.inlined.is_some()
    }

    /// Where in the source it was: in all functions but the innermost, at a call.
    pub fn location(&self) -> Option<&SourceLocation> {
        self.location.as_ref()
    }
}

/// `main!divide (function 3, offset 0x1f)`, or `(inlined)` in place of the offset; without the names
/// that are not known. The location follows on the next line.
impl fmt::Display for FrameSymbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(module) = self.frame.module.name() {
            write!(f, "{}!", Printable(module))?;
        }
        let place = match (self.is_inlined(), self.func_index()) {
            (false, _) => {
                let (func, offset) = (self.frame.func, self.frame.offset());
                format!("function {func}, offset {offset:#x}")
            }
            (true, Some(func)) => format!("function {func}, inlined"),
            (true, None) => "inlined".to_owned(),
        };
        match self.name() {
            Some(name) => write!(f, "{} ({place})", Printable(name))?,
            None => f.write_str(&place)?,
        }
        match &self.location {
            Some(location) => write!(f, "\n       at {location}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({self})")
    }
}

/// The frame's own function: `main!divide (function 3, offset 0x1f)`, without the names that are not
/// known.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FrameSymbol {
            frame: self.clone(),
            inlined: None,
            location: None,
        }
        .fmt(f)
    }
}

/// A name that a module gives, which may be anything: without line ends or what else could make a
/// terminal show other things than there are.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c.is_control() {
                true => write!(f, "{}", c.escape_default())?,
                false => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
