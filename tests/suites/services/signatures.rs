//! Signatures: those that Project Wycheproof collects, genuine or not, and those that are made.

use dotvm::TrapCode;
use dotvm::isa::crypto::KeyKind;
use dotvm::isa::ops::Service;
use dotvm_tests::services::Both;

use crate::hashes::vectors;
use crate::keys::import;
use crate::{digits, hex};

const MESSAGE: u32 = 4096;
const SIGNATURE: u32 = 64;
const DIGEST: u32 = 256;

/// Half the order of secp256k1, rounded down.
const HALF_ORDER: &str = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";

/// Kinds of the private and the public keys of an algorithm.
fn kinds(algorithm: &str) -> (KeyKind, KeyKind) {
    match algorithm {
        "ed25519" => (KeyKind::Ed25519, KeyKind::Ed25519Public),
        "p256" => (KeyKind::P256, KeyKind::P256Public),
        "secp256k1" => (KeyKind::Secp256k1, KeyKind::Secp256k1Public),
        other => panic!("{other}"),
    }
}

/// Whether a signature is genuine, by both instructions where both are for it.
fn verify(both: &mut Both, public: KeyKind, key: &[u8], message: &[u8], signature: &[u8]) -> u32 {
    let key = import(both, public, key);
    if key == 0 {
        return 0;
    }
    both.put(MESSAGE, message);
    both.put(SIGNATURE, signature);
    let len = message.len() as u32;
    let genuine = both.run(Service::CryptoVerify, &[key, MESSAGE, len, SIGNATURE]);
    if public != KeyKind::Ed25519Public {
        both.run(Service::CryptoHash, &[1, MESSAGE, len, DIGEST]);
        let again = both.run(Service::CryptoVerifyDigest, &[key, DIGEST, SIGNATURE]);
        assert_eq!(genuine, again, "of the message and of its digest");
    }
    both.run(Service::CryptoKeyDrop, &[key]);
    genuine
}

#[test]
fn genuine_or_not() {
    let mut both = Both::default();
    let mut counts = [0, 0];
    for fields in vectors("signatures.txt") {
        let [algorithm, key, message, signature, genuine] = fields.as_slice() else {
            panic!("{fields:?}");
        };
        let signature = hex(signature);
        // Of another length they are none: programs see that themselves.
        if signature.len() != 64 {
            assert_eq!(genuine, "0");
            continue;
        }
        let (_, public) = kinds(algorithm);
        // Of secp256k1, only signatures with the lower `s` are: in the other half, it is the order minus that.
        let is_high = algorithm == "secp256k1" && signature[32..] > hex(HALF_ORDER)[..];
        let genuine = if is_high { "0" } else { genuine };
        let found = verify(&mut both, public, &hex(key), &hex(message), &signature);
        assert_eq!(found.to_string(), genuine, "{fields:?}");
        counts[found as usize] += 1;
    }
    assert!(counts[0] > 200 && counts[1] > 300, "{counts:?}");
}

/// Under keys of small order, signatures would be genuine for any message.
#[test]
fn weak_keys_are_none() {
    let mut both = Both::default();
    let zeros = "00".repeat(31);
    let ones = "ff".repeat(30);
    for key in [
        format!("01{zeros}"),
        format!("00{zeros}"),
        format!("{}80", "00".repeat(31)),
        format!("ec{ones}7f"),
        // Not below the field's prime: the same points.
        format!("ed{ones}7f"),
        format!("ee{ones}7f"),
        format!("ee{ones}ff"),
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05".to_owned(),
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a".to_owned(),
        // One of large order that is not: y = p + 3.
        format!("f0{ones}7f"),
    ] {
        assert_eq!(
            import(&mut both, KeyKind::Ed25519Public, &hex(&key)),
            0,
            "{key}"
        );
    }
}

#[test]
fn made_signatures() {
    let mut both = Both::default();
    for fields in vectors("signing.txt") {
        let [algorithm, private, public, message, signature] = fields.as_slice() else {
            panic!("{fields:?}");
        };
        let (private_kind, public_kind) = kinds(algorithm);
        let key = import(&mut both, private_kind, &hex(private));
        let message = hex(message);
        both.put(MESSAGE, &message);
        let len = message.len() as u32;
        both.run(Service::CryptoSign, &[key, MESSAGE, len, SIGNATURE]);
        assert_eq!(digits(&both.get(SIGNATURE, 64)), *signature, "{fields:?}");
        let other = both.run(Service::CryptoKeyPublic, &[key]);
        let bytes = both.run(Service::CryptoKeyExport, &[other, 512, 100]);
        assert_eq!(digits(&both.get(512, bytes)), *public);
        let made = both.get(SIGNATURE, 64);
        assert_eq!(
            verify(&mut both, public_kind, &hex(public), &message, &made),
            1
        );
        if public_kind == KeyKind::Ed25519Public {
            let refused = both.call(Service::CryptoSignDigest, &[key, DIGEST, SIGNATURE]);
            assert_eq!(refused, Err(TrapCode::InvalidHandle));
            continue;
        }
        // The same from the digest, with what the key is recovered by.
        both.run(Service::CryptoHash, &[1, MESSAGE, len, DIGEST]);
        both.put(SIGNATURE, &[0; 64]);
        let recovery = both.run(Service::CryptoSignDigest, &[key, DIGEST, SIGNATURE]);
        assert_eq!(digits(&both.get(SIGNATURE, 64)), *signature);
        assert!(recovery < 4);
        if public_kind == KeyKind::Secp256k1Public {
            let key = both.run(Service::CryptoRecover, &[DIGEST, SIGNATURE, recovery]);
            let bytes = both.run(Service::CryptoKeyExport, &[key, 512, 100]);
            assert_eq!(digits(&both.get(512, bytes)), *public);
            let other = both.run(Service::CryptoRecover, &[DIGEST, SIGNATURE, recovery ^ 1]);
            let bytes = both.run(Service::CryptoKeyExport, &[other, 512, 100]);
            assert_ne!(digits(&both.get(512, bytes)), *public);
            both.put(SIGNATURE, &[0; 32]);
            assert_eq!(
                both.run(Service::CryptoRecover, &[DIGEST, SIGNATURE, recovery]),
                0
            );
            let refused = both.call(Service::CryptoRecover, &[DIGEST, SIGNATURE, 4]);
            assert_eq!(refused, Err(TrapCode::InvalidArgument));
        }
    }
}

/// One flipped bit of message, signature or key and it is not genuine.
#[test]
fn no_bit_may_differ() {
    let mut both = Both::default();
    for fields in vectors("signing.txt").into_iter().step_by(9) {
        let (_, public) = kinds(&fields[0]);
        let [key, message, signature] =
            [&fields[2], &fields[3], &fields[4]].map(|field| hex(field));
        for bit in (0..8 * signature.len()).step_by(37) {
            let mut other = signature.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                verify(&mut both, public, &key, &message, &other),
                0,
                "{bit}"
            );
        }
        let longer = [&message[..], &[0]].concat();
        assert_eq!(verify(&mut both, public, &key, &longer, &signature), 0);
        for bit in (8..8 * key.len()).step_by(53) {
            let mut other = key.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(&mut both, public, &other, &message, &signature), 0);
        }
    }
}
