//! Tells the crate that it is built for the machine, and which words that has: `DOTVM_WORDS` lists their types. The
//! `dotvm` command sets it for the Cargo projects that it builds.

fn main() {
    println!("cargo:rerun-if-env-changed=DOTVM_WORDS");
    println!("cargo:rerun-if-changed=build.rs");
    let words = match std::env::var("DOTVM_WORDS") {
        Ok(words) => words,
        Err(_) => return,
    };
    println!("cargo:rustc-cfg=dotvm");
    for word in words.split_whitespace() {
        println!("cargo:rustc-cfg=dotvm=\"{word}\"");
    }
}
