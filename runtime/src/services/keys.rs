//! Keys: what programs sign and encrypt with, which they name by handles.
//!
//! A key that a program did not import cannot be read by it. Secret parts are zeroed when the key ends; copies that
//! an algorithm leaves on the native stack or in registers while it computes are not looked after.

use dotvm_isa::TrapCode;
use dotvm_isa::crypto::KeyKind;
use hpke::{Deserializable, Kem, Serializable};
use zeroize::Zeroizing;

use super::{Call, Object};
use crate::vm::entry::Stop;

/// The method to encapsulate keys of asymmetric encryption.
pub(super) type X25519 = hpke::kem::X25519HkdfSha256;

/// Bytes of all keys but secrets of any length.
const KEY_BYTES: usize = 32;

/// What a key takes in the books besides its bytes: the largest form of one.
const KEY_COST_BYTES: usize = 256;

/// A key, and whether the program may read it.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) material: Material,
    readable: bool,
}

/// The key itself, in the form that its algorithm wants. What is secret is on the heap, so that moving keys leaves
/// no copies.
pub(super) enum Material {
    Secret(Zeroizing<Vec<u8>>),
    Aes256Gcm(Box<Zeroizing<[u8; KEY_BYTES]>>),
    ChaCha20Poly1305(Box<Zeroizing<[u8; KEY_BYTES]>>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Ed25519Public([u8; KEY_BYTES]),
    P256(Box<p256::ecdsa::SigningKey>),
    P256Public(Box<p256::ecdsa::VerifyingKey>),
    Secp256k1(Box<k256::ecdsa::SigningKey>),
    Secp256k1Public(Box<k256::ecdsa::VerifyingKey>),
    X25519(Box<Zeroizing<[u8; KEY_BYTES]>>),
    X25519Public([u8; KEY_BYTES]),
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Material")
    }
}

impl Material {
    /// The key of these bytes; nothing where they are no key of that kind.
    ///
    /// # Errors
    /// Where keys of that kind do not have that length.
    fn new(kind: KeyKind, bytes: &[u8]) -> Result<Option<Material>, TrapCode> {
        if !kind.takes(bytes.len()) {
            return Err(TrapCode::InvalidArgument);
        }
        let boxed = || {
            let mut array = Box::new(Zeroizing::new([0; KEY_BYTES]));
            array.copy_from_slice(bytes);
            array
        };
        let public = || <[u8; KEY_BYTES]>::try_from(bytes).ok();
        Ok(match kind {
            KeyKind::Secret => Some(Material::Secret(Zeroizing::new(bytes.to_vec()))),
            KeyKind::Aes256Gcm => Some(Material::Aes256Gcm(boxed())),
            KeyKind::ChaCha20Poly1305 => Some(Material::ChaCha20Poly1305(boxed())),
            KeyKind::Ed25519 => {
                let key = ed25519_dalek::SigningKey::from_bytes(&boxed());
                Some(Material::Ed25519(Box::new(key)))
            }
            KeyKind::Ed25519Public => public()
                .filter(is_strong_point)
                .map(Material::Ed25519Public),
            KeyKind::P256 => {
                let key = p256::ecdsa::SigningKey::from_slice(bytes).ok();
                key.map(|key| Material::P256(Box::new(key)))
            }
            KeyKind::P256Public => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok();
                key.map(|key| Material::P256Public(Box::new(key)))
            }
            KeyKind::Secp256k1 => {
                let key = k256::ecdsa::SigningKey::from_slice(bytes).ok();
                key.map(|key| Material::Secp256k1(Box::new(key)))
            }
            KeyKind::Secp256k1Public => {
                let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok();
                key.map(|key| Material::Secp256k1Public(Box::new(key)))
            }
            KeyKind::X25519 => Some(Material::X25519(boxed())),
            KeyKind::X25519Public => public().map(Material::X25519Public),
        })
    }

    fn is_public(&self) -> bool {
        matches!(
            self,
            Material::Ed25519Public(_)
                | Material::P256Public(_)
                | Material::Secp256k1Public(_)
                | Material::X25519Public(_)
        )
    }

    /// The key as bytes: what it can be imported from; public points in their long form.
    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Material::Secret(bytes) => bytes.to_vec(),
            Material::Aes256Gcm(bytes)
            | Material::ChaCha20Poly1305(bytes)
            | Material::X25519(bytes) => bytes.to_vec(),
            Material::Ed25519(key) => key.as_bytes().to_vec(),
            Material::Ed25519Public(bytes) | Material::X25519Public(bytes) => bytes.to_vec(),
            Material::P256(key) => Zeroizing::new(key.to_bytes()).to_vec(),
            Material::P256Public(key) => key.to_sec1_point(false).as_bytes().to_vec(),
            Material::Secp256k1(key) => Zeroizing::new(key.to_bytes()).to_vec(),
            Material::Secp256k1Public(key) => key.to_sec1_point(false).as_bytes().to_vec(),
        })
    }

    /// The public key of a private one.
    fn public(&self) -> Option<Material> {
        Some(match self {
            Material::Ed25519(key) => Material::Ed25519Public(key.verifying_key().to_bytes()),
            Material::P256(key) => Material::P256Public(Box::new(*key.verifying_key())),
            Material::Secp256k1(key) => Material::Secp256k1Public(Box::new(*key.verifying_key())),
            Material::X25519(bytes) => {
                let key = <X25519 as Kem>::PrivateKey::from_bytes(&bytes[..]).ok()?;
                Material::X25519Public(X25519::sk_to_pk(&key).to_bytes().into())
            }
            _ => return None,
        })
    }

    fn cost(&self) -> usize {
        match self {
            Material::Secret(bytes) => KEY_COST_BYTES + bytes.len(),
            _ => KEY_COST_BYTES,
        }
    }
}

