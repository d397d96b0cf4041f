//! Standard streams, sockets, waiting, and the deadline.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::wasi::{MemoryInput, MemoryOutput};

/// How long a deadline is in the future, and how long it may take to notice that it has passed.
const LIMIT: Duration = Duration::from_millis(40);
const SLACK: Duration = Duration::from_secs(2);

/// A program with one of its streams connected to something.
fn guest_with(set: impl FnOnce(&mut WasiCtxBuilder)) -> Guest {
    let mut builder = WasiCtxBuilder::new();
    set(&mut builder);
    Guest::new(builder.build())
}

/// Checks that a call is interrupted when the time is up, neither sooner nor much later.
fn assert_interrupted<T: std::fmt::Debug + PartialEq>(
    guest: &mut Guest,
    call: impl FnOnce(&mut Guest) -> Answer<T>,
) {
    let start = Instant::now();
    guest.ctx.set_deadline(Some(start + LIMIT));
    assert_eq!(call(guest), Err(Refusal::Stop(Stop::Interrupted)));
    let elapsed = start.elapsed();
    assert!(elapsed >= LIMIT && elapsed < LIMIT + SLACK, "{elapsed:?}");
    guest.ctx.set_deadline(None);
}

/// A subscription of `poll_oneoff`.
#[derive(Clone, Copy)]
enum On {
    Clock {
        id: u32,
        timeout: u64,
        absolute: bool,
    },
    Read(u32),
    Write(u32),
}

/// What `poll_oneoff` says: subscription, error, kind, bytes, and whether the other end is gone.
type Happened = (u64, Errno, u8, u64, bool);

/// Waits for several things. They are numbered from 100.
fn poll(guest: &mut Guest, subscriptions: &[On]) -> Answer<Vec<Happened>> {
    let unstable = guest.module == "wasi_unstable";
    let mut records = Vec::new();
    for (index, subscription) in subscriptions.iter().enumerate() {
        let mut record = vec![0; if unstable { 56 } else { 48 }];
        record[0..8].copy_from_slice(&(100 + index as u64).to_le_bytes());
        let clock = if unstable { 24 } else { 16 };
        match *subscription {
            On::Clock {
                id,
                timeout,
                absolute,
            } => {
                record[clock..][..4].copy_from_slice(&id.to_le_bytes());
                record[clock + 8..][..8].copy_from_slice(&timeout.to_le_bytes());
                record[clock + 24] = u8::from(absolute);
            }
            On::Read(fd) => {
                record[8] = 1;
                record[16..20].copy_from_slice(&fd.to_le_bytes());
            }
            On::Write(fd) => {
                record[8] = 2;
                record[16..20].copy_from_slice(&fd.to_le_bytes());
            }
        }
        records.extend(record);
    }
    let address = guest.put(&records);
    let count = subscriptions.len() as u64;
    guest.call(
        "poll_oneoff",
        &[address, RECORD.into(), count, RESULT.into()],
    )?;
    let event = |index| {
        let at = RECORD + 32 * index;
        let number = guest.u16_at(at + 8);
        let errno = *Errno::ALL
            .iter()
            .find(|errno| errno.raw() == number)
            .unwrap();
        let kind = guest.memory[at as usize + 10];
        let hangup = guest.u16_at(at + 24) == 1;
        (guest.u64_at(at), errno, kind, guest.u64_at(at + 16), hangup)
    };
    Ok((0..guest.u32_at(RESULT)).map(event).collect())
}

const SOON: On = On::Clock {
    id: 1,
    timeout: 20_000_000,
    absolute: false,
};
const LATE: On = On::Clock {
    id: 1,
    timeout: 60_000_000_000,
    absolute: false,
};

