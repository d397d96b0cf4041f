//! Arguments and environment variables: `args_*`, `environ_*`.

use super::ctx::Strings;
use super::{GuestMemory, Result, WasiCtx};

/// Writes the arguments to `argv_buf`, and pointers to them to `argv`.
pub(super) fn args_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    argv: u32,
    argv_buf: u32,
) -> Result {
    write_strings(&ctx.arguments, memory, argv, argv_buf)
}

/// Tells how much room [`args_get`] needs: the number of arguments, and their bytes.
pub(super) fn args_sizes_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    argc: u32,
    argv_buf_size: u32,
) -> Result {
    write_sizes(&ctx.arguments, memory, argc, argv_buf_size)
}

/// Writes the variables as `NAME=value` to `environ_buf`, and pointers to them to `environ`.
pub(super) fn environ_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    environ: u32,
    environ_buf: u32,
) -> Result {
    write_strings(&ctx.environment, memory, environ, environ_buf)
}

/// Tells how much room [`environ_get`] needs: the number of variables, and their bytes.
pub(super) fn environ_sizes_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    environc: u32,
    environ_buf_size: u32,
) -> Result {
    write_sizes(&ctx.environment, memory, environc, environ_buf_size)
}

fn write_strings(
    strings: &Strings,
    memory: &mut GuestMemory<'_>,
    pointers: u32,
    buffer: u32,
) -> Result {
    memory.write(buffer, &strings.bytes)?;
    // The strings are in bounds, so the sums do not overflow, and there are fewer than 2³²/4
    // pointers, or else they are out of bounds.
    let addresses: Vec<u8> = strings
        .starts
        .iter()
        .flat_map(|start| (buffer.wrapping_add(*start)).to_le_bytes())
        .collect();
    memory.write_record(pointers, 4, &addresses)?;
    Ok(())
}

fn write_sizes(strings: &Strings, memory: &mut GuestMemory<'_>, count: u32, size: u32) -> Result {
    // `Strings` holds no more than 4 GiB.
    memory.write_u32(count, strings.starts.len() as u32)?;
    memory.write_u32(size, strings.bytes.len() as u32)?;
    Ok(())
}