/// The key of a handle.
pub(super) fn key<'c>(call: &'c Call<'_>, handle: u32) -> Result<&'c Material, TrapCode> {
    match call.store.services.objects.get(handle)? {
        Object::Key(key) => Ok(&key.material),
        Object::Hash(_) | Object::Cursor(_) => Err(TrapCode::InvalidHandle),
    }
}

/// The bytes of a handle to a secret.
pub(super) fn secret<'c>(call: &'c Call<'_>, handle: u32) -> Result<&'c [u8], TrapCode> {
    match key(call, handle)? {
        Material::Secret(bytes) => Ok(bytes),
        _ => Err(TrapCode::InvalidHandle),
    }
}

/// Keeps a key; returns its handle.
pub(super) fn keep(call: &mut Call<'_>, material: Material, readable: bool) -> Result<u64, Stop> {
    let cost = material.cost();
    let key = Key { material, readable };
    Ok(call.keep(Object::Key(key), cost)?)
}

/// The kind of keys with that number.
pub(super) fn kind(number: u32) -> Result<KeyKind, TrapCode> {
    KeyKind::from_number(number).ok_or(TrapCode::InvalidArgument)
}

/// The kind with that number, of those that any 32 bytes are a key of (but very few, of some).
pub(super) fn private_kind(number: u32) -> Result<KeyKind, TrapCode> {
    match kind(number)? {
        kind if kind.is_public() => Err(TrapCode::InvalidArgument),
        kind => Ok(kind),
    }
}

/// Keeps a key of 32 bytes that the program does not get to see; 0 where they are none.
pub(super) fn keep_derived(
    call: &mut Call<'_>,
    kind: KeyKind,
    bytes: &[u8; KEY_BYTES],
) -> Result<u64, Stop> {
    match Material::new(kind, bytes)? {
        Some(material) => keep(call, material, false),
        None => Ok(0),
    }
}

/// `crypto.key_generate`
pub(super) fn generate(call: &mut Call<'_>) -> Result<u64, Stop> {
    /// So many tries: of a host that is random, less than one in 2^32 fails at all.
    const TRIES: u32 = 8;
    let [number] = call.args();
    let kind = private_kind(number)?;
    for _ in 0..TRIES {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        call.random(&mut bytes[..])?;
        match keep_derived(call, kind, &bytes)? {
            0 => {}
            handle => return Ok(handle),
        }
    }
    Ok(0)
}

/// `crypto.key_import`
pub(super) fn import(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [number, src, len] = call.args();
    let kind = kind(number)?;
    let src = call.operand(src, len)?;
    if !kind.takes(src.len()) {
        return Err(TrapCode::InvalidArgument.into());
    }
    call.charge(src.len())?;
    match Material::new(kind, &call.memory()[src])? {
        Some(material) => keep(call, material, true),
        None => Ok(0),
    }
}

/// `crypto.key_export`
pub(super) fn export(call: &mut Call<'_>) -> Result<u64, Stop> {
    /// What stands for a key that may not be read: -1.
    const REFUSED: u64 = u32::MAX as u64;
    let [handle, dst, len] = call.args();
    let bytes = match call.store.services.objects.get(handle)? {
        Object::Key(key) if key.readable || key.material.is_public() => key.material.bytes(),
        Object::Key(_) => return Ok(REFUSED),
        Object::Hash(_) | Object::Cursor(_) => return Err(TrapCode::InvalidHandle.into()),
    };
    let dst = call.operand(dst, len)?;
    call.charge(bytes.len())?;
    if bytes.len() <= dst.len() {
        call.write(&(dst.start..dst.start + bytes.len()), &bytes);
    }
    Ok(bytes.len() as u64)
}

/// `crypto.key_public`
pub(super) fn public(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [handle] = call.args();
    let public = key(call, handle)?.public();
    keep(call, public.ok_or(TrapCode::InvalidHandle)?, true)
}

/// `crypto.key_drop`
pub(super) fn end(call: &mut Call<'_>) -> Result<(), Stop> {
    let [handle] = call.args();
    key(call, handle)?;
    call.store.services.objects.remove(handle)?;
    Ok(())
}

/// Whether the bytes are the encoding of a point (RFC 8032, 5.1.3: numbers of the field below its prime) that is not of
/// small order: with such a key, signatures would be genuine for any message.
fn is_strong_point(bytes: &[u8; KEY_BYTES]) -> bool {
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes);
    key.is_ok_and(|key| !key.is_weak() && key.to_edwards().compress().as_bytes() == bytes)
}
