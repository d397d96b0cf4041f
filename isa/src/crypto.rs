//! Numbers of the instructions for cryptography: algorithms of hashes, kinds of keys.

macro_rules! hashes {
    ($($name:ident = $number:literal $bytes:literal $doc:literal;)*) => {
        /// A hash function, as `crypto.hash` takes it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum HashAlgorithm {
            $(#[doc = $doc] $name = $number,)*
        }

        impl HashAlgorithm {
            /// Every hash function.
            pub const ALL: &'static [HashAlgorithm] = &[$(HashAlgorithm::$name),*];

            /// The one with that number.
            pub const fn from_number(number: u32) -> Option<HashAlgorithm> {
                match number {
                    $($number => Some(HashAlgorithm::$name),)*
                    _ => None,
                }
            }

            /// Bytes of its digests.
            pub const fn digest_bytes(self) -> usize {
                match self {
                    $(HashAlgorithm::$name => $bytes,)*
                }
            }

            /// What it is.
            pub const fn doc(self) -> &'static str {
                match self {
                    $(HashAlgorithm::$name => $doc,)*
                }
            }
        }
    };
}

hashes! {
    Sha256 = 1 32 "SHA-256 (FIPS 180-4)";
    Sha512 = 2 64 "SHA-512 (FIPS 180-4)";
    Sha3_256 = 3 32 "SHA3-256 (FIPS 202)";
    Keccak256 = 4 32 "Keccak-256, with the padding from before FIPS 202";
    Blake3 = 5 32 "BLAKE3";
}

macro_rules! kinds {
    ($($name:ident = $number:literal $min:literal $max:literal $public:literal $doc:literal;)*) => {
        /// A kind of keys, as `crypto.key_import` takes it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum KeyKind {
            $(#[doc = $doc] $name = $number,)*
        }

        impl KeyKind {
            /// Every kind.
            pub const ALL: &'static [KeyKind] = &[$(KeyKind::$name),*];

            /// The one with that number.
            pub const fn from_number(number: u32) -> Option<KeyKind> {
                match number {
                    $($number => Some(KeyKind::$name),)*
                    _ => None,
                }
            }

            /// The shortest and the longest such key, in bytes. Public keys of curves in Weierstrass form have one of
            /// the two lengths, the others any between.
            pub const fn lengths(self) -> (usize, usize) {
                match self {
                    $(KeyKind::$name => ($min, $max),)*
                }
            }

            /// Whether anybody may read it.
            pub const fn is_public(self) -> bool {
                match self {
                    $(KeyKind::$name => $public,)*
                }
            }

            /// What it is.
            pub const fn doc(self) -> &'static str {
                match self {
                    $(KeyKind::$name => $doc,)*
                }
            }
        }
    };
}

kinds! {
    Secret = 1 0 65536 false "bytes for HMAC, HKDF, PBKDF2 and Argon2id: keys, shared secrets, passwords";
    Aes256Gcm = 2 32 32 false "AES-256-GCM (NIST SP 800-38D)";
    ChaCha20Poly1305 = 3 32 32 false "ChaCha20-Poly1305 (RFC 8439)";
    Ed25519 = 4 32 32 false "Ed25519 (RFC 8032), private";
    Ed25519Public = 5 32 32 true "Ed25519, public";
    P256 = 6 32 32 false "ECDSA with P-256 and SHA-256 (FIPS 186-5), private";
    P256Public = 7 33 65 true "ECDSA with P-256, public: a point, compressed or not (SEC 1)";
    Secp256k1 = 8 32 32 false "ECDSA with secp256k1 and SHA-256, private";
    Secp256k1Public = 9 33 65 true "ECDSA with secp256k1, public: a point, compressed or not";
    X25519 = 10 32 32 false "HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, private";
    X25519Public = 11 32 32 true "HPKE, public";
}

impl KeyKind {
    /// Whether there are such keys of so many bytes.
    pub const fn takes(self, bytes: usize) -> bool {
        let (min, max) = self.lengths();
        match self {
            KeyKind::Secret => bytes <= max,
            _ => bytes == min || bytes == max,
        }
    }
}
