//! Rows of the opcode table: cryptography.
//!
//! Algorithms and kinds of keys are numbers: see [`crate::crypto`]. Buffers are in memory 0. Hashes in the making
//! and keys are handles, numbers above 0 that mean something to the store that gave them only.

/// Hands on `$before` and the rows of services, with those of cryptography behind them.
#[doc(hidden)]
#[macro_export]
macro_rules! with_crypto_ops {
    ($m:ident $before:tt { $($rows:tt)* }) => {
        $crate::with_services! { $m $before {
            $($rows)*
            CryptoHash Memory Bytes "crypto.hash" 0xe600 [] Crypto Arch32 200 (I32 I32 I32 I32 -> ) "`algorithm src len dst`: writes the digest of the bytes.";
            CryptoHashNew Plain Fixed "crypto.hash_new" 0xe601 [] Crypto Arch32 100 (I32 -> I32) "`algorithm -- hash`: starts a digest of bytes that come in parts.";
            CryptoHashUpdate Memory Bytes "crypto.hash_update" 0xe602 [] Crypto Arch32 100 (I32 I32 I32 -> ) "`hash src len`: the next part.";
            CryptoHashFinish Memory Fixed "crypto.hash_finish" 0xe603 [] Crypto Arch32 200 (I32 I32 -> ) "`hash dst`: writes the digest of all parts; the handle ends.";
            CryptoHashDrop Plain Fixed "crypto.hash_drop" 0xe604 [] Crypto Arch32 50 (I32 -> ) "`hash`: ends the handle without a digest.";
            CryptoRandom Memory Bytes "crypto.random" 0xe608 [] Crypto Arch32 200 (I32 I32 -> ) "`dst len`: fills with random bytes of the host.";
            CryptoEqual Memory Bytes "crypto.equal" 0xe609 [] Crypto Arch32 20 (I32 I32 I32 -> I32) "`a b len -- i32`: 1 where both have the same bytes, else 0; takes as long whichever bytes differ.";
        } }
    };
}
