//! The machine's own memory and the door to guest code: the only unsafe part of this crate.
//!
//! Everything that handlers and machine code reach through raw pointers is owned here: linear
//! memories ([`memory`]), the stack ([`stack`]), tables, globals and function references, and the
//! instances' contexts that point to them ([`instance`]). [`entry`] runs guest code, [`libcalls`]
//! is what guest code calls back, [`ops`] what those calls mean.
//!
//! The rule that makes it sound: guest code runs only inside [`entry::call`], which borrows the
//! whole store exclusively for that time. Whoever holds a reference into the store therefore
//! knows that no handler is running; a libcall, which borrows the store anew from the pointer
//! `entry` left, knows that its handler waits for it and touches nothing meanwhile.

#![allow(
    unsafe_code,
    reason = "memory that handlers and machine code reach through raw pointers is managed here"
)]

pub(crate) mod alloc_places;
pub(crate) mod backtrace;
pub(crate) mod code;
pub(crate) mod core_frames;
pub(crate) mod debug;
pub(crate) mod entry;
pub(crate) mod exceptions;
pub(crate) mod foreign;
pub(crate) mod funcs;
pub(crate) mod gc;
pub(crate) mod heap;
pub(crate) mod image;
pub(crate) mod instance;
pub(crate) mod libcalls;
pub(crate) mod mapping;
pub(crate) mod memory;
pub(crate) mod native;
pub(crate) mod objects;
pub(crate) mod ops;
pub(crate) mod pinned;
pub(crate) mod sample;
pub(crate) mod stack;
pub(crate) mod table;
