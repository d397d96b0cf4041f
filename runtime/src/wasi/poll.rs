//! Waiting for several things at once: `poll_oneoff`.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::clock::{MONOTONIC, REALTIME};
use super::ctx::Waiter;
use super::descriptor::{Descriptors, Kind};
use super::errno::Errno;
use super::host::{Clock, saturating_nanoseconds};
use super::stdio::{InputStream, OutputStream};
use super::types::{EVENT_HANGUP, Rights, SubClockFlags};
use super::{GuestMemory, Result, WasiCtx};

/// How many subscriptions one call takes; more is `ENOMEM`. No program can have as many open
/// descriptors, and this bounds what is kept about them here.
const SUBSCRIPTIONS_MAX: u32 = 1 << 16;

/// How long to wait between looks at input in memory, which the operating system cannot wait for
/// together with descriptors.
const MEMORY_INTERVAL: Duration = Duration::from_millis(2);

/// Size of an `event` record.
const EVENT_BYTES: u32 = 32;

/// Where the fields of a `subscription` are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Size of a record.
    record_bytes: u32,
    /// Where the fields of a clock subscription begin.
    clock: usize,
}

impl Layout {
    /// `wasi_snapshot_preview1`.
    const PREVIEW1: Layout = Layout {
        record_bytes: 48,
        clock: 16,
    };

    /// `wasi_unstable`: a clock subscription begins with an identifier, which says nothing.
    pub(super) const UNSTABLE: Layout = Layout {
        record_bytes: 56,
        clock: 24,
    };
}

/// Something the program waits for.
#[derive(Clone, Copy, Debug)]
struct Subscription {
    /// What the program wants to know it by.
    userdata: u64,
    awaited: Awaited,
}

#[derive(Clone, Copy, Debug)]
enum Awaited {
    /// The monotonic clock shows this time, in nanoseconds.
    Clock(u64),
    /// A clock that cannot be waited for.
    BadClock,
    /// A descriptor can be read.
    Read(u32),
    /// A descriptor can be written.
    Write(u32),
}

/// Something that has happened.
#[derive(Clone, Copy, Debug)]
struct Event {
    /// Which subscription it belongs to.
    index: usize,
    errno: Errno,
    /// How many bytes can be read or written, as far as that is known.
    bytes: u64,
    hangup: bool,
}

impl Event {
    fn success(index: usize) -> Event {
        Event {
            index,
            errno: Errno::Success,
            bytes: 0,
            hangup: false,
        }
    }

    fn error(index: usize, errno: Errno) -> Event {
        Event {
            errno,
            ..Event::success(index)
        }
    }

    /// The `event` record.
    fn to_bytes(self, subscription: &Subscription) -> [u8; EVENT_BYTES as usize] {
        let event_type = match subscription.awaited {
            Awaited::Clock(_) | Awaited::BadClock => 0,
            Awaited::Read(_) => 1,
            Awaited::Write(_) => 2,
        };
        let flags = if self.hangup { EVENT_HANGUP } else { 0 };
        let mut record = [0; EVENT_BYTES as usize];
        record[0..8].copy_from_slice(&subscription.userdata.to_le_bytes());
        record[8..10].copy_from_slice(&self.errno.raw().to_le_bytes());
        record[10] = event_type;
        record[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        record[24..26].copy_from_slice(&flags.to_le_bytes());
        record
    }
}

/// Waits until at least one of the things the program waits for happens, and tells which have.
pub(super) fn poll_oneoff(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    nevents: u32,
) -> Result {
    poll(
        ctx,
        memory,
        Layout::PREVIEW1,
        subscriptions,
        events,
        count,
        nevents,
    )
}

/// Likewise, for one of the two layouts.
pub(super) fn poll(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    layout: Layout,
    subscriptions: u32,
    events: u32,
    count: u32,
    nevents: u32,
) -> Result {
    if count == 0 {
        return Err(Errno::Inval.into());
    }
    let records = memory.array(subscriptions, count, layout.record_bytes, 8)?;
    // Before waiting, make sure that there is room for the outcome.
    memory.array(events, count, EVENT_BYTES, 8)?;
    if count > SUBSCRIPTIONS_MAX {
        return Err(Errno::NoMem.into());
    }
    let (descriptors, mut waiter) = ctx.split();
    let mut parser = Parser {
        waiter: &mut waiter,
        layout,
        now: None,
    };
    let subscriptions: Vec<Subscription> = records
        .chunks_exact(layout.record_bytes as usize)
        .map(|record| parser.subscription(record))
        .collect::<Result<_>>()?;
    let now = parser.now.unwrap_or(0);

    let mut happened = wait(descriptors, &mut waiter, &subscriptions, now)?;
    happened.sort_by_key(|event| event.index);
    let records: Vec<u8> = happened
        .iter()
        .flat_map(|event| event.to_bytes(&subscriptions[event.index]))
        .collect();
    memory.write(events, &records)?;
    // There are no more events than subscriptions.
    memory.write_u32(nevents, happened.len() as u32)?;
    Ok(())
}

/// Takes subscriptions apart.
struct Parser<'a, 'b> {
    waiter: &'a mut Waiter<'b>,
    layout: Layout,
    /// What the monotonic clock showed when the first clock subscription was met.
    now: Option<u64>,
}

impl Parser<'_, '_> {
    fn subscription(&mut self, record: &[u8]) -> Result<Subscription> {
        let userdata = u64_at(record, 0);
        let descriptor = u32_at(record, 16);
        let awaited = match record[8] {
            0 => self.clock(&record[self.layout.clock..])?,
            1 => Awaited::Read(descriptor),
            2 => Awaited::Write(descriptor),
            _ => return Err(Errno::Inval.into()),
        };
        Ok(Subscription { userdata, awaited })
    }

