//! Core dumps: what a program was like when it ended, in a file, for a debugger to look at later.
//!
//! The format is that of WebAssembly's
//! [tool conventions](https://github.com/WebAssembly/tool-conventions/blob/main/Coredump.md), a WebAssembly module
//! that nobody runs: custom sections `core`, `coremodules`, `coreinstances` and `corestack`, memories as memory and
//! data sections (of pages that are not zero), globals as constants. A custom section `dotvm` has what that
//! cannot say; `docs/debugging.md` describes it.
//!
//! [`Store::keep_core`] has frames noted where runs end with an error, [`Store::write_core`] writes the
//! dump. [`CoreDump::read`] reads it, and [`CoreDump::open`] shows it, with the program's module, to a
//! [`Debugger`](super::Debugger), as if the program had just stopped.
//!
//! ```
//! use dotvm::debug::Stopped;
//! use dotvm::debug::core::CoreDump;
//! use dotvm::debug::Resume;
//! use dotvm::{Config, Engine, Instance, Module, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"
//!     .export "half" func $half
//!     .func $half (i32 $n) -> i32
//!         i32.push 1
//!         local.get $n
//!         i32.div
//!         ret
//!     .end"#;
//! let engine = Engine::default();
//! let module = Module::from_text(&engine, text)?;
//! let mut store = Store::new(&engine, ());
//! store.keep_core();
//! let instance = Instance::new(&mut store, &module, &[])?;
//! let half = instance.get_typed_func::<i32, i32>(&mut store, "half")?;
//! let error = half.call(&mut store, 0).unwrap_err();
//! let mut file = Vec::new();
//! assert!(store.write_core("half.dotvm", &error, &mut file)?);
//!
//! let mut config = Config::new();
//! config.debug(true);
//! let engine = Engine::new(&config);
//! let module = Module::from_text(&engine, text)?;
//! let dump = CoreDump::read(&file[..])?;
//! assert_eq!(dump.message(), "trap: integer divide by zero");
//! let mut core = dump.open(&module)?;
//! core.show(&mut |stopped: &mut Stopped<'_>| {
//!     assert_eq!(stopped.frames()[0].name, "half");
//!     let n = stopped.evaluate(0, "n").unwrap();
//!     assert_eq!(stopped.show(&n), "0");
//!     Resume::Quit(0)
//! });
//! # Ok(())
//! # }
//! ```

mod read;
mod restore;
mod write;

use std::fmt;
use std::ops::Range;

use dotvm_isa::{Bits, Bytes, MemoryType, TrapCode, ValType};

pub use restore::PostMortem;

/// The version of the section `dotvm`.
const VERSION: u32 = 1;

/// What the conventions call a value that is not known.
const MISSING: u8 = 0x01;

/// The most values of frames in a dump: frames that would have more are without.
const MAX_VALUES: usize = 4 << 20;

/// What a dump says of why the program ended.
const KIND_TRAP: u8 = 0;
const KIND_EXCEPTION: u8 = 1;
const KIND_OTHER: u8 = 2;

/// How the section `dotvm` begins a reference.
const REF_NULL: u8 = 0;
const REF_SOME: u8 = 1;
const REF_FUNC: u8 = 2;

/// A core dump that was read. It says what it says: nothing of it was compared with a program yet.
#[derive(Debug)]
pub struct CoreDump {
    bytes: Bytes,
    program: String,
    message: String,
    trap: Option<TrapCode>,
    omitted: u64,
    inner_frames: u32,
    modules: Vec<CoreModule>,
    instances: Vec<CoreInstance>,
    frames: Vec<StoredFrame>,
    memories: Vec<MemoryType>,
    globals: Vec<StoredGlobal>,
    tables: Vec<StoredTable>,
    data: Vec<StoredData>,
}

#[derive(Debug)]
struct CoreModule {
    name: String,
    /// A digest of its code and data.
    digest: [u8; 32],
}

#[derive(Debug, Default)]
struct CoreInstance {
    module: u32,
    memories: Vec<u32>,
    globals: Vec<u32>,
    tables: Vec<u32>,
    /// Where it is in the file.
    at: usize,
}

#[derive(Debug)]
struct StoredFrame {
    instance: u32,
    func: u32,
    offset: u32,
    locals: Vec<Option<Stored>>,
    stack: Vec<Option<Stored>>,
    /// Where it is in the file.
    at: usize,
}

/// A value of a dump.
#[derive(Clone, Debug)]
enum Stored {
    /// One of a slot.
    Slot(ValType, u64),
    /// A wider one.
    Wide(ValType, Box<Bits>),
    /// A reference.
    Ref(ValType, StoredRef),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StoredRef {
    Null,
    /// To something that the dump does not have.
    Some,
    /// To a function of an instance.
    Func(u32, u32),
}

#[derive(Debug)]
struct StoredGlobal {
    /// Nothing where the format does not say, and the section `dotvm` neither.
    value: Option<Stored>,
}

#[derive(Debug)]
struct StoredTable {
    element: ValType,
    len: u64,
    /// Elements that are not null.
    entries: Vec<(u64, StoredRef)>,
}

#[derive(Debug)]
struct StoredData {
    memory: u32,
    address: u64,
    /// Where its bytes are in the file.
    bytes: Range<usize>,
}

impl Stored {
    fn ty(&self) -> ValType {
        match self {
            Stored::Slot(ty, _) | Stored::Wide(ty, _) | Stored::Ref(ty, _) => *ty,
        }
    }
}

impl CoreDump {
    /// The program's file, as it was named when the program ran.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Why the program ended.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The trap's code, where it ended with one.
    pub fn trap_code(&self) -> Option<TrapCode> {
        self.trap
    }

    /// How many frames are in it.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// How many frames in the middle were left out, and how many are in front of these.
    pub fn omitted(&self) -> (u64, u32) {
        (self.omitted, self.inner_frames)
    }
}

/// What is wrong with a core dump, or with what it is opened with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoreError {
    /// The offset in the file, where it has to do with one.
    pub offset: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

impl CoreError {
    #[cold]
    fn at(offset: usize, reason: impl Into<String>) -> CoreError {
        CoreError {
            offset: Some(offset as u64),
            reason: reason.into(),
        }
    }

    #[cold]
    fn new(reason: impl Into<String>) -> CoreError {
        CoreError {
            offset: None,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for CoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "offset {offset:#x}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for CoreError {}
