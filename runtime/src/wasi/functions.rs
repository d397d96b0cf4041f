//! The list of WASI functions, and what is made from it.
//!
//! A row has the name, the parameters with their WebAssembly types, and what is returned: `errno`
//! (an `i32`) or `none` (the function does not return). From the rows come [`preview1`] and
//! [`unstable`], to be called from Rust, and [`MODULES`], to be registered with a linker or looked
//! up by [`find`]. A function that is in the list and not written, or the other way round, does not
//! compile or is reported as unused.

use super::{Errno, Failure, GuestMemory, Stop, WasiCtx};

/// The rows that both versions of WASI have, behind those only one has.
macro_rules! wasi_rows {
    ($callback:ident, $($own:tt)*) => {
        $callback! {
            $($own)*
            args_get(argv: i32, argv_buf: i32) -> errno;
            args_sizes_get(argc: i32, argv_buf_size: i32) -> errno;
            environ_get(environ: i32, environ_buf: i32) -> errno;
            environ_sizes_get(environc: i32, environ_buf_size: i32) -> errno;
            clock_res_get(id: i32, resolution: i32) -> errno;
            clock_time_get(id: i32, precision: i64, time: i32) -> errno;
            fd_advise(fd: i32, offset: i64, len: i64, advice: i32) -> errno;
            fd_allocate(fd: i32, offset: i64, len: i64) -> errno;
            fd_close(fd: i32) -> errno;
            fd_datasync(fd: i32) -> errno;
            fd_fdstat_get(fd: i32, stat: i32) -> errno;
            fd_fdstat_set_flags(fd: i32, flags: i32) -> errno;
            fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64) -> errno;
            fd_filestat_get(fd: i32, stat: i32) -> errno;
            fd_filestat_set_size(fd: i32, size: i64) -> errno;
            fd_filestat_set_times(fd: i32, atim: i64, mtim: i64, fst_flags: i32) -> errno;
            fd_pread(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nread: i32) -> errno;
            fd_prestat_get(fd: i32, prestat: i32) -> errno;
            fd_prestat_dir_name(fd: i32, path: i32, path_len: i32) -> errno;
            fd_pwrite(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nwritten: i32) -> errno;
            fd_read(fd: i32, iovs: i32, iovs_len: i32, nread: i32) -> errno;
            fd_readdir(fd: i32, buf: i32, buf_len: i32, cookie: i64, bufused: i32) -> errno;
            fd_renumber(fd: i32, to: i32) -> errno;
            fd_seek(fd: i32, offset: i64, whence: i32, newoffset: i32) -> errno;
            fd_sync(fd: i32) -> errno;
            fd_tell(fd: i32, offset: i32) -> errno;
            fd_write(fd: i32, iovs: i32, iovs_len: i32, nwritten: i32) -> errno;
            path_create_directory(fd: i32, path: i32, path_len: i32) -> errno;
            path_filestat_get(fd: i32, flags: i32, path: i32, path_len: i32, stat: i32) -> errno;
            path_filestat_set_times(
                fd: i32, flags: i32, path: i32, path_len: i32,
                atim: i64, mtim: i64, fst_flags: i32
            ) -> errno;
            path_link(
                old_fd: i32, old_flags: i32, old_path: i32, old_path_len: i32,
                new_fd: i32, new_path: i32, new_path_len: i32
            ) -> errno;
            path_open(
                fd: i32, dirflags: i32, path: i32, path_len: i32, oflags: i32,
                rights_base: i64, rights_inheriting: i64, fdflags: i32, opened_fd: i32
            ) -> errno;
            path_readlink(
                fd: i32, path: i32, path_len: i32, buf: i32, buf_len: i32, bufused: i32
            ) -> errno;
            path_remove_directory(fd: i32, path: i32, path_len: i32) -> errno;
            path_rename(
                fd: i32, old_path: i32, old_path_len: i32,
                new_fd: i32, new_path: i32, new_path_len: i32
            ) -> errno;
            path_symlink(
                old_path: i32, old_path_len: i32, fd: i32, new_path: i32, new_path_len: i32
            ) -> errno;
            path_unlink_file(fd: i32, path: i32, path_len: i32) -> errno;
            poll_oneoff(subscriptions: i32, events: i32, count: i32, nevents: i32) -> errno;
            proc_exit(code: i32) -> none;
            proc_raise(signal: i32) -> errno;
            sched_yield() -> errno;
            random_get(buf: i32, buf_len: i32) -> errno;
            sock_recv(
                fd: i32, iovs: i32, iovs_len: i32, ri_flags: i32, nread: i32, ro_flags: i32
            ) -> errno;
            sock_send(fd: i32, iovs: i32, iovs_len: i32, si_flags: i32, nwritten: i32) -> errno;
            sock_shutdown(fd: i32, how: i32) -> errno;
        }
    };
}

/// Calls the macro `$callback` with the rows of `wasi_snapshot_preview1`.
macro_rules! for_each_wasi_function {
    ($callback:ident) => {
        wasi_rows!(
            $callback,
            sock_accept(fd: i32, flags: i32, opened_fd: i32) -> errno;
        );
    };
}