    fn clock(&mut self, fields: &[u8]) -> Result<Awaited> {
        let (id, timeout) = (u32_at(fields, 0), u64_at(fields, 8));
        let flags = u32::from(u16::from_le_bytes([fields[24], fields[25]]));
        let absolute = SubClockFlags::parse(flags)?.has(SubClockFlags::ABSTIME);
        let host = &mut self.waiter.host;
        let now = *self.now.get_or_insert_with(|| host.now(Clock::Monotonic));
        let until = match (id, absolute) {
            // A span of the realtime clock is not changed by setting it.
            (REALTIME | MONOTONIC, false) => now.saturating_add(timeout),
            (MONOTONIC, true) => timeout,
            (REALTIME, true) => {
                now.saturating_add(timeout.saturating_sub(host.now(Clock::Realtime)))
            }
            _ => return Ok(Awaited::BadClock),
        };
        Ok(Awaited::Clock(until))
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(value)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(value)
}

/// What a descriptor is awaited for.
#[derive(Clone, Copy, Debug)]
enum Direction {
    Read,
    Write,
}

/// How a descriptor can be waited for.
enum Source<'a> {
    /// The operating system says when it is ready.
    Host(BorrowedFd<'a>),
    /// It is ready, with this many bytes.
    Ready(u64),
    /// It is input in memory that has none yet.
    Memory,
}

/// Looks at a descriptor the program waits for.
fn source(descriptors: &Descriptors, fd: u32, right: Rights) -> Result<Source<'_>, Errno> {
    let descriptor = descriptors.get(fd)?;
    if let Kind::Directory(_) = descriptor.kind {
        return Err(Errno::Badf);
    }
    descriptor.require(right.with(Rights::POLL_FD_READWRITE))?;
    Ok(match &descriptor.kind {
        Kind::Input(InputStream::Memory(input)) if input.is_ready() => {
            Source::Ready(input.remaining() as u64)
        }
        Kind::Input(InputStream::Memory(_)) => Source::Memory,
        Kind::Input(input) => input.fd().map_or(Source::Ready(0), Source::Host),
        Kind::Output(OutputStream::Null | OutputStream::Memory(_)) => Source::Ready(1),
        Kind::Output(output) => output.fd().map_or(Source::Ready(1), Source::Host),
        Kind::File(open) => Source::Host(open.file.as_fd()),
        Kind::Socket(socket) => Source::Host(socket.as_fd()),
        Kind::Directory(_) => return Err(Errno::Badf),
    })
}

/// What a look at all subscriptions finds.
#[derive(Default)]
struct Look<'a> {
    /// What has happened already.
    events: Vec<Event>,
    /// The descriptors the operating system can wait for.
    fds: Vec<PollFd<'a>>,
    /// Which subscriptions they belong to.
    indices: Vec<usize>,
    /// The next time a clock is awaited to show.
    next_clock: Option<u64>,
    /// Whether input in memory is awaited.
    waits_for_memory: bool,
}

