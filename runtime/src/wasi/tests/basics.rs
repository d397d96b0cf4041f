//! Arguments, environment, clocks, randomness, the end of the program, and bad pointers.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use rustix::event::PollFd;

use super::*;
use crate::wasi::{Clock, Fault, FaultKind, Host, MemoryOutput, SystemHost, WasiError};

/// Reads an array of pointers to strings.
fn strings(guest: &Guest, pointers: u32, count: u32) -> Vec<String> {
    (0..count)
        .map(|index| {
            let start = guest.u32_at(pointers + 4 * index) as usize;
            let length = guest.memory[start..]
                .iter()
                .position(|&byte| byte == 0)
                .unwrap();
            String::from_utf8(guest.memory[start..][..length].to_vec()).unwrap()
        })
        .collect()
}

#[test]
fn arguments_and_environment() {
    let mut builder = WasiCtxBuilder::new();
    builder.args(["program", "", "größer"]).unwrap();
    builder
        .env("A", "1")
        .unwrap()
        .env("EMPTY", "")
        .unwrap()
        .env("A", "x = y")
        .unwrap();
    let mut guest = Guest::new(builder.build());

    guest
        .call("args_sizes_get", &[RESULT.into(), u64::from(RESULT) + 4])
        .unwrap();
    assert_eq!(
        (guest.u32_at(RESULT), guest.u32_at(RESULT + 4)),
        (3, 8 + 1 + 9)
    );
    guest
        .call("args_get", &[RECORD.into(), SCRATCH.into()])
        .unwrap();
    assert_eq!(strings(&guest, RECORD, 3), ["program", "", "größer"]);

    guest
        .call("environ_sizes_get", &[RESULT.into(), u64::from(RESULT) + 4])
        .unwrap();
    assert_eq!((guest.u32_at(RESULT), guest.u32_at(RESULT + 4)), (2, 8 + 7));
    guest
        .call("environ_get", &[RECORD.into(), SCRATCH.into()])
        .unwrap();
    assert_eq!(strings(&guest, RECORD, 2), ["A=x = y", "EMPTY="]);
}

#[test]
fn a_program_starts_with_nothing() {
    let mut guest = Guest::new(WasiCtxBuilder::new().build());
    for name in ["args_sizes_get", "environ_sizes_get"] {
        guest
            .call(name, &[RESULT.into(), u64::from(RESULT) + 4])
            .unwrap();
        assert_eq!((guest.u32_at(RESULT), guest.u32_at(RESULT + 4)), (0, 0));
    }
    assert_eq!(guest.read(0, 10), Ok(vec![]));
    assert_eq!(guest.write(1, b"lost"), Ok(4));
    assert_eq!(
        guest.call("fd_prestat_get", &[3, RESULT.into()]),
        refused(Errno::Badf)
    );
}

#[test]
fn what_cannot_be_given_is_an_error() {
    let mut builder = WasiCtxBuilder::new();
    let text = |result: Result<&mut WasiCtxBuilder, WasiError>| result.unwrap_err().to_string();
    let world = World::new();
    fs::write(world.inside("file"), "").unwrap();
    assert_eq!(
        text(builder.arg("a\0b")),
        r#"program argument "a\0b" contains a NUL byte"#
    );
    assert_eq!(
        text(builder.env("", "x")),
        r#""" is no name for an environment variable"#
    );
    assert_eq!(
        text(builder.env("a=b", "x")),
        r#""a=b" is no name for an environment variable"#
    );
    assert_eq!(
        text(builder.env("a", "\0")),
        r#"value of environment variable "\0" contains a NUL byte"#
    );
    let missing = text(builder.preopened_dir("/no/such/directory", "/data"));
    assert_eq!(
        missing,
        "cannot open directory /no/such/directory (to be /data in the program): \
         No such file or directory (os error 2)"
    );
    let file = text(builder.preopened_dir(world.inside("file"), "/"));
    assert!(file.ends_with("Not a directory (os error 20)"), "{file}");
    assert!(text(builder.preopened_dir(world.inside(""), "")).contains("empty name"));
}

/// A host whose answers are known.
struct KnownHost {
    monotonic: u64,
}

impl Host for KnownHost {
    fn now(&mut self, clock: Clock) -> u64 {
        match clock {
            Clock::Realtime => 1_000_000_000,
            Clock::Monotonic => self.monotonic,
            Clock::Cpu => 7,
        }
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        buffer.fill(4);
        Ok(())
    }

    fn sleep(&mut self, duration: Duration) {
        self.monotonic += u64::try_from(duration.as_nanos()).unwrap();
    }

