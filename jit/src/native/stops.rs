//! Stopping machine code from another thread: by a signal, so that loops need not ask.
//!
//! A thread that runs guest code is sent [`SIGNAL`]. Where it is in machine code, at an instruction of
//! the program, the store is asked whether to stop; then the code is left as by a trap. Where it is
//! anywhere else (in the runtime, on the way in or out) nothing happens: whoever wants it stopped asks
//! again, and the trampolines of calls of the runtime look before they go back to machine code.

use std::cell::Cell;
use std::io;
use std::sync::{Once, OnceLock};
use std::time::Duration;

use dotvm_isa::TrapCode;
use dotvm_isa::abi::VmState;

use super::entry::NativeFrame;
use super::traps;

/// The signal: one that nobody minds who does not know about it, since it is ignored by default.
const SIGNAL: libc::c_int = libc::SIGURG;

/// What a store is asked, whose code is at that frame: the trap to stop with, or none to go on.
///
/// It is called in a signal handler, while machine code of the store is stopped.
pub type StopHook = unsafe fn(*mut VmState, NativeFrame) -> Option<TrapCode>;

static HOOK: OnceLock<StopHook> = OnceLock::new();

/// Who handled the signal before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

thread_local! {
    /// The number of this thread, once it was looked up.
    static ID: Cell<libc::pid_t> = const { Cell::new(0) };
}

/// A thread of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thread(libc::pid_t);

impl Thread {
    /// The one that is running.
    #[inline]
    pub fn current() -> Thread {
        match ID.get() {
            0 => Thread::look_up(),
            id => Thread(id),
        }
    }

    #[cold]
    fn look_up() -> Thread {
        // SAFETY: a system call without arguments.
        let id = unsafe { libc::gettid() };
        ID.set(id);
        Thread(id)
    }

    /// The thread of a number from [`Thread::number`].
    pub fn from_number(number: i32) -> Option<Thread> {
        (number != 0).then_some(Thread(number))
    }

    /// Its number, not zero.
    #[inline]
    pub fn number(self) -> i32 {
        self.0
    }

    /// Processor time that it has used; nothing where it has ended.
    pub fn cpu_time(self) -> Option<Duration> {
        // How Linux names such clocks: the thread's number, inverted, and what is counted how.
        const OF_THREAD: libc::clockid_t = 4;
        const SCHEDULED: libc::clockid_t = 2;
        let clock = (!self.0 << 3) | OF_THREAD | SCHEDULED;
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the place for the answer is ours.
        match unsafe { libc::clock_gettime(clock, &raw mut time) } {
            0 => Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32)),
            _ => None,
        }
    }

    /// Has the thread ask its store whether to stop, if it runs machine code at this moment. Nothing
    /// happens where it has ended.
    pub fn ask(self) {
        // SAFETY: sends a signal to a thread of this process; where that is another one now, with the
        // same number, it does nothing.
        unsafe {
            libc::syscall(libc::SYS_tgkill, libc::getpid(), self.0, SIGNAL);
        }
    }
}

/// Installs the handler, once a process; `hook` is what stores are asked by.
///
/// # Errors
/// Where the operating system refuses.
pub fn install(hook: StopHook) -> io::Result<()> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| {
        let _ = HOOK.set(hook);
        // It is read first, so that ours knows it when it runs.
        result = traps::handler_of(SIGNAL).and_then(|before| {
            let _ = BEFORE.set(before);
            traps::set_handler(SIGNAL, handle, libc::SA_RESTART)
        });
    });
    result
}

/// The handler.
///
/// # Safety
/// To be called by the kernel only.
unsafe extern "C" fn handle(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel passes valid pointers; the hook was made to be called here.
    unsafe {
        if let Some(&hook) = HOOK.get() {
            traps::stop(&mut *context.cast::<libc::ucontext_t>(), hook);
        }
        // Whose signal it is cannot be told.
        if let Some(before) = BEFORE.get()
            && before.sa_sigaction != libc::SIG_DFL
            && before.sa_sigaction != libc::SIG_IGN
        {
            traps::pass_on(signal, info, &mut *context.cast(), before);
        }
    }
}
