//! Cryptography by the machine's services: imports that are instructions, with buffers as addresses and lengths.

#![allow(unsafe_code)]

use crate::crypto::Hash;

services! {
    hash_all = "crypto.hash" (hash: u32, src: *const u8, len: usize, dst: *mut u8);
    hash_new = "crypto.hash_new" (hash: u32) -> u32;
    hash_update = "crypto.hash_update" (state: u32, src: *const u8, len: usize);
    hash_finish = "crypto.hash_finish" (state: u32, dst: *mut u8);
    hash_drop = "crypto.hash_drop" (state: u32);
    hmac_of = "crypto.hmac" (hash: u32, key: u32, src: *const u8, len: usize, dst: *mut u8);
    hkdf_of = "crypto.hkdf" (
        hash: u32, key: u32, salt: *const u8, salt_len: usize, info: *const u8, info_len: usize, dst: *mut u8,
        len: usize
    );
    pbkdf2_of = "crypto.pbkdf2" (
        hash: u32, key: u32, salt: *const u8, salt_len: usize, rounds: u32, dst: *mut u8, len: usize
    );
    argon2id_of = "crypto.argon2id" (
        key: u32, salt: *const u8, salt_len: usize, kib: u32, passes: u32, lanes: u32, dst: *mut u8, len: usize
    );
    argon2id_key_of = "crypto.argon2id_key" (
        key: u32, salt: *const u8, salt_len: usize, kib: u32, passes: u32, lanes: u32, kind: u32
    ) -> u32;
    random = "crypto.random" (dst: *mut u8, len: usize);
    equal_of = "crypto.equal" (a: *const u8, b: *const u8, len: usize) -> u32;
    key_generate = "crypto.key_generate" (kind: u32) -> u32;
    key_import = "crypto.key_import" (kind: u32, src: *const u8, len: usize) -> u32;
    key_export = "crypto.key_export" (key: u32, dst: *mut u8, len: usize) -> i32;
    key_public = "crypto.key_public" (key: u32) -> u32;
    key_drop = "crypto.key_drop" (key: u32);
    sign_of = "crypto.sign" (key: u32, src: *const u8, len: usize, dst: *mut u8);
    verify_of = "crypto.verify" (key: u32, src: *const u8, len: usize, signature: *const u8) -> u32;
    sign_digest_of = "crypto.sign_digest" (key: u32, digest: *const u8, dst: *mut u8) -> u32;
    verify_digest_of = "crypto.verify_digest" (key: u32, digest: *const u8, signature: *const u8) -> u32;
    recover_of = "crypto.recover" (digest: *const u8, signature: *const u8, recovery: u32) -> u32;
    seal_of = "crypto.seal" (
        key: u32, nonce: *const u8, aad: *const u8, aad_len: usize, src: *const u8, len: usize, dst: *mut u8
    );
    open_of = "crypto.open" (
        key: u32, nonce: *const u8, aad: *const u8, aad_len: usize, src: *const u8, len: usize, dst: *mut u8
    ) -> u32;
    hpke_seal_of = "crypto.hpke_seal" (
        key: u32, info: *const u8, info_len: usize, aad: *const u8, aad_len: usize, src: *const u8, len: usize,
        dst: *mut u8
    ) -> u32;
    hpke_open_of = "crypto.hpke_open" (
        key: u32, info: *const u8, info_len: usize, aad: *const u8, aad_len: usize, src: *const u8, len: usize,
        dst: *mut u8
    ) -> u32;
}

/// A hash in the making.
pub(crate) struct State(u32);

impl State {
    pub(crate) fn new(hash: Hash) -> State {
        // SAFETY: the service accesses no memory.
        State(unsafe { raw::hash_new(hash as u32) })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        // SAFETY: the service reads the slice.
        unsafe { raw::hash_update(self.0, bytes.as_ptr(), bytes.len()) }
    }

    /// The digest, of as many bytes as the hash function's have.
    pub(crate) fn finish(self, digest: &mut [u8]) {
        // SAFETY: the service writes the slice, whose length `Digest` knows. The handle ends, and is not dropped.
        unsafe { raw::hash_finish(self.0, digest.as_mut_ptr()) }
        core::mem::forget(self);
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: the service accesses no memory.
        unsafe { raw::hash_drop(self.0) }
    }
}