    fn poll(&mut self, fds: &mut [PollFd<'_>], _: Option<Duration>) -> io::Result<usize> {
        SystemHost::new().poll(fds, Some(Duration::ZERO))
    }

    fn resolution(&mut self, _: Clock) -> u64 {
        100
    }

    fn environment(&mut self) -> Vec<(OsString, OsString)> {
        vec![("HOME".into(), "/".into()), ("LANG".into(), "C".into())]
    }
}

#[test]
fn a_host_decides_what_the_program_sees() {
    let mut builder = WasiCtxBuilder::with_host(KnownHost { monotonic: 5 });
    builder.env("LANG", "de").unwrap().inherit_env();
    let mut guest = Guest::new(builder.build());

    for (id, time) in [(0, 1_000_000_000), (1, 5), (2, 7), (3, 7)] {
        guest
            .call("clock_time_get", &[id, 1, RESULT.into()])
            .unwrap();
        assert_eq!(guest.u64_at(RESULT), time);
        guest.call("clock_res_get", &[id, RESULT.into()]).unwrap();
        assert_eq!(guest.u64_at(RESULT), 100);
    }
    assert_eq!(
        guest.call("clock_time_get", &[4, 0, RESULT.into()]),
        refused(Errno::Inval)
    );
    assert_eq!(
        guest.call("clock_res_get", &[4, RESULT.into()]),
        refused(Errno::Inval)
    );

    guest.call("random_get", &[RESULT.into(), 3]).unwrap();
    assert_eq!(guest.memory[RESULT as usize..][..4], [4, 4, 4, 0]);
    guest.call("random_get", &[u32::MAX.into(), 0]).unwrap();

    guest
        .call("environ_get", &[RECORD.into(), SCRATCH.into()])
        .unwrap();
    assert_eq!(strings(&guest, RECORD, 2), ["LANG=de", "HOME=/"]);
    guest.call("sched_yield", &[]).unwrap();
}

#[test]
fn the_program_ends_itself() {
    let mut guest = Guest::new(WasiCtxBuilder::new().build());
    for code in [0, 1, 125, 126, 255, u32::MAX] {
        let stop = Stop::Exit(code);
        assert_eq!(
            guest.call("proc_exit", &[code.into()]),
            Err(Refusal::Stop(stop))
        );
    }
    // Aborting, being killed and ending look like they do in a shell.
    for (signal, code) in [(6, 134), (9, 137), (15, 143)] {
        let stop = Stop::Exit(code);
        assert_eq!(
            guest.call("proc_raise", &[signal]),
            Err(Refusal::Stop(stop))
        );
    }
    // No signal, and one that is ignored unless handled.
    assert_eq!(guest.call("proc_raise", &[0]), Ok(()));
    assert_eq!(guest.call("proc_raise", &[16]), Ok(()));
    // Stopping, and no signal's number.
    assert_eq!(guest.call("proc_raise", &[18]), refused(Errno::NotSup));
    assert_eq!(guest.call("proc_raise", &[31]), refused(Errno::Inval));
}

#[test]
fn bad_pointers_end_the_program() {
    let memory = MEMORY_BYTES as u64;
    let out_of_bounds = |address, length| {
        let kind = FaultKind::OutOfBounds { memory };
        Err(Refusal::Stop(Stop::Fault(Fault {
            address,
            length,
            kind,
        })))
    };
    let output = MemoryOutput::new();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(output.clone()).build());
    let end = u32::try_from(MEMORY_BYTES).unwrap();

    assert_eq!(
        guest.call("clock_time_get", &[0, 0, end.into()]),
        out_of_bounds(end, 8)
    );
    assert_eq!(
        guest.call("clock_time_get", &[0, 0, u64::from(end) - 4]),
        out_of_bounds(end - 4, 8)
    );
    assert_eq!(
        guest.call("random_get", &[0, memory + 1]),
        out_of_bounds(0, memory + 1)
    );
    let misaligned = guest.call("clock_time_get", &[0, 0, 1]);
    let kind = FaultKind::Misaligned { alignment: 8 };
    let fault = Fault {
        address: 1,
        length: 8,
        kind,
    };
    assert_eq!(misaligned, Err(Refusal::Stop(Stop::Fault(fault))));

    // A list of buffers that is too long, and a buffer in it that is.
    let write = [1, 0, 1 << 29, RESULT.into()];
    assert_eq!(guest.call("fd_write", &write), out_of_bounds(0, 1 << 32));
    let iovecs = guest.iovecs(&[(SCRATCH.into(), 1), (memory - 1, 2)]);
    let write = [1, iovecs, 2, RESULT.into()];
    assert_eq!(guest.call("fd_write", &write), out_of_bounds(end - 1, 2));
    assert_eq!(output.contents(), b"");

    // The error of a descriptor that is not open comes before its buffers are looked at.
    assert_eq!(
        guest.call("fd_write", &[99, 0, 1 << 29, 0]),
        refused(Errno::Badf)
    );
    // A program without memory can call what needs none.
    guest.memory = Vec::new();
    assert_eq!(guest.call("sched_yield", &[]), Ok(()));
    assert!(guest.call("args_sizes_get", &[0, 0]).is_err());
}

#[test]
fn a_context_can_go_to_another_thread() {
    fn check<T: Send>() {}
    check::<WasiCtx>();
    check::<WasiCtxBuilder>();
}
