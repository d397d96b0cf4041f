//! Big integers: random cases against num-bigint, numbers that primes are mistaken for, operands that are too
//! large or none, limits of memory and time.

use std::time::{Duration, Instant};

use dotvm::isa::ops::Service;
use dotvm::{AnyRef, Config, Engine, Error, Jit, Linker, Module, Store, TrapCode, ValType};
use dotvm_tests::bigints::{Both, Outcome, check, check_conversions, operations, reference};
use num_bigint::{BigInt, BigUint};

/// Cases of each operation; `cargo run --release -p dotvm-tests --bin bigints -- N` takes more.
const CASES: usize = 100;

#[test]
fn random_cases() {
    let mut both = Both::new(false);
    for service in operations() {
        check(&mut both, service, CASES, 2);
    }
}

#[test]
fn random_conversions() {
    check_conversions(&mut Both::new(false), 300, 3);
}

/// With a collection wherever there may be one.
#[test]
fn nothing_in_use_is_collected() {
    let mut both = Both::new(true);
    for service in operations() {
        check(&mut both, service, 12, 4);
    }
    check_conversions(&mut both, 20, 5);
}

fn number(text: &str) -> BigInt {
    text.parse().expect("a number")
}

/// Whether both tiers say that it is a prime.
fn is_prime(both: &mut Both, number: &BigInt) -> bool {
    let found = both.outcome("big.is_prime", std::slice::from_ref(number), 0, false);
    found == Outcome::Number(1)
}

#[test]
fn primes_and_what_is_like_them() {
    let mut both = Both::new(false);
    let sieve = |n: u32| (2..n).all(|factor| !n.is_multiple_of(factor)) && n >= 2;
    for n in (0..1_500).chain(63_000..63_020) {
        assert_eq!(is_prime(&mut both, &n.into()), sieve(n), "{n}");
    }
    // Strong pseudoprimes to the base 2, to the first primes, numbers of Carmichael, pseudoprimes of Lucas, and
    // squares of the primes of Wieferich.
    for composite in [
        "2047",
        "3277",
        "4033",
        "1194649",
        "12327121",
        "3215031751",
        "341550071728321",
        "3825123056546413051",
        "318665857834031151167461",
        "3317044064679887385961981",
        "561",
        "6601",
        "825265",
        "1436697831295441",
        "989",
        "3239",
        "5777",
        "10877",
        "27971",
        "29681",
        "72389",
        "73919",
        "-7",
    ] {
        assert!(!is_prime(&mut both, &number(composite)), "{composite}");
    }
    for exponent in [31, 61, 89, 127, 521, 607, 1279] {
        let mersenne = (BigInt::from(1) << exponent) - 1;
        assert!(is_prime(&mut both, &mersenne), "2^{exponent} - 1");
        let square = &mersenne * &mersenne;
        assert!(!is_prime(&mut both, &square));
        let other = (BigInt::from(1) << 127) - 1;
        assert!(!is_prime(&mut both, &(mersenne * other)));
    }
    // The least prime above 2^64, and the primes of two curves.
    for prime in [
        "18446744073709551629",
        "57896044618658097711785492504343953926634992332820282019728792003956564819949",
        "115792089237316195423570985008687907853269984665640564039457584007908834671663",
    ] {
        assert!(is_prime(&mut both, &number(prime)), "{prime}");
    }
}

/// A power whose modulus is so large that it is computed in steps, for each way to compute it.
#[test]
fn powers_in_steps() {
    let mut both = Both::new(false);
    let random = |seed: u64, bits: u32| {
        let digits =
            (0..bits.div_ceil(32)).map(|i| (seed.wrapping_mul(u64::from(i) * 2 + 1) >> 7) as u32);
        BigInt::from(BigUint::new(digits.collect()))
    };
    for (bits, exponent_bits) in [(4_200, 1_600), (12_400, 320)] {
        let base = random(0x9e37_79b9_7f4a_7c15, bits + 100);
        let exponent = random(0xbf58_476d_1ce4_e5b9, exponent_bits);
        for odd in [0, 1] {
            let modulus: BigInt = (random(0x94d0_49bb_1331_11eb, bits) >> 1 << 1) + odd;
            let operands = [base.clone(), exponent.clone(), modulus];
            let found = both.outcome("big.powmod", &operands, 0, true);
            assert_eq!(found, reference(Service::BigPowMod, &operands, 0));
        }
    }
}

