//! Reading clocks: `clock_*`.

use super::errno::Errno;
use super::host::Clock;
use super::{GuestMemory, Result, WasiCtx};

/// The realtime clock's number.
pub(super) const REALTIME: u32 = 0;

/// The monotonic clock's number.
pub(super) const MONOTONIC: u32 = 1;

/// A program is one thread, so that its two processor clocks show the same.
const PROCESS_CPU: u32 = 2;
const THREAD_CPU: u32 = 3;

fn clock(id: u32) -> Result<Clock> {
    match id {
        REALTIME => Ok(Clock::Realtime),
        MONOTONIC => Ok(Clock::Monotonic),
        PROCESS_CPU | THREAD_CPU => Ok(Clock::Cpu),
        _ => Err(Errno::Inval.into()),
    }
}

/// Tells the smallest step of a clock, in nanoseconds.
pub(super) fn clock_res_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    id: u32,
    resolution: u32,
) -> Result {
    let clock = clock(id)?;
    memory.write_u64(resolution, ctx.host().resolution(clock))?;
    Ok(())
}

/// Tells the time of a clock, in nanoseconds, as precisely as possible.
pub(super) fn clock_time_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    id: u32,
    _precision: u64,
    time: u32,
) -> Result {
    let clock = clock(id)?;
    memory.write_u64(time, ctx.host().now(clock))?;
    Ok(())
}
