//! Keys: what can be imported, what can be read, and what ends.

use dotvm::TrapCode;
use dotvm::isa::crypto::KeyKind;
use dotvm::isa::ops::Service;
use dotvm_tests::services::{Both, Fixed};

use crate::hex;

const KEY: u32 = 1024;

/// Imports a key; returns its handle, or 0.
#[track_caller]
pub(crate) fn import(both: &mut Both, kind: KeyKind, bytes: &[u8]) -> u32 {
    both.put(KEY, bytes);
    both.run(
        Service::CryptoKeyImport,
        &[kind as u32, KEY, bytes.len() as u32],
    )
}

#[test]
fn imported_keys_can_be_read_and_others_cannot() {
    let mut both = Both::default();
    let bytes: Vec<u8> = (1..33).collect();
    for &kind in KeyKind::ALL.iter().filter(|kind| !kind.is_public()) {
        let key = import(&mut both, kind, &bytes);
        assert_ne!(key, 0, "{kind:?}");
        both.put(KEY, &[0; 40]);
        // Where it does not fit, only its length is said.
        assert_eq!(both.run(Service::CryptoKeyExport, &[key, KEY, 31]), 32);
        assert_eq!(both.get(KEY, 32), [0; 32]);
        assert_eq!(both.run(Service::CryptoKeyExport, &[key, KEY, 40]), 32);
        assert_eq!(both.get(KEY, 32), bytes, "{kind:?}");
        assert_eq!(both.get(KEY + 32, 8), [0; 8]);
        both.put(KEY, &[0; 40]);
        let made = both.run(Service::CryptoKeyGenerate, &[kind as u32]);
        assert_eq!(
            both.run(Service::CryptoKeyExport, &[made, KEY, 40]),
            u32::MAX
        );
        assert_eq!(both.get(KEY, 40), [0; 40]);
        both.run(Service::CryptoKeyDrop, &[key]);
        let ended = both.call(Service::CryptoKeyExport, &[key, KEY, 40]);
        assert_eq!(ended, Err(TrapCode::InvalidHandle));
        let ended = both.call(Service::CryptoKeyDrop, &[key]);
        assert_eq!(ended, Err(TrapCode::InvalidHandle));
    }
    // All of memory is not left for a key that would have to be read.
    let key = import(&mut both, KeyKind::Secret, &[7; 100]);
    let outside = both.call(Service::CryptoKeyExport, &[key, u32::MAX, 0]);
    assert_eq!(outside, Err(TrapCode::MemoryOutOfBounds));
}

#[test]
fn lengths_and_numbers_that_keys_do_not_have() {
    let mut both = Both::default();
    let invalid = Err(TrapCode::InvalidArgument);
    for &kind in KeyKind::ALL {
        let (min, max) = kind.lengths();
        for len in [min.wrapping_sub(1), min + 1, max - 1, max + 1] {
            if len > 100_000 || kind.takes(len) {
                continue;
            }
            let args = [kind as u32, KEY, len as u32];
            assert_eq!(
                both.call(Service::CryptoKeyImport, &args),
                invalid,
                "{kind:?} {len}"
            );
        }
    }
    assert_eq!(both.call(Service::CryptoKeyImport, &[0, KEY, 32]), invalid);
    assert_eq!(both.call(Service::CryptoKeyImport, &[12, KEY, 32]), invalid);
    for kind in [0, 5, 7, 9, 11, 12] {
        assert_eq!(both.call(Service::CryptoKeyGenerate, &[kind]), invalid);
    }
}

/// Bytes of the right length that are no key: 0, and no trap.
#[test]
fn what_is_no_key() {
    let mut both = Both::default();
    for kind in [KeyKind::P256, KeyKind::Secp256k1] {
        assert_eq!(import(&mut both, kind, &[0; 32]), 0);
        assert_eq!(import(&mut both, kind, &[0xff; 32]), 0);
    }
    for kind in [KeyKind::P256Public, KeyKind::Secp256k1Public] {
        for len in [33, 65] {
            for first in [0, 2, 4, 5] {
                let mut bytes = vec![0xff; len];
                bytes[0] = first;
                assert_eq!(import(&mut both, kind, &bytes), 0, "{kind:?} {len} {first}");
            }
        }
    }
    // The encoding of no point.
    let mut bytes = [0; 32];
    bytes[0] = 2;
    assert_eq!(import(&mut both, KeyKind::Ed25519Public, &bytes), 0);
}

