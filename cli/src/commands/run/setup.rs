//! What a program is given, and what it is not to exceed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dotvm::db::{Limits, Options, Place};
use dotvm::ffi::Libraries;
use dotvm::wasi::{WasiCtx, WasiCtxBuilder, WasiError};
use dotvm::{Config, Jit, Store};

use crate::args::{DbLimit, Profile, Run};
use crate::commands::state;
use crate::failure::{Failure, Result};
use crate::load::is_named_compiled;

/// The machine's settings.
pub(super) fn config(args: &Run) -> Result<Config> {
    let mut config = Config::new();
    args.tiers.apply(&mut config);
    config.perf_map(args.profile == Some(Profile::PerfMap));
    config.jit_dump(args.profile == Some(Profile::JitDump));
    config.exact_profile(is_counted(args));
    config.gc_torture(args.gc_torture);
    config.debug(args.debug || args.debug_listen.is_some() || args.trace.is_some());
    if args.trace.is_some() {
        // Every instruction is looked at.
        config.jit(Jit::Off);
    }
    config.metering(counts_instructions(args));
    if let Some(folder) = &args.cache {
        config.code_cache(match folder {
            None => default_cache()?,
            Some(folder) if folder.is_empty() => {
                return Err(Failure::usage("--cache=: no folder is named"));
            }
            Some(folder) => PathBuf::from(folder),
        });
    }
    if let Some(bytes) = args.max_memory {
        // A user who sets a limit wants to know that it was reached.
        config.max_memory_bytes(bytes).limits_trap(true);
    }
    config.database_limits(database_limits(args));
    if let Some(bytes) = args.max_stack {
        match usize::try_from(bytes) {
            Ok(bytes @ ..=Config::MAX_STACK_BYTES) => config.max_stack_bytes(bytes),
            _ => return Err(Failure::usage("--max-stack: the most is 16G")),
        };
    }
    Ok(config)
}

/// The native libraries that the program may use.
#[allow(
    unsafe_code,
    reason = "whoever runs a program answers for the native code that it may use"
)]
pub(super) fn libraries(args: &Run) -> Libraries {
    let mut libraries = Libraries::new();
    for name in &args.allow_ffi {
        // SAFETY: the user's promise; --help says what it is about.
        unsafe { libraries.allow(name) };
    }
    libraries
}

/// What the program may store in its database and ask of it.
fn database_limits(args: &Run) -> Limits {
    let mut limits = Limits::default();
    for &(limit, max) in &args.db_limits {
        let place = match limit {
            DbLimit::Key => &mut limits.key_bytes,
            DbLimit::Value => &mut limits.value_bytes,
            DbLimit::Transaction => &mut limits.transaction_bytes,
            DbLimit::Database => &mut limits.database_bytes,
            DbLimit::Sort => &mut limits.sort_bytes,
            DbLimit::Tables => &mut limits.tables,
            DbLimit::Indices => &mut limits.indices,
        };
        *place = max;
    }
    limits
}

/// Gives the program its database, which is opened when it is first used.
pub(super) fn database(store: &mut Store<WasiCtx>, args: &Run) -> Result {
    let named = args.db.as_deref();
    let path = match (named, &args.state) {
        (Some(path), _) => path.to_owned(),
        (None, Some(_)) => {
            let path = state::file(named)?;
            state::make_folder(named, &path)?;
            path
        }
        (None, None) => return Ok(()),
    };
    let mut options = Options::default();
    options.limits = database_limits(args);
    if let Some(timeout) = args.timeout {
        // Nobody waits for a server for longer than the program may take.
        options.connect = options.connect.min(timeout);
    }
    let place = Place::new(path);
    store.set_database_with(move || {
        place
            .open(options)
            .map_err(|error| format!("{place}: {error}").into())
    });
    Ok(())
}

/// Whether instructions are counted: where there is a limit, and by --verbose and --stats, unless native code may
/// come from a file. That was made not to count, most likely, and would not be used.
fn counts_instructions(args: &Run) -> bool {
    let may_have_code = args.cache.is_some() || is_named_compiled(args.file());
    let is_shown = args.verbose || args.stats.is_some();
    args.fuel.is_some() || is_counted(args) || args.trace.is_some() || is_shown && !may_have_code
}

/// Whether there is to be an exact profile.
fn is_counted(args: &Run) -> bool {
    matches!(args.profile, Some(Profile::Exact(_)))
}

/// The folder for what can be made again, as the XDG base directory specification has it.
fn default_cache() -> Result<PathBuf> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let caches = caches.ok_or_else(|| {
        Failure::usage(
            "--cache: neither XDG_CACHE_HOME nor HOME is set; name a folder: --cache=DIR",
        )
    })?;
    Ok(caches.join("dotvm"))
}

/// Sets the limits that count from now.
pub(super) fn limit(store: &mut Store<WasiCtx>, args: &Run) -> Result {
    if counts_instructions(args) {
        store
            .set_fuel(args.fuel.unwrap_or(u64::MAX))
            .map_err(Failure::new)?;
    }
    if let Some(timeout) = args.timeout {
        store.set_timeout(timeout).map_err(Failure::new)?;
    }
    Ok(())
}

/// Arguments, environment and folders, and the streams that somebody gives it.
pub(super) fn wasi(args: &Run, streams: impl FnOnce(&mut WasiCtxBuilder)) -> Result<WasiCtx> {
    let mut builder = WasiCtxBuilder::new();
    streams(&mut builder);
    arguments(&mut builder, args).map_err(Failure::usage)?;
    for variable in &args.env {
        environment_variable(&mut builder, variable).map_err(Failure::usage)?;
    }
    for dir in &args.dirs {
        directory(&mut builder, dir)?;
    }
    Ok(builder.build())
}

fn arguments(builder: &mut WasiCtxBuilder, args: &Run) -> Result<(), WasiError> {
    builder.arg(args.file().as_os_str().as_bytes())?;
    if args.invoke.is_none() {
        builder.args(args.args().iter().map(|arg| arg.as_bytes()))?;
    }
    Ok(())
}

fn environment_variable(builder: &mut WasiCtxBuilder, text: &OsStr) -> Result<(), WasiError> {
    let text = text.as_bytes();
    match text.iter().position(|&byte| byte == b'=') {
        Some(at) => {
            builder.env(&text[..at], &text[at + 1..])?;
        }
        None if text.is_empty() => {
            // The builder says what is wrong with that.
            builder.env(text, "")?;
        }
        None => {
            // One that is not set here is not set there, either.
            if let Some(value) = std::env::var_os(OsStr::from_bytes(text)) {
                builder.env(text, value.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// `HOST` or `HOST::GUEST`.
fn directory(builder: &mut WasiCtxBuilder, text: &OsStr) -> Result {
    let bytes = text.as_bytes();
    let separator = bytes.windows(2).position(|pair| pair == b"::");
    let (host, guest) = match separator {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, bytes),
    };
    let guest = str::from_utf8(guest).map_err(|_| {
        Failure::usage(format_args!(
            "--dir {}: the folder's name in the program is not UTF-8; give one behind `::`",
            text.display()
        ))
    })?;
    if host.is_empty() || guest.is_empty() {
        return Err(Failure::usage(format_args!(
            "--dir {:?}: a folder's name is empty",
            text.display().to_string()
        )));
    }
    let host = Path::new(OsStr::from_bytes(host));
    builder.preopened_dir(host, guest).map_err(Failure::new)?;
    Ok(())
}
