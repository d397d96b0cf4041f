//! The bodies of the fuzz targets, each for about a second.

use std::time::{Duration, Instant};

use dotvm_tests::fuzzing::{Random, Verdict, mutate, run, run_tiers, seeds};

/// Calls `body` with numbered random sources until time is up.
fn for_a_second(mut body: impl FnMut(&mut Random)) {
    let end = Instant::now() + Duration::from_secs(1);
    let mut i = 0;
    while Instant::now() < end {
        body(&mut Random(i));
        i += 1;
    }
    assert!(i > 10, "only {i} rounds in a second");
}

#[test]
fn run_what_verifies() {
    let seeds = seeds();
    let mut ran = 0;
    for_a_second(|random| {
        let module = mutate(&seeds[random.below(seeds.len())], random);
        ran += u32::from(run(&module) == Verdict::Ran);
    });
    assert!(
        ran > 0,
        "no mutated module passed verification: the test tests nothing"
    );
}

#[test]
fn run_what_verifies_in_every_tier() {
    let seeds = seeds();
    for_a_second(|random| {
        let module = mutate(&seeds[random.below(seeds.len())], random);
        run_tiers(&module);
    });
}

#[test]
fn decode_and_verify() {
    let seeds = seeds();
    for_a_second(|random| {
        let module = mutate(&seeds[random.below(seeds.len())], random);
        dotvm::isa::fuzzing::decode_and_verify(&module);
    });
}