#[test]
fn streams_in_memory() {
    let (output, errors) = (MemoryOutput::new(), MemoryOutput::with_limit(3));
    let mut guest = guest_with(|builder| {
        builder.stdin(MemoryInput::new("some input"));
        builder.stdout(output.clone()).stderr(errors.clone());
    });
    assert_eq!(guest.read(0, 4), Ok(b"some".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(b" input".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(vec![]));
    assert_eq!(guest.write(1, b"text"), Ok(4));
    assert_eq!(guest.write(2, b"more"), Ok(3));
    assert_eq!(guest.write(2, b"more"), refused(Errno::NoSpc));
    assert_eq!(
        (output.contents(), errors.contents()),
        (b"text".to_vec(), b"mor".to_vec())
    );

    assert_eq!(guest.write(0, b"x"), refused(Errno::Badf));
    assert_eq!(guest.read(1, 1), refused(Errno::Badf));
    assert_eq!(guest.seek(1, 0, 0), refused(Errno::Spipe));
    for name in ["fd_pread", "fd_pwrite"] {
        assert_eq!(
            guest.call(name, &[1, 0, 0, 0, RESULT.into()]),
            refused(Errno::Spipe)
        );
    }
    // Closing and reopening is the program's right.
    guest.close(1).unwrap();
    assert_eq!(guest.write(1, b"x"), refused(Errno::Badf));
}

#[test]
fn output_to_a_pipe_is_there_when_the_call_returns() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut guest = guest_with(|builder| {
        builder.stdout(OwnedFd::from(writer));
    });
    assert_eq!(guest.write(1, b"unflushed"), Ok(9));
    let mut found = [0; 9];
    reader.read_exact(&mut found).unwrap();
    assert_eq!(found, *b"unflushed");
    // Nobody reads it any more: an error, and this process lives on.
    drop(reader);
    assert_eq!(guest.write(1, b"x"), refused(Errno::Pipe));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut guest = guest_with(|builder| {
        builder.stdout(OwnedFd::from(full));
    });
    assert_eq!(guest.write(1, b"x"), refused(Errno::NoSpc));
}

#[test]
fn a_large_write_to_a_pipe_arrives_whole_with_and_without_a_deadline() {
    let data: Vec<u8> = (0..500_000u32).map(|index| (index % 251) as u8).collect();
    for deadline in [None, Some(Duration::from_secs(60))] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut guest = guest_with(|builder| {
            builder.stdout(OwnedFd::from(writer));
        });
        guest
            .ctx
            .set_deadline(deadline.map(|deadline| Instant::now() + deadline));
        let received = thread::spawn(move || {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).unwrap();
            received
        });
        assert_eq!(guest.write(1, &data), Ok(500_000));
        drop(guest);
        assert!(received.join().unwrap() == data);
    }
}

#[test]
fn reading_and_writing_stop_at_the_deadline() {
    let (silent_reader, _silent_writer) = std::io::pipe().unwrap();
    let (stalled_reader, full_writer) = std::io::pipe().unwrap();
    let mut guest = guest_with(|builder| {
        builder
            .stdin(OwnedFd::from(silent_reader))
            .stdout(OwnedFd::from(full_writer));
        builder.stderr(MemoryOutput::new());
    });
    assert_interrupted(&mut guest, |guest| guest.read(0, 10));
    assert_interrupted(&mut guest, |guest| guest.write(1, &vec![0; 500_000]));
    drop(stalled_reader);

    let mut guest = guest_with(|builder| {
        builder.stdin(MemoryInput::pipe());
    });
    assert_interrupted(&mut guest, |guest| guest.read(0, 10));
    assert_interrupted(&mut guest, |guest| poll(guest, &[LATE]));
    assert_interrupted(&mut guest, |guest| poll(guest, &[LATE, On::Read(0)]));
    // Once the time is up, nothing that takes long is begun.
    guest.ctx.set_deadline(Some(Instant::now()));
    let interrupted = Err(Refusal::Stop(Stop::Interrupted));
    assert_eq!(
        guest.call("random_get", &[0, MEMORY_BYTES as u64]),
        interrupted
    );
}

#[test]
fn input_that_comes_later_is_waited_for() {
    for deadline in [None, Some(Duration::from_secs(60))] {
        let input = MemoryInput::pipe();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut in_memory = guest_with(|builder| {
            builder.stdin(input.clone());
        });
        let mut piped = guest_with(|builder| {
            builder.stdin(OwnedFd::from(reader));
        });
        let feeder = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            input.push("first");
            writer.write_all(b"second").unwrap();
            thread::sleep(Duration::from_millis(20));
            input.close();
        });
        let deadline = deadline.map(|deadline| Instant::now() + deadline);
        in_memory.ctx.set_deadline(deadline);
        piped.ctx.set_deadline(deadline);
        assert_eq!(in_memory.read(0, 100), Ok(b"first".to_vec()));
        assert_eq!(piped.read(0, 100), Ok(b"second".to_vec()));
        assert_eq!(in_memory.read(0, 100), Ok(vec![]));
        assert_eq!(piped.read(0, 100), Ok(vec![]));
        feeder.join().unwrap();
    }
}

