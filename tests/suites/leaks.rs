//! Memory that stays the same however often native code traps: nothing else runs in this process
//! meanwhile.

#[path = "tiers/trapping.rs"]
mod trapping;

use dotvm::{Jit, Module};

use trapping::{TRAPPING, small_stack, trapping};

#[test]
fn traps_stores_and_modules_leave_nothing_behind() {
    a_hundred_thousand_traps();
    many_stores_and_modules();
}

fn a_hundred_thousand_traps() {
    let engine = small_stack(Jit::Eager, 1);
    let module = Module::from_text(&engine, TRAPPING).expect("text that is right");
    trapping(&engine, &module, 5_000);
    let before = resident_bytes();
    trapping(&engine, &module, 100_000);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
}

fn many_stores_and_modules() {
    let round = || {
        let engine = small_stack(Jit::Tiered, 1);
        let module = Module::from_text(&engine, TRAPPING).expect("text that is right");
        trapping(&engine, &module, 7);
    };
    (0..30).for_each(|_| round());
    let before = resident_bytes();
    (0..300).for_each(|_| round());
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
}

/// Memory of this process.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("the kernel says");
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number of pages") * 4096
}
