//! The guest SDK: its arithmetic, cryptography and databases here, and programs that use it.

mod big_integers;
mod bigints;
mod crypto;
mod database;
mod like_rust;
mod numbers;
mod programs;
mod vectors;
