//! What an engine is to do besides running programs, and what programs may use.

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
    pub(crate) max_stack_bytes: usize,
    pub(crate) max_memory_bytes: u64,
    pub(crate) max_table_elements: u64,
    pub(crate) limit_traps: bool,
    pub(crate) memory_reservation_bytes: u64,
    pub(crate) max_host_depth: u32,
    pub(crate) max_native_stack_bytes: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            metering: false,
            max_stack_bytes: 8 << 20,
            max_memory_bytes: 4 << 30,
            max_table_elements: 10_000_000,
            limit_traps: false,
            memory_reservation_bytes: 8 << 30,
            max_host_depth: 200,
            max_native_stack_bytes: 512 << 10,
        }
    }
}

impl Config {
    /// The defaults named at each setting.
    pub fn new() -> Config {
        Config::default()
    }

    /// Whether programs pay fuel for what they execute (see
    /// [`Store::set_fuel`](crate::Store::set_fuel)). Default: no.
    pub fn metering(&mut self, on: bool) -> &mut Config {
        self.metering = on;
        self
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

    /// The most bytes all linear memories of a store may have together. Default: 4 GiB, which is as
    /// much as one memory can have.
    pub fn max_memory_bytes(&mut self, bytes: u64) -> &mut Config {
        self.max_memory_bytes = bytes;
        self
    }

    /// The most elements all tables of a store may have together. Default: 10 million.
    pub fn max_table_elements(&mut self, elements: u64) -> &mut Config {
        self.max_table_elements = elements;
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

    /// Address space reserved for each linear memory, which cannot grow past it. Less than the
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

    /// How much of the native stack nested calls from host functions into programs may use,
    /// whatever the depth. Default: 512 KiB.
    pub fn max_native_stack_bytes(&mut self, bytes: usize) -> &mut Config {
        self.max_native_stack_bytes = bytes;
        self
    }
}
