//! Words of 128, 256 and 512 bits: loops in which each step needs the one before, in time per step, next to
//! the same loops in Rust, over ruint's numbers or `u128`. All must give the same number.

use std::hint::black_box;
use std::time::Instant;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use dotvm::{Engine, Func, Linker, Module, Store, Val};
use dotvm_bench::guest::Tier;
use ruint::Uint;

/// A loop: its name, and a step as instructions, which changes the local `$x` and may use `$y` and `$m`. There
/// are HALF for half the width.
const LOOPS: [(&str, &str); 8] = [
    (
        "add",
        "local.get $x, local.get $y, add, local.tee $x, local.get $y, add, local.set $y",
    ),
    (
        "sub",
        "local.get $x, local.get $y, sub, local.tee $x, local.get $y, swap, sub, local.set $y",
    ),
    (
        "mul",
        "local.get $x, local.get $y, mul, local.tee $x, local.get $y, mul, local.set $y",
    ),
    (
        "mix",
        "local.get $x, i32.push 13, shl, local.get $x, xor, local.tee $x, i32.push 7, shr_u, local.get $x, xor,
         local.tee $x, local.get $m, and, local.get $y, lt_u, extend_i32_u, local.get $x, add, local.set $x",
    ),
    (
        "div",
        "local.get $y, local.get $x, i32.push HALF, shr_u, push 1, or, div_u,
         local.get $x, i32.push HALF, shl, xor, local.get $m, xor, local.set $x",
    ),
    (
        "mod",
        "local.get $y, local.get $x, i32.push HALF, shr_u, push 1, or, mod_u,
         local.get $x, i32.push HALF, shl, xor, local.get $m, xor, local.set $x",
    ),
    ("mulmod", "local.get $x, local.get $y, local.get $m, mulmod, local.set $x"),
    ("exp", "local.get $x, local.get $m, i32.push HALF, shr_u, push 1, or, exp, local.set $x"),
];

/// What Rust does in each of the loops.
fn native<const BITS: usize, const LIMBS: usize>(
    name: &str,
    n: u64,
    mut x: Uint<BITS, LIMBS>,
    mut y: Uint<BITS, LIMBS>,
    m: Uint<BITS, LIMBS>,
) -> Uint<BITS, LIMBS> {
    let one = Uint::ONE;
    match name {
        "add" => (0..n).for_each(|_| {
            x = x.wrapping_add(y);
            y = x.wrapping_add(y);
        }),
        "sub" => (0..n).for_each(|_| {
            x = x.wrapping_sub(y);
            y = y.wrapping_sub(x);
        }),
        "mul" => (0..n).for_each(|_| {
            x = x.wrapping_mul(y);
            y = x.wrapping_mul(y);
        }),
        "mix" => (0..n).for_each(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x = x.wrapping_add(Uint::from(u8::from(x & m < y)));
        }),
        "div" => (0..n).for_each(|_| {
            x = y.wrapping_div(x >> (BITS / 2) | one) ^ (x << (BITS / 2)) ^ m;
        }),
        "mod" => (0..n).for_each(|_| {
            x = y.wrapping_rem(x >> (BITS / 2) | one) ^ (x << (BITS / 2)) ^ m;
        }),
        "mulmod" => (0..n).for_each(|_| x = x.mul_mod(y, m)),
        _ => (0..n).for_each(|_| x = x.pow(m >> (BITS / 2) | one)),
    }
    x
}

/// The same over `u128`, where Rust has that.
fn native_u128(name: &str, n: u64, mut x: u128, mut y: u128, m: u128) -> Option<u128> {
    match name {
        "add" => (0..n).for_each(|_| {
            x = x.wrapping_add(y);
            y = x.wrapping_add(y);
        }),
        "sub" => (0..n).for_each(|_| {
            x = x.wrapping_sub(y);
            y = y.wrapping_sub(x);
        }),
        "mul" => (0..n).for_each(|_| {
            x = x.wrapping_mul(y);
            y = x.wrapping_mul(y);
        }),
        "mix" => (0..n).for_each(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x = x.wrapping_add(u128::from(x & m < y));
        }),
        "div" => (0..n).for_each(|_| x = (y / (x >> 64 | 1)) ^ (x << 64) ^ m),
        "mod" => (0..n).for_each(|_| x = (y % (x >> 64 | 1)) ^ (x << 64) ^ m),
        _ => return None,
    }
    Some(x)
}