#[test]
fn text_that_is_no_number() {
    let mut both = Both::new(false);
    for (text, radix) in [
        ("", 10),
        ("-", 10),
        ("+", 16),
        ("--1", 10),
        ("+-1", 10),
        ("1_000", 10),
        (" 1", 10),
        ("1 ", 10),
        ("12", 2),
        ("1g", 16),
        ("0x1", 16),
        ("1.", 10),
        ("\u{0661}", 10),
        ("1\0", 10),
    ] {
        let found = both.call("from_text", &[text.as_bytes().to_vec()], radix);
        assert_eq!(found, Ok((-1, &[][..])), "{text:?}");
    }
    for (text, radix, value) in [
        ("-0", 10, 0),
        ("+7", 8, 7),
        ("-Zz", 36, -1295),
        ("0000", 2, 0),
        ("-00012", 3, -5),
    ] {
        let (_, bytes) = both
            .call("from_text", &[text.into()], radix)
            .expect("a number");
        assert_eq!(
            BigInt::from_signed_bytes_le(bytes),
            value.into(),
            "{text:?}"
        );
    }
    for radix in [0, 1, 37, u32::MAX] {
        let invalid = Err(TrapCode::InvalidArgument);
        assert_eq!(both.call("from_text", &[b"1".to_vec()], radix), invalid);
        assert_eq!(both.call("to_text", &[vec![1]], radix), invalid);
    }
}

/// A program that asks for what its first argument says, of numbers of `2^n + 1`, in a tier.
fn large(
    jit: Jit,
    configure: impl FnOnce(&mut Config) -> &mut Config,
) -> (Store<()>, dotvm::Instance) {
    let mut config = Config::new();
    config.jit(jit).jit_threshold(1);
    configure(&mut config);
    let engine = Engine::new(&config);
    let mut text = String::new();
    for (name, operation) in [
        ("shl", "big.shl"),
        ("pow", "big.pow"),
        ("mul", "big.from_i32\nlocal.get $a\nbig.mul"),
        (
            "gcd",
            "pop\nlocal.get $a\nlocal.get $a\ni32.push 1\nbig.shr\nbig.gcd",
        ),
        (
            "invmod",
            "pop\ni32.push 3\nbig.from_i32\nlocal.get $a\nbig.invmod",
        ),
        (
            "powmod",
            "pop\nlocal.get $a\nlocal.get $a\nlocal.get $a\nbig.not\nbig.powmod",
        ),
        ("root", "big.root"),
        ("lcm", "pop\nlocal.get $a\ni32.push 1\nbig.shr\nbig.lcm"),
    ] {
        text += &format!(
            ".export \"{name}\" func ${name}\n.func ${name} (i32 $n, i32 $m) -> i32\n.local anyref $a\n\
             i32.push 1\nbig.from_i32\nlocal.tee $a\nlocal.get $n\nbig.shl\nlocal.get $a\nbig.or\n\
             local.tee $a\nlocal.get $m\n{operation}\nbig.bits\nret\n.end\n"
        );
    }
    // Makes ever more numbers, and keeps them all, or none.
    text += ".table $kept anyref 0\n.export \"keep\" func $keep\n.func $keep (i32 $n, i32 $m) -> i32\nmore:\nloop\n\
             i32.push 1\nbig.from_i32\nlocal.get $n\nbig.shl\ni32.push 1\ntable.grow $kept\npop\njmp more\n.end\n\
             .export \"drop\" func $drop\n.func $drop (i32 $n, i32 $m) -> i32\nmore:\nloop\n\
             i32.push 1\nbig.from_i32\nlocal.get $n\nbig.shl\npop\nlocal.get $m\ni32.push 1\ni32.sub\nlocal.tee $m\n\
             jnz more\ni32.push 0\nret\n.end\n";
    let module = Module::from_text(&engine, &text).unwrap_or_else(|error| panic!("{error}"));
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    (store, instance.expect("nothing is imported"))
}

const TIERS: [Jit; 2] = [Jit::Off, Jit::Eager];

fn call(
    store: &mut Store<()>,
    instance: &dotvm::Instance,
    name: &str,
    args: (i32, i32),
) -> Result<i32, TrapCode> {
    let func = instance.get_typed_func::<(i32, i32), i32>(&mut *store, name);
    let result = func.expect("a function").call(store, args);
    result.map_err(|error: Error| error.trap_code().unwrap_or_else(|| panic!("{error}")))
}

