//! What programs for DotVM import: integers of 128, 256 and 512 bits, [vectors](simd), [integers of any
//! size](bigint), [cryptography](crypto), and databases (`db`, with the feature `std`).
//!
//! ```
//! use dotvm_sdk::{u256, U256};
//!
//! let prime = u256!(0xffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000001);
//! let square = U256::from(3u64).pow_mod(U256::from(2u64), prime);
//! assert_eq!(square, U256::from(9u64));
//! assert_eq!("1_000_000".parse(), Ok(u256!(1000000)));
//! ```
//!
//! The types have what Rust's own integers have: operators that panic on overflow where debug assertions
//! are on and wrap around otherwise, `checked_`, `wrapping_`, `overflowing_` and `saturating_` methods,
//! conversions, parsing and formatting; and what arithmetic on wide numbers needs: carries, whole
//! products, arithmetic modulo a number. Traits to write code for any of them, Rust's included, are in
//! [`num`]. Vectors are in [`simd`].
//!
//! There are two implementations of the arithmetic. `portable` is for any target, so that programs are
//! tested where they are written. `machine` is for the virtual machine: operations are calls of imports, which
//! the transpiler replaces by the machine's instructions. It is chosen for `wasm32` where the compiler is
//! told which words there are (`--cfg dotvm --cfg 'dotvm="i256"'`), as the `dotvm` command does.

#![no_std]
#![cfg_attr(not(all(target_arch = "wasm32", dotvm)), forbid(unsafe_code))]
#![cfg_attr(all(target_arch = "wasm32", dotvm), deny(unsafe_code))]
#![warn(missing_docs, unreachable_pub)]
// Newer compilers are not told of `dotvm`, since telling them makes older ones complain.
#![allow(unknown_lints, unexpected_cfgs)]
// Reasons for exceptions from lints are comments: Rust 1.63 has no others.
#![allow(clippy::allow_attributes_without_reason)]
// Limbs are numbered: the same index is meant in several arrays.
#![allow(clippy::needless_range_loop)]
// What these would have instead is newer than Rust 1.63.
#![allow(clippy::manual_div_ceil)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[macro_use]
mod integer;

pub mod bigint;
mod convert;
pub mod crypto;
#[cfg(feature = "std")]
pub mod db;
mod error;

mod format;
mod int;
#[cfg(all(target_arch = "wasm32", dotvm))]
mod machine;
pub mod num;
mod ops;
mod parse;
mod portable;
pub mod simd;
mod uint;

/// The arithmetic that this build uses.
#[cfg(all(
    target_arch = "wasm32",
    any(dotvm = "i128", dotvm = "i256", dotvm = "i512")
))]
use machine::words as kernel;
#[cfg(not(all(
    target_arch = "wasm32",
    any(dotvm = "i128", dotvm = "i256", dotvm = "i512")
)))]
use portable as kernel;

pub use error::{ParseIntError, TryFromIntError};
pub use int::{Int, I128, I256, I512};
pub use uint::{Uint, U128, U256, U512};

/// The most limbs of a number.
const MAX_LIMBS: usize = 8;
