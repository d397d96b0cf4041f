//! The subcommands, a file each.

pub(crate) mod asm;
pub(crate) mod compile;
pub(crate) mod completion;
pub(crate) mod dap;
pub(crate) mod db;
pub(crate) mod debug;
pub(crate) mod disasm;
pub(crate) mod explore;
pub(crate) mod inspect;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod transpile;
pub(crate) mod verify;
pub(crate) mod wast;
