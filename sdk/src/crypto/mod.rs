//! Cryptography: hashes, codes of authentication, bytes derived from secrets, signatures and encryption.
//!
//! On the machine all of it is instructions. Elsewhere there is what needs no keys that outlive a call, written
//! for being tested with rather than for speed: hashes, [`hmac`], [`hkdf`], [`pbkdf2`] and [`equal`], which compute
//! the same.
//!
//! ```
//! use dotvm_sdk::crypto::{sha256, Hash, Hasher};
//!
//! let digest = sha256(b"abc");
//! assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
//! let mut hasher = Hasher::new(Hash::Sha256);
//! hasher.update(b"a");
//! hasher.update(b"bc");
//! assert_eq!(hasher.finish().as_bytes(), digest);
//! ```

#[cfg(not(all(target_arch = "wasm32", dotvm)))]
mod blake3;
#[cfg(all(target_arch = "wasm32", dotvm))]
mod keys;
#[cfg(not(all(target_arch = "wasm32", dotvm)))]
mod portable;

use core::fmt;

#[cfg(all(target_arch = "wasm32", dotvm))]
use crate::machine::crypto as kernel;
#[cfg(all(target_arch = "wasm32", dotvm))]
pub use keys::{
    argon2id, fill_random, recover, Argon2, Cipher, Curve, OpenBox, SealBox, Signer, Verifier,
};
#[cfg(not(all(target_arch = "wasm32", dotvm)))]
use portable as kernel;

/// The longest digest, in bytes.
const DIGEST_MAX: usize = 64;

/// A hash function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Hash {
    /// SHA-256.
    Sha256 = 1,
    /// SHA-512.
    Sha512 = 2,
    /// SHA3-256.
    Sha3_256 = 3,
    /// Keccak-256, with the padding from before SHA-3 was a standard.
    Keccak256 = 4,
    /// BLAKE3.
    Blake3 = 5,
}

impl Hash {
    /// Bytes of its digests.
    pub const fn digest_len(self) -> usize {
        match self {
            Hash::Sha512 => 64,
            _ => 32,
        }
    }

    /// The digest of some bytes.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        let mut digest = Digest::zero(self);
        kernel::hash(self, bytes, digest.as_mut());
        digest
    }
}

/// A digest, or a code of authentication.
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; DIGEST_MAX],
    len: usize,
}

impl Digest {
    fn zero(hash: Hash) -> Digest {
        Digest {
            bytes: [0; DIGEST_MAX],
            len: hash.digest_len(),
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Takes as long whichever bytes differ.
impl PartialEq for Digest {
    fn eq(&self, other: &Digest) -> bool {
        equal(self.as_bytes(), other.as_bytes())
    }
}

impl Eq for Digest {}

/// Hexadecimal.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{:02x}", byte))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self)
    }
}

/// A digest of bytes that come in parts.
pub struct Hasher {
    hash: Hash,
    state: kernel::State,
}

impl Hasher {
    /// Of no bytes yet.
    pub fn new(hash: Hash) -> Hasher {
        Hasher {
            hash,
            state: kernel::State::new(hash),
        }
    }

    /// The next part.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// The digest of all parts.
    pub fn finish(self) -> Digest {
        let mut digest = Digest::zero(self.hash);
        self.state.finish(digest.as_mut());
        digest
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({:?})", self.hash)
    }
}

macro_rules! digests {
    ($($name:ident $hash:ident $bytes:literal $what:literal;)*) => {
        $(
            #[doc = concat!("The ", $what, " digest of some bytes.")]
            pub fn $name(bytes: &[u8]) -> [u8; $bytes] {
                let mut digest = [0; $bytes];
                kernel::hash(Hash::$hash, bytes, &mut digest);
                digest
            }
        )*
    };
}

digests! {
    sha256 Sha256 32 "SHA-256";
    sha512 Sha512 64 "SHA-512";
    sha3_256 Sha3_256 32 "SHA3-256";
    keccak256 Keccak256 32 "Keccak-256";
    blake3 Blake3 32 "BLAKE3";
}

/// Whether both have the same bytes. Takes as long whichever differ; not so for lengths.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && kernel::equal(a, b)
}

/// The HMAC (RFC 2104) of some bytes, with SHA-256 or SHA-512.
///
/// # Panics
/// With another hash function.
pub fn hmac(hash: Hash, key: &[u8], bytes: &[u8]) -> Digest {
    check(hash);
    let mut code = Digest::zero(hash);
    kernel::hmac(hash, key, bytes, code.as_mut());
    code
}

/// Derives bytes from a secret that is random already, by HKDF (RFC 5869) with SHA-256 or SHA-512.
///
/// # Panics
/// With another hash function; where nothing or more than 255 digests are wanted.
pub fn hkdf(hash: Hash, secret: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) {
    check(hash);
    let fits = !out.is_empty() && out.len() <= 255 * hash.digest_len();
    assert!(fits, "HKDF gives 1 to 255 digests");
    kernel::hkdf(hash, secret, salt, info, out);
}

/// Derives bytes from a password by PBKDF2 (RFC 8018) with HMAC and SHA-256 or SHA-512.
///
/// # Panics
/// With another hash function or no rounds; where nothing or more than 65,536 bytes are wanted.
pub fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8]) {
    check(hash);
    assert!(rounds > 0, "PBKDF2 without rounds");
    let fits = !out.is_empty() && out.len() <= 1 << 16;
    assert!(fits, "PBKDF2 gives 1 to 65,536 bytes");
    kernel::pbkdf2(hash, password, salt, rounds, out);
}

fn check(hash: Hash) {
    let fits = matches!(hash, Hash::Sha256 | Hash::Sha512);
    assert!(fits, "HMAC is made with SHA-256 or SHA-512");
}
