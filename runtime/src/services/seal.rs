//! Authenticated encryption: with a key that both sides have, and to the owner of a public key.

use std::convert::Infallible;
use std::ops::Range;

use dotvm_isa::TrapCode;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use zeroize::Zeroizing;

use super::keys::{self, Material, X25519};
use super::{Call, ONE_PIECE_BYTES_MAX};
use crate::vm::entry::Stop;

/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// Bytes of a tag.
const TAG_BYTES: usize = 16;

/// Bytes of an encapsulated key.
const ENCAPSULATED_BYTES: usize = 32;

/// The suite of asymmetric encryption, besides [`X25519`].
type Kdf = hpke::kdf::HkdfSha256;
type Aead = hpke::aead::ChaCha20Poly1305;

/// Bytes of a message, and what it is authenticated with.
struct Buffers {
    src: Range<usize>,
    dst: Range<usize>,
    aad: Range<usize>,
}

impl Buffers {
    /// Checks them: all are read as a whole, and the result must not overwrite what is only authenticated.
    fn new(
        call: &Call<'_>,
        [src, len]: [u32; 2],
        [aad, aad_len]: [u32; 2],
        dst: (u32, usize),
    ) -> Result<Buffers, TrapCode> {
        let buffers = Buffers {
            src: call.operand(src, len)?,
            aad: call.operand(aad, aad_len)?,
            dst: call.buffer(dst.0, dst.1)?,
        };
        let Buffers { src, dst, aad } = &buffers;
        let apart =
            aad.is_empty() || dst.is_empty() || aad.end <= dst.start || dst.end <= aad.start;
        let short = src.len() <= ONE_PIECE_BYTES_MAX && aad.len() <= ONE_PIECE_BYTES_MAX;
        match apart && short {
            true => Ok(buffers),
            false => Err(TrapCode::InvalidArgument),
        }
    }

    fn units(&self) -> usize {
        self.src.len() + self.dst.len() + self.aad.len()
    }

    /// Moves `from` to `to` in the memory, and hands that and the bytes that are authenticated to `body`.
    fn in_place<R>(
        &self,
        memory: &mut [u8],
        from: Range<usize>,
        to: Range<usize>,
        body: impl FnOnce(&[u8], &mut [u8]) -> R,
    ) -> R {
        if from.start != to.start {
            memory.copy_within(from, to.start);
        }
        if self.aad.is_empty() {
            return body(&[], &mut memory[to]);
        }
        let [aad, text] = memory
            .get_disjoint_mut([self.aad.clone(), to])
            .expect("they were seen to be apart");
        body(aad, text)
    }
}

/// The key of a handle, with its schedule.
fn cipher(call: &Call<'_>, handle: u32) -> Result<LessSafeKey, TrapCode> {
    let (algorithm, bytes) = match keys::key(call, handle)? {
        Material::Aes256Gcm(bytes) => (&AES_256_GCM, bytes),
        Material::ChaCha20Poly1305(bytes) => (&CHACHA20_POLY1305, bytes),
        _ => return Err(TrapCode::InvalidHandle),
    };
    let key = UnboundKey::new(algorithm, &bytes[..]);
    key.map(LessSafeKey::new)
        .map_err(|_| TrapCode::InvalidHandle)
}

fn nonce(call: &Call<'_>, at: u32) -> Result<Nonce, TrapCode> {
    let at = call.buffer(at, NONCE_BYTES)?;
    let bytes = Nonce::try_assume_unique_for_key(&call.memory()[at]);
    bytes.map_err(|_| TrapCode::InvalidArgument)
}

/// `crypto.seal`
pub(super) fn seal(call: &mut Call<'_>) -> Result<(), Stop> {
    let [key, nonce_at, aad, aad_len, src, len, dst] = call.args();
    let key = cipher(call, key)?;
    let nonce = nonce(call, nonce_at)?;
    let dst = (dst, len as usize + TAG_BYTES);
    let buffers = Buffers::new(call, [src, len], [aad, aad_len], dst)?;
    call.charge(buffers.units())?;
    let Range { start, end } = buffers.dst;
    let text = start..end - TAG_BYTES;
    let memory = call.memory_mut();
    let tag = buffers.in_place(memory, buffers.src.clone(), text, |aad, text| {
        key.seal_in_place_separate_tag(nonce, Aad::from(aad), text)
    });
    // Only lengths that were refused above are too long.
    let tag = tag.map_err(|_| TrapCode::InvalidArgument)?;
    call.write(&(end - TAG_BYTES..end), tag.as_ref());
    Ok(())
}

