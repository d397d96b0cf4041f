//! Numbers of the instructions for cryptography: algorithms of hashes.

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
