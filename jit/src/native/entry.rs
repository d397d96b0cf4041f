//! Entering and leaving machine code: small pieces of assembly, made once a process.
//!
//! * `enter` saves the registers that a C function must keep and, unless it is there already, changes
//!   to the store's [native stack](dotvm_isa::abi::NativeStack); then it calls an adapter or the entry
//!   of a loop. What it saved is where a trap unwinds to.
//! * A trampoline for each libcall notes where machine code called from, makes the call, and returns
//!   only where it succeeded, and the store's signals do not say to stop. Otherwise it leaves the
//!   innermost entry with the status.
//! * Where the status says that an exception is caught in the native code that a trampoline was called by
//!   or calls of it, the trampoline goes on there instead.
//! * `trapped` is where the signal handler sends a thread: on the host's stack, which has room, the
//!   runtime notes what happened, then the innermost entry is left.
//!
//! Machine code keeps frame pointers, and so do these, so the frames of an entry form a chain up to
//! the address behind the call in `enter`.

use std::mem::{offset_of, size_of};
use std::sync::OnceLock;

use dotvm_isa::TrapCode;
use dotvm_isa::abi::{
    EXIT_CAUGHT, Landing, Libcall, Libcalls, NativeStack, Signals, VmContext, VmState,
};
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

/// Rows of the libcall table.
const ROWS: usize = size_of::<Libcalls>() / size_of::<Libcall>();

/// The pieces of assembly.
#[derive(Debug)]
pub(crate) struct Trampolines {
    buffer: dynasmrt::ExecutableBuffer,
    enter: *const u8,
    /// Where `enter` goes on after its call.
    pub(crate) entered: *const u8,
    pub(crate) trapped: *const u8,
    libcalls: [usize; ROWS],
}

// SAFETY: addresses of code that is never changed or freed.
unsafe impl Send for Trampolines {}
// SAFETY: as above.
unsafe impl Sync for Trampolines {}

impl Trampolines {
    /// Whether an address is in them.
    pub(crate) fn contains(&self, pc: usize) -> bool {
        let start = self.buffer.as_ptr().addr();
        (start..start + self.buffer.len()).contains(&pc)
    }
}

pub(crate) fn trampolines() -> &'static Trampolines {
    static TRAMPOLINES: OnceLock<Trampolines> = OnceLock::new();
    TRAMPOLINES.get_or_init(assemble)
}

/// How machine code is entered: see [`entry`].
pub type Enter = unsafe extern "C" fn(*mut VmContext, *mut u64, *const u8, *const u8) -> u32;

/// What enters machine code: the instance, the slots of parameters and results, the function (or
/// null), and the adapter or entry of a loop that is called with these. Returns 0, or the status that
/// the code was left with.
pub fn entry() -> Enter {
    // SAFETY: `enter` follows the C convention with these parameters.
    unsafe { std::mem::transmute(trampolines().enter) }
}

/// The libcall table for machine code: rows that only return when they succeed.
pub fn libcalls() -> &'static Libcalls {
    // SAFETY: as many addresses as the table has rows, each of code that follows the C convention and
    // takes what libcalls take.
    unsafe { &*(&raw const trampolines().libcalls).cast::<Libcalls>() }
}

/// A frame of machine code.
#[derive(Clone, Copy, Debug)]
pub struct NativeFrame {
    /// Where it is: of all but the innermost one, the address that it is returned to.
    pub pc: usize,
    /// Where its frame pointer points to.
    pub fp: *const u64,
}

/// The frames of one entry into machine code, from `innermost` outwards.
///
/// # Safety
/// The frame is one of machine code that is stopped, and as long as the iterator is used, nothing runs on its
/// part of the native stack.
pub unsafe fn frames(innermost: NativeFrame) -> impl Iterator<Item = NativeFrame> {
    let end = trampolines().entered.addr();
    std::iter::successors(Some(innermost), move |frame| {
        // SAFETY: the frame pointer points to the one of the frame around it, and behind that is the
        // address to return to.
        let (outer, ret) = unsafe { (*frame.fp, *frame.fp.add(1)) };
        let frame = NativeFrame {
            pc: ret as usize,
            fp: std::ptr::with_exposed_provenance(outer as usize),
        };
        (frame.pc != end).then_some(frame)
    })
}

/// Offset of a field of the native stack in the state of a store.
macro_rules! native {
    ($field:ident) => {
        (offset_of!(VmState, native) + offset_of!(NativeStack, $field)) as i32
    };
}

/// Offset of a field of the place where an exception is caught.
macro_rules! landing {
    ($field:ident) => {
        (offset_of!(VmState, landing) + offset_of!(Landing, $field)) as i32
    };
}

