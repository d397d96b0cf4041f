//! Signals: which end the process, and what is cleaned up before they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

/// The signals by which people end a program.
const INTERRUPTS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

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
    /// Whether signals end the process as if nobody had put them off.
    deadly: Arc<AtomicBool>,
}

impl Interruption {
    /// Puts off signals from now on.
    pub(crate) fn catch() -> Interruption {
        let interruption = Interruption {
            came: Arc::default(),
            any: Arc::default(),
            deadly: Arc::default(),
        };
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
        let Interruption { came, any, deadly } = self;
        flag::register_conditional_default(signal, Arc::clone(deadly))?;
        flag::register_usize(signal, Arc::clone(came), signal as usize)?;
        flag::register(signal, Arc::clone(any))?;
        Ok(())
    }

    /// Becomes true once a signal has come.
    pub(crate) fn flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.any))
    }

    /// Lets signals end the process again; one that came meanwhile does so now.
    pub(crate) fn resume(self) {
        self.deadly.store(true, Ordering::SeqCst);
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
