//! The SDK's cryptography as it is on other targets: published results.

use dotvm_sdk::crypto::{Hash, Hasher, equal, hkdf, hmac, pbkdf2};
use dotvm_tests::root;

/// Lines of a file of test vectors, in fields.
fn vectors(name: &str) -> Vec<Vec<String>> {
    let path = root().join("tests/vectors/crypto").join(name);
    let text = std::fs::read_to_string(path).expect("a file of test vectors");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            line.split(' ')
                .map(|field| field.replace('-', ""))
                .collect()
        })
        .collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("digits"))
        .collect()
}

fn hash_of(name: &str) -> Hash {
    match name {
        "sha256" => Hash::Sha256,
        "sha512" => Hash::Sha512,
        "sha3_256" => Hash::Sha3_256,
        "keccak256" => Hash::Keccak256,
        other => panic!("{other}"),
    }
}

fn check(hash: Hash, message: &[u8], digest: &str, part: usize) {
    assert_eq!(hash.digest(message).to_string(), digest);
    let mut hasher = Hasher::new(hash);
    message.chunks(part).for_each(|part| hasher.update(part));
    assert_eq!(hasher.finish().to_string(), digest);
}

#[test]
fn hashes() {
    for (i, fields) in vectors("hashes.txt").iter().enumerate() {
        check(
            hash_of(&fields[0]),
            &bytes(&fields[1]),
            &fields[2],
            1 + i % 150,
        );
    }
    for fields in vectors("blake3.txt") {
        let len: usize = fields[0].parse().expect("a number");
        let message: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        check(Hash::Blake3, &message, &fields[1], 999);
    }
}

#[test]
fn of_secrets() {
    for fields in vectors("hmac.txt") {
        let code = hmac(hash_of(&fields[0]), &bytes(&fields[1]), &bytes(&fields[2])).to_string();
        assert_eq!(
            code[..fields[3].len()] == fields[3],
            fields[4] == "1",
            "{fields:?}"
        );
    }
    for fields in vectors("hkdf.txt").iter().filter(|fields| fields[6] == "1") {
        let mut out = vec![0; fields[4].parse().expect("a number")];
        let [secret, salt, info] = [1, 2, 3].map(|at: usize| bytes(&fields[at]));
        hkdf(hash_of(&fields[0]), &secret, &salt, &info, &mut out);
        assert_eq!(out, bytes(&fields[5]));
    }
    for fields in vectors("pbkdf2.txt").iter().step_by(20) {
        let mut out = vec![0; fields[4].parse().expect("a number")];
        let [password, salt] = [1, 2].map(|at: usize| bytes(&fields[at]));
        let rounds = fields[3].parse().expect("a number");
        pbkdf2(hash_of(&fields[0]), &password, &salt, rounds, &mut out);
        assert_eq!(out, bytes(&fields[5]));
    }
}

#[test]
fn equality() {
    assert!(equal(b"", b"") && equal(b"abc", b"abc"));
    assert!(!equal(b"abc", b"abd") && !equal(b"abc", b"ab") && !equal(b"", b"a"));
}
