//! The SDK's integers of any size as they are on other targets, against num-bigint.

use dotvm::isa::ops::Service;
use dotvm_sdk::bigint::BigInt;
use dotvm_tests::bigints::{Outcome, operand, reference};
use dotvm_tests::fuzzing::Random;
use num_bigint::BigInt as Reference;

type Binary = fn(&BigInt, &BigInt) -> BigInt;
type Scalar = fn(&BigInt, u32) -> BigInt;

fn here(number: &Reference) -> BigInt {
    BigInt::from_bytes(&number.to_signed_bytes_le())
}

fn there(number: &BigInt) -> Reference {
    Reference::from_signed_bytes_le(&number.to_bytes())
}

#[test]
fn as_the_library_computes() {
    let binary: [(Service, Binary); 12] = [
        (Service::BigAdd, |a, b| a + b),
        (Service::BigSub, |a, b| a - b),
        (Service::BigMul, |a, b| a * b),
        (Service::BigDiv, |a, b| a / b),
        (Service::BigRem, |a, b| a % b),
        (Service::BigDivFloor, |a, b| a.div_floor(b)),
        (Service::BigRemFloor, |a, b| a.rem_floor(b)),
        (Service::BigGcd, |a, b| a.gcd(b)),
        (Service::BigLcm, |a, b| a.lcm(b)),
        (Service::BigAnd, |a, b| a & b),
        (Service::BigOr, |a, b| a | b),
        (Service::BigXor, |a, b| a ^ b),
    ];
    let scalar: [(Service, Scalar); 4] = [
        (Service::BigPow, |a, n| a.pow(n)),
        (Service::BigRoot, |a, n| a.root(n)),
        (Service::BigShl, |a, n| a << n),
        (Service::BigShr, |a, n| a >> n),
    ];
    let mut random = Random(1);
    for _ in 0..1_000 {
        let [a, b, m] = [(); 3].map(|()| operand(&mut random, 400));
        for (service, operation) in binary {
            let divides =
                service.op().mnemonic().contains("div") || service.op().mnemonic().contains("rem");
            if divides && b == Reference::ZERO {
                continue;
            }
            let expected = reference(service, &[a.clone(), b.clone()], 0);
            let found = there(&operation(&here(&a), &here(&b)));
            assert_eq!(Outcome::Big(found), expected, "{service:?} of {a} and {b}");
        }
        let n = random.below(20) as u32;
        for (service, operation) in scalar {
            if let expected @ Outcome::Big(_) = reference(service, std::slice::from_ref(&a), n) {
                let found = there(&operation(&here(&a), n));
                assert_eq!(Outcome::Big(found), expected, "{service:?} of {a} and {n}");
            }
        }
        modular(&a, &b, &m);
    }
}

/// Arithmetic modulo a number.
fn modular(a: &Reference, b: &Reference, m: &Reference) {
    if *m == Reference::ZERO {
        return;
    }
    let [a_here, b_here, m_here] = [a, b, m].map(here);
    let inverse = match a_here.inv_mod(&m_here) {
        Some(inverse) => Outcome::Big(there(&inverse)),
        None => Outcome::Null,
    };
    let expected = reference(Service::BigInvMod, &[a.clone(), m.clone()], 0);
    assert_eq!(inverse, expected, "{a} modulo {m}");
    if *b >= Reference::ZERO {
        let power = there(&a_here.pow_mod(&b_here, &m_here));
        let operands = [a.clone(), b.clone(), m.clone()];
        assert_eq!(
            Outcome::Big(power),
            reference(Service::BigPowMod, &operands, 0)
        );
    }
}

#[test]
fn text_in_every_base() {
    let mut random = Random(2);
    for turn in 0..700 {
        let number = operand(&mut random, 400);
        let radix = 2 + turn % 35;
        let text = number.to_str_radix(radix);
        assert_eq!(here(&number).to_str_radix(radix), text);
        let back = BigInt::from_str_radix(&text, radix).expect("digits");
        assert_eq!(there(&back), number);
        let formats =
            format!("{number:+} {number:#x} {number:#X} {number:#b} {number:#o} {number:>+90}");
        let number = here(&number);
        let same =
            format!("{number:+} {number:#x} {number:#X} {number:#b} {number:#o} {number:>+90}");
        assert_eq!(formats, same);
    }
    for text in ["", "-", "+", "1_0", " 1", "1 ", "--1", "a"] {
        assert!(text.parse::<BigInt>().is_err(), "{text:?}");
    }
}