fn assemble() -> Trampolines {
    let mut ops = dynasmrt::x64::Assembler::new().expect("memory for a page of code");
    let state = offset_of!(VmContext, state) as i32;
    let enter = ops.offset();
    dynasm!(ops
        ; .arch x64
        ; push rbp
        ; mov rbp, rsp
        ; push rbx
        ; push r12
        ; push r13
        ; push r14
        ; push r15
        ; mov rbx, [rdi + state]
        ; push QWORD [rbx + native!(entry_sp)]
        ; mov r12, [rbx + native!(host_sp)]
        ; push r12
        ; sub rsp, 8
        ; mov [rbx + native!(entry_sp)], rsp
        ; mov [rbx + native!(ctx)], rdi
        ; test r12, r12
        ; jnz >on_stack
        ; mov [rbx + native!(host_sp)], rsp
        ; mov rsp, [rbx + native!(top)]
        ; on_stack:
        ; call rcx
    );
    let entered = ops.offset();
    dynasm!(ops
        ; .arch x64
        ; xor eax, eax
        ; ->exit:
        ; mov rsp, [rbx + native!(entry_sp)]
        ; add rsp, 8
        ; pop r12
        ; mov [rbx + native!(host_sp)], r12
        ; pop QWORD [rbx + native!(entry_sp)]
        ; pop r15
        ; pop r14
        ; pop r13
        ; pop r12
        ; pop rbx
        ; pop rbp
        ; ret
    );
    // State in rdi, trap code in rsi.
    let trapped = ops.offset();
    dynasm!(ops
        ; .arch x64
        ; mov rbx, rdi
        ; mov rsp, [rbx + native!(host_sp)]
        ; and rsp, -16
        ; mov rdi, [rbx + native!(ctx)]
        ; ->leave:
        // Instance in rdi, state in rbx, status in esi, the stack aligned.
        ; mov r12d, esi
        ; mov edx, esi
        ; xor esi, esi
        ; mov rax, [rdi + offset_of!(VmContext, libcalls) as i32]
        ; call QWORD [rax + offset_of!(Libcalls, native_exit) as i32]
        ; mov eax, r12d
        ; jmp ->exit
    );
    let mut libcalls = [dynasmrt::AssemblyOffset(0); ROWS];
    for (row, place) in libcalls.iter_mut().enumerate() {
        *place = ops.offset();
        let row = (row * size_of::<Libcall>()) as i32;
        dynasm!(ops
            ; .arch x64
            ; push rbp
            ; mov rbp, rsp
            ; push rbx
            ; push r12
            ; mov rbx, [rdi + state]
            ; mov r12, rdi
            ; mov rax, [rbp + 8]
            ; mov [rbx + offset_of!(VmState, last_ip) as i32], rax
            ; mov rax, [rbp]
            ; mov [rbx + offset_of!(VmState, last_fp) as i32], rax
            ; mov eax, TrapCode::StackExhausted as i32
            ; cmp rsp, [rbx + native!(reserve_end)]
            ; jb >failed
            ; mov rax, [rdi + offset_of!(VmContext, libcalls) as i32]
            ; call QWORD [rax + row]
            ; test eax, eax
            ; jnz >failed
            // What asks a thread to stop finds it here, or this finds that it did.
            ; mov rax, [r12 + offset_of!(VmContext, signals) as i32]
            ; cmp DWORD [rax + offset_of!(Signals, hot_limit) as i32], 0
            ; je >poked
            ; back:
            ; pop r12
            ; pop rbx
            ; pop rbp
            ; ret
            ; poked:
            ; mov rdi, r12
            ; xor esi, esi
            ; xor edx, edx
            ; mov rax, [r12 + offset_of!(VmContext, libcalls) as i32]
            ; call QWORD [rax + offset_of!(Libcalls, safepoint) as i32]
            ; test eax, eax
            ; jz <back
            ; failed:
            ; cmp eax, EXIT_CAUGHT as i32
            ; jne >leave
            ; cmp QWORD [rbx + landing!(native_sp)], 0
            ; je >leave
            ; mov rcx, [rbx + landing!(activation)]
            ; cmp rcx, [rbx + offset_of!(VmState, activation) as i32]
            ; jne >leave
            // The frame is of this entry. If it is that of the caller, it counts on the registers that a C
            // function keeps; others count on none.
            ; mov rcx, rbx
            ; mov r12, [rbp - 16]
            ; mov rbx, [rbp - 8]
            ; mov rsp, [rcx + landing!(native_sp)]
            ; mov rbp, [rcx + landing!(native_fp)]
            ; mov rax, [rcx + landing!(exception)]
            ; mov QWORD [rcx + landing!(native_sp)], 0
            ; jmp QWORD [rcx + landing!(ip)]
            ; leave:
            ; mov rdi, r12
            ; mov esi, eax
            ; jmp ->leave
        );
    }
    let buffer = ops.finalize().expect("all labels are defined");
    let at = |offset| buffer.ptr(offset);
    Trampolines {
        enter: at(enter),
        entered: at(entered),
        trapped: at(trapped),
        libcalls: libcalls.map(|offset| at(offset).expose_provenance()),
        buffer,
    }
}