#[test]
fn nonblocking_streams_do_not_wait() {
    let (reader, mut input) = std::io::pipe().unwrap();
    let (mut output, writer) = std::io::pipe().unwrap();
    let mut guest = guest_with(|builder| {
        builder
            .stdin(OwnedFd::from(reader))
            .stdout(OwnedFd::from(writer));
    });
    for fd in [0, 1] {
        guest.call("fd_fdstat_set_flags", &[fd, NONBLOCK]).unwrap();
    }
    assert_eq!(guest.fdstat(0).unwrap().1, 4);
    assert_eq!(guest.read(0, 10), refused(Errno::Again));
    input.write_all(b"now").unwrap();
    assert_eq!(guest.read(0, 10), Ok(b"now".to_vec()));

    let written = guest.write(1, &vec![7; 500_000]).unwrap();
    assert!(written > 0 && written < 500_000);
    assert_eq!(guest.write(1, b"x"), refused(Errno::Again));
    let mut found = vec![0; written as usize];
    output.read_exact(&mut found).unwrap();
    assert_eq!(guest.write(1, b"x"), Ok(1));

    let mut guest = guest_with(|builder| {
        builder.stdin(MemoryInput::pipe());
    });
    guest.call("fd_fdstat_set_flags", &[0, NONBLOCK]).unwrap();
    assert_eq!(guest.read(0, 10), refused(Errno::Again));
}

#[test]
fn waiting_for_clocks() {
    let mut guest = guest_with(|_| {});
    for (id, absolute) in [(0, false), (1, false), (0, true), (1, true)] {
        guest
            .call("clock_time_get", &[id.into(), 0, RESULT.into()])
            .unwrap();
        let now = guest.u64_at(RESULT);
        let timeout = 20_000_000 + if absolute { now } else { 0 };
        let start = Instant::now();
        let happened = poll(
            &mut guest,
            &[
                LATE,
                On::Clock {
                    id,
                    timeout,
                    absolute,
                },
            ],
        );
        assert_eq!(happened, Ok(vec![(101, Errno::Success, 0, 0, false)]));
        assert!(start.elapsed() >= Duration::from_millis(15));
    }
    // Times that have passed do not take time, and several things can have happened.
    let past = On::Clock {
        id: 1,
        timeout: 1,
        absolute: true,
    };
    let happened = poll(&mut guest, &[past, LATE, past]).unwrap();
    assert_eq!(
        happened.iter().map(|event| event.0).collect::<Vec<_>>(),
        [100, 102]
    );
    // There is no waiting for time to be used up, nor for clocks that are none.
    for id in [2, 3, 9] {
        let happened = poll(
            &mut guest,
            &[
                LATE,
                On::Clock {
                    id,
                    timeout: 0,
                    absolute: false,
                },
            ],
        );
        assert_eq!(happened, Ok(vec![(101, Errno::Inval, 0, 0, false)]));
    }
    guest.module = "wasi_unstable";
    assert_eq!(
        poll(&mut guest, &[SOON]),
        Ok(vec![(100, Errno::Success, 0, 0, false)])
    );
}

