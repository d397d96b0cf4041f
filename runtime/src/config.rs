//! What an engine is to do besides running programs, and what programs may use.

use std::path::PathBuf;

use dotvm_dotdb::Limits as DatabaseLimits;

use crate::precompiled::Settings;

/// Settings of an [`Engine`](crate::Engine).
///
/// ```
/// let mut config = dotvm::Config::new();
/// config.metering(true).max_stack_bytes(1 << 20);
/// let engine = dotvm::Engine::new(&config);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) metering: bool,
    pub(crate) counting: bool,
    pub(crate) max_stack_bytes: usize,
    pub(crate) max_memory_bytes: u64,
    pub(crate) max_table_elements: u64,
    pub(crate) limit_traps: bool,
    pub(crate) memory_reservation_bytes: u64,
    pub(crate) max_host_depth: u32,
    pub(crate) max_native_stack_bytes: usize,
    pub(crate) jit: Jit,
    pub(crate) jit_threshold: u32,
    pub(crate) jit_threads: usize,
    pub(crate) jit_inlining: bool,
    pub(crate) max_native_code_bytes: usize,
    pub(crate) perf_map: bool,
    pub(crate) jit_dump: bool,
    pub(crate) code_cache: Option<PathBuf>,
    pub(crate) max_code_cache_bytes: u64,
    pub(crate) gc_torture: bool,
    pub(crate) database_limits: DatabaseLimits,
    pub(crate) debug: bool,
}

/// What is compiled to native code, and when.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Jit {
    /// Nothing: the interpreter runs everything.
    #[default]
    Off,
    /// What gets hot, while the interpreter goes on.
    Tiered,
    /// Every function, before the module is first instantiated.
    Eager,
}

/// How often a function is called, or a loop goes back, before it is compiled: about what compiling it
/// costs, for a function of middling size, in time of the interpreter.
const DEFAULT_JIT_THRESHOLD: u32 = 2000;

/// Bytes of address space that a memory needs for native code, which relies on faults in place of
/// checks: 4 GiB of addresses and what offsets may reach behind them.
pub(crate) const NATIVE_RESERVATION_BYTES: u64 = (4 << 30) + dotvm_jit::GUARD_BYTES;

impl Default for Config {
    fn default() -> Config {
        Config {
            metering: false,
            counting: false,
            max_stack_bytes: 8 << 20,
            max_memory_bytes: 4 << 30,
            max_table_elements: 10_000_000,
            limit_traps: false,
            memory_reservation_bytes: 8 << 30,
            max_host_depth: 200,
            max_native_stack_bytes: 512 << 10,
            jit: Jit::Off,
            jit_threshold: DEFAULT_JIT_THRESHOLD,
            jit_threads: 1,
            jit_inlining: true,
            max_native_code_bytes: 256 << 20,
            perf_map: false,
            jit_dump: false,
            code_cache: None,
            max_code_cache_bytes: 512 << 20,
            gc_torture: false,
            database_limits: DatabaseLimits::default(),
            debug: false,
        }
    }
}

impl Config {
    /// The defaults named at each setting.
    pub fn new() -> Config {
        Config::default()
    }

    /// Whether managed objects are collected whenever they may be, which is slow, and finds faults of programs
    /// that embed the machine and of the machine itself. Off by default.
    pub fn gc_torture(&mut self, on: bool) -> &mut Config {
        self.gc_torture = on;
        self
    }

    /// Whether programs pay fuel for what they execute (see
    /// [`Store::set_fuel`](crate::Store::set_fuel)). Default: no.
    pub fn metering(&mut self, on: bool) -> &mut Config {
        self.metering = on;
        self
    }

    /// Whether programs count what they execute, for [`Store::exact_profile`](crate::Store::exact_profile). They
    /// pay fuel then as with [`Config::metering`], and are that much slower and a little more. Default: no.
    pub fn exact_profile(&mut self, on: bool) -> &mut Config {
        self.counting = on;
        self
    }

    /// What native code is made with.
    pub(crate) fn native_settings(&self) -> Settings {
        Settings {
            metering: self.metering,
            counting: self.counting,
            debugging: self.debug,
            inlining: self.jit_inlining,
        }
    }

    /// The largest stack that can be asked for: 16 GiB.
    pub const MAX_STACK_BYTES: usize = 16 << 30;

    /// Size of a store's stack of guest frames, at most [`Config::MAX_STACK_BYTES`]; a program that needs more traps with
    /// [`TrapCode::StackExhausted`](crate::TrapCode::StackExhausted). Memory is only used as far as
    /// the program gets. Default: 8 MiB.
    pub fn max_stack_bytes(&mut self, bytes: usize) -> &mut Config {
        self.max_stack_bytes = bytes;
        self
    }

    /// The most bytes that all linear memories, managed objects, exceptions and handles of a store may have
    /// together. Default: 4 GiB, which is as much as one memory of 32-bit addresses can have.
    pub fn max_memory_bytes(&mut self, bytes: u64) -> &mut Config {
        self.max_memory_bytes = bytes;
        self
    }

    /// The most elements all tables of a store may have together. Default: 10 million.
    pub fn max_table_elements(&mut self, elements: u64) -> &mut Config {
        self.max_table_elements = elements;
        self
    }