/// The loops of a width as a program.
fn program(bits: usize) -> String {
    let mut text = format!(".arch arch{bits}\n");
    for (name, step) in LOOPS {
        let step = step
            .replace("HALF", &(bits / 2).to_string())
            .replace(',', "\n");
        text += &format!(
            ".export \"{name}\" func ${name}\n\
             .func ${name} (i64 $n, i{bits} $x, i{bits} $y, i{bits} $m) -> i{bits}\n\
             again:\n loop\n {step}\n local.get $n\n i64.push 1\n i64.sub\n local.tee $n\n i64.eqz\n jz again\n\
             local.get $x\n ret\n.end\n"
        );
    }
    text
}

/// The value with these limbs.
fn value(limbs: &[u64]) -> Val {
    match *limbs {
        [low, high] => Val::I128((u128::from(low) | u128::from(high) << 64).cast_signed()),
        [a, b, c, d] => Val::I256([a, b, c, d]),
        _ => Val::I512(limbs.try_into().expect("eight limbs")),
    }
}

/// Operands: a number, an odd one, and a modulus.
fn operands<const BITS: usize, const LIMBS: usize>() -> [Uint<BITS, LIMBS>; 3] {
    let mut state = 0x0123_4567_89ab_cdef_u64;
    [0, 1, 2].map(|_| {
        let mut number = Uint::from_limbs(std::array::from_fn(|_| {
            state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ 0x55;
            state
        }));
        number.set_bit(0, true);
        number
    })
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut run: impl FnMut(u64) -> Val,
    wanted: &Val,
) {
    assert_eq!(run(1000).to_string(), wanted.to_string(), "{name}");
    group.bench_function(name, |b| {
        b.iter_custom(|iters| {
            let start = Instant::now();
            black_box(run(iters));
            start.elapsed()
        });
    });
}

fn width<const BITS: usize, const LIMBS: usize>(c: &mut Criterion) {
    let [x, y, m] = operands::<BITS, LIMBS>();
    for (name, _) in LOOPS {
        let mut group = c.benchmark_group(format!("{name} of {BITS} bits"));
        let native = |n| {
            let result = native(name, n, black_box(x), black_box(y), black_box(m));
            value(result.as_limbs())
        };
        let wanted = native(1000);
        measure(&mut group, "ruint", native, &wanted);
        let narrow = |of: Uint<BITS, LIMBS>| u128::try_from(of & Uint::from(u128::MAX));
        if let (128, [Ok(x), Ok(y), Ok(m)]) = (BITS, [x, y, m].map(narrow))
            && native_u128(name, 1, x, y, m).is_some()
        {
            let native = |n| {
                let result = native_u128(name, n, black_box(x), black_box(y), black_box(m));
                Val::from(result.expect("there is one"))
            };
            measure(&mut group, "u128", native, &wanted);
        }
        for tier in Tier::ALL {
            let engine: Engine = tier.engine();
            let module = Module::from_text(&engine, &program(BITS)).expect("a program");
            let mut store = Store::new(&engine, ());
            let instance = Linker::new(&engine)
                .instantiate(&mut store, &module)
                .expect("it starts");
            let func: Func = instance.get_func(&mut store, name).expect("it is exported");
            let args = [x, y, m].map(|number| value(number.as_limbs()));
            let run = |n: u64| {
                let args: Vec<Val> = [Val::from(n)].into_iter().chain(args).collect();
                func.call(&mut store, &args).expect("it returns").remove(0)
            };
            measure(&mut group, tier.name(), run, &wanted);
        }
        group.finish();
    }
}

criterion_group!(benches, width::<128, 2>, width::<256, 4>, width::<512, 8>);
criterion_main!(benches);
