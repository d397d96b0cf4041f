//! Prints one line: the smallest program, used to measure start-up.

fn main() {
    println!("Hello, world!");
}
