//! Ends with an exit code of its own from deep inside of a recursion: `exit` does not return.
//!
//! exit: 42

fn main() {
    println!("looking for the answer");
    search(0);
    println!("not reached");
}

fn search(candidate: i32) {
    if candidate * (candidate + 1) == 1806 {
        println!("found it");
        std::process::exit(candidate);
    }
    search(candidate + 1);
    println!("not reached from {candidate}");
}