impl<'a> Look<'a> {
    /// Looks at all subscriptions, when the monotonic clock shows `now`.
    fn at(descriptors: &'a Descriptors, subscriptions: &[Subscription], now: u64) -> Look<'a> {
        let mut look = Look::default();
        for (index, subscription) in subscriptions.iter().enumerate() {
            match subscription.awaited {
                Awaited::Clock(until) if until <= now => look.events.push(Event::success(index)),
                Awaited::Clock(until) => {
                    look.next_clock = Some(look.next_clock.map_or(until, |next| next.min(until)));
                }
                Awaited::BadClock => look.events.push(Event::error(index, Errno::Inval)),
                Awaited::Read(fd) => look.add(index, descriptors, fd, Direction::Read),
                Awaited::Write(fd) => look.add(index, descriptors, fd, Direction::Write),
            }
        }
        look
    }

    fn add(&mut self, index: usize, descriptors: &'a Descriptors, fd: u32, direction: Direction) {
        let (right, flag) = match direction {
            Direction::Read => (Rights::FD_READ, PollFlags::IN),
            Direction::Write => (Rights::FD_WRITE, PollFlags::OUT),
        };
        match source(descriptors, fd, right) {
            Ok(Source::Host(fd)) => {
                self.fds.push(PollFd::from_borrowed_fd(fd, flag));
                self.indices.push(index);
            }
            Ok(Source::Ready(bytes)) => self.events.push(Event {
                bytes,
                ..Event::success(index)
            }),
            Ok(Source::Memory) => self.waits_for_memory = true,
            Err(errno) => self.events.push(Event::error(index, errno)),
        }
    }

    /// How long to wait for descriptors, at most. `left` is left until the deadline.
    fn timeout(&self, now: u64, left: Option<Duration>) -> Option<Duration> {
        let timeouts = [
            (!self.events.is_empty()).then_some(Duration::ZERO),
            self.next_clock
                .map(|until| Duration::from_nanos(until - now)),
            self.waits_for_memory.then_some(MEMORY_INTERVAL),
            left,
        ];
        timeouts.into_iter().flatten().min()
    }
}

/// Waits until something happens. `now` is what the monotonic clock shows, if there are clocks.
fn wait(
    descriptors: &Descriptors,
    waiter: &mut Waiter<'_>,
    subscriptions: &[Subscription],
    mut now: u64,
) -> Result<Vec<Event>> {
    loop {
        let mut look = Look::at(descriptors, subscriptions, now);
        let timeout = look.timeout(now, waiter.remaining()?);
        if !look.fds.is_empty() {
            if waiter.host.poll(&mut look.fds, timeout)? > 0 {
                let ready = ready_descriptors(&look.fds, &look.indices, subscriptions);
                look.events.extend(ready);
            }
        } else if look.events.is_empty() {
            // Without descriptors there is something that limits the time.
            waiter.host.sleep(timeout.unwrap_or(MEMORY_INTERVAL));
        }
        if !look.events.is_empty() {
            return Ok(look.events);
        }
        if look.next_clock.is_some() {
            // The time waited has passed, even on a host whose clock does not show it.
            let waited = saturating_nanoseconds(timeout.unwrap_or_default());
            let shown = waiter.host.now(Clock::Monotonic);
            now = shown.max(now.saturating_add(waited));
        }
    }
}

/// The events of the descriptors that are ready.
fn ready_descriptors(
    fds: &[PollFd<'_>],
    indices: &[usize],
    subscriptions: &[Subscription],
) -> Vec<Event> {
    let mut events = Vec::new();
    for (fd, &index) in fds.iter().zip(indices) {
        let happened = fd.revents();
        if happened.is_empty() {
            continue;
        }
        if happened.contains(PollFlags::NVAL) {
            events.push(Event::error(index, Errno::Badf));
            continue;
        }
        // An error is not told here: reading or writing will tell it, and does not block.
        let bytes = match subscriptions[index].awaited {
            Awaited::Read(_) => rustix::io::ioctl_fionread(fd.as_fd()).unwrap_or(1),
            _ => 1,
        };
        let hangup = happened.intersects(PollFlags::HUP | PollFlags::ERR);
        events.push(Event {
            bytes,
            hangup,
            ..Event::success(index)
        });
    }
    events
}
