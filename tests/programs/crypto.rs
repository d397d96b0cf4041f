//! Everything that the guest SDK has of the machine's cryptography: a line for each thing, `ok` where it does
//! what it is to do. The argument is a password.

use dotvm_sdk::crypto::*;

fn main() {
    let password = std::env::args().nth(1).unwrap_or_default();
    hashes();
    signatures();
    encryption(password.as_bytes());
    sealing();
}

fn say(what: &str, ok: bool) {
    println!("{}: {}", what, if ok { "ok" } else { "wrong" });
}

fn hashes() {
    for hash in [Hash::Sha256, Hash::Sha512, Hash::Sha3_256, Hash::Keccak256, Hash::Blake3] {
        let message: Vec<u8> = (0..5000u32).map(|i| (i * i >> 3) as u8).collect();
        let digest = hash.digest(&message);
        let mut hasher = Hasher::new(hash);
        message.chunks(77).for_each(|part| hasher.update(part));
        println!("{:?} {}", hash, digest);
        say("in parts", hasher.finish() == digest);
        drop(Hasher::new(hash));
    }
    for hash in [Hash::Sha256, Hash::Sha512] {
        let mut bytes = [[0; 50]; 2];
        hkdf(hash, b"secret", b"salt", b"info", &mut bytes[0]);
        pbkdf2(hash, b"password", b"salt", 100, &mut bytes[1]);
        println!("{} {:02x?}", hmac(hash, b"key", b"message"), bytes);
    }
    let mut bytes = [0; 24];
    argon2id(Argon2 { kib: 64, passes: 2, lanes: 2 }, b"password", b"somesalt", &mut bytes);
    println!("{:02x?}", bytes);
    say("equal", equal(b"abc", b"abc") && !equal(b"abc", b"abd") && !equal(b"abc", b"ab"));
    let mut random = [[0; 32]; 2];
    random.iter_mut().for_each(|bytes| fill_random(bytes));
    say("random", random[0] != random[1]);
}

fn signatures() {
    let message = b"a message";
    for curve in [Curve::Ed25519, Curve::P256, Curve::Secp256k1] {
        let known = Signer::from_bytes(curve, &[7; 32]).unwrap();
        println!("{:?} {:02x?}", curve, known.sign(message));
        for signer in [known, Signer::generate(curve)] {
            let mut bytes = [0; 65];
            let len = signer.verifier().to_bytes(&mut bytes);
            let verifier = Verifier::from_bytes(curve, &bytes[..len]).unwrap();
            let mut signature = signer.sign(message);
            say("signed", verifier.curve() == curve && verifier.verify(message, &signature));
            say("other message", !verifier.verify(b"another", &signature));
            signature[40] ^= 1;
            say("other signature", !verifier.verify(message, &signature));
            if curve == Curve::Ed25519 {
                continue;
            }
            let digest = keccak256(message);
            let (signature, recovery) = signer.sign_digest(&digest);
            say("digest", verifier.verify_digest(&digest, &signature));
            if curve == Curve::Secp256k1 {
                let mut found = [0; 65];
                recover(&digest, &signature, recovery).unwrap().to_bytes(&mut found);
                say("recovered", found == bytes);
            }
        }
    }
    say("no key", Signer::from_bytes(Curve::P256, &[0; 32]).is_none());
}

fn encryption(password: &[u8]) {
    let cost = Argon2 { kib: 256, passes: 1, lanes: 1 };
    let ciphers = [
        Cipher::aes256gcm(&[1; 32]),
        Cipher::chacha20poly1305(&[1; 32]),
        Cipher::generate(),
        Cipher::from_password(cost, password, b"some salt"),
    ];
    for (i, cipher) in ciphers.iter().enumerate() {
        let mut text = [0x55; 100 + Cipher::TAG_LEN];
        cipher.seal(&[i as u8; 12], b"about it", &mut text);
        if i != 2 {
            println!("{} {}", i, Hash::Sha256.digest(&text));
        }
        let mut other = text;
        other[99] ^= 4;
        say("changed", cipher.open(&[i as u8; 12], b"about it", &mut other).is_none());
        say("zeroed", other[..100] == [0; 100]);
        let mut other = text;
        say("of something else", cipher.open(&[i as u8; 12], b"", &mut other).is_none());
        say("opened", cipher.open(&[i as u8; 12], b"about it", &mut text).unwrap() == [0x55; 100]);
        say("too short", cipher.open(&[0; 12], b"", &mut [0; 15]).is_none());
    }
}

fn sealing() {
    for owner in [OpenBox::generate(), OpenBox::from_bytes(&[9; 32])] {
        let to = SealBox::from_bytes(&owner.seal_box().to_bytes());
        let mut text = [0x77; 30 + SealBox::OVERHEAD];
        say("sealed", to.seal(b"info", b"about it", &mut text));
        let mut other = text;
        say("for another", OpenBox::generate().open(b"info", b"about it", &mut other).is_none());
        say("opened", owner.open(b"info", b"about it", &mut text).unwrap() == [0x77; 30]);
    }
    say("weak", !SealBox::from_bytes(&[0; 32]).seal(b"", b"", &mut [0; 48]));
}
