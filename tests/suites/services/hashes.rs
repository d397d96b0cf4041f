//! Hashes: published digests, at once and in parts.

use std::path::Path;

use dotvm::isa::crypto::HashAlgorithm;
use dotvm::isa::ops::Service;
use dotvm_tests::services::Both;

use crate::{digits, hex};

/// Where messages and digests are.
const SRC: u32 = 1 << 16;
const DST: u32 = 64;

/// Lines of a file of test vectors, in fields.
pub(crate) fn vectors(name: &str) -> Vec<Vec<String>> {
    let path = dotvm_tests::root()
        .join(Path::new("tests/vectors/crypto"))
        .join(name);
    let text = std::fs::read_to_string(&path).expect("a file of test vectors");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let fields = |line: &str| {
        line.split_whitespace()
            .map(|field| field.replace('-', ""))
            .collect()
    };
    let lines: Vec<Vec<String>> = lines.map(fields).collect();
    assert!(!lines.is_empty(), "{name} has no vectors");
    lines
}

/// The digest of a message, at once and in parts of that length.
fn check(both: &mut Both, algorithm: HashAlgorithm, message: &[u8], expected: &str, part: usize) {
    let number = algorithm as u32;
    both.put(SRC, message);
    both.run(
        Service::CryptoHash,
        &[number, SRC, message.len() as u32, DST],
    );
    let len = algorithm.digest_bytes() as u32;
    assert_eq!(digits(&both.get(DST, len)), expected, "{algorithm:?}");
    both.put(DST, &[0; 64]);
    let hash = both.run(Service::CryptoHashNew, &[number]);
    for (i, bytes) in message.chunks(part).enumerate() {
        let at = SRC + (i * part) as u32;
        both.run(Service::CryptoHashUpdate, &[hash, at, bytes.len() as u32]);
    }
    both.run(Service::CryptoHashFinish, &[hash, DST]);
    assert_eq!(
        digits(&both.get(DST, len)),
        expected,
        "{algorithm:?} in parts"
    );
}

#[test]
fn published_digests() {
    let mut both = Both::default();
    for (i, fields) in vectors("hashes.txt").iter().enumerate() {
        let [algorithm, message, digest] = fields.as_slice() else {
            panic!("{fields:?}");
        };
        let algorithm = match algorithm.as_str() {
            "sha256" => HashAlgorithm::Sha256,
            "sha512" => HashAlgorithm::Sha512,
            "sha3_256" => HashAlgorithm::Sha3_256,
            "keccak256" => HashAlgorithm::Keccak256,
            other => panic!("{other}"),
        };
        check(&mut both, algorithm, &hex(message), digest, 1 + i % 70);
    }
    for (i, fields) in vectors("blake3.txt").iter().enumerate() {
        let len: usize = fields[0].parse().expect("a number");
        let message: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        check(
            &mut both,
            HashAlgorithm::Blake3,
            &message,
            &fields[1],
            1000 + i,
        );
    }
}

/// Messages that are hashed in several steps, against another implementation of the same.
#[test]
fn long_messages() {
    let mut both = Both::default();
    let message: Vec<u8> = (0..2_300_000u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    // From Python's `hashlib`.
    let digests = [
        (
            HashAlgorithm::Sha256,
            "195dd14610307ed70a744fad433a4c8692ae845ba9e6e1bea212c2e83647fcc3",
        ),
        (
            HashAlgorithm::Sha512,
            "006456dbc89160f7eae3caa9d2276fe7bf95512ee2fea82af764fdebcd660e3f43b0cbbb31821e00e2a1a32b93952fb47d351bf94e32bf2ea8f7e2c004089d05",
        ),
        (
            HashAlgorithm::Sha3_256,
            "8d4ecf07f9564d4fd672df2014c4b94c429b718689b870fb6a1a2cc211ded3b2",
        ),
    ];
    for (algorithm, digest) in digests {
        check(&mut both, algorithm, &message, digest, 1_100_000);
    }
}

#[test]
fn digests_may_overwrite_the_message() {
    let mut both = Both::default();
    both.put(SRC, b"abc");
    both.run(Service::CryptoHash, &[1, SRC, 3, SRC]);
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digits(&both.get(SRC, 32)), expected);
}

#[test]
fn random_bytes_are_those_of_the_host() {
    let mut both = Both::default();
    both.run(Service::CryptoRandom, &[DST, 5]);
    both.run(Service::CryptoRandom, &[DST + 5, 1 << 20]);
    let bytes = both.get(DST, 5 + (1 << 20));
    let expected = |at: usize| (at % 251) as u8;
    assert!((0..bytes.len()).all(|at| bytes[at] == expected(at)));
}

#[test]
fn equality() {
    let mut both = Both::default();
    let bytes: Vec<u8> = (0..1_200_000u32).map(|at| (at % 241) as u8).collect();
    let other = SRC + 1_200_000;
    both.put(SRC, &bytes);
    both.put(other, &bytes);
    for len in [0, 1, 31, 1 << 20, (1 << 20) + 1, 1_200_000] {
        assert_eq!(both.run(Service::CryptoEqual, &[SRC, other, len]), 1);
    }
    for at in [0, 1, 1000, (1 << 20) - 1, 1 << 20, 1_199_999] {
        both.put(other + at, &[bytes[at as usize] ^ 0x80]);
        assert_eq!(both.run(Service::CryptoEqual, &[SRC, other, 1_200_000]), 0);
        assert_eq!(both.run(Service::CryptoEqual, &[SRC, other, at]), 1);
        both.put(other + at, &[bytes[at as usize]]);
    }
}
