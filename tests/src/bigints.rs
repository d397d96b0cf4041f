//! Big integers through the machine's instructions, in both tiers, against num-bigint.
//!
//! A program has a function for each operation, which makes its operands of bytes in memory and writes its result
//! as bytes. So reading and writing is checked with everything else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dotvm::isa::ops::Service;
use dotvm::{Config, Engine, Jit, Linker, Memory, Module, Store, TrapCode, TypedFunc, ValType};
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

use crate::fuzzing::Random;

/// Bytes of an operand, at most.
const OPERAND_BYTES: usize = 1 << 16;

/// Where operands are, and results.
const OPERANDS_AT: usize = 1 << 16;
const RESULT_AT: usize = 8 << 16;
const RESULT_BYTES: usize = 8 << 16;

type Args = (i32, i32, i32, i32);

/// The operations that are checked: from up to three big integers, and a number behind them.
pub fn operations() -> Vec<Service> {
    let is_conversion = |service: &Service| {
        let mnemonic = service.op().mnemonic();
        mnemonic.contains("bytes") || mnemonic.contains("text") || mnemonic.contains("_i")
    };
    let all = Service::ALL.iter().copied();
    let big = all.filter(|service| service.op().mnemonic().starts_with("big."));
    big.filter(|service| !is_conversion(service)).collect()
}

/// A function for each operation: `(lengths of operands.., number) -> i32`, the length of the result or -1 for
/// null, or the number that it is. Those of conversions there and back are besides.
fn text() -> String {
    let mut text = ".memory 16\n.export \"memory\" memory 0\n".to_owned();
    let operand = |index: usize| {
        let at = OPERANDS_AT * (index + 1);
        format!("i32.push {at}\nlocal.get $len{index}\nbig.from_bytes\n")
    };
    let mut func = |name: &str, body: &str, is_big: bool| {
        let end = match is_big {
            true => format!(
                "local.set $r\nlocal.get $r\nref.kind\njz null\nlocal.get $r\ni32.push {RESULT_AT}\n\
                 i32.push {RESULT_BYTES}\nbig.to_bytes\nret\nnull:\ni32.push -1\nret\n"
            ),
            false => "ret\n".to_owned(),
        };
        let params = "(i32 $len0, i32 $len1, i32 $len2, i32 $n) -> i32";
        write!(
            text,
            ".export \"{name}\" func ${name}\n.func ${name} {params}\n.local anyref $r\n{body}{end}.end\n"
        )
        .expect("written to memory");
    };
    for service in operations() {
        let (params, result) = service.signature();
        let mut body = String::new();
        for (i, &ty) in params.iter().enumerate() {
            body += &match ty {
                ValType::AnyRef => operand(i),
                _ => "local.get $n\n".to_owned(),
            };
        }
        let name = service.op().mnemonic();
        body += &format!("{name}\n");
        func(name, &body, result == Some(ValType::AnyRef));
    }
    let there = format!(
        "{}local.get $n\ni32.push {RESULT_AT}\ni32.push {RESULT_BYTES}\nbig.to_text\n",
        operand(0)
    );
    func("to_text", &there, false);
    let back = format!("i32.push {OPERANDS_AT}\nlocal.get $len0\nlocal.get $n\nbig.from_text\n");
    func("from_text", &back, true);
    let unsigned = format!("i32.push {OPERANDS_AT}\nlocal.get $len0\nbig.from_bytes_u\n");
    func("from_bytes_u", &unsigned, true);
    let unsigned = format!(
        "{}i32.push {RESULT_AT}\ni32.push {RESULT_BYTES}\nbig.to_bytes_u\n",
        operand(0)
    );
    func("to_bytes_u", &unsigned, false);
    for bits in [32, 64, 128, 256, 512] {
        for sign in ["", "_u"] {
            let name = format!("i{bits}{sign}");
            let body = format!("{}big.to_{name}\nbig.from_{name}\n", operand(0));
            func(&name, &body, true);
        }
    }
    format!(".arch arch512\n{text}")
}

/// The program in one tier.
struct Tier {
    store: Store<()>,
    memory: Memory,
    funcs: BTreeMap<String, TypedFunc<Args, i32>>,
    result: Vec<u8>,
}

