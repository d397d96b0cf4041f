//! The dump of native code that `perf inject --jit` makes object files of: `/tmp/jit-PID.dump`, in the format of
//! the kernel's `tools/perf/Documentation/jitdump-specification.txt`.
//!
//! `perf record` learns of the file because it is mapped to be executed. Numbers are in the machine's byte
//! order, times those of the monotonic clock (`perf record -k 1`).

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use dotvm_jit::Code;
use memmap2::Mmap;
use rustix::time::{ClockId, clock_gettime};

use super::name;
use crate::module::Module;
use crate::vm::mapping::map_marker;

/// `JiTD` as a number, by which readers know the byte order.
const MAGIC: u32 = 0x4a69_5444;

/// Bytes of the file's header.
const HEADER_BYTES: u32 = 40;

/// The machine's number in ELF files.
const ELF_MACHINE: u32 = if cfg!(target_arch = "x86_64") {
    62
} else {
    183
};

/// The kind of records that hold code.
const CODE_LOAD: u32 = 0;

/// Bytes of such a record in front of the name.
const CODE_LOAD_BYTES: usize = 56;

/// The dump; its file is created with the first code.
#[derive(Debug, Default)]
pub(super) struct JitDump(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// Nothing is written yet.
    #[default]
    New,
    Open {
        file: File,
        /// What makes the file known.
        _marker: Mmap,
        /// How many pieces of code there are.
        count: u64,
    },
    /// It cannot be written.
    Failed,
}

impl JitDump {
    /// Adds code.
    pub(super) fn add(&self, module: &Module, codes: &[Arc<Code>]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::New = *state {
            *state = open().unwrap_or(State::Failed);
        }
        let State::Open { file, count, .. } = &mut *state else {
            return;
        };
        let mut bytes = Vec::new();
        for code in codes {
            let address = code.entry().addr() as u64;
            let name = name(module, code.unit);
            write_code(&mut bytes, &name, address, &code.machine_code(), *count);
            *count += 1;
        }
        if file.write_all(&bytes).is_err() {
            // Half of a record is the end of what can be read.
            *state = State::Failed;
        }
    }
}

fn open() -> io::Result<State> {
    let path = format!("/tmp/jit-{}.dump", std::process::id());
    // As for the list: what is there is of another process, or a trap.
    let _ = std::fs::remove_file(&path);
    let options = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path);
    let mut file = options?;
    file.write_all(&header())?;
    Ok(State::Open {
        _marker: map_marker(&file)?,
        file,
        count: 0,
    })
}

fn header() -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [MAGIC, 1, HEADER_BYTES, ELF_MACHINE, 0, std::process::id()] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(nanoseconds().to_ne_bytes());
    // No flags: times are not those of the processor's counter.
    bytes.extend(0_u64.to_ne_bytes());
    bytes
}

/// Appends the record of some code.
fn write_code(bytes: &mut Vec<u8>, name: &str, address: u64, code: &[u8], index: u64) {
    let len = CODE_LOAD_BYTES + name.len() + 1 + code.len();
    bytes.extend(CODE_LOAD.to_ne_bytes());
    bytes.extend((len as u32).to_ne_bytes());
    bytes.extend(nanoseconds().to_ne_bytes());
    // The process, and for its thread the first one: names are the same for all.
    for number in [std::process::id(); 2] {
        bytes.extend(number.to_ne_bytes());
    }
    for number in [address, address, code.len() as u64, index] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.extend(code);
}

fn nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_as_they_say() {
        let header = header();
        assert_eq!(header.len(), HEADER_BYTES as usize);
        assert_eq!(header[..4], *b"DTiJ");
        let mut record = Vec::new();
        write_code(&mut record, "main", 0x1000, &[0xc3, 0x90], 7);
        assert_eq!(record.len(), 56 + 5 + 2);
        assert_eq!(record[4..8], 63_u32.to_ne_bytes());
        assert_eq!(record[40..48], 2_u64.to_ne_bytes());
        assert_eq!(record[56..], *b"main\0\xc3\x90");
    }
}
