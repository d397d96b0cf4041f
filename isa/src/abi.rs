//! The VM ABI: what interpreter, machine code and runtime see of each other in memory.
//!
//! Layouts here are `repr(C)` and defined once. Handlers and machine code read them through raw
//! pointers; the runtime owns everything they point to and keeps it in place while guest code
//! runs. What a tier needs from outside is a row of the [libcall table](Libcalls).
//!
//! # Frames
//!
//! Values live in 64-bit *slots* of a stack that the program cannot address. A value takes
//! `ceil(bits / 64)` slots, least significant first; the upper half of a narrow value's slot is
//! zero. A frame is, from its base upwards:
//!
//! ```text
//! parameters | header (2 slots) | other locals | operand stack
//! ```
//!
//! The header holds the return address and the caller's frame base. A caller's arguments, on top
//! of its operand stack, *are* the callee's parameters: frames overlap and nothing is copied. A
//! callee leaves its results from its frame base upwards, so they are on top of the caller's
//! operand stack; a single result of one slot is in the tier's accumulator instead.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32};

/// Slots of a frame's header: return address and caller's frame base.
pub const FRAME_HEADER_SLOTS: u32 = 2;

/// Where the number of slots of a function's frame is, 32 bits, from the first instruction of its
/// threaded code, in bytes.
pub const FRAME_SLOTS_AT: i32 = -8;

/// The most slots a frame may have: slot numbers are 16 bits in threaded code, which may use some
/// more for rearranging values.
pub const MAX_FRAME_SLOTS: u32 = 65_000;

/// A linear memory as handlers see it.
#[repr(C)]
#[derive(Debug)]
pub struct VmMemory {
    /// First byte; never moves while the memory exists.
    pub base: *mut u8,
    /// Accessible bytes.
    pub len: usize,
}

/// A table as handlers see it: elements are slots of references.
#[repr(C)]
#[derive(Debug)]
pub struct VmTable {
    /// First element; moves when the table grows.
    pub base: *mut u64,
    /// Number of elements.
    pub len: usize,
}

/// Where the code of a function starts, in each tier.
#[repr(C)]
#[derive(Debug)]
pub struct CodeCell {
    /// Threaded code; until the first call, code that has the function lowered.
    pub code: AtomicPtr<u64>,
    /// Native code; null until the function is compiled.
    pub native: AtomicPtr<u8>,
}

