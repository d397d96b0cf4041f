//! Big integers through the machine's instructions, next to the library called natively. Prints medians of rounds that
//! take turns, of what has such a name: `-- mul powmod`.
//!
//! Moduli are odd. Natively, powers are computed by the faster of the library's two ways for the size.

use std::fmt::Write as _;
use std::hint::black_box;

use dashu_int::UBig;
use dashu_int::fast_div::ConstDivisor;
use dashu_int::monty::MontgomeryRepr;
use dotvm::{Linker, Module, Store};
use dotvm_bench::digits;
use dotvm_bench::guest::Tier;
use dotvm_bench::turns::compare;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// Bits of exponents: those of the longest powers would take minutes, and every step is like the others.
const EXPONENT_BITS: [usize; 3] = [1_000, 10_000, 1_000];

/// From so many bits on, the library is faster by division than by Montgomery's way.
const DIVISION_BITS: usize = 12_000;

fn dashu(bits: usize, seed: u64) -> UBig {
    UBig::from_str_radix(&digits(bits, seed), 16).expect("digits")
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

/// What calls an exported function of such a program.
fn caller(tier: Tier, name: &str, bits: usize, exponent_bits: usize) -> impl FnMut(u32) {
    let (mut store, instance) = start(tier, bits, exponent_bits);
    let func = instance.get_typed_func::<i32, ()>(&mut store, name);
    let func = func.expect("a function");
    move |count| func.call(&mut store, count as i32).expect("numbers")
}

fn main() {
    for (bits, count) in SIZES.into_iter().zip([10_000, 1_000, 300]) {
        let (a, b) = (dashu(bits, 1), dashu(bits, 2));
        let mut library = || {
            for _ in 0..count {
                black_box(black_box(&a) * black_box(&b));
            }
        };
        let [mut interpreted, mut native] = Tier::ALL.map(|tier| caller(tier, "mul", bits, 8));
        let (mut interpreted, mut native) = (|| interpreted(count), || native(count));
        let ways: [&mut dyn FnMut(); 3] = [&mut library, &mut interpreted, &mut native];
        compare(&format!("mul {bits}"), "dashu", count, ways);
    }
    for ((bits, exponent_bits), count) in SIZES.into_iter().zip(EXPONENT_BITS).zip([300, 1, 1]) {
        let (a, b, e) = (dashu(bits, 1), dashu(bits, 2), dashu(exponent_bits, 3));
        let mut library = || {
            for _ in 0..count {
                black_box(match bits < DIVISION_BITS {
                    true => {
                        let ring = MontgomeryRepr::new(black_box(a.clone()));
                        ring.reduce(b.clone()).pow(&e).residue()
                    }
                    false => {
                        let ring = ConstDivisor::new(black_box(a.clone()));
                        ring.reduce(b.clone()).pow(&e).residue()
                    }
                });
            }
        };
        let [mut interpreted, mut native] =
            Tier::ALL.map(|tier| caller(tier, "powmod", bits, exponent_bits));
        let (mut interpreted, mut native) = (|| interpreted(count), || native(count));
        let ways: [&mut dyn FnMut(); 3] = [&mut library, &mut interpreted, &mut native];
        compare(&format!("powmod {bits}"), "dashu", count, ways);
    }
}
