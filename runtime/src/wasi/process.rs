//! The program itself, and randomness: `proc_*`, `sched_yield`, `random_get`.

use super::errno::Errno;
use super::{GuestMemory, Result, Stop, WasiCtx};

/// How many random bytes are fetched between looks at the deadline.
const RANDOM_CHUNK_BYTES: usize = 1 << 20;

/// Ends the program.
pub(super) fn proc_exit(_: &mut WasiCtx, _: &mut GuestMemory<'_>, code: u32) -> Result {
    Err(Stop::Exit(code).into())
}

/// Sends the program a signal, which does what it does to a process without handlers: nothing,
/// or ending it with the code a shell reports (128 and the signal's number). Programs cannot be
/// stopped and continued, so that signals for that are not supported.
pub(super) fn proc_raise(_: &mut WasiCtx, _: &mut GuestMemory<'_>, signal: u32) -> Result {
    const NONE: u32 = 0;
    const CHLD: u32 = 16;
    const CONT: u32 = 17;
    const STOP: u32 = 18;
    const TTOU: u32 = 21;
    const URG: u32 = 22;
    const WINCH: u32 = 27;
    const SYS: u32 = 30;
    match signal {
        NONE | CHLD | CONT | URG | WINCH => Ok(()),
        STOP..=TTOU => Err(Errno::NotSup.into()),
        1..=SYS => Err(Stop::Exit(128 + signal).into()),
        _ => Err(Errno::Inval.into()),
    }
}

/// Lets other threads run.
pub(super) fn sched_yield(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>) -> Result {
    ctx.host().yield_now();
    Ok(())
}

/// Fills a buffer with random bytes fit for cryptography.
pub(super) fn random_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    buf: u32,
    buf_len: u32,
) -> Result {
    let (_, waiter) = ctx.split();
    for chunk in memory
        .bytes_mut(buf, buf_len)?
        .chunks_mut(RANDOM_CHUNK_BYTES)
    {
        waiter.remaining()?;
        waiter.host.fill_random(chunk)?;
    }
    Ok(())
}