/// Both forms of a point are the same key.
#[test]
fn compressed_points() {
    let mut both = Both::default();
    let long = "04779dd197a5df977ed2cf6cb31d82d43328b790dc6b3b7d4437a427bd5847dfcd\
                e94b724a555b6d017bb7607c3e3281daf5b1699d6ef4124975c9237b917d426f";
    let short = "03779dd197a5df977ed2cf6cb31d82d43328b790dc6b3b7d4437a427bd5847dfcd";
    for text in [long, short] {
        let key = import(&mut both, KeyKind::Secp256k1Public, &hex(text));
        assert_eq!(both.run(Service::CryptoKeyExport, &[key, KEY, 65]), 65);
        assert_eq!(both.get(KEY, 65), hex(long));
    }
}

/// A host that gives nothing but zeros does not make the machine try forever.
#[test]
fn hosts_without_randomness() {
    let mut both = Both::new(&Fixed::new(&[0]));
    assert_eq!(
        both.run(Service::CryptoKeyGenerate, &[KeyKind::P256 as u32]),
        0
    );
    assert_eq!(
        both.run(Service::CryptoKeyGenerate, &[KeyKind::Secp256k1 as u32]),
        0
    );
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let mut both = Both::default();
    let bytes: Vec<u8> = (1..33).collect();
    let mut handles = Vec::new();
    for &kind in KeyKind::ALL {
        let private = KeyKind::from_number(kind as u32 - u32::from(kind.is_public()));
        let private = private.expect("a public kind follows its private one");
        let key = import(&mut both, private, &bytes);
        handles.push((
            kind,
            match kind.is_public() {
                true => both.run(Service::CryptoKeyPublic, &[key]),
                false => key,
            },
        ));
    }
    let hash = both.run(Service::CryptoHashNew, &[1]);
    let mut check = |service: Service, rest: &[u32], at: usize, takes: &[KeyKind]| {
        for &(kind, handle) in handles.iter().chain(&[(KeyKind::ALL[0], hash)]) {
            let mut args = rest.to_vec();
            args.insert(at, handle);
            let result = both.call(service, &args);
            if handle != hash && takes.contains(&kind) {
                assert!(result.is_ok(), "{service:?} {kind:?}: {result:?}");
            } else {
                assert_eq!(result, Err(TrapCode::InvalidHandle), "{service:?} {kind:?}");
            }
        }
    };
    let secret = [KeyKind::Secret];
    let ciphers = [KeyKind::Aes256Gcm, KeyKind::ChaCha20Poly1305];
    let private = [KeyKind::Ed25519, KeyKind::P256, KeyKind::Secp256k1];
    let public = [
        KeyKind::Ed25519Public,
        KeyKind::P256Public,
        KeyKind::Secp256k1Public,
    ];
    check(Service::CryptoHmac, &[1, 0, 0, 0], 1, &secret);
    check(Service::CryptoHkdf, &[1, 0, 0, 0, 0, 0, 10], 1, &secret);
    check(Service::CryptoPbkdf2, &[1, 0, 0, 1, 0, 10], 1, &secret);
    check(Service::CryptoArgon2id, &[0, 8, 8, 1, 1, 0, 10], 0, &secret);
    check(Service::CryptoSeal, &[0, 0, 0, 0, 0, 0], 0, &ciphers);
    check(Service::CryptoOpen, &[0, 0, 0, 0, 0, 0], 0, &ciphers);
    check(Service::CryptoSign, &[0, 0, 0], 0, &private);
    check(Service::CryptoVerify, &[0, 0, 0], 0, &public);
    check(Service::CryptoSignDigest, &[0, 0], 0, &private[1..]);
    check(Service::CryptoVerifyDigest, &[0, 0], 0, &public[1..]);
    check(
        Service::CryptoHpkeSeal,
        &[0, 0, 0, 0, 0, 0, 0],
        0,
        &[KeyKind::X25519Public],
    );
    check(
        Service::CryptoHpkeOpen,
        &[0, 0, 0, 0, 0, 0, 0],
        0,
        &[KeyKind::X25519],
    );
}
