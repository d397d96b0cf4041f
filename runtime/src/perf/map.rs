//! The list of native code that Linux's `perf` reads names from: `/tmp/perf-PID.map`, a line for each
//! piece of code with its address and length in hexadecimal and a name (the kernel's
//! `tools/perf/Documentation/jit-interface.txt`).

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use dotvm_jit::Code;

use super::name;
use crate::module::Module;

/// The list; its file is created with the first line.
#[derive(Debug, Default)]
pub(super) struct PerfMap(Mutex<Option<File>>);

impl PerfMap {
    /// Adds code. A list that cannot be written only keeps `perf` from knowing names.
    pub(super) fn list(&self, module: &Module, codes: &[Arc<Code>]) {
        let mut text = String::new();
        for code in codes {
            let (start, len) = (code.entry().addr(), code.len());
            text += &format!("{start:x} {len:x} {}\n", name(module, code.unit));
        }
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            let path = format!("/tmp/perf-{}.map", std::process::id());
            // One that is there is of a process that had the number before, or somebody's trap: a link to
            // another file.
            let _ = std::fs::remove_file(&path);
            *file = File::create_new(path).ok();
        }
        if let Some(file) = &mut *file {
            let _ = file.write_all(text.as_bytes());
        }
    }
}
