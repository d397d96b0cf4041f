//! Big integers: two libraries next to each other, and the machine's instructions next to the library called
//! natively.
//!
//! Moduli are odd. Natively, powers are computed by the faster of the library's two ways for the size.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use dashu_int::UBig;
use dashu_int::fast_div::ConstDivisor;
use dashu_int::monty::MontgomeryRepr;
use dashu_int::ops::{DivRem, Gcd};
use dotvm::{Linker, Module, Store};
use dotvm_bench::guest::Tier;
use num_bigint::BigUint;
use num_integer::Integer;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// Exponents of the longest powers: a whole one would take minutes, and every step is like the others.
const EXPONENT_BITS_MAX: usize = 10_000;

/// From so many bits on, the library is faster by division than by Montgomery's way.
const DIVISION_BITS: usize = 12_000;

/// An odd number of so many bits, the same for each seed.
fn digits(bits: usize, seed: u64) -> String {
    let mut state = seed;
    let mut text = String::from("f");
    while text.len() * 4 < bits {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let left = (bits / 4 - text.len()).min(8);
        let part = format!("{:08x}", state >> 32 | 1);
        text += &part[8 - left..];
    }
    text
}

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

/// A program with numbers in globals, and functions that compute with them so many times.
fn start(tier: Tier, bits: usize, exponent_bits: usize) -> (Store<()>, dotvm::Instance) {
    let mut text = ".memory 4\n".to_owned();
    let numbers = [
        ("a", digits(bits, 1)),
        ("b", digits(bits, 2)),
        ("e", digits(exponent_bits, 3)),
    ];
    let mut init = String::new();
    for (i, (name, digits)) in numbers.iter().enumerate() {
        let (at, len) = (i << 16, digits.len());
        write!(
            text,
            ".global ${name} mut anyref = ref.null anyref\n.data at {at} \"{digits}\"\n"
        )
        .expect("written");
        write!(
            init,
            "i32.push {at}\ni32.push {len}\ni32.push 16\nbig.from_text\nglobal.set ${name}\n"
        )
        .expect("written");
    }
    write!(
        text,
        ".export \"init\" func $init\n.func $init\n{init}ret\n.end\n"
    )
    .expect("written");
    for (name, body) in [
        ("mul", "local.get $a\nlocal.get $b\nbig.mul\npop\n"),
        (
            "powmod",
            "local.get $b\nglobal.get $e\nlocal.get $a\nbig.powmod\npop\n",
        ),
    ] {
        write!(
            text,
            ".export \"{name}\" func ${name}\n.func ${name} (i32 $n)\n.local anyref $a $b\n\
             global.get $a\nlocal.set $a\nglobal.get $b\nlocal.set $b\nmore:\nloop\n{body}\
             local.get $n\ni32.push 1\ni32.sub\nlocal.tee $n\njnz more\nret\n.end\n"
        )
        .expect("written");
    }
    let engine = tier.engine();
    let module = Module::from_text(&engine, &text).unwrap_or_else(|error| panic!("{error}"));
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    let instance = instance.expect("nothing is imported");
    let init = instance.get_typed_func::<(), ()>(&mut store, "init");
    let init = init.expect("a function");
    init.call(&mut store, ()).expect("numbers");
    (store, instance)
}

/// Products and powers through the instructions, so many at a time, and natively.
fn instructions(c: &mut Criterion) {
    for (bits, count) in SIZES.into_iter().zip([1_000, 100, 10]) {
        let mut group = c.benchmark_group(format!("mul/{bits}"));
        brief(&mut group);
        let (a, b) = (dashu(bits, 1), dashu(bits, 2));
        group.bench_function("library", |t| {
            t.iter(|| {
                for _ in 0..count {
                    black_box(black_box(&a) * black_box(&b));
                }
            });
        });
        for tier in Tier::ALL {
            let (mut store, instance) = start(tier, bits, 8);
            let func = instance.get_typed_func::<i32, ()>(&mut store, "mul");
            let func = func.expect("a function");
            group.bench_function(tier.name(), |t| {
                t.iter(|| func.call(&mut store, count).expect("products"));
            });
        }
    }
    for bits in SIZES {
        let exponent_bits = bits.min(EXPONENT_BITS_MAX);
        let mut group = c.benchmark_group(format!("powmod/{bits}"));
        brief(&mut group);
        let (a, b, e) = (dashu(bits, 1), dashu(bits, 2), dashu(exponent_bits, 3));
        group.bench_function("library", |t| {
            t.iter(|| match bits < DIVISION_BITS {
                true => {
                    let ring = MontgomeryRepr::new(black_box(a.clone()));
                    ring.reduce(b.clone()).pow(&e).residue()
                }
                false => {
                    let ring = ConstDivisor::new(black_box(a.clone()));
                    ring.reduce(b.clone()).pow(&e).residue()
                }
            });
        });
        for tier in Tier::ALL {
            let (mut store, instance) = start(tier, bits, exponent_bits);
            let func = instance.get_typed_func::<i32, ()>(&mut store, "powmod");
            let func = func.expect("a function");
            group.bench_function(tier.name(), |t| {
                t.iter(|| func.call(&mut store, 1).expect("a power"));
            });
        }
    }
}

criterion_group!(benches, libraries, instructions);
criterion_main!(benches);
