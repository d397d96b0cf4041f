//! HMAC and what is derived from secrets: published results, and operands that are too much.

use dotvm::TrapCode;
use dotvm::isa::crypto::KeyKind;
use dotvm::isa::ops::{Rate, Service};
use dotvm_tests::services::Both;

use crate::hashes::vectors;
use crate::keys::import;
use crate::{digits, hex};

const SALT: u32 = 1 << 17;
const INFO: u32 = 1 << 18;
const OUT: u32 = 1 << 19;

fn algorithm(name: &str) -> u32 {
    match name {
        "sha256" => 1,
        "sha512" => 2,
        other => panic!("{other}"),
    }
}

#[test]
fn hmac() {
    let mut both = Both::default();
    for fields in vectors("hmac.txt") {
        let [name, key, message, code, right] = fields.as_slice() else {
            panic!("{fields:?}");
        };
        let key = import(&mut both, KeyKind::Secret, &hex(key));
        let message = hex(message);
        both.put(SALT, &message);
        both.run(
            Service::CryptoHmac,
            &[algorithm(name), key, SALT, message.len() as u32, OUT],
        );
        let found = digits(&both.get(OUT, code.len() as u32 / 2));
        assert_eq!(found == *code, right == "1", "{fields:?}");
        both.run(Service::CryptoKeyDrop, &[key]);
    }
}

#[test]
fn hkdf() {
    let mut both = Both::default();
    for fields in vectors("hkdf.txt") {
        let [name, secret, salt, info, len, expected, right] = fields.as_slice() else {
            panic!("{fields:?}");
        };
        let key = import(&mut both, KeyKind::Secret, &hex(secret));
        let [salt, info] = [salt, info].map(|field| hex(field));
        both.put(SALT, &salt);
        both.put(INFO, &info);
        let (salt, info) = (salt.len() as u32, info.len() as u32);
        let len: u32 = len.parse().expect("a number");
        let args = [algorithm(name), key, SALT, salt, INFO, info, OUT, len];
        let result = both.call(Service::CryptoHkdf, &args);
        if right == "1" {
            assert!(result.is_ok(), "{fields:?}");
            assert_eq!(digits(&both.get(OUT, len)), *expected);
        } else {
            assert_eq!(result, Err(TrapCode::InvalidArgument));
        }
        both.run(Service::CryptoKeyDrop, &[key]);
    }
}

#[test]
fn pbkdf2() {
    let mut both = Both::default();
    for fields in vectors("pbkdf2.txt").into_iter().step_by(4) {
        let [name, password, salt, rounds, len, expected, _] = fields.as_slice() else {
            panic!("{fields:?}");
        };
        let key = import(&mut both, KeyKind::Secret, &hex(password));
        let salt = hex(salt);
        both.put(SALT, &salt);
        let [rounds, len] = [rounds, len].map(|field| field.parse().expect("a number"));
        let args = [
            algorithm(name),
            key,
            SALT,
            salt.len() as u32,
            rounds,
            OUT,
            len,
        ];
        both.run(Service::CryptoPbkdf2, &args);
        assert_eq!(digits(&both.get(OUT, len)), *expected, "{fields:?}");
        both.run(Service::CryptoKeyDrop, &[key]);
    }
}

#[test]
fn argon2id() {
    let mut both = Both::default();
    for fields in vectors("argon2id.txt") {
        let [password, salt, kib, passes, lanes, len, expected] = fields.as_slice() else {
            panic!("{fields:?}");
        };
        let key = import(&mut both, KeyKind::Secret, &hex(password));
        let salt = hex(salt);
        both.put(SALT, &salt);
        let numbers = [kib, passes, lanes, len].map(|field| field.parse().expect("a number"));
        let [kib, passes, lanes, len] = numbers;
        let args = [key, SALT, salt.len() as u32, kib, passes, lanes, OUT, len];
        both.run(Service::CryptoArgon2id, &args);
        assert_eq!(digits(&both.get(OUT, len)), *expected, "{fields:?}");
    }
}

