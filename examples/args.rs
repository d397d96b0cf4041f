//! Prints its arguments, its environment variables in alphabetical order, and what it reads from
//! standard input, line by line.
//!
//! test-args: one two=2 größer --flag
//! env: GREETING=hello
//! env: EMPTY=
//! stdin: first line
//! stdin:
//! stdin: third line, größer

use std::io::BufRead;

fn main() -> std::io::Result<()> {
    // The name of the program itself depends on how it was started.
    for (index, argument) in std::env::args().enumerate().skip(1) {
        println!("argument {index}: {argument:?}");
    }
    let mut variables: Vec<(String, String)> = std::env::vars().collect();
    variables.sort();
    for (name, value) in &variables {
        println!("variable {name}: {value:?}");
    }
    for (number, line) in (1..).zip(std::io::stdin().lock().lines()) {
        println!("line {number}: {:?}", line?);
    }
    Ok(())
}