impl Tier {
    fn new(jit: Jit, torture: bool) -> Tier {
        let mut config = Config::new();
        config.jit(jit).jit_threshold(1).metering(true);
        config.gc_torture(torture);
        config.max_memory_bytes(256 << 20);
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, &text()).unwrap_or_else(|error| panic!("{error}"));
        let mut store = Store::new(&engine, ());
        store.set_fuel(u64::MAX).expect("with metering");
        let instance = Linker::new(&engine).instantiate(&mut store, &module);
        let instance = instance.expect("nothing is imported");
        let memory = instance.get_memory(&mut store, "memory");
        let names = module
            .exports()
            .map(|export| export.name.to_owned())
            .filter(|name| name != "memory");
        let names: Vec<String> = names.collect();
        let mut func = |name: String| {
            let func = instance.get_typed_func(&mut store, &name);
            (name, func.expect("it is exported"))
        };
        let funcs = names.into_iter().map(&mut func).collect();
        Tier {
            memory: memory.expect("it is exported"),
            store,
            funcs,
            result: Vec::new(),
        }
    }

    fn call(&mut self, name: &str, operands: &[Vec<u8>], n: u32) -> (Result<i32, TrapCode>, u64) {
        let memory = self.memory.data_mut(&mut self.store);
        let mut lens = [0; 3];
        for (i, operand) in operands.iter().enumerate() {
            assert!(operand.len() <= OPERAND_BYTES);
            memory[OPERANDS_AT * (i + 1)..][..operand.len()].copy_from_slice(operand);
            lens[i] = operand.len() as i32;
        }
        let before = self.store.fuel().expect("with metering");
        let args = (lens[0], lens[1], lens[2], n.cast_signed());
        let result = self.funcs[name].call(&mut self.store, args);
        let result = result.map_err(|error| {
            let trap = error.trap_code();
            trap.unwrap_or_else(|| panic!("{name}: {error}"))
        });
        let fuel = before - self.store.fuel().expect("with metering");
        let len = result.unwrap_or_default();
        let len = usize::try_from(len).unwrap_or_default().min(RESULT_BYTES);
        self.result = self.memory.data(&self.store)[RESULT_AT..][..len].to_vec();
        (result, fuel)
    }
}

/// The program in both tiers.
pub struct Both {
    tiers: [Tier; 2],
}

/// What an operation gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A big integer.
    Big(BigInt),
    /// Null.
    Null,
    /// A number.
    Number(i32),
    /// It stops.
    Trap(TrapCode),
}

impl Both {
    /// The program; with `torture`, there is a collection whenever there may be one.
    pub fn new(torture: bool) -> Both {
        Both {
            tiers: [Jit::Off, Jit::Eager].map(|jit| Tier::new(jit, torture)),
        }
    }

    /// Calls a function in both tiers; returns its result, and as many bytes as that says.
    ///
    /// # Errors
    /// The trap.
    ///
    /// # Panics
    /// Where tiers differ.
    pub fn call(
        &mut self,
        name: &str,
        operands: &[Vec<u8>],
        n: u32,
    ) -> Result<(i32, &[u8]), TrapCode> {
        let [a, b] = self.tiers.each_mut().map(|it| it.call(name, operands, n));
        assert_eq!(a, b, "{name} {operands:x?} {n}: native code differs");
        let [a_bytes, b_bytes] = self.tiers.each_ref().map(|tier| &tier.result);
        assert_eq!(a_bytes, b_bytes, "{name} {operands:x?} {n}");
        a.0.map(|result| (result, a_bytes.as_slice()))
    }

    /// The same for a function whose result is a big integer, or not.
    pub fn outcome(&mut self, name: &str, operands: &[BigInt], n: u32, is_big: bool) -> Outcome {
        let operands: Vec<Vec<u8>> = operands.iter().map(BigInt::to_signed_bytes_le).collect();
        match self.call(name, &operands, n) {
            Ok((-1, _)) if is_big => Outcome::Null,
            Ok((_, bytes)) if is_big => Outcome::Big(BigInt::from_signed_bytes_le(bytes)),
            Ok((number, _)) => Outcome::Number(number),
            Err(trap) => Outcome::Trap(trap),
        }
    }
}

