//! Big integers: two libraries next to each other. Moduli are odd.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use dashu_int::UBig;
use dashu_int::fast_div::ConstDivisor;
use dashu_int::monty::MontgomeryRepr;
use dashu_int::ops::{DivRem, Gcd};
use dotvm_bench::digits;
use num_bigint::BigUint;
use num_integer::Integer;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

fn dashu(bits: usize, seed: u64) -> UBig {
    UBig::from_str_radix(&digits(bits, seed), 16).expect("digits")
}

fn num(bits: usize, seed: u64) -> BigUint {
    BigUint::parse_bytes(digits(bits, seed).as_bytes(), 16).expect("digits")
}

/// Operations of both libraries.
fn libraries(c: &mut Criterion) {
    for bits in SIZES {
        let mut group = c.benchmark_group(format!("libraries/{bits}"));
        brief(&mut group);
        let (a, b) = (dashu(bits, 1), dashu(bits, 2));
        let (twice, text) = (&a * &b + 1u8, a.to_string());
        group.bench_function("add/dashu", |t| t.iter(|| black_box(&a) + black_box(&b)));
        group.bench_function("mul/dashu", |t| t.iter(|| black_box(&a) * black_box(&b)));
        group.bench_function("divrem/dashu", |t| {
            t.iter(|| black_box(&twice).div_rem(black_box(&a)));
        });
        group.bench_function("gcd/dashu", |t| t.iter(|| black_box(&a).gcd(black_box(&b))));
        group.bench_function("to_text/dashu", |t| t.iter(|| black_box(&a).to_string()));
        group.bench_function("from_text/dashu", |t| {
            t.iter(|| UBig::from_str_radix(black_box(&text), 10));
        });
        let exponent = dashu(bits.min(1_000), 3);
        group.bench_function("powmod/dashu", |t| {
            t.iter(|| {
                let ring = MontgomeryRepr::new(a.clone());
                ring.reduce(black_box(b.clone())).pow(&exponent).residue()
            });
        });
        group.bench_function("powmod/dashu-division", |t| {
            t.iter(|| {
                let ring = ConstDivisor::new(a.clone());
                ring.reduce(black_box(b.clone())).pow(&exponent).residue()
            });
        });
        let (a, b) = (num(bits, 1), num(bits, 2));
        let (twice, exponent) = (&a * &b + 1u8, num(bits.min(1_000), 3));
        group.bench_function("add/num", |t| t.iter(|| black_box(&a) + black_box(&b)));
        group.bench_function("mul/num", |t| t.iter(|| black_box(&a) * black_box(&b)));
        group.bench_function("divrem/num", |t| {
            t.iter(|| black_box(&twice).div_rem(black_box(&a)));
        });
        if bits < 100_000 {
            // What takes quadratic time with a large factor takes seconds.
            group.bench_function("gcd/num", |t| t.iter(|| black_box(&a).gcd(black_box(&b))));
        }
        group.bench_function("to_text/num", |t| t.iter(|| black_box(&a).to_str_radix(10)));
        group.bench_function("from_text/num", |t| {
            t.iter(|| BigUint::parse_bytes(black_box(text.as_bytes()), 10));
        });
        group.bench_function("powmod/num", |t| {
            t.iter(|| black_box(&b).modpow(&exponent, black_box(&a)));
        });
    }
}

fn brief(group: &mut BenchmarkGroup<'_, WallTime>) {
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
}

criterion_group!(benches, libraries);
criterion_main!(benches);