#[test]
fn waiting_for_descriptors() {
    let world = World::new();
    fs::write(world.inside("file"), "12345").unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut guest = guest_with(|builder| {
        builder
            .stdin(OwnedFd::from(reader))
            .preopened_dir(world.inside(""), "/")
            .unwrap();
    });
    let success = |number, kind, bytes| (number, Errno::Success, kind, bytes, false);

    assert_eq!(
        poll(&mut guest, &[On::Read(0), SOON]),
        Ok(vec![success(101, 0, 0)])
    );
    writer.write_all(b"abc").unwrap();
    assert_eq!(
        poll(&mut guest, &[LATE, On::Read(0)]),
        Ok(vec![success(101, 1, 3)])
    );
    guest.read(0, 10).unwrap();
    drop(writer);
    let hangup = (100, Errno::Success, 1, 0, true);
    assert_eq!(poll(&mut guest, &[On::Read(0), LATE]), Ok(vec![hangup]));

    // Files and what goes nowhere are always ready.
    let file = guest.open("file", 0, READ | WRITE).unwrap();
    assert_eq!(
        poll(
            &mut guest,
            &[On::Read(file), On::Write(file), On::Write(1), LATE]
        ),
        Ok(vec![
            success(100, 1, 5),
            success(101, 2, 1),
            success(102, 2, 1)
        ])
    );
    // Mistakes are told for each subscription.
    let only_write = guest.open("file", 0, WRITE).unwrap();
    let subscriptions = [
        On::Read(99),
        On::Read(1),
        On::Read(ROOT),
        On::Read(only_write),
        LATE,
    ];
    let happened = poll(&mut guest, &subscriptions).unwrap();
    let errors: Vec<_> = happened.iter().map(|event| (event.0, event.1)).collect();
    let badf = [100, 101, 102, 103].map(|number| (number, Errno::Badf));
    assert_eq!(errors, badf);

    assert_eq!(poll(&mut guest, &[]), refused(Errno::Inval));
    let too_many = guest.call("poll_oneoff", &[0, 0, 1 << 20, 0]);
    assert!(
        matches!(too_many, Err(Refusal::Stop(Stop::Fault(_)))),
        "{too_many:?}"
    );
    let bad_kind = guest.put(&[9; 48]);
    let bad_kind = guest.call("poll_oneoff", &[bad_kind, RECORD.into(), 1, RESULT.into()]);
    assert_eq!(bad_kind, refused(Errno::Inval));
}

#[test]
fn waiting_for_input_in_memory() {
    let input = MemoryInput::pipe();
    let mut guest = guest_with(|builder| {
        builder.stdin(input.clone());
    });
    assert_eq!(poll(&mut guest, &[On::Read(0), SOON]).unwrap()[0].0, 101);
    let feeder = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        input.push("abc");
    });
    let happened = poll(&mut guest, &[LATE, On::Read(0)]);
    assert_eq!(happened, Ok(vec![(101, Errno::Success, 1, 3, false)]));
    feeder.join().unwrap();
}

#[test]
fn a_program_serves_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut guest = guest_with(|builder| {
        builder.socket(listener).unwrap();
    });
    assert_eq!(guest.fdstat(3).unwrap().0, 6);
    assert_interrupted(&mut guest, |guest| {
        guest.call("sock_accept", &[3, 0, RESULT.into()])
    });
    guest.call("fd_fdstat_set_flags", &[3, NONBLOCK]).unwrap();
    assert_eq!(
        guest.call("sock_accept", &[3, 0, RESULT.into()]),
        refused(Errno::Again)
    );
    guest.call("fd_fdstat_set_flags", &[3, 0]).unwrap();

    let client = thread::spawn(move || {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"hello").unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        answer
    });
    guest.call("sock_accept", &[3, 0, RESULT.into()]).unwrap();
    let connection = guest.u32_at(RESULT);
    assert_eq!(connection, 4);
    let happened = poll(&mut guest, &[On::Read(connection), LATE]).unwrap();
    assert_eq!(happened[0].0, 100);
    assert_eq!(guest.read(connection, 5), Ok(b"hello".to_vec()));
    assert_eq!(guest.write(connection, b"good"), Ok(4));
    let sent = guest.put(b"bye");
    let iovecs = guest.iovecs(&[(sent, 3)]);
    guest
        .call("sock_send", &[4, iovecs, 1, 0, RESULT.into()])
        .unwrap();
    assert_eq!(guest.u32_at(RESULT), 3);
    guest.call("sock_shutdown", &[4, 2]).unwrap();
    assert_eq!(client.join().unwrap(), b"goodbye");
    assert_eq!(guest.write(connection, b"x"), refused(Errno::Pipe));
}

