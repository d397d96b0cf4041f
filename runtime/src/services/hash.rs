//! Hashes: of bytes at once, and of bytes that come in parts.

use dotvm_isa::TrapCode;
use dotvm_isa::crypto::HashAlgorithm;
use ring::digest;
use sha3::Digest;

use super::{Call, Object, STEP_BYTES};
use crate::vm::entry::Stop;

/// The longest digest.
const DIGEST_BYTES_MAX: usize = 64;

/// A digest in the making.
pub(super) enum Hasher {
    Ring(digest::Context),
    Sha3(sha3::Sha3_256),
    Keccak(sha3::Keccak256),
    Blake3(Box<blake3::Hasher>),
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    fn new(algorithm: HashAlgorithm) -> Hasher {
        match algorithm {
            HashAlgorithm::Sha256 => Hasher::Ring(digest::Context::new(&digest::SHA256)),
            HashAlgorithm::Sha512 => Hasher::Ring(digest::Context::new(&digest::SHA512)),
            HashAlgorithm::Sha3_256 => Hasher::Sha3(sha3::Sha3_256::new()),
            HashAlgorithm::Keccak256 => Hasher::Keccak(sha3::Keccak256::new()),
            HashAlgorithm::Blake3 => Hasher::Blake3(Box::default()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Ring(context) => context.update(bytes),
            Hasher::Sha3(hasher) => hasher.update(bytes),
            Hasher::Keccak(hasher) => hasher.update(bytes),
            Hasher::Blake3(hasher) => drop(hasher.update(bytes)),
        }
    }

    fn digest_bytes(&self) -> usize {
        match self {
            Hasher::Ring(context) => context.algorithm().output_len(),
            Hasher::Sha3(_) | Hasher::Keccak(_) | Hasher::Blake3(_) => 32,
        }
    }

    /// The digest; its length is that of [`Hasher::digest_bytes`].
    fn finish(self) -> [u8; DIGEST_BYTES_MAX] {
        let mut out = [0; DIGEST_BYTES_MAX];
        let mut put = |digest: &[u8]| out[..digest.len()].copy_from_slice(digest);
        match self {
            Hasher::Ring(context) => put(context.finish().as_ref()),
            Hasher::Sha3(hasher) => put(&hasher.finalize()),
            Hasher::Keccak(hasher) => put(&hasher.finalize()),
            Hasher::Blake3(hasher) => put(hasher.finalize().as_bytes()),
        }
        out
    }
}

/// The hash function with that number.
pub(super) fn algorithm(number: u32) -> Result<HashAlgorithm, TrapCode> {
    HashAlgorithm::from_number(number).ok_or(TrapCode::InvalidArgument)
}

/// `crypto.hash`
pub(super) fn hash(call: &mut Call<'_>) -> Result<(), Stop> {
    let [number, src, len, dst] = call.args();
    let algorithm = algorithm(number)?;
    let src = call.operand(src, len)?;
    let dst = call.buffer(dst, algorithm.digest_bytes())?;
    call.charge(src.len())?;
    let mut hasher = Hasher::new(algorithm);
    feed(call, &mut hasher, src)?;
    call.write(&dst, &hasher.finish()[..dst.len()]);
    Ok(())
}

/// Hashes bytes of the memory, in steps between which the program can be stopped.
fn feed(
    call: &mut Call<'_>,
    hasher: &mut Hasher,
    src: std::ops::Range<usize>,
) -> Result<(), TrapCode> {
    for at in src.clone().step_by(STEP_BYTES) {
        if at > src.start {
            call.store.safepoint()?;
        }
        hasher.update(&call.memory()[at..src.end.min(at + STEP_BYTES)]);
    }
    Ok(())
}

/// `crypto.hash_new`
pub(super) fn new(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [number] = call.args();
    let hasher = Hasher::new(algorithm(number)?);
    let bytes = match &hasher {
        Hasher::Blake3(_) => size_of::<blake3::Hasher>(),
        _ => size_of::<Hasher>(),
    };
    Ok(call.keep(Object::Hash(Box::new(hasher)), bytes)?)
}

fn hasher<'c>(call: &'c mut Call<'_>, handle: u32) -> Result<&'c mut Hasher, TrapCode> {
    match call.store.services.objects.get_mut(handle)? {
        Object::Hash(hasher) => Ok(hasher),
        Object::Key(_) | Object::Cursor(_) => Err(TrapCode::InvalidHandle),
    }
}

/// `crypto.hash_update`
pub(super) fn update(call: &mut Call<'_>) -> Result<(), Stop> {
    let [handle, src, len] = call.args();
    hasher(call, handle)?;
    let src = call.operand(src, len)?;
    call.charge(src.len())?;
    // The hasher is away from its place meanwhile: bytes are hashed where they are.
    let place = hasher(call, handle)?;
    let mut taken = std::mem::replace(place, Hasher::new(HashAlgorithm::Sha256));
    let fed = feed(call, &mut taken, src);
    *hasher(call, handle)? = taken;
    Ok(fed?)
}

/// `crypto.hash_finish`
pub(super) fn finish(call: &mut Call<'_>) -> Result<(), Stop> {
    let [handle, dst] = call.args();
    let len = hasher(call, handle)?.digest_bytes();
    let dst = call.buffer(dst, len)?;
    if let Object::Hash(hasher) = call.store.services.objects.remove(handle)? {
        call.write(&dst, &hasher.finish()[..len]);
    }
    Ok(())
}

/// `crypto.hash_drop`
pub(super) fn end(call: &mut Call<'_>) -> Result<(), Stop> {
    let [handle] = call.args();
    hasher(call, handle)?;
    call.store.services.objects.remove(handle)?;
    Ok(())
}
