//! Tells the crate which words the machine has that it is built for: `DOTVM_WORDS` lists their types. The
//! `dotvm` command sets it for the Cargo projects that it builds.

fn main() {
    println!("cargo:rerun-if-env-changed=DOTVM_WORDS");
    println!("cargo:rerun-if-changed=build.rs");
    let words = std::env::var("DOTVM_WORDS").unwrap_or_default();
    for word in words.split_whitespace() {
        println!("cargo:rustc-cfg=dotvm");
        println!("cargo:rustc-cfg=dotvm=\"{word}\"");
    }
}