/// What an operation must give.
pub fn reference(service: Service, operands: &[BigInt], n: u32) -> Outcome {
    let zero = BigInt::zero();
    let a = &operands[0];
    let b = operands.get(1).unwrap_or(&zero);
    let m = operands.last().unwrap_or(&zero).abs();
    let divides = matches!(
        service,
        Service::BigDiv
            | Service::BigRem
            | Service::BigDivFloor
            | Service::BigRemFloor
            | Service::BigPowMod
            | Service::BigInvMod
    );
    if divides && m.is_zero() {
        return Outcome::Trap(TrapCode::IntegerDivideByZero);
    }
    let invalid = Outcome::Trap(TrapCode::InvalidArgument);
    Outcome::Big(match service {
        Service::BigAdd => a + b,
        Service::BigSub => a - b,
        Service::BigMul => a * b,
        Service::BigDiv => a / b,
        Service::BigRem => a % b,
        Service::BigDivFloor => a.div_floor(b),
        Service::BigRemFloor => a.mod_floor(b),
        Service::BigNeg => -a,
        Service::BigAbs => a.abs(),
        Service::BigGcd => a.gcd(b),
        Service::BigLcm => a.lcm(b),
        Service::BigPow => Pow::pow(a, n),
        Service::BigPowMod if b.is_negative() => return invalid,
        Service::BigPowMod => a.mod_floor(&m).modpow(b, &m),
        Service::BigInvMod if m.is_one() => zero,
        Service::BigInvMod => match a.modinv(&m) {
            Some(inverse) => inverse,
            None => return Outcome::Null,
        },
        Service::BigSqrt if a.is_negative() => return invalid,
        Service::BigSqrt => a.sqrt(),
        Service::BigRoot if n == 0 || n.is_multiple_of(2) && a.is_negative() => return invalid,
        Service::BigRoot => a.nth_root(n),
        Service::BigAnd => a & b,
        Service::BigOr => a | b,
        Service::BigXor => a ^ b,
        Service::BigNot => !a,
        Service::BigShl => a << n,
        Service::BigShr => a >> n,
        _ => return Outcome::Number(number(service, a, b, n)),
    })
}

/// The same for operations that give a number.
fn number(service: Service, a: &BigInt, b: &BigInt, n: u32) -> i32 {
    let magnitude = a.magnitude();
    match service {
        Service::BigSign => match a.sign() {
            Sign::Minus => -1,
            Sign::NoSign => 0,
            Sign::Plus => 1,
        },
        Service::BigCmp => a.cmp(b) as i32,
        Service::BigEq => i32::from(a == b),
        Service::BigBits => magnitude.bits() as i32,
        Service::BigOnes => magnitude.count_ones() as i32,
        Service::BigBit => i32::from(a.bit(u64::from(n))),
        Service::BigZeros => magnitude.trailing_zeros().map_or(-1, |zeros| zeros as i32),
        Service::BigIsPrime => i32::from(a.is_positive() && is_prime(magnitude)),
        other => panic!("{other:?} has no reference"),
    }
}

/// Whether a number passes Miller's and Rabin's test to the first 24 primes: none below 2^81 does that is
/// composite.
fn is_prime(n: &BigUint) -> bool {
    const BASES: [u32; 24] = [
        2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
    ];
    if n.to_u32().is_some_and(|n| n < 2 || BASES.contains(&n)) {
        return n.to_u32().is_some_and(|n| n >= 2);
    }
    let minus_one = n - 1u32;
    let twos = minus_one.trailing_zeros().unwrap_or_default();
    let odd = &minus_one >> twos;
    BASES.iter().all(|&base| {
        let mut power = BigUint::from(base).modpow(&odd, n);
        let mut turn = 0;
        while !power.is_one() && power != minus_one && turn + 1 < twos {
            power = &power * &power % n;
            turn += 1;
        }
        power == minus_one || power.is_one() && turn == 0
    })
}

/// An operand: of few bits as often as of many, often with runs of equal bits, next to a power of two, or one of
/// the small numbers that are no objects.
pub fn operand(random: &mut Random, bits_max: usize) -> BigInt {
    let bits = match random.below(4) {
        0 => random.below(34),
        1 => random.below(200),
        _ => random.below(bits_max),
    };
    let mut magnitude = match random.below(4) {
        0 => (BigUint::one() << bits) + random.below(3) - BigUint::one(),
        1 => {
            let (high, low) = (random.below(bits + 1), random.below(bits + 1));
            let ones = |bits: usize| (BigUint::one() << bits) - 1u32;
            ones(high.max(low)) ^ ones(high.min(low))
        }
        _ => {
            let limbs: Vec<u32> = (0..bits / 32 + 1)
                .map(|_| random.next_u64() as u32)
                .collect();
            BigUint::new(limbs) >> (32 - bits % 32)
        }
    };
    if random.below(64) == 0 {
        magnitude = BigUint::zero();
    }
    let number = BigInt::from(magnitude);
    if random.below(2) == 0 {
        -number
    } else {
        number
    }
}