#[test]
fn sizes_end_somewhere() {
    const BITS_MAX: i32 = 1 << 24;
    for jit in TIERS {
        let (mut store, instance) = large(jit, |config| config);
        let mut call = |name, args| call(&mut store, &instance, name, args);
        let (overflow, invalid) = (
            Err(TrapCode::IntegerOverflow),
            Err(TrapCode::InvalidArgument),
        );
        assert_eq!(call("shl", (10, BITS_MAX - 11)), Ok(BITS_MAX));
        assert_eq!(call("shl", (10, BITS_MAX - 10)), overflow);
        assert_eq!(call("shl", (10, -1)), overflow);
        assert_eq!(call("pow", (1, -1)), overflow);
        assert_eq!(call("pow", (100, 100_000)), Ok(10_000_001));
        assert_eq!(call("pow", (100, 200_000)), overflow);
        assert_eq!(call("mul", (BITS_MAX - 2, 3)), Ok(BITS_MAX));
        assert_eq!(call("mul", (BITS_MAX - 1, 1 << 30)), overflow);
        assert_eq!(call("gcd", (1 << 19, 0)), Ok(1));
        assert_eq!(call("gcd", (1 << 23, 0)), invalid);
        assert_eq!(call("lcm", (1 << 23, 0)), invalid);
        assert_eq!(call("invmod", (1 << 23, 0)), invalid);
        assert_eq!(call("root", (1 << 20, 2)), Ok((1 << 19) + 1));
        assert_eq!(call("root", (BITS_MAX - 2, 2)), invalid);
    }
}

