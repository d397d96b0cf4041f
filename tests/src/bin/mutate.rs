//! Runs mutated modules: `mutate [COUNT] [SEED]`. Prints how far they got; a panic is a finding, and
//! names the module by its number.

use dotvm_tests::fuzzing::{Random, Verdict, mutate, run, run_tiers, seeds};

/// One in so many modules also runs in native code, which takes far longer to make than to run.
const TIERS_EVERY: u64 = 64;

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .map(|arg| arg.parse::<u64>().expect("a number"));
    let count = args.next().unwrap_or(100_000);
    let first = args.next().unwrap_or(0);
    let seeds = seeds();
    let mut verdicts = [0u64; 3];
    for i in 0..count {
        let mut random = Random(first.wrapping_add(i));
        let module = mutate(&seeds[random.below(seeds.len())], &mut random);
        let body = if i % TIERS_EVERY == 0 { run_tiers } else { run };
        let verdict = std::panic::catch_unwind(|| body(&module)).unwrap_or_else(|_| {
            panic!("module {} panicked: mutate 1 {}", i, first.wrapping_add(i))
        });
        verdicts[match verdict {
            Verdict::Refused => 0,
            Verdict::Lazy => 1,
            Verdict::Ran => 2,
        }] += 1;
    }
    let [refused, lazy, ran] = verdicts;
    println!(
        "{count} modules: {refused} refused, {lazy} with a bad function, {ran} verified and ran"
    );
}