/// Operands of a case, and its number.
fn case(service: Service, random: &mut Random) -> (Vec<BigInt>, u32) {
    let bits_max = match service {
        Service::BigPowMod | Service::BigPow | Service::BigIsPrime | Service::BigRoot => 300,
        _ => match random.below(64) {
            0 => 30_000,
            1..8 => 4_000,
            _ => 700,
        },
    };
    let (params, _) = service.signature();
    let count = params.iter().filter(|&&ty| ty == ValType::AnyRef).count();
    let mut operands: Vec<BigInt> = (0..count).map(|_| operand(random, bits_max)).collect();
    // Some have much in common.
    if count > 1 && random.below(8) == 0 {
        let common = operand(random, bits_max);
        operands.iter_mut().for_each(|it| *it *= &common);
    }
    if count == 2 && random.below(16) == 0 {
        operands[1] = operands[0].clone();
    }
    let n = match service {
        Service::BigPow | Service::BigRoot => random.below(40),
        Service::BigShl | Service::BigShr | Service::BigBit => random.below(2 * bits_max),
        _ => 0,
    };
    (operands, n as u32)
}

/// Checks random cases of an operation.
///
/// # Panics
/// Where a result is not the reference's.
pub fn check(both: &mut Both, service: Service, cases: usize, seed: u64) {
    let mut random = Random(seed ^ (service as u64) << 32);
    let is_big = service.signature().1 == Some(ValType::AnyRef);
    for _ in 0..cases {
        let (operands, n) = case(service, &mut random);
        let found = both.outcome(service.op().mnemonic(), &operands, n, is_big);
        let expected = reference(service, &operands, n);
        assert_eq!(found, expected, "{service:?} of {operands:?} and {n}");
    }
}

/// Checks random conversions to words and text and back, in every base.
///
/// # Panics
/// Where a result is not the reference's.
pub fn check_conversions(both: &mut Both, cases: usize, seed: u64) {
    let mut random = Random(seed);
    for turn in 0..cases {
        let number = operand(&mut random, 3_000);
        let radix = 2 + turn as u32 % 35;
        let bytes = [number.to_signed_bytes_le()];
        let (len, digits) = both.call("to_text", &bytes, radix).expect("digits");
        let digits = digits.to_vec();
        assert_eq!(len as usize, digits.len());
        assert_eq!(digits, number.to_str_radix(radix).into_bytes());
        let (_, back) = both.call("from_text", &[digits], radix).expect("a number");
        assert_eq!(BigInt::from_signed_bytes_le(back), number);
        let magnitude = number.magnitude().to_bytes_le();
        let (len, found) = both.call("to_bytes_u", &bytes, 0).expect("bytes");
        match number.is_zero() {
            true => assert_eq!(len, 0),
            false => assert_eq!(found, magnitude),
        }
        let (_, back) = both
            .call("from_bytes_u", &[magnitude], 0)
            .expect("a number");
        assert_eq!(BigInt::from_signed_bytes_le(back), number.abs());
        let word = [32u64, 64, 128, 256, 512][random.below(5)];
        let close = operand(&mut random, word as usize + 3);
        let unsigned = close.is_positive() || close.is_zero();
        let fits = unsigned && close.bits() <= word;
        check_word(both, &format!("i{word}_u"), &close, fits);
        let limit = BigInt::one() << (word - 1);
        let fits = close < limit && close >= -limit.clone();
        check_word(both, &format!("i{word}"), &close, fits);
    }
}

fn check_word(both: &mut Both, name: &str, number: &BigInt, fits: bool) {
    let expected = match fits {
        true => Outcome::Big(number.clone()),
        false => Outcome::Trap(TrapCode::IntegerOverflow),
    };
    let found = both.outcome(name, std::slice::from_ref(number), 0, true);
    assert_eq!(found, expected, "{name} of {number}");
}