/// Writes a digest, of as many bytes as the hash function's have.
pub(crate) fn hash(hash: Hash, bytes: &[u8], digest: &mut [u8]) {
    assert_eq!(digest.len(), hash.digest_len());
    // SAFETY: the service reads one slice and writes the other, whose length was looked at.
    unsafe {
        raw::hash_all(
            hash as u32,
            bytes.as_ptr(),
            bytes.len(),
            digest.as_mut_ptr(),
        )
    }
}

/// Compares slices of one length.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    assert_eq!(a.len(), b.len());
    // SAFETY: the service reads both slices.
    unsafe { raw::equal_of(a.as_ptr(), b.as_ptr(), a.len()) == 1 }
}

pub(crate) fn hmac(hash: Hash, key: &[u8], bytes: &[u8], out: &mut [u8]) {
    assert_eq!(out.len(), hash.digest_len());
    let key = Key::import(SECRET, key).expect("any bytes are a secret");
    // SAFETY: the service reads one slice and writes the other, whose length was looked at.
    unsafe {
        raw::hmac_of(
            hash as u32,
            key.0,
            bytes.as_ptr(),
            bytes.len(),
            out.as_mut_ptr(),
        )
    }
}

pub(crate) fn hkdf(hash: Hash, secret: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) {
    let key = Key::import(SECRET, secret).expect("any bytes are a secret");
    // SAFETY: the service reads and writes the slices.
    unsafe {
        raw::hkdf_of(
            hash as u32,
            key.0,
            salt.as_ptr(),
            salt.len(),
            info.as_ptr(),
            info.len(),
            out.as_mut_ptr(),
            out.len(),
        )
    }
}

pub(crate) fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8]) {
    let key = Key::import(SECRET, password).expect("any bytes are a secret");
    // SAFETY: the service reads and writes the slices.
    unsafe {
        raw::pbkdf2_of(
            hash as u32,
            key.0,
            salt.as_ptr(),
            salt.len(),
            rounds,
            out.as_mut_ptr(),
            out.len(),
        )
    }
}

pub(crate) fn argon2id(
    password: &[u8],
    salt: &[u8],
    [kib, passes, lanes]: [u32; 3],
    out: &mut [u8],
) {
    let key = Key::import(SECRET, password).expect("any bytes are a secret");
    // SAFETY: the service reads and writes the slices.
    unsafe {
        raw::argon2id_of(
            key.0,
            salt.as_ptr(),
            salt.len(),
            kib,
            passes,
            lanes,
            out.as_mut_ptr(),
            out.len(),
        )
    }
}

pub(crate) fn fill_random(out: &mut [u8]) {
    // SAFETY: the service writes the slice.
    unsafe { raw::random(out.as_mut_ptr(), out.len()) }
}

/// The kind of keys that are any bytes.
pub(crate) const SECRET: u32 = 1;

/// A key; it ends with this.
pub(crate) struct Key(u32);

impl Key {
    /// The key of a handle, unless that is 0.
    fn new(handle: u32) -> Option<Key> {
        match handle {
            0 => None,
            handle => Some(Key(handle)),
        }
    }

    pub(crate) fn generate(kind: u32) -> Key {
        // SAFETY: the service accesses no memory.
        Key::new(unsafe { raw::key_generate(kind) }).expect("a host that is random")
    }

    /// The key of some bytes, if they are one.
    pub(crate) fn import(kind: u32, bytes: &[u8]) -> Option<Key> {
        // SAFETY: the service reads the slice.
        Key::new(unsafe { raw::key_import(kind, bytes.as_ptr(), bytes.len()) })
    }

    pub(crate) fn derive(
        kind: u32,
        password: &[u8],
        salt: &[u8],
        [kib, passes, lanes]: [u32; 3],
    ) -> Key {
        let secret = Key::import(SECRET, password).expect("any bytes are a secret");
        // SAFETY: the service reads the slice.
        let key = unsafe {
            raw::argon2id_key_of(
                secret.0,
                salt.as_ptr(),
                salt.len(),
                kib,
                passes,
                lanes,
                kind,
            )
        };
        Key::new(key).expect("any 32 bytes are a key of a cipher")
    }