/// What takes longer than there is time stops when it is over, and soon after.
#[test]
fn time_is_limited() {
    for jit in TIERS {
        let (mut store, instance) = large(jit, |config| config);
        store
            .set_timeout(Duration::from_millis(300))
            .expect("it can be stopped");
        let start = Instant::now();
        let result = call(&mut store, &instance, "powmod", (1 << 20, 0));
        assert_eq!(result, Err(TrapCode::Timeout));
        let took = start.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[test]
fn fuel_is_charged_before_anything_is_done() {
    for jit in TIERS {
        let (mut store, instance) = large(jit, |config| config.metering(true));
        store.set_fuel(1 << 30).expect("with metering");
        let start = Instant::now();
        let result = call(&mut store, &instance, "powmod", (1 << 22, 0));
        assert_eq!(result, Err(TrapCode::OutOfFuel));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn memory_is_limited_and_given_back() {
    for jit in TIERS {
        let (mut store, instance) = large(jit, |config| config.max_memory_bytes(16 << 20));
        let result = call(&mut store, &instance, "keep", (1 << 20, 0));
        assert_eq!(result, Err(TrapCode::MemoryLimit));
        let (mut store, instance) = large(jit, |config| config.max_memory_bytes(16 << 20));
        // A hundred times what there is room for.
        assert_eq!(
            call(&mut store, &instance, "drop", (1 << 20, 12_000)),
            Ok(0)
        );
        assert!(store.usage().object_bytes <= 16 << 20);
    }
}

#[test]
fn numbers_of_the_embedder() {
    let mut store = Store::new(&Engine::default(), ());
    for (negative, limbs) in [
        (false, vec![]),
        (false, vec![7]),
        (true, vec![1 << 30]),
        (true, vec![(1 << 30) + 1]),
        (false, vec![0, 0, 5]),
    ] {
        let made = AnyRef::new_big(&mut store, negative, &limbs).expect("a number");
        assert_eq!(
            made.big(&store).expect("it is kept"),
            Some((negative, limbs))
        );
    }
    let padded = AnyRef::new_big(&mut store, true, &[1, 0, 0]).expect("a number");
    assert_eq!(padded.i31(&store).expect("it is kept"), Some(-1));
    AnyRef::new_big(&mut store, false, &vec![1; 1 << 20]).expect_err("too large");
    let host = AnyRef::new_host(&mut store, 5u32, 4).expect("an object");
    assert_eq!(host.big(&store).expect("it is kept"), None);
}

/// Operands that are null or no numbers, ranges that memory does not have, and long texts.
#[test]
fn operands_that_are_none() {
    const PAGES: usize = 160;
    let size = PAGES << 16;
    let mut text = format!(".arch arch512\n.memory {PAGES}\n.array $bytes (mut i8)\n");
    let one = "i32.push 1\nbig.from_i32\n";
    let null = "ref.null anyref\n";
    let array = "i32.push 3\narray.new_default $bytes\n";
    let mut cases = Vec::new();
    for (operand, trap) in [
        (null, TrapCode::NullReference),
        (array, TrapCode::CastFailure),
    ] {
        for service in Service::ALL.iter().copied() {
            let (params, result) = service.signature();
            let references = params.iter().filter(|&&ty| ty == ValType::AnyRef).count();
            if !service.op().mnemonic().starts_with("big.") || references == 0 {
                continue;
            }
            // Each reference in turn is the wrong one.
            for wrong in 0..references {
                let mut body = String::new();
                for (i, &ty) in params.iter().enumerate() {
                    body += match ty {
                        ValType::AnyRef if i == wrong => operand,
                        ValType::AnyRef => one,
                        _ => "i32.push 2\n",
                    };
                }
                body += service.op().mnemonic();
                body += if result.is_some() { "\npop\n" } else { "\n" };
                cases.push((body, trap));
            }
        }
    }
    let oob = TrapCode::MemoryOutOfBounds;
    for (at, len) in [
        (size - 3, 4),
        (size + 1, 0),
        (0, size + 1),
        (u32::MAX as usize, 1),
    ] {
        let (at, len) = (at as u32, len as u32);
        for body in [
            format!("i32.push {at}\ni32.push {len}\nbig.from_bytes\npop\n"),
            format!("i32.push {at}\ni32.push {len}\nbig.from_bytes_u\npop\n"),
            format!("i32.push {at}\ni32.push {len}\ni32.push 10\nbig.from_text\npop\n"),
            format!("{one}i32.push {at}\ni32.push {len}\nbig.to_bytes\npop\n"),
            format!("{one}i32.push {at}\ni32.push {len}\nbig.to_bytes_u\npop\n"),
            format!("{one}i32.push 10\ni32.push {at}\ni32.push {len}\nbig.to_text\npop\n"),
        ] {
            cases.push((body, oob));
        }
    }
    // Ten million digits and bytes, more than a number has bits for or than are read in that base.
    let sevens = format!("i32.push 0\ni32.push 55\ni32.push {size}\nmemory.fill\n");
    for (len, radix, trap) in [
        (10_000_000, 10, TrapCode::IntegerOverflow),
        (10_000_000, 36, TrapCode::IntegerOverflow),
        (3_000_000, 10, TrapCode::InvalidArgument),
    ] {
        let body =
            format!("{sevens}i32.push 0\ni32.push {len}\ni32.push {radix}\nbig.from_text\npop\n");
        cases.push((body, trap));
    }
    let bytes = format!("{sevens}i32.push 0\ni32.push 10000000\nbig.from_bytes\npop\n");
    cases.push((bytes, TrapCode::IntegerOverflow));
    for (i, (body, _)) in cases.iter().enumerate() {
        text += &format!(".export \"f{i}\" func $f{i}\n.func $f{i}\n{body}ret\n.end\n");
    }
    for jit in TIERS {
        let mut config = Config::new();
        config.jit(jit).jit_threshold(1);
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, &text).unwrap_or_else(|error| panic!("{error}"));
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module);
        let instance = instance.expect("nothing is imported");
        for (i, (body, trap)) in cases.iter().enumerate() {
            let func = instance.get_typed_func::<(), ()>(&mut store, &format!("f{i}"));
            let result = func.expect("a function").call(&mut store, ());
            let found = result.map_err(|error| error.trap_code());
            assert_eq!(found, Err(Some(*trap)), "{jit:?}: {body}");
        }
    }
}

/// A million digits and back, which is one piece: it takes no longer than the limits promise.
#[test]
fn a_million_digits() {
    let text = ".memory 64\n.export \"there\" func $there\n.func $there (i32 $n) -> i32\n.local anyref $a\n\
                i32.push 0\ni32.push 55\ni32.push 1000000\nmemory.fill\n\
                i32.push 0\ni32.push 1000000\ni32.push 10\nbig.from_text\nlocal.set $a\n\
                local.get $a\ni32.push 10\ni32.push 2000000\ni32.push 1000000\nbig.to_text\n\
                i32.push 0\ni32.push 1000000\ni32.push 10\nbig.from_text\n\
                i32.push 2000000\ni32.push 1000000\ni32.push 10\nbig.from_text\nbig.eq\ni32.mul\nret\n.end\n";
    for jit in TIERS {
        let mut config = Config::new();
        config.jit(jit).jit_threshold(1);
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, text).unwrap_or_else(|error| panic!("{error}"));
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module);
        let instance = instance.expect("nothing is imported");
        let func = instance.get_typed_func::<i32, i32>(&mut store, "there");
        let result = func.expect("a function").call(&mut store, 0);
        assert_eq!(result.expect("it is read back"), 1_000_000);
    }
}