/// `crypto.open`
pub(super) fn open(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [key, nonce_at, aad, aad_len, src, len, dst] = call.args();
    let key = cipher(call, key)?;
    let nonce = nonce(call, nonce_at)?;
    let dst = (dst, (len as usize).saturating_sub(TAG_BYTES));
    let buffers = Buffers::new(call, [src, len], [aad, aad_len], dst)?;
    call.charge(buffers.units())?;
    let Range { start, end } = buffers.src;
    if end - start < TAG_BYTES {
        return Ok(0);
    }
    let text_end = end - TAG_BYTES;
    let memory = call.memory_mut();
    let tag = Tag::try_from(&memory[text_end..end]).map_err(|_| TrapCode::InvalidArgument)?;
    let dst = buffers.dst.clone();
    let genuine = buffers.in_place(memory, start..text_end, dst.clone(), |aad, text| {
        key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, text, 0..)
            .is_ok()
    });
    if !genuine {
        // Nothing of what is not genuine gets out.
        call.memory_mut()[dst].fill(0);
    }
    Ok(u64::from(genuine))
}

/// Random bytes that were drawn before.
struct Drawn<'b>(&'b [u8]);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// # Panics
    /// Where more is asked for than a private key needs: that would be a bug, and a weak key.
    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Infallible> {
        let (head, rest) = self.0.split_at(buffer.len());
        buffer.copy_from_slice(head);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}

/// `crypto.hpke_seal`
pub(super) fn hpke_seal(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [key, info, info_len, aad, aad_len, src, len, dst] = call.args();
    let Material::X25519Public(public) = keys::key(call, key)? else {
        return Err(TrapCode::InvalidHandle.into());
    };
    let public = <X25519 as Kem>::PublicKey::from_bytes(public);
    let public = public.map_err(|_| TrapCode::InvalidHandle)?;
    let info = call.operand(info, info_len)?;
    let dst = (dst, ENCAPSULATED_BYTES + len as usize + TAG_BYTES);
    let buffers = Buffers::new(call, [src, len], [aad, aad_len], dst)?;
    if info.len() > ONE_PIECE_BYTES_MAX {
        return Err(TrapCode::InvalidArgument.into());
    }
    call.charge(info.len() + buffers.units())?;
    let mut drawn = Zeroizing::new([0; 32]);
    call.random(&mut drawn[..])?;
    let setup = hpke::setup_sender_with_rng::<Aead, Kdf, X25519>(
        &OpModeS::Base,
        &public,
        &call.memory()[info],
        &mut Drawn(&drawn[..]),
    );
    // Of a public key that stands for no secret.
    let Ok((encapsulated, mut sender)) = setup else {
        return Ok(0);
    };
    let Range { start, end } = buffers.dst;
    let text = start + ENCAPSULATED_BYTES..end - TAG_BYTES;
    let memory = call.memory_mut();
    let tag = buffers.in_place(memory, buffers.src.clone(), text, |aad, text| {
        sender.seal_inout_detached(text.into(), aad)
    });
    let tag = tag.map_err(|_| TrapCode::InvalidArgument)?;
    call.write(
        &(start..start + ENCAPSULATED_BYTES),
        &encapsulated.to_bytes(),
    );
    call.write(&(end - TAG_BYTES..end), &tag.to_bytes());
    Ok(1)
}

/// `crypto.hpke_open`
pub(super) fn hpke_open(call: &mut Call<'_>) -> Result<u64, Stop> {
    const AROUND_BYTES: usize = ENCAPSULATED_BYTES + TAG_BYTES;
    let [key, info, info_len, aad, aad_len, src, len, dst] = call.args();
    let Material::X25519(private) = keys::key(call, key)? else {
        return Err(TrapCode::InvalidHandle.into());
    };
    let private = <X25519 as Kem>::PrivateKey::from_bytes(&private[..]);
    let private = private.map_err(|_| TrapCode::InvalidHandle)?;
    let info = call.operand(info, info_len)?;
    let dst = (dst, (len as usize).saturating_sub(AROUND_BYTES));
    let buffers = Buffers::new(call, [src, len], [aad, aad_len], dst)?;
    if info.len() > ONE_PIECE_BYTES_MAX {
        return Err(TrapCode::InvalidArgument.into());
    }
    call.charge(info.len() + buffers.units())?;
    let Range { start, end } = buffers.src;
    if end - start < AROUND_BYTES {
        return Ok(0);
    }
    let text = start + ENCAPSULATED_BYTES..end - TAG_BYTES;
    let memory = call.memory();
    let encapsulated = &memory[start..text.start];
    let encapsulated = <X25519 as Kem>::EncappedKey::from_bytes(encapsulated);
    let tag = hpke::aead::AeadTag::<Aead>::from_bytes(&memory[text.end..end]);
    let (Ok(encapsulated), Ok(tag)) = (encapsulated, tag) else {
        return Ok(0);
    };
    let receiver = hpke::setup_receiver::<Aead, Kdf, X25519>(
        &OpModeR::Base,
        &private,
        &encapsulated,
        &memory[info],
    );
    let Ok(mut receiver) = receiver else {
        return Ok(0);
    };
    let dst = buffers.dst.clone();
    let memory = call.memory_mut();
    let genuine = buffers.in_place(memory, text, dst.clone(), |aad, text| {
        receiver.open_inout_detached(text.into(), aad, &tag).is_ok()
    });
    if !genuine {
        call.memory_mut()[dst].fill(0);
    }
    Ok(u64::from(genuine))
}