/// A derived key is the one of the derived bytes, and cannot be read.
#[test]
fn derived_keys() {
    let mut both = Both::default();
    let secret = import(&mut both, KeyKind::Secret, b"a secret");
    let salt = SALT;
    let derivations: [(Service, Service, Vec<u32>); 3] = [
        (
            Service::CryptoHkdf,
            Service::CryptoHkdfKey,
            vec![1, secret, salt, 9, INFO, 3],
        ),
        (
            Service::CryptoPbkdf2,
            Service::CryptoPbkdf2Key,
            vec![2, secret, salt, 9, 10],
        ),
        (
            Service::CryptoArgon2id,
            Service::CryptoArgon2idKey,
            vec![secret, salt, 9, 8, 1, 1],
        ),
    ];
    for (bytes, key, args) in derivations {
        both.run(bytes, &[&args[..], &[OUT, 32]].concat());
        let derived = both.get(OUT, 32);
        for kind in [
            KeyKind::Ed25519,
            KeyKind::P256,
            KeyKind::Secp256k1,
            KeyKind::X25519,
        ] {
            let key = both.run(key, &[&args[..], &[kind as u32]].concat());
            assert_eq!(
                both.run(Service::CryptoKeyExport, &[key, OUT, 32]),
                u32::MAX
            );
            let same = import(&mut both, kind, &derived);
            let mut publics = Vec::new();
            for key in [key, same] {
                let public = both.run(Service::CryptoKeyPublic, &[key]);
                let len = both.run(Service::CryptoKeyExport, &[public, OUT, 65]);
                publics.push(both.get(OUT, len));
            }
            assert_eq!(publics[0], publics[1], "{bytes:?} {kind:?}");
        }
        for kind in [0, 5, 7, 9, 11, 12] {
            let refused = both.call(key, &[&args[..], &[kind]].concat());
            assert_eq!(refused, Err(TrapCode::InvalidArgument));
        }
    }
}

#[test]
fn too_much_or_too_little() {
    let mut both = Both::default();
    let key = import(&mut both, KeyKind::Secret, b"secret");
    let invalid = Err(TrapCode::InvalidArgument);
    // Hashes that codes are not made with, nothing to derive, too much, no rounds.
    for number in [0, 3, 4, 5, 6] {
        assert_eq!(
            both.call(Service::CryptoHmac, &[number, key, 0, 0, 0]),
            invalid
        );
    }
    let hkdf = Service::CryptoHkdf;
    assert_eq!(both.call(hkdf, &[1, key, 0, 0, 0, 0, OUT, 0]), invalid);
    assert_eq!(
        both.call(hkdf, &[1, key, 0, 0, 0, 0, OUT, 255 * 32 + 1]),
        invalid
    );
    both.run(hkdf, &[1, key, 0, 0, 0, 0, OUT, 255 * 32]);
    assert_eq!(both.call(hkdf, &[1, key, 0, 65_537, 0, 0, OUT, 1]), invalid);
    let pbkdf2 = Service::CryptoPbkdf2;
    assert_eq!(both.call(pbkdf2, &[1, key, 0, 0, 0, OUT, 1]), invalid);
    assert_eq!(both.call(pbkdf2, &[1, key, 0, 0, 1, OUT, 65_537]), invalid);
    both.run(pbkdf2, &[1, key, 0, 0, 1, OUT, 65_536]);
    // Fuel runs out before such a derivation begins.
    assert_eq!(
        both.call(pbkdf2, &[1, key, 0, 0, u32::MAX, OUT, 65_536]),
        Err(TrapCode::OutOfFuel)
    );
    let argon2 = Service::CryptoArgon2id;
    for (salt, kib, passes, lanes, len) in [
        (7, 8, 1, 1, 4),
        (8, 7, 1, 1, 4),
        (8, 8, 0, 1, 4),
        (8, 8, 1, 0, 4),
        (8, 8, 1, 2, 4),
        (8, 8, 1, 1, 3),
        (8, 1 << 20, 5, 1, 4),
        (8, u32::MAX, u32::MAX, 1, 4),
        (8, 1 << 16, 1, 256, 4),
    ] {
        let args = [key, SALT, salt, kib, passes, lanes, OUT, len];
        assert_eq!(both.call(argon2, &args), invalid, "{args:?}");
    }
    // More memory than there may be.
    let args = [key, SALT, 8, 1 << 20, 1, 1, OUT, 32];
    assert_eq!(both.call(argon2, &args), Err(TrapCode::MemoryLimit));
    let args = [key, SALT, 8, 64, 3, 1, OUT, 32];
    both.run(argon2, &args);
    let fuel = both.fuel();
    both.run(argon2, &[key, SALT, 8, 128, 3, 1, OUT, 32]);
    assert_eq!(both.fuel() - fuel, Rate::Blocks.fuel(3 * 64));
}