    /// What programs may store in a database and ask of it, where a store has one in memory: none was given to it
    /// (see [`Store::set_database`](crate::Store::set_database)). Such a database is not larger than
    /// [`Config::max_memory_bytes`] either. Default: that of [`Limits`](crate::db::Limits).
    pub fn database_limits(&mut self, limits: DatabaseLimits) -> &mut Config {
        self.database_limits = limits;
        self
    }

    /// What happens when `memory.grow` or `table.grow` meets a limit of the embedder's: whether the
    /// program traps ([`TrapCode::MemoryLimit`](crate::TrapCode::MemoryLimit),
    /// [`TrapCode::TableLimit`](crate::TrapCode::TableLimit)) or gets -1, as WebAssembly has it.
    /// What a program declares as its own maximum always gives -1. Default: -1.
    pub fn limits_trap(&mut self, on: bool) -> &mut Config {
        self.limit_traps = on;
        self
    }

    /// Address space reserved for each linear memory, which cannot grow past it: a limit like that on
    /// bytes. Less than the
    /// default makes sense where address space is limited. Default: 8 GiB.
    pub fn memory_reservation_bytes(&mut self, bytes: u64) -> &mut Config {
        self.memory_reservation_bytes = bytes;
        self
    }

    /// How deep calls from host functions into programs may nest; one more traps with
    /// [`TrapCode::StackExhausted`](crate::TrapCode::StackExhausted). (Calls within programs do not
    /// use the native stack.) Default: 200.
    pub fn max_host_depth(&mut self, depth: u32) -> &mut Config {
        self.max_host_depth = depth;
        self
    }

    /// What is compiled to native code. Default: nothing.
    ///
    /// Results, traps and fuel are the same either way. Without metering, recursion may get deeper in
    /// native code than in the interpreter before it traps. Nothing is compiled where memories have
    /// less address space than 6 GiB (see [`Config::memory_reservation_bytes`]).
    pub fn jit(&mut self, jit: Jit) -> &mut Config {
        self.jit = jit;
        self
    }

    /// How often a function is called, or a loop goes back, before [`Jit::Tiered`] compiles it.
    /// With 1, everything is compiled at its first call, at once, while the program waits. Default:
    /// 2000.
    pub fn jit_threshold(&mut self, count: u32) -> &mut Config {
        self.jit_threshold = count.max(1);
        self
    }

    /// Threads that compile what gets hot; 0 makes the program wait for it. Default: 1.
    pub fn jit_threads(&mut self, threads: usize) -> &mut Config {
        self.jit_threads = threads;
        self
    }

    /// Whether the compiler puts small functions in place of calls to them. Default: yes.
    pub fn jit_inlining(&mut self, on: bool) -> &mut Config {
        self.jit_inlining = on;
        self
    }

    /// The most bytes of native code a module may have; what does not fit stays in the interpreter.
    /// Default: 256 MiB, of address space until it is used.
    pub fn max_native_code_bytes(&mut self, bytes: usize) -> &mut Config {
        self.max_native_code_bytes = bytes;
        self
    }

    /// Whether native code is listed in a file that `perf` reads: `/tmp/perf-PID.map`. Default: no.
    pub fn perf_map(&mut self, on: bool) -> &mut Config {
        self.perf_map = on;
        self
    }

    /// Whether native code is written to a file that `perf inject --jit` reads: `/tmp/jit-PID.dump`. Default: no.
    pub fn jit_dump(&mut self, on: bool) -> &mut Config {
        self.jit_dump = on;
        self
    }

    /// Keeps native code in a folder from run to run: a module that was compiled before, or parts of it,
    /// starts with that code. Default: no folder.
    ///
    /// The folder is made where it is missing, for this user only. What others own or may write to is not
    /// used; whatever goes wrong with the cache, programs run as without it, and
    /// [`Module::precompiled`](crate::Module::precompiled) says why. Code is written when a module is
    /// dropped, or by [`Module::save_native_code`](crate::Module::save_native_code). It is used for the same bytecode
    /// and settings, by the same build of DotVM and on the same kind of processor.
    ///
    /// With a cache, threads that have nothing hot to compile compile what was called at all, so that the next
    /// run need not even lower it.
    pub fn code_cache(&mut self, folder: impl Into<PathBuf>) -> &mut Config {
        self.code_cache = Some(folder.into());
        self
    }

    /// The most bytes that files in the [code cache](Config::code_cache) may have together; where there
    /// are more, those that were not used for the longest time are removed. Default: 512 MiB.
    pub fn max_code_cache_bytes(&mut self, bytes: u64) -> &mut Config {
        self.max_code_cache_bytes = bytes;
        self
    }

    /// What is compiled, given the rest of the settings.
    pub(crate) fn effective_jit(&self) -> Jit {
        if self.memory_reservation_bytes < NATIVE_RESERVATION_BYTES {
            return Jit::Off;
        }
        self.jit
    }

    /// Whether stores may have a [debugger](crate::debug). The interpreter then runs code that has every value in its
    /// place in front of each instruction, and native code can be left for that: both are slower, with the same
    /// results, traps and fuel. Default: no.
    pub fn debug(&mut self, on: bool) -> &mut Config {
        self.debug = on;
        self
    }

    /// How much of the native stack nested calls from host functions into programs may use,
    /// whatever the depth. Default: 512 KiB.
    pub fn max_native_stack_bytes(&mut self, bytes: usize) -> &mut Config {
        self.max_native_stack_bytes = bytes;
        self
    }
}
