//! Chooses how the interpreter dispatches.
//!
//! `dotvm_tail_dispatch` is set where handlers jump to each other by sibling calls: on targets
//! whose calling convention passes all of the machine's registers in registers, and only in
//! optimized builds, since without optimization a sibling call is an ordinary call and the native
//! stack would grow with every instruction.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(dotvm_tail_dispatch)");
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let optimized = matches!(var("OPT_LEVEL").as_str(), "2" | "3");
    let portable = std::env::var_os("CARGO_FEATURE_PORTABLE_DISPATCH").is_some();
    if optimized && !portable && var("CARGO_CFG_TARGET_ARCH") == "x86_64" {
        println!("cargo::rustc-cfg=dotvm_tail_dispatch");
    }
}
