//! Codes of authentication, and bytes and keys derived from secrets.

use argon2::{Algorithm, Argon2, MIN_SALT_LEN, Params, Version};
use dotvm_isa::TrapCode;
use dotvm_isa::crypto::HashAlgorithm;
use ring::{hkdf, hmac};
use zeroize::{Zeroize, Zeroizing};

use super::{Call, STEP_BYTES, hash, keys};
use crate::vm::entry::Stop;

/// The most bytes that are derived at once, and the most of a salt.
const DERIVED_BYTES_MAX: usize = 1 << 16;

/// Rounds of a derivation between two looks at the store's signals.
const STEP_ROUNDS: u32 = 1 << 10;

/// KiB that Argon2 may fill in all passes together: some seconds, in which nothing can stop it.
const ARGON2_KIB_MAX: u64 = 4 << 20;

/// Lanes that Argon2 may have.
const ARGON2_LANES_MAX: u32 = 255;

/// Where derived bytes go.
enum Output {
    /// To the memory.
    Memory(std::ops::Range<usize>),
    /// Into a key.
    Key(dotvm_isa::crypto::KeyKind),
}

impl Output {
    /// So many bytes of the memory.
    fn memory(call: &Call<'_>, dst: u32, len: u32) -> Result<Output, TrapCode> {
        let dst = call.operand(dst, len)?;
        match dst.len() {
            1..=DERIVED_BYTES_MAX => Ok(Output::Memory(dst)),
            _ => Err(TrapCode::InvalidArgument),
        }
    }

    fn len(&self) -> usize {
        match self {
            Output::Memory(dst) => dst.len(),
            Output::Key(_) => 32,
        }
    }

    /// Puts the bytes there; returns the key's handle.
    fn put(self, call: &mut Call<'_>, bytes: &[u8]) -> Result<u64, Stop> {
        match self {
            Output::Memory(dst) => {
                call.write(&dst, bytes);
                Ok(0)
            }
            Output::Key(kind) => {
                let mut key = Zeroizing::new([0; 32]);
                key.copy_from_slice(bytes);
                keys::keep_derived(call, kind, &key)
            }
        }
    }
}

/// The hash function with that number, of those that codes of authentication are made with.
fn hmac_algorithm(number: u32) -> Result<hmac::Algorithm, TrapCode> {
    match hash::algorithm(number)? {
        HashAlgorithm::Sha256 => Ok(hmac::HMAC_SHA256),
        HashAlgorithm::Sha512 => Ok(hmac::HMAC_SHA512),
        _ => Err(TrapCode::InvalidArgument),
    }
}

/// `crypto.hmac`
pub(super) fn hmac(call: &mut Call<'_>) -> Result<(), Stop> {
    let [number, key, src, len, dst] = call.args();
    let algorithm = hmac_algorithm(number)?;
    let key_len = keys::secret(call, key)?.len();
    let src = call.operand(src, len)?;
    let dst = call.buffer(dst, algorithm.digest_algorithm().output_len())?;
    call.charge(key_len + src.len())?;
    let key = hmac::Key::new(algorithm, keys::secret(call, key)?);
    let mut context = hmac::Context::with_key(&key);
    for at in src.clone().step_by(STEP_BYTES) {
        if at > src.start {
            call.store.safepoint()?;
        }
        context.update(&call.memory()[at..src.end.min(at + STEP_BYTES)]);
    }
    call.write(&dst, context.sign().as_ref());
    Ok(())
}

/// How many bytes are to be derived, for ring.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// `crypto.hkdf`
pub(super) fn hkdf(call: &mut Call<'_>) -> Result<(), Stop> {
    let [.., dst, len] = call.args::<8>();
    let output = Output::memory(call, dst, len)?;
    hkdf_to(call, output)?;
    Ok(())
}

/// `crypto.hkdf_key`
pub(super) fn hkdf_key(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [.., kind] = call.args::<7>();
    let kind = keys::private_kind(kind)?;
    hkdf_to(call, Output::Key(kind))
}

fn hkdf_to(call: &mut Call<'_>, output: Output) -> Result<u64, Stop> {
    let [number, key, salt, salt_len, info, info_len] = call.args();
    let hmac = hmac_algorithm(number)?;
    let algorithm = match hmac == hmac::HMAC_SHA256 {
        true => hkdf::HKDF_SHA256,
        false => hkdf::HKDF_SHA512,
    };
    let key_len = keys::secret(call, key)?.len();
    let salt = call.operand(salt, salt_len)?;
    let info = call.operand(info, info_len)?;
    let block = hmac.digest_algorithm().output_len();
    let short = salt.len() <= DERIVED_BYTES_MAX && info.len() <= DERIVED_BYTES_MAX;
    if !short || output.len() > 255 * block {
        return Err(TrapCode::InvalidArgument.into());
    }
    // The info goes into each block.
    let blocks = output.len().div_ceil(block);
    call.charge(key_len + salt.len() + blocks * (info.len() + block))?;
    let memory = call.memory();
    let salt = hkdf::Salt::new(algorithm, &memory[salt]);
    let mut bytes = Zeroizing::new(vec![0; output.len()]);
    let info = [&memory[info]];
    let pseudorandom = salt.extract(keys::secret(call, key)?);
    let filled = pseudorandom
        .expand(&info, Len(bytes.len()))
        .and_then(|okm| okm.fill(&mut bytes));
    filled.map_err(|_| TrapCode::InvalidArgument)?;
    output.put(call, &bytes)
}