/// Calls the macro `$callback` with the rows of `wasi_unstable`, as the module was called before
/// it had a version. Four of its functions number things or lay out memory differently (see
/// `variants`), so its functions are those of [`unstable`].
macro_rules! for_each_wasi_unstable_function {
    ($callback:ident) => {
        wasi_rows!($callback,);
    };
}

/// A WASI function as data, for a linker that works with types known at run time.
#[derive(Clone, Copy, Debug)]
pub struct WasiFunction {
    /// Its name in the module.
    pub name: &'static str,
    /// The types of its parameters.
    pub params: &'static [Param],
    /// Whether it returns an error number, an `i32`. The one that does not returns nothing: it
    /// does not return.
    pub returns_errno: bool,
    /// Calls it. Arguments are the bits of their values, 32-bit ones in the lower half; those
    /// that are missing count as zero, those too many as nothing.
    pub call: fn(&mut WasiCtx, &mut GuestMemory<'_>, &[u64]) -> Result<i32, Stop>,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// A 32-bit integer: a descriptor, pointer, size or set of flags.
    I32,
    /// A 64-bit integer: a file offset, size, time, set of rights or cookie.
    I64,
}

/// The modules a program can import from, with their functions.
pub const MODULES: [(&str, &[WasiFunction]); 2] = [
    ("wasi_snapshot_preview1", preview1::TABLE),
    ("wasi_unstable", unstable::TABLE),
];

/// Looks up what a program imports.
pub fn find(module: &str, name: &str) -> Option<&'static WasiFunction> {
    let (_, functions) = MODULES.iter().find(|(found, _)| *found == module)?;
    functions.iter().find(|function| function.name == name)
}

/// Makes the functions of a module from its rows: arguments with the types of the ABI, and the
/// error number as it is returned. `imp` has the functions themselves.
macro_rules! bindings {
    ($($name:ident($($param:ident: $ty:ident),*) -> $result:ident;)*) => {
        $(
            #[doc = concat!("`", stringify!($name), "`: returns its error number, 0 for success.")]
            ///
            /// # Errors
            ///
            /// A [`Stop`] where the program must not go on.
            #[allow(clippy::too_many_arguments, reason = "the ABI has as many")]
            pub fn $name(
                ctx: &mut WasiCtx,
                memory: &mut GuestMemory<'_>,
                $($param: $ty),*
            ) -> Result<i32, Stop> {
                answer(imp::$name(ctx, memory, $($param.cast_unsigned()),*))
            }
        )*

        /// The functions of this module as data.
        pub const TABLE: &[WasiFunction] = &[$(
            WasiFunction {
                name: stringify!($name),
                params: &[$(bindings!(@param $ty)),*],
                returns_errno: bindings!(@returns $result),
                call: |ctx, memory, arguments| {
                    #[allow(unused_mut, unused_variables, reason = "one function takes none")]
                    let mut arguments = arguments.iter().copied();
                    $(let $param = arguments.next().unwrap_or(0) as $ty;)*
                    $name(ctx, memory, $($param),*)
                },
            },
        )*];
    };
    (@param i32) => { Param::I32 };
    (@param i64) => { Param::I64 };
    (@returns errno) => { true };
    (@returns none) => { false };
}

/// What a function's outcome is to the program.
fn answer(result: super::Result) -> Result<i32, Stop> {
    let errno = match result {
        Ok(()) => Errno::Success,
        Err(Failure::Errno(errno)) => errno,
        Err(Failure::Stop(stop)) => return Err(stop),
    };
    Ok(i32::from(errno.raw()))
}

/// The functions of `wasi_snapshot_preview1`, with the types of the ABI.
pub mod preview1 {
    use super::{GuestMemory, Param, Stop, WasiCtx, WasiFunction, answer};

    mod imp {
        pub(super) use crate::wasi::{
            args::*, clock::*, fd::*, io::*, path::*, poll::*, process::*, readdir::*, sock::*,
        };
    }

    for_each_wasi_function!(bindings);
}

/// The functions of `wasi_unstable`, with the types of the ABI.
pub mod unstable {
    use super::{GuestMemory, Param, Stop, WasiCtx, WasiFunction, answer};

    mod imp {
        pub(super) use crate::wasi::variants::{
            fd_filestat_get, fd_seek, path_filestat_get, poll_oneoff,
        };
        // What is named above comes before what is found here.
        pub(super) use crate::wasi::{
            args::*, clock::*, fd::*, io::*, path::*, process::*, readdir::*, sock::*,
        };
    }

    for_each_wasi_unstable_function!(bindings);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_preview_1_is_there() {
        let counts = MODULES.map(|(_, functions)| functions.len());
        assert_eq!(counts, [46, 45]);
        for (module, functions) in MODULES {
            for function in functions {
                let found = find(module, function.name).unwrap();
                assert_eq!(found.params, function.params);
                assert_eq!(found.returns_errno, function.name != "proc_exit");
            }
        }
        assert!(find("wasi_snapshot_preview1", "fd_open").is_none());
        assert!(find("wasi_unstable", "sock_accept").is_none());
        assert!(find("env", "fd_read").is_none());
    }
}
