//! Calls of every function with random arguments over random memory: none panics or hangs, and
//! none reaches what is outside.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::PollFd;

use super::*;
use crate::wasi::{Clock, Host, MODULES, MemoryInput, MemoryOutput, Param, SystemHost};

/// How many times a program starts, and how many calls it makes.
const STARTS: u32 = 300;
const CALLS: u32 = 300;

/// A host on which waiting takes no time.
struct ImpatientHost {
    now: u64,
}

impl Host for ImpatientHost {
    fn now(&mut self, _: Clock) -> u64 {
        self.now
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        buffer.fill(0x5a);
        Ok(())
    }

    fn sleep(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.now = self.now.saturating_add(nanoseconds);
    }

    fn poll(&mut self, fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<usize> {
        self.sleep(timeout.unwrap_or_default());
        SystemHost::new().poll(fds, Some(Duration::ZERO))
    }
}

/// Numbers that look random and are the same every time (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    /// A 32-bit argument: often a descriptor, flag, length or pointer that makes sense.
    fn argument32(&mut self) -> u64 {
        match self.below(8) {
            0..=2 => self.below(6),
            3 => self.below(64),
            4..=5 => self.below(8000) * 8,
            6 => self.below(MEMORY),
            _ => match self.below(4) {
                0 => self.next() & 0xffff_ffff,
                1 => MEMORY - self.below(16),
                _ => self.below(3),
            },
        }
    }

    /// A 64-bit argument: small, or too large for any disk. What is between would fill it.
    fn argument64(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(10),
            1 => self.below(1 << 16),
            2 => self.next() | 1 << 62,
            _ => u64::MAX - self.below(10),
        }
    }
}

/// Size of the memory the calls are made over.
const MEMORY: u64 = 1 << 16;

/// What paths are made of.
const PIECES: [&str; 12] = [
    "..",
    "/",
    "a",
    "b",
    "dir",
    "link",
    ".",
    "../",
    "dir/",
    "\0",
    "to-outside",
    "to-outside/",
];

/// Fills a memory with numbers, buffers and paths.
fn fill(memory: &mut [u8], numbers: &mut Numbers) {
    for word in memory.chunks_exact_mut(8) {
        let mut bytes = match numbers.below(4) {
            0 => numbers.next().to_le_bytes(),
            // A pointer and a length, as a list of buffers has them.
            1 => (numbers.below(MEMORY) | numbers.below(200) << 32).to_le_bytes(),
            2 => numbers.below(4).to_le_bytes(),
            _ => [b'x'; 8],
        };
        if bytes == [b'x'; 8] {
            let piece = PIECES[usize::try_from(numbers.below(12)).unwrap()].as_bytes();
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = piece[index % piece.len()];
            }
        }
        word.copy_from_slice(&bytes);
    }
}

fn guest(world: &World) -> Guest {
    let (other, socket) = UnixStream::pair().unwrap();
    drop(other);
    let mut builder = WasiCtxBuilder::with_host(ImpatientHost { now: 1 });
    builder
        .args(["program", "argument"])
        .unwrap()
        .env("NAME", "value")
        .unwrap();
    builder
        .stdin(MemoryInput::new("input"))
        .stdout(MemoryOutput::with_limit(1000));
    builder.preopened_dir(world.inside(""), "/").unwrap();
    builder
        .preopened_dir_read_only(world.outside(""), "/shared")
        .unwrap();
    builder.socket(socket).unwrap().open_files_max(40);
    let mut guest = Guest::new(builder.build());
    guest.memory.truncate(usize::try_from(MEMORY).unwrap());
    // Real time is only for what would hang.
    guest
        .ctx
        .set_deadline(Some(Instant::now() + Duration::from_secs(600)));
    guest
}

#[test]
fn random_calls_do_not_panic() {
    let world = World::new();
    fs::write(world.outside("secret"), "the secret").unwrap();
    fs::create_dir(world.inside("dir")).unwrap();
    fs::write(world.inside("a"), "contents").unwrap();
    std::os::unix::fs::symlink("../outside", world.inside("to-outside")).unwrap();
    std::os::unix::fs::symlink("a", world.inside("link")).unwrap();

    let functions: Vec<_> = MODULES
        .iter()
        .flat_map(|(_, functions)| *functions)
        .collect();
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut successes = 0;
    for _ in 0..STARTS {
        let mut guest = guest(&world);
        for call in 0..CALLS {
            if call % 64 == 0 {
                fill(&mut guest.memory, &mut numbers);
            }
            let index = usize::try_from(numbers.below(functions.len() as u64)).unwrap();
            let function = functions[index];
            let argument = |param: &Param| match param {
                Param::I32 => numbers.argument32(),
                Param::I64 => numbers.argument64(),
            };
            let arguments: Vec<u64> = function.params.iter().map(argument).collect();
            let mut memory = GuestMemory::new(&mut guest.memory);
            let result = (function.call)(&mut guest.ctx, &mut memory, &arguments);
            assert_ne!(
                result,
                Err(Stop::Interrupted),
                "{} {arguments:?}",
                function.name
            );
            successes += u32::from(result == Ok(0));
        }
        assert!(guest.ctx.open_descriptors() <= 40);
    }
    // If nearly all calls failed, this would test little.
    assert!(
        successes > STARTS * CALLS / 10,
        "{successes} calls succeeded"
    );
    let outside: Vec<_> = fs::read_dir(world.outside("")).unwrap().collect();
    assert_eq!(outside.len(), 1);
    assert_eq!(contents(world.outside("secret")), "the secret");
}
