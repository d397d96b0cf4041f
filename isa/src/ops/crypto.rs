//! Rows of the opcode table: cryptography.
//!
//! Algorithms and kinds of keys are numbers: see [`crate::crypto`]. Buffers are in memory 0. Hashes in the making
//! and keys are handles, numbers above 0 that mean something to the store that gave them only.

/// Hands on `$before` and the rows of services, with those of cryptography behind them.
#[doc(hidden)]
#[macro_export]
macro_rules! with_crypto_ops {
    ($m:ident $before:tt { $($rows:tt)* }) => {
        $crate::with_db_ops! { $m $before {
            $($rows)*
            CryptoHash Memory Bytes "crypto.hash" 0xe600 [] Crypto Arch32 200 (I32 I32 I32 I32 -> ) "`algorithm src len dst`: writes the digest of the bytes.";
            CryptoHashNew Plain Fixed "crypto.hash_new" 0xe601 [] Crypto Arch32 100 (I32 -> I32) "`algorithm -- hash`: starts a digest of bytes that come in parts.";
            CryptoHashUpdate Memory Bytes "crypto.hash_update" 0xe602 [] Crypto Arch32 100 (I32 I32 I32 -> ) "`hash src len`: the next part.";
            CryptoHashFinish Memory Fixed "crypto.hash_finish" 0xe603 [] Crypto Arch32 200 (I32 I32 -> ) "`hash dst`: writes the digest of all parts; the handle ends.";
            CryptoHashDrop Plain Fixed "crypto.hash_drop" 0xe604 [] Crypto Arch32 50 (I32 -> ) "`hash`: ends the handle without a digest.";
            CryptoHmac Memory Bytes "crypto.hmac" 0xe605 [] Crypto Arch32 400 (I32 I32 I32 I32 I32 -> ) "`algorithm key src len dst`: writes the HMAC of the bytes, with SHA-256 or SHA-512; the key is a secret.";
            CryptoHkdf Memory Bytes "crypto.hkdf" 0xe610 [] Crypto Arch32 1000 (I32 I32 I32 I32 I32 I32 I32 I32 -> ) "`algorithm key salt salt_len info info_len dst len`: writes bytes derived from a secret by HKDF (RFC 5869).";
            CryptoHkdfKey Memory Bytes "crypto.hkdf_key" 0xe611 [] Crypto Arch32 1000 (I32 I32 I32 I32 I32 I32 I32 -> I32) "`algorithm key salt salt_len info info_len kind -- key`: derives a key.";
            CryptoPbkdf2 Memory Rounds "crypto.pbkdf2" 0xe612 [] Crypto Arch32 1000 (I32 I32 I32 I32 I32 I32 I32 -> ) "`algorithm key salt salt_len rounds dst len`: writes bytes derived from a secret by PBKDF2 (RFC 8018).";
            CryptoPbkdf2Key Memory Rounds "crypto.pbkdf2_key" 0xe613 [] Crypto Arch32 1000 (I32 I32 I32 I32 I32 I32 -> I32) "`algorithm key salt salt_len rounds kind -- key`: derives a key.";
            CryptoArgon2id Memory Blocks "crypto.argon2id" 0xe614 [] Crypto Arch32 1000 (I32 I32 I32 I32 I32 I32 I32 I32 -> ) "`key salt salt_len kib passes lanes dst len`: writes bytes derived from a secret by Argon2id (RFC 9106); KiB times passes are at most 2^22.";
            CryptoArgon2idKey Memory Blocks "crypto.argon2id_key" 0xe615 [] Crypto Arch32 1000 (I32 I32 I32 I32 I32 I32 I32 -> I32) "`key salt salt_len kib passes lanes kind -- key`: derives a key.";
            CryptoKeyGenerate Plain Fixed "crypto.key_generate" 0xe620 [] Crypto Arch32 20000 (I32 -> I32) "`kind -- key`: a new key that the program cannot read.";
            CryptoKeyImport Memory Bytes "crypto.key_import" 0xe621 [] Crypto Arch32 20000 (I32 I32 I32 -> I32) "`kind src len -- key`: the key of these bytes, 0 where they are none, or a weak one.";
            CryptoKeyExport Memory Bytes "crypto.key_export" 0xe622 [] Crypto Arch32 400 (I32 I32 I32 -> I32) "`key dst len -- i32`: writes the key where it fits, and pushes its length; -1 where it is not public and was not imported.";
            CryptoKeyPublic Plain Fixed "crypto.key_public" 0xe623 [] Crypto Arch32 20000 (I32 -> I32) "`key -- key`: the public key of a private one.";
            CryptoKeyDrop Plain Fixed "crypto.key_drop" 0xe624 [] Crypto Arch32 50 (I32 -> ) "`key`: ends the handle; what it named is zeroed.";
            CryptoSign Memory Bytes "crypto.sign" 0xe630 [] Crypto Arch32 50000 (I32 I32 I32 I32 -> ) "`key src len dst`: writes the signature of the bytes.";
            CryptoVerify Memory Bytes "crypto.verify" 0xe631 [] Crypto Arch32 100000 (I32 I32 I32 I32 -> I32) "`key src len signature -- i32`: 1 where the signature is genuine, else 0.";
            CryptoSignDigest Memory Fixed "crypto.sign_digest" 0xe632 [] Crypto Arch32 50000 (I32 I32 I32 -> I32) "`key digest dst -- i32`: writes the ECDSA signature of a digest of 32 bytes; pushes its recovery number.";
            CryptoVerifyDigest Memory Fixed "crypto.verify_digest" 0xe633 [] Crypto Arch32 100000 (I32 I32 I32 -> I32) "`key digest signature -- i32`: 1 where the ECDSA signature of the digest is genuine, else 0.";
            CryptoRecover Memory Fixed "crypto.recover" 0xe634 [] Crypto Arch32 100000 (I32 I32 I32 -> I32) "`digest signature recovery -- key`: the secp256k1 key that signed the digest, 0 where there is none; the recovery number is 0 to 3.";
            CryptoSeal Memory Bytes "crypto.seal" 0xe638 [] Crypto Arch32 1000 (I32 I32 I32 I32 I32 I32 I32 -> ) "`key nonce aad aad_len src len dst`: writes the bytes encrypted, and a tag of 16 bytes that authenticates them and the additional bytes.";
            CryptoOpen Memory Bytes "crypto.open" 0xe639 [] Crypto Arch32 1000 (I32 I32 I32 I32 I32 I32 I32 -> I32) "`key nonce aad aad_len src len dst -- i32`: writes what was sealed, and pushes 1; 0 where it is not genuine, and zeros are written.";
            CryptoHpkeSeal Memory Bytes "crypto.hpke_seal" 0xe63a [] Crypto Arch32 100000 (I32 I32 I32 I32 I32 I32 I32 I32 -> I32) "`key info info_len aad aad_len src len dst -- i32`: encrypts to the owner of a public key: writes 32 bytes, the bytes encrypted and a tag of 16, and pushes 1; 0 where the key is weak.";
            CryptoHpkeOpen Memory Bytes "crypto.hpke_open" 0xe63b [] Crypto Arch32 100000 (I32 I32 I32 I32 I32 I32 I32 I32 -> I32) "`key info info_len aad aad_len src len dst -- i32`: writes what was sealed for that private key, and pushes 1; 0 where it is not genuine.";
            CryptoRandom Memory Bytes "crypto.random" 0xe608 [] Crypto Arch32 200 (I32 I32 -> ) "`dst len`: fills with random bytes of the host.";
            CryptoEqual Memory Bytes "crypto.equal" 0xe609 [] Crypto Arch32 20 (I32 I32 I32 -> I32) "`a b len -- i32`: 1 where both have the same bytes, else 0; takes as long whichever bytes differ.";
        } }
    };
}
