//! Signals: which end the process, and what is cleaned up before they do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

/// The signals by which people end a program.
const INTERRUPTS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// Whether signals end the process as if nobody had put them off: what was registered for that stays registered.
static DEADLY: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// How many there are that put signals off.
static PUT_OFF: AtomicUsize = AtomicUsize::new(0);

/// Sets up what holds for the whole process.
pub(crate) fn prepare() {
    // Where nobody reads the output any more, end quietly, as other commands do.
    sigpipe::reset();
    // A file that gets larger than the system allows is an error to report (or the program's own to
    // handle), like a full disk. Nobody looks at the flag. If this fails, the signal stays deadly.
    let _ = flag::register(SIGXFSZ, Arc::default());
}

/// Signals that end the process, put off while a compiler runs or a file is written, so that neither
/// compiler nor temporary files are left behind.
#[derive(Debug)]
pub(crate) struct Interruption {
    /// Which signal came; 0 for none.
    came: Arc<AtomicUsize>,
    /// Whether one came.
    any: Arc<AtomicBool>,
}

impl Interruption {
    /// Puts off signals from now on.
    pub(crate) fn catch() -> Interruption {
        let interruption = Interruption {
            came: Arc::default(),
            any: Arc::default(),
        };
        PUT_OFF.fetch_add(1, Ordering::SeqCst);
        DEADLY.store(false, Ordering::SeqCst);
        let ignored = ignored();
        for signal in INTERRUPTS {
            // What `nohup`, say, has switched off is to stay so.
            if ignored & (1 << (signal - 1)) == 0 {
                // What cannot be put off ends the process at once.
                let _ = interruption.register(signal);
            }
        }
        interruption
    }

    fn register(&self, signal: i32) -> std::io::Result<()> {
        let Interruption { came, any } = self;
        flag::register_conditional_default(signal, Arc::clone(&DEADLY))?;
        flag::register_usize(signal, Arc::clone(came), signal as usize)?;
        flag::register(signal, Arc::clone(any))?;
        Ok(())
    }

    /// Becomes true once a signal has come.
    pub(crate) fn flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.any))
    }

    /// Lets the next signal end the process, while one that came is still put off.
    pub(crate) fn resume_next(&self) {
        DEADLY.store(true, Ordering::SeqCst);
    }

    /// Lets signals end the process again; one that came meanwhile does so now. Where others put them off as well, they
    /// see to that.
    pub(crate) fn resume(&self) {
        if PUT_OFF.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        DEADLY.store(true, Ordering::SeqCst);
        let signal = self.came.load(Ordering::SeqCst);
        if signal != 0 {
            // Does not return for these signals.
            let _ = signal_hook::low_level::emulate_default_handler(signal as i32);
        }
    }
}

/// The signals that this process ignores, a bit each, from 1 on; none where the system does not say.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}
