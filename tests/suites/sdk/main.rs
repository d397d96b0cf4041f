//! The guest SDK: its arithmetic here, and programs that use it.

mod big_integers;
mod like_rust;
mod numbers;
mod programs;
mod vectors;