/// `crypto.pbkdf2`
pub(super) fn pbkdf2(call: &mut Call<'_>) -> Result<(), Stop> {
    let [.., dst, len] = call.args::<7>();
    let output = Output::memory(call, dst, len)?;
    pbkdf2_to(call, output)?;
    Ok(())
}

/// `crypto.pbkdf2_key`
pub(super) fn pbkdf2_key(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [.., kind] = call.args::<6>();
    let kind = keys::private_kind(kind)?;
    pbkdf2_to(call, Output::Key(kind))
}

/// As in RFC 8018, section 5.2, on ring's HMAC: ring's own derivation could not be stopped on its way.
fn pbkdf2_to(call: &mut Call<'_>, output: Output) -> Result<u64, Stop> {
    let [number, key, salt, salt_len, rounds] = call.args();
    let algorithm = hmac_algorithm(number)?;
    let key_len = keys::secret(call, key)?.len();
    let salt = call.operand(salt, salt_len)?;
    if rounds == 0 || salt.len() > DERIVED_BYTES_MAX {
        return Err(TrapCode::InvalidArgument.into());
    }
    let block_bytes = algorithm.digest_algorithm().output_len();
    let blocks = output.len().div_ceil(block_bytes);
    // The salt goes into each block, as long as it takes.
    let rounds_salt = salt.len() / block_bytes;
    let rounds_block = (rounds as usize).saturating_add(rounds_salt);
    let rounds_key = key_len / block_bytes;
    call.charge(
        rounds_block
            .saturating_mul(blocks)
            .saturating_add(rounds_key),
    )?;
    let mut bytes = Zeroizing::new(vec![0; output.len()]);
    let key = hmac::Key::new(algorithm, keys::secret(call, key)?);
    for (number, out) in (1u32..).zip(bytes.chunks_mut(block_bytes)) {
        call.store.safepoint()?;
        let mut context = hmac::Context::with_key(&key);
        context.update(&call.memory()[salt.clone()]);
        context.update(&number.to_be_bytes());
        let mut last = context.sign();
        let mut sum = Zeroizing::new([0u8; 64]);
        sum[..block_bytes].copy_from_slice(last.as_ref());
        for round in 1..rounds {
            if round % STEP_ROUNDS == 0 {
                call.store.safepoint()?;
            }
            last = hmac::sign(&key, last.as_ref());
            for (sum, byte) in sum.iter_mut().zip(last.as_ref()) {
                *sum ^= byte;
            }
        }
        out.copy_from_slice(&sum[..out.len()]);
    }
    output.put(call, &bytes)
}

/// `crypto.argon2id`
pub(super) fn argon2id(call: &mut Call<'_>) -> Result<(), Stop> {
    let [.., dst, len] = call.args::<8>();
    let output = Output::memory(call, dst, len)?;
    argon2id_to(call, output)?;
    Ok(())
}

/// `crypto.argon2id_key`
pub(super) fn argon2id_key(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [.., kind] = call.args::<7>();
    let kind = keys::private_kind(kind)?;
    argon2id_to(call, Output::Key(kind))
}

fn argon2id_to(call: &mut Call<'_>, output: Output) -> Result<u64, Stop> {
    let [key, salt, salt_len, kib, passes, lanes] = call.args();
    keys::secret(call, key)?;
    let salt = call.operand(salt, salt_len)?;
    let filled = u64::from(kib) * u64::from(passes);
    let modest = filled <= ARGON2_KIB_MAX && lanes <= ARGON2_LANES_MAX;
    if !modest || !(MIN_SALT_LEN..=DERIVED_BYTES_MAX).contains(&salt.len()) {
        return Err(TrapCode::InvalidArgument.into());
    }
    let params = Params::new(kib, passes, lanes, Some(output.len()));
    let params = params.map_err(|_| TrapCode::InvalidArgument)?;
    let blocks = params.block_count();
    call.store.check_room(blocks as u64 * 1024)?;
    call.charge(filled as usize)?;
    let mut memory = Vec::new();
    let reserved = memory.try_reserve_exact(blocks);
    reserved.map_err(|_| TrapCode::MemoryLimit)?;
    memory.resize(blocks, argon2::Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut bytes = Zeroizing::new(vec![0; output.len()]);
    let derived = argon2.hash_password_into_with_memory(
        keys::secret(call, key)?,
        &call.memory()[salt],
        &mut bytes,
        &mut memory[..],
    );
    // What the last pass left would do in place of the password.
    memory.iter_mut().for_each(Zeroize::zeroize);
    derived.map_err(|_| TrapCode::InvalidArgument)?;
    call.store.safepoint()?;
    output.put(call, &bytes)
}