impl CodeCell {
    /// The cell of a function of which there is only that threaded code.
    pub fn new(code: *const u64) -> CodeCell {
        CodeCell {
            code: AtomicPtr::new(code.cast_mut()),
            native: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

/// What a function reference points to. The slot of a null reference is 0.
#[repr(C)]
#[derive(Debug)]
pub struct FuncRef {
    /// The function's code.
    pub code: *const CodeCell,
    /// The instance it belongs to; null for host functions, which run in their caller's.
    pub ctx: *mut VmContext,
    /// The runtime's own data of a host function.
    pub host: *mut c_void,
    /// What the function's cell says is its native code, once a call through this reference found it
    /// there; null for host functions.
    pub native: AtomicPtr<u8>,
    /// Its type: equal numbers mean equal types, across modules of one engine.
    pub type_id: u32,
    /// Slots of its parameters.
    pub param_slots: u32,
    /// Slots of its results.
    pub result_slots: u32,
}

/// What another thread may change while guest code runs.
#[repr(C)]
#[derive(Debug)]
pub struct Signals {
    /// Function entries and back-edges count up to this and then call
    /// [`safepoint`](Libcalls::safepoint); 0 makes every one of them do so at once.
    pub hot_limit: AtomicU32,
    /// Code lowered for a debugger calls [`breakpoint`](Libcalls::breakpoint) in front of each instruction
    /// where this is not 0, else where there is a breakpoint only. No other code looks at it.
    pub break_all: AtomicU32,
}

/// A guest frame that waits for code of another kind: threaded code for native code or the other
/// way round, either for the host. They form a list, innermost first, which is what the frames of a
/// backtrace are found by.
#[repr(C)]
#[derive(Debug)]
pub struct Activation {
    /// The one that waits for this one; null at the end.
    pub outer: *const Activation,
    /// The instruction: of threaded code, or an address in native code.
    pub ip: *const u64,
    /// The frame: its base on the VM stack, or the frame pointer of native code.
    pub fp: *mut u64,
    /// The instance that the frame's function belongs to; null for the host.
    pub ctx: *mut VmContext,
    /// Whether `ip` is where the frame goes on, rather than what it is executing.
    pub is_return_address: bool,
    /// Of native code for debuggers: what [`VmState::native_base`] was; null for other code.
    pub native_base: *mut u64,
}

/// Where an exception is caught: in a frame of threaded code, whose slots have what the catch pushes, or in
/// one of native code, which takes the reference in a register.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Landing {
    /// The instruction to go on with.
    pub ip: *const u64,
    /// The base of a frame of threaded code; null in native code, or where nothing is thrown.
    pub fp: *mut u64,
    /// The instance.
    pub ctx: *mut VmContext,
    /// The stack pointer of native code; null in threaded code.
    pub native_sp: *mut u8,
    /// The frame pointer of native code.
    pub native_fp: *mut u8,
    /// What waits for the native code that the frame belongs to.
    pub activation: *const Activation,
    /// The reference to the exception.
    pub exception: u64,
}

impl Landing {
    /// Where nothing is thrown.
    pub const NOWHERE: Landing = Landing {
        ip: ptr::null(),
        fp: ptr::null_mut(),
        ctx: ptr::null_mut(),
        native_sp: ptr::null_mut(),
        native_fp: ptr::null_mut(),
        activation: ptr::null(),
        exception: 0,
    };
}

/// The native stack that native code of a store runs on, and how to leave it.
#[repr(C)]
#[derive(Debug)]
pub struct NativeStack {
    /// Its upper end, where the first native code starts; null where there is none.
    pub top: *mut u8,
    /// Its lower end; below it are pages that cannot be accessed.
    pub low: *mut u8,
    /// What calls the runtime must leave below them, or the stack is exhausted.
    pub reserve_end: *mut u8,
    /// The host's stack pointer while on this stack; null while not.
    pub host_sp: *mut u8,
    /// Stack pointer of the innermost entry into native code: what a trap unwinds to.
    pub entry_sp: *mut u8,
    /// An instance of the store.
    pub ctx: *mut VmContext,
    /// What the runtime offers to native code: calls that only return when they succeed. Set with the
    /// stack.
    pub libcalls: *const Libcalls,
    /// What computes pure instructions for native code. Set with the stack.
    pub functions: *const Functions<0>,
}

/// The state of one thread of guest execution (one store), shared by its instances.
#[repr(C)]
#[derive(Debug)]
pub struct VmState {
    /// Fuel left; only looked at by code lowered with metering.
    pub fuel: u64,
    /// First slot of the VM stack that native code may use: the base of the frame it was entered
    /// with. Metered native code keeps it at the base of the frame being entered.
    pub stack_next: *mut u64,
    /// Where the next managed object may be: 8 bytes aligned, free up to `objects_end`.
    pub objects_next: *mut u8,
    /// See `objects_next`.
    pub objects_end: *mut u8,
    /// What waits for the code that is running.
    pub activation: *const Activation,
    /// How often threaded code has entered native code and waits for it.
    pub native_depth: u32,
    /// From that depth on, threaded code makes sure first that it has to wait.
    pub native_depth_max: u32,
    /// Where the threaded code that reached a safepoint goes on; null for where it is.
    pub resume: *const u64,
    /// Where the exception goes that [`EXIT_CAUGHT`] is about.
    pub landing: Landing,
    /// The stack of native code.
    pub native: NativeStack,
    /// Where the last trap happened: the instruction in threaded code.
    pub trap_ip: *const u64,
    /// Frame base of the function that trapped.
    pub trap_fp: *mut u64,
    /// The function a call found not lowered yet, and the instance it belongs to.
    pub pending: *const CodeCell,
    /// See `pending`.
    pub pending_ctx: *mut VmContext,
    /// Frame base of the innermost guest frame, set before the runtime is called.
    pub last_fp: *mut u64,
    /// Instruction of the innermost guest frame, set before the runtime is called.
    pub last_ip: *const u64,
    /// The counter of the instruction that the runtime executes, see [`VmContext::counts`]; only set by code
    /// that counts.
    pub mark: *mut u64,
    /// Where native code for debuggers is running: the base of its frame, whose header has
    /// [`FRAME_IS_LEFT`] and then the base of the frame of such code that called it.
    pub native_base: *mut u64,
}

/// An instance as handlers and machine code see it. The slots of the globals that its module defines
/// follow it in memory (see [`VmContext::own_global`]).
#[repr(C)]
#[derive(Debug)]
pub struct VmContext {
    /// Memory 0; points to an empty memory where there is none.
    pub memory: *const VmMemory,
    /// Each memory, memory 0 included.
    pub memories: *const *const VmMemory,
    /// Slots of each global.
    pub globals: *const *mut u64,
    /// Each table.
    pub tables: *const *mut VmTable,
    /// References to the imported functions.
    pub imports: *const *const FuncRef,
    /// End of the stack: no frame may reach past it.
    pub stack_end: *mut u64,
    /// The store's signals.
    pub signals: *const Signals,
    /// The store's state.
    pub state: *mut VmState,
    /// What the runtime offers.
    pub libcalls: *const Libcalls,
    /// The code cells of the module's defined functions.
    pub cells: *const CodeCell,
    /// The engine's numbers of the module's types.
    pub type_ids: *const u32,
    /// The engine's numbers of the module's types of objects.
    pub object_ids: *const u32,
    /// First byte of memory 0; of nothing, where there is no memory.
    pub memory_base: *mut u8,
    /// The runtime's own data of this instance.
    pub owner: *mut c_void,
    /// A counter for each byte of all bodies, of which code that counts increments that of the first
    /// instruction of each block it has paid for; null where nothing is counted.
    pub counts: *mut u64,
    /// For each defined function, whether native code for debuggers is to leave it to threaded code; null in
    /// engines without debuggers.
    pub leaves: *const AtomicU8,
}

impl VmContext {
    /// Bytes from an instance to a slot of the globals that its module defines.
    pub const fn own_global(slot: u32) -> usize {
        size_of::<VmContext>() + slot as usize * size_of::<u64>()
    }
}

/// The shape of every libcall: the instance, its operands in consecutive slots (results replace
/// them), the instruction's immediates. Returns 0, or the code of a
/// [trap](crate::TrapCode) or [exit](EXIT_ERROR).
pub type Libcall = unsafe extern "C" fn(*mut VmContext, *mut u64, u64) -> u32;

/// What computes pure instructions for native code, with functions for so many of them.
#[repr(C)]
#[derive(Debug)]
pub struct Functions<const ROWS: usize> {
    /// Quotient of unsigned numbers of 128 bits, which are in registers; the divisor is not 0.
    pub quotient: extern "sysv64" fn(u128, u128) -> u128,
    /// Remainder of such numbers.
    pub remainder: extern "sysv64" fn(u128, u128) -> u128,
    /// Those of some groups, in the order of the table.
    pub rows: [PureFunction; ROWS],
}

/// A pure instruction as a function for native code: operands are in consecutive slots, results replace them,
/// the second parameter is the instruction's immediate. Returns 0, or the code of a
/// [trap](crate::TrapCode).
pub type PureFunction = unsafe extern "sysv64" fn(*mut u64, u64) -> u32;

/// Status: the runtime keeps an error (of a host function, or a function that fails verification)
/// to return to whoever called the program.
pub const EXIT_ERROR: u32 = 0x100;

/// Status: `halt` was executed.
pub const EXIT_HALT: u32 = 0x101;

/// What is in the header of a frame of native code for debuggers where threaded code is to go on with it, once
/// what it called returns; else 0. A debugger has seen the frame, and may have changed what is in it.
pub const FRAME_IS_LEFT: u64 = 1;

/// What [`leave_native`](Libcalls::leave_native) is given as an offset to start a function.
pub const LEAVE_AT_ENTRY: u32 = u32::MAX;

/// Status: an exception is thrown that is caught at [`VmState::landing`]. Whatever runs above that frame
/// ends.
pub const EXIT_CAUGHT: u32 = 0x102;

macro_rules! libcalls {
    ($($name:ident $doc:literal;)*) => {
        /// The libcall table: everything a tier needs from the runtime.
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct Libcalls {
            $(#[doc = $doc] pub $name: Libcall,)*
        }
    };
}

libcalls! {
    lower "Lowers the function whose `CodeCell` is at the address given as immediate, and sets the cell.";
    safepoint "Checks signals. The immediate is the address of the counter that reached its limit, or 0.";
    call_host "Calls the host function of the `FuncRef` given as immediate; parameters and results are in the operand slots.";
    memory_grow "`pages -- old`; immediate: memory.";
    memory_copy "`dst src len --`; immediate: destination memory in the upper half, source in the lower.";
    memory_fill "`dst value len --`; immediate: memory.";
    memory_init "`dst src len --`; immediate: data segment in the upper half, memory in the lower.";
    data_drop "immediate: data segment.";
    table_get "`index -- value`; immediate: table.";
    table_set "`index value --`; immediate: table.";
    table_grow "`value n -- old`; immediate: table.";
    table_size "`-- n`; immediate: table.";
    table_fill "`dst value n --`; immediate: table.";
    table_copy "`dst src n --`; immediate: destination table in the upper half, source in the lower.";
    table_init "`dst src n --`; immediate: element segment in the upper half, table in the lower.";
    elem_drop "immediate: element segment.";
    ref_func "`-- ref`; immediate: function.";
    alloc "`bytes -- address`.";
    free "`address --`.";
    struct_new "`fields.. -- ref`, or `-- ref` with the bit [`VARIANT`](crate::signature::VARIANT); immediate: type of objects. Like all that makes objects, it may collect: references are to be where the collector finds them.";
    struct_get "`ref -- value`; immediate: a packed [`Access`](crate::objects::Access).";
    struct_set "`ref value --`; immediate: a packed access.";
    array_new "`value n -- ref`, or `n -- ref` with the bit [`VARIANT`](crate::signature::VARIANT); immediate: type of objects.";
    array_new_fixed "`elements.. -- ref`; immediate: type of objects in the upper half, number of elements in the lower.";
    array_new_data "`start n -- ref`; immediate: type of objects in the upper half, data segment in the lower.";
    array_get "`ref index -- value`; immediate: a packed access to the first element.";
    array_set "`ref index value --`; immediate: a packed access to the first element.";
    array_len "`ref -- n`.";
    array_fill "`ref index value n --`; immediate: a packed access to the first element.";
    array_copy "`dst dst_index src src_index n --`; immediate: destination type in the upper half, source type in the lower.";
    ref_test "`ref -- bool`; immediate: type of objects, and the bit [`VARIANT`](crate::signature::VARIANT) where null passes.";
    ref_cast "`ref -- ref`; immediate: as for `ref_test`.";
    ref_kind "`ref -- kind`: a [`Kind`](crate::objects::Kind).";
    ref_i31 "`number -- ref`.";
    i31_get "`ref -- number`; without its sign where the immediate has the bit [`VARIANT`](crate::signature::VARIANT).";
    write_barrier "`ref --`: something is about to be put into the object, whose state has the bit [`STATE_BARRIER`](crate::objects::STATE_BARRIER).";
    service "The runtime does what a [`Service`](crate::ops::Service) is, whose number is the immediate; its operands are in the slots, its result replaces the first one.";
    evaluate "`a b -- result`: a pure instruction that native code has no instructions for; the immediate is its [`Op`](crate::Op).";
    call_interpreted "Calls a defined function in the interpreter; the immediate is its number among those, parameters and results are in the operand slots.";
    call_ref_interpreted "The same for the function of the `FuncRef` given as immediate.";
    throw "`values.. --`: throws an exception, never returns 0; immediate: tag.";
    throw_ref "`exception --`: throws it again, never returns 0.";
    exception_values "`-- values..`: the values of the exception whose reference is the immediate.";
    threaded_code "`-- code`: the threaded code of a defined function that has native code, or 0 where it is not verified or the native code is to be run after all; the immediate is its number among those.";
    native_exit "Native code is about to be left with the status given as immediate: notes where that was.";
    leave_native "Goes on with a function in threaded code that was lowered for a debugger, until it returns; its frame is at the address of the operand slots, with every value in its slot, and gets the results. The immediate has the offset of the instruction in its upper half, or `LEAVE_AT_ENTRY`, and the number of the defined function in the lower one.";
    breakpoint "A debugger may look at the frame, whose base the operands' address is. The immediate has the offset of the instruction to be executed in its upper half, and in the lower one whether there is a breakpoint.";
    native_stack "Reserves the native stack, before the first native code runs.";
}
