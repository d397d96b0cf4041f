//! Counts lines, words and characters of standard input and prints the most frequent words. The
//! argument is the number of words to print.
//!
//! test-args: 3
//! stdin: The cat sat on the mat; the dog didn't.
//! stdin:
//! stdin: A cat's life: eat, sleep, eat. Größe und große GRÖSSE.
//! stdin: The end of the cat, the dog and the mat.

mod count;

use count::Counts;
use std::io::{self, BufRead};

const DEFAULT_TOP: usize = 10;

fn main() -> io::Result<()> {
    let top = match std::env::args().nth(1) {
        None => DEFAULT_TOP,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the number of words must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    };

    let mut counts = Counts::default();
    for line in io::stdin().lock().lines() {
        counts.add_line(&line?);
    }
    println!(
        "{} lines, {} words, {} characters, {} different words",
        counts.lines(),
        counts.words(),
        counts.characters(),
        counts.different_words()
    );
    for (word, count) in counts.most_frequent(top) {
        println!("{count:6} {word}");
    }
    Ok(())
}