#[test]
fn receiving() {
    const PEEK: u64 = 1;
    const WAITALL: u64 = 2;
    let (mut other, socket) = UnixStream::pair().unwrap();
    let mut guest = guest_with(|builder| {
        builder.socket(socket).unwrap();
    });
    let receive = |guest: &mut Guest, flags| -> Answer<Vec<u8>> {
        let buffer = guest.put(&[0; 8]);
        let iovecs = guest.iovecs(&[(buffer, 3), (buffer + 3, 5)]);
        let flags_at = u64::from(RESULT) + 4;
        guest.call("sock_recv", &[3, iovecs, 2, flags, RESULT.into(), flags_at])?;
        assert_eq!(guest.u16_at(RESULT + 4), 0);
        Ok(guest.memory[SCRATCH as usize..][..guest.u32_at(RESULT) as usize].to_vec())
    };
    other.write_all(b"abcd").unwrap();
    assert_eq!(receive(&mut guest, PEEK), Ok(b"abcd".to_vec()));
    assert_eq!(receive(&mut guest, 0), Ok(b"abcd".to_vec()));
    assert_interrupted(&mut guest, |guest| receive(guest, 0));

    other.write_all(b"0123").unwrap();
    let feeder = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        other.write_all(b"456789").unwrap();
        thread::sleep(Duration::from_millis(20));
    });
    assert_eq!(receive(&mut guest, WAITALL), Ok(b"01234567".to_vec()));
    assert_eq!(receive(&mut guest, WAITALL), Ok(b"89".to_vec()));
    assert_eq!(receive(&mut guest, 0), Ok(vec![]));
    assert_eq!(receive(&mut guest, 4), refused(Errno::Inval));
    feeder.join().unwrap();
}

#[test]
fn what_is_no_socket() {
    let mut guest = guest_with(|_| {});
    let result = u64::from(RESULT);
    assert_eq!(
        guest.call("sock_accept", &[1, 0, result]),
        refused(Errno::NotSock)
    );
    assert_eq!(
        guest.call("sock_recv", &[0, 0, 0, 0, result, result]),
        refused(Errno::NotSock)
    );
    assert_eq!(
        guest.call("sock_send", &[1, 0, 0, 0, result]),
        refused(Errno::NotSock)
    );
    assert_eq!(
        guest.call("sock_shutdown", &[1, 3]),
        refused(Errno::NotSock)
    );
    for name in ["sock_accept", "sock_recv", "sock_send", "sock_shutdown"] {
        let parameters = find(guest.module, name).unwrap().params.len();
        let mut arguments = vec![0; parameters];
        arguments[0] = 99;
        assert_eq!(guest.call(name, &arguments), refused(Errno::Badf), "{name}");
    }
    let (_other, socket) = UnixStream::pair().unwrap();
    let mut guest = guest_with(|builder| {
        builder.socket(socket).unwrap();
    });
    assert_eq!(
        guest.call("sock_accept", &[3, 1, result]),
        refused(Errno::Inval)
    );
    assert_eq!(
        guest.call("sock_accept", &[3, 0, result]),
        refused(Errno::Inval)
    );
    assert_eq!(
        guest.call("sock_send", &[3, 0, 0, 1, result]),
        refused(Errno::Inval)
    );
    assert_eq!(guest.call("sock_shutdown", &[3, 0]), refused(Errno::Inval));
    assert_eq!(guest.call("sock_shutdown", &[3, 4]), refused(Errno::Inval));
    assert_eq!(guest.seek(3, 0, 0), refused(Errno::Spipe));
}

#[cfg(target_os = "linux")]
#[test]
fn named_pipes_do_not_hold_up_the_deadline() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let world = World::new();
    let path = world.inside("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut guest = world.guest();
    assert_interrupted(&mut guest, |guest| guest.open("pipe", 0, WRITE));
    assert_interrupted(&mut guest, |guest| {
        let fd = guest.open("pipe", 0, READ)?;
        guest.read(fd, 10)
    });
    guest
        .ctx
        .set_deadline(Some(Instant::now() + Duration::from_secs(60)));
    let writer = thread::spawn(move || fs::write(path, "through the pipe"));
    let fd = guest.open("pipe", 0, READ).unwrap();
    assert_eq!(guest.read(fd, 100), Ok(b"through the pipe".to_vec()));
    assert_eq!(guest.stat(fd).unwrap().filetype, 0);
    assert_eq!(guest.seek(fd, 0, 1), refused(Errno::Spipe));
    writer.join().unwrap().unwrap();
    // Setting the times through a link would open it, and wait.
    guest.symlink("pipe", "link").unwrap();
    assert_eq!(
        guest.set_times(FOLLOW, "link", 0, 0, 4),
        refused(Errno::NotSup)
    );
    assert_eq!(guest.set_times(FOLLOW, "pipe", 0, 0, 4), Ok(()));
}
