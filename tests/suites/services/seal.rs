//! Authenticated encryption: published vectors, every overlap of buffers, and what is not genuine.

use dotvm::TrapCode;
use dotvm::isa::crypto::KeyKind;
use dotvm::isa::ops::Service;
use dotvm_tests::services::{Both, Fixed};

use crate::hashes::vectors;
use crate::hex;
use crate::keys::import;

const NONCE: u32 = 64;
const AAD: u32 = 1 << 16;
const SRC: u32 = 1 << 17;
const DST: u32 = 1 << 18;

#[test]
fn published_vectors() {
    let mut both = Both::default();
    let mut refused = 0;
    for fields in vectors("aead.txt") {
        let kind = match fields[0].as_str() {
            "aes256gcm" => KeyKind::Aes256Gcm,
            "chacha20poly1305" => KeyKind::ChaCha20Poly1305,
            other => panic!("{other}"),
        };
        let [key, nonce, aad, plain, cipher, tag] =
            [1, 2, 3, 4, 5, 6].map(|at: usize| hex(&fields[at]));
        let key = import(&mut both, kind, &key);
        both.put(NONCE, &nonce);
        both.put(AAD, &aad);
        let sealed = [&cipher[..], &tag].concat();
        both.put(SRC, &sealed);
        both.put(DST, &[0xaa; 300]);
        let (aad_len, len) = (aad.len() as u32, plain.len() as u32);
        let args = [key, NONCE, AAD, aad_len, SRC, len + 16, DST];
        let genuine = both.run(Service::CryptoOpen, &args);
        assert_eq!(genuine.to_string(), fields[7], "{fields:?}");
        if genuine == 0 {
            assert_eq!(both.get(DST, len), vec![0; plain.len()]);
            refused += 1;
            continue;
        }
        assert_eq!(both.get(DST, len), plain);
        assert_eq!(both.get(DST + len, 8), [0xaa; 8], "{fields:?}");
        // Where it is, and over itself at some distance.
        for dst in [SRC, SRC + 1, SRC - 1, SRC + 20, DST] {
            both.put(SRC, &plain);
            both.run(
                Service::CryptoSeal,
                &[key, NONCE, AAD, aad_len, SRC, len, dst],
            );
            assert_eq!(both.get(dst, len + 16), sealed, "{fields:?}");
            both.put(SRC, &sealed);
            assert_eq!(
                both.run(
                    Service::CryptoOpen,
                    &[key, NONCE, AAD, aad_len, SRC, len + 16, dst]
                ),
                1
            );
            assert_eq!(both.get(dst, len), plain);
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn buffers_that_do_not_fit() {
    let mut both = Both::default();
    let end = dotvm_tests::services::MEMORY_BYTES as u32;
    let key = import(&mut both, KeyKind::Aes256Gcm, &[1; 32]);
    let oob = Err(TrapCode::MemoryOutOfBounds);
    let invalid = Err(TrapCode::InvalidArgument);
    for service in [Service::CryptoSeal, Service::CryptoOpen] {
        assert_eq!(both.call(service, &[key, end - 11, 0, 0, 0, 0, 0]), oob);
        assert_eq!(both.call(service, &[key, 0, end, 1, 0, 0, 0]), oob);
        assert_eq!(both.call(service, &[key, 0, 0, 0, end - 20, 21, 0]), oob);
        // What is authenticated is not overwritten: before, at the edges, within.
        assert_eq!(
            both.call(service, &[key, 0, 1000, 10, 2000, 100, 1009]),
            invalid
        );
        assert_eq!(
            both.call(service, &[key, 0, 1000, 200, 2000, 100, 1050]),
            invalid
        );
        both.call(service, &[key, 0, 1000, 10, 2000, 100, 1010])
            .unwrap();
        both.call(service, &[key, 0, 1000, 0, 2000, 100, 1000])
            .unwrap();
    }
    assert_eq!(
        both.call(Service::CryptoSeal, &[key, 0, 0, 0, 0, 10, end - 25]),
        oob
    );
    both.run(Service::CryptoSeal, &[key, 0, 0, 0, 0, 10, end - 26]);
    // Shorter than a tag: not genuine.
    for len in 0..16 {
        assert_eq!(both.run(Service::CryptoOpen, &[key, 0, 0, 0, 0, len, 0]), 0);
    }
    let private = import(&mut both, KeyKind::X25519, &[5; 32]);
    let public = both.run(Service::CryptoKeyPublic, &[private]);
    let seal = Service::CryptoHpkeSeal;
    assert_eq!(both.call(seal, &[public, end, 1, 0, 0, 0, 0, 0]), oob);
    assert_eq!(both.call(seal, &[public, 0, 0, 0, 0, 0, 1, end - 48]), oob);
    assert_eq!(
        both.call(seal, &[public, 0, 0, 100, 10, 0, 1, 105]),
        invalid
    );
    for len in 0..48 {
        assert_eq!(
            both.run(Service::CryptoHpkeOpen, &[private, 0, 0, 0, 0, 0, len, 0]),
            0
        );
    }
}

/// RFC 9180, A.2.1: the first message of base mode, sealed with the ephemeral key of the vector and opened.
#[test]
fn hpke_of_the_standard() {
    let mut both = Both::new(&Fixed::new(&hex(
        "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b",
    )));
    let info = hex("4f6465206f6e2061204772656369616e2055726e");
    let aad = hex("436f756e742d30");
    let plain = hex("4265617574792069732074727574682c20747275746820626561757479");
    let sealed = hex(
        "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a\
         1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
    );
    let private = hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
    let public = hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
    let private = import(&mut both, KeyKind::X25519, &private);
    let derived = both.run(Service::CryptoKeyPublic, &[private]);
    both.run(Service::CryptoKeyExport, &[derived, DST, 32]);
    assert_eq!(both.get(DST, 32), public);
    let key = import(&mut both, KeyKind::X25519Public, &public);
    let info_at = 2048;
    both.put(info_at, &info);
    both.put(AAD, &aad);
    let (info_len, aad_len, len) = (info.len() as u32, aad.len() as u32, plain.len() as u32);
    for dst in [DST, SRC, SRC + 5, SRC - 7] {
        both.put(SRC, &plain);
        let args = [key, info_at, info_len, AAD, aad_len, SRC, len, dst];
        assert_eq!(both.run(Service::CryptoHpkeSeal, &args), 1);
        assert_eq!(both.get(dst, len + 48), sealed);
        both.put(SRC, &sealed);
        let args = [private, info_at, info_len, AAD, aad_len, SRC, len + 48, dst];
        assert_eq!(both.run(Service::CryptoHpkeOpen, &args), 1);
        assert_eq!(both.get(dst, len), plain);
    }
    // Nothing of it may differ.
    for bit in (0..8 * sealed.len()).step_by(29).filter(|&bit| bit != 255) {
        let mut other = sealed.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        both.put(SRC, &other);
        let args = [private, info_at, info_len, AAD, aad_len, SRC, len + 48, DST];
        assert_eq!(both.run(Service::CryptoHpkeOpen, &args), 0, "bit {bit}");
        assert_eq!(both.get(DST, len), vec![0; plain.len()]);
    }
    both.put(SRC, &sealed);
    let args = [
        private,
        info_at,
        info_len - 1,
        AAD,
        aad_len,
        SRC,
        len + 48,
        DST,
    ];
    assert_eq!(both.run(Service::CryptoHpkeOpen, &args), 0);
    // A point of small order stands for no secret.
    let weak = import(&mut both, KeyKind::X25519Public, &[0; 32]);
    let args = [weak, info_at, info_len, AAD, aad_len, SRC, len, DST];
    assert_eq!(both.run(Service::CryptoHpkeSeal, &args), 0);
}
