//! Signatures.
//!
//! They are 64 bytes: of Ed25519 as RFC 8032 has them, of ECDSA `r` and `s`, big-endian. Nothing about them is
//! random: ECDSA takes its nonces from the key and the message, as RFC 6979 says.

use std::ops::Range;

use dotvm_isa::TrapCode;
use ed25519_dalek::Signer;
use k256::ecdsa::RecoveryId;
use k256::ecdsa::signature::Verifier;
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

use super::keys::{self, Material};
use super::{Call, ONE_PIECE_BYTES_MAX};
use crate::vm::entry::Stop;

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// Bytes of a digest that is signed as it is.
const DIGEST_BYTES: usize = 32;

/// A message: it is read as a whole.
fn message(call: &mut Call<'_>, src: u32, len: u32) -> Result<Range<usize>, TrapCode> {
    let src = call.operand(src, len)?;
    match src.len() {
        0..=ONE_PIECE_BYTES_MAX => Ok(src),
        _ => Err(TrapCode::InvalidArgument),
    }
}

/// `crypto.sign`
pub(super) fn sign(call: &mut Call<'_>) -> Result<(), Stop> {
    let [key, src, len, dst] = call.args();
    match keys::key(call, key)? {
        Material::Ed25519(_) | Material::P256(_) | Material::Secp256k1(_) => {}
        _ => return Err(TrapCode::InvalidHandle.into()),
    }
    let src = message(call, src, len)?;
    let dst = call.buffer(dst, SIGNATURE_BYTES)?;
    call.charge(src.len())?;
    let message = &call.memory()[src];
    let signature: [u8; SIGNATURE_BYTES] = match keys::key(call, key)? {
        Material::Ed25519(key) => key.sign(message).to_bytes(),
        Material::P256(key) => {
            let signature: p256::ecdsa::Signature = key.sign(message);
            signature.to_bytes().into()
        }
        Material::Secp256k1(key) => {
            let signature: k256::ecdsa::Signature = key.sign(message);
            signature.to_bytes().into()
        }
        _ => return Err(TrapCode::InvalidHandle.into()),
    };
    call.write(&dst, &signature);
    Ok(())
}

/// `crypto.verify`
pub(super) fn verify(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [key, src, len, signature] = call.args();
    match keys::key(call, key)? {
        Material::Ed25519Public(_) | Material::P256Public(_) | Material::Secp256k1Public(_) => {}
        _ => return Err(TrapCode::InvalidHandle.into()),
    }
    let src = message(call, src, len)?;
    let signature = call.buffer(signature, SIGNATURE_BYTES)?;
    call.charge(src.len())?;
    let memory = call.memory();
    let (message, signature) = (&memory[src], &memory[signature]);
    let genuine = match keys::key(call, key)? {
        Material::Ed25519Public(key) => UnparsedPublicKey::new(&ED25519, key)
            .verify(message, signature)
            .is_ok(),
        Material::P256Public(key) => {
            let point = key.to_sec1_point(false);
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.as_bytes())
                .verify(message, signature)
                .is_ok()
        }
        Material::Secp256k1Public(key) => k256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        _ => return Err(TrapCode::InvalidHandle.into()),
    };
    Ok(u64::from(genuine))
}

/// `crypto.sign_digest`
pub(super) fn sign_digest(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [key, digest, dst] = call.args();
    match keys::key(call, key)? {
        Material::P256(_) | Material::Secp256k1(_) => {}
        _ => return Err(TrapCode::InvalidHandle.into()),
    }
    let digest = call.buffer(digest, DIGEST_BYTES)?;
    let dst = call.buffer(dst, SIGNATURE_BYTES)?;
    let digest = &call.memory()[digest];
    let (signature, recovery): ([u8; SIGNATURE_BYTES], RecoveryId) = match keys::key(call, key)? {
        Material::P256(key) => {
            let (signature, recovery) = key.sign_prehash_recoverable(digest);
            (signature.to_bytes().into(), recovery)
        }
        Material::Secp256k1(key) => {
            let (signature, recovery) = key.sign_prehash_recoverable(digest);
            (signature.to_bytes().into(), recovery)
        }
        _ => return Err(TrapCode::InvalidHandle.into()),
    };
    call.write(&dst, &signature);
    Ok(u64::from(recovery.to_byte()))
}

/// `crypto.verify_digest`
pub(super) fn verify_digest(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [key, digest, signature] = call.args();
    match keys::key(call, key)? {
        Material::P256Public(_) | Material::Secp256k1Public(_) => {}
        _ => return Err(TrapCode::InvalidHandle.into()),
    }
    let digest = call.buffer(digest, DIGEST_BYTES)?;
    let signature = call.buffer(signature, SIGNATURE_BYTES)?;
    let memory = call.memory();
    let (digest, signature) = (&memory[digest], &memory[signature]);
    let genuine = match keys::key(call, key)? {
        Material::P256Public(key) => p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        Material::Secp256k1Public(key) => k256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        _ => return Err(TrapCode::InvalidHandle.into()),
    };
    Ok(u64::from(genuine))
}

/// `crypto.recover`
pub(super) fn recover(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [digest, signature, recovery] = call.args();
    let recovery = u8::try_from(recovery).ok().and_then(RecoveryId::from_byte);
    let recovery = recovery.ok_or(TrapCode::InvalidArgument)?;
    let digest = call.buffer(digest, DIGEST_BYTES)?;
    let signature = call.buffer(signature, SIGNATURE_BYTES)?;
    let memory = call.memory();
    let Ok(signature) = k256::ecdsa::Signature::from_slice(&memory[signature]) else {
        return Ok(0);
    };
    let digest = &memory[digest];
    match k256::ecdsa::VerifyingKey::recover_from_prehash(digest, &signature, recovery) {
        Ok(key) => keys::keep(call, Material::Secp256k1Public(Box::new(key)), true),
        Err(_) => Ok(0),
    }
}
