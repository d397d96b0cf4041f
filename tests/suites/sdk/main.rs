//! The guest SDK: its arithmetic and cryptography here, and programs that use it.

mod big_integers;
mod bigints;
mod crypto;
mod like_rust;
mod numbers;
mod programs;
mod vectors;