    /// Writes the key and returns its length; nothing where it may not be read.
    pub(crate) fn export(&self, out: &mut [u8]) -> Option<usize> {
        // SAFETY: the service writes the slice.
        match unsafe { raw::key_export(self.0, out.as_mut_ptr(), out.len()) } {
            -1 => None,
            len => Some(len as usize),
        }
    }

    pub(crate) fn public(&self) -> Key {
        // SAFETY: the service accesses no memory.
        Key(unsafe { raw::key_public(self.0) })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        // SAFETY: the service reads the slice and writes 64 bytes.
        unsafe {
            raw::sign_of(
                self.0,
                message.as_ptr(),
                message.len(),
                signature.as_mut_ptr(),
            )
        }
        signature
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        // SAFETY: the service reads the slice and 64 bytes.
        unsafe { raw::verify_of(self.0, message.as_ptr(), message.len(), signature.as_ptr()) == 1 }
    }

    pub(crate) fn sign_digest(&self, digest: &[u8; 32]) -> ([u8; 64], u8) {
        let mut signature = [0; 64];
        // SAFETY: the service reads 32 bytes and writes 64.
        let recovery =
            unsafe { raw::sign_digest_of(self.0, digest.as_ptr(), signature.as_mut_ptr()) };
        (signature, recovery as u8)
    }

    pub(crate) fn verify_digest(&self, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
        // SAFETY: the service reads 32 bytes and 64.
        unsafe { raw::verify_digest_of(self.0, digest.as_ptr(), signature.as_ptr()) == 1 }
    }

    pub(crate) fn recover(digest: &[u8; 32], signature: &[u8; 64], recovery: u8) -> Option<Key> {
        // SAFETY: the service reads 32 bytes and 64.
        let key =
            unsafe { raw::recover_of(digest.as_ptr(), signature.as_ptr(), u32::from(recovery)) };
        Key::new(key)
    }

    /// Encrypts `text[..len]`, all but the last 16 bytes, in place; the tag follows.
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) {
        let (start, len) = (text.as_mut_ptr(), text.len() - 16);
        // SAFETY: the service reads 12 bytes and `aad`, which is another slice, and reads and writes the text.
        unsafe {
            raw::seal_of(
                self.0,
                nonce.as_ptr(),
                aad.as_ptr(),
                aad.len(),
                start,
                len,
                start,
            )
        }
    }

    /// Decrypts in place what was sealed with its tag; whether it is genuine.
    pub(crate) fn open(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> bool {
        let (start, len) = (text.as_mut_ptr(), text.len());
        // SAFETY: as for sealing.
        unsafe {
            raw::open_of(
                self.0,
                nonce.as_ptr(),
                aad.as_ptr(),
                aad.len(),
                start,
                len,
                start,
            ) == 1
        }
    }

    /// Encrypts the first of all but 48 bytes to the owner of the key; whether that is possible.
    pub(crate) fn hpke_seal(&self, info: &[u8], aad: &[u8], text: &mut [u8]) -> bool {
        let (start, len) = (text.as_mut_ptr(), text.len() - 48);
        // SAFETY: the service reads two other slices, and reads and writes the text.
        unsafe {
            raw::hpke_seal_of(
                self.0,
                info.as_ptr(),
                info.len(),
                aad.as_ptr(),
                aad.len(),
                start,
                len,
                start,
            ) == 1
        }
    }

    /// Decrypts in place what was sealed; whether it is genuine.
    pub(crate) fn hpke_open(&self, info: &[u8], aad: &[u8], text: &mut [u8]) -> bool {
        let (start, len) = (text.as_mut_ptr(), text.len());
        // SAFETY: as for sealing.
        unsafe {
            raw::hpke_open_of(
                self.0,
                info.as_ptr(),
                info.len(),
                aad.as_ptr(),
                aad.len(),
                start,
                len,
                start,
            ) == 1
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the service accesses no memory.
        unsafe { raw::key_drop(self.0) }
    }
}
