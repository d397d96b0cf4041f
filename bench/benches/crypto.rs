//! Cryptography through the machine's instructions, next to ring called natively: 1 MiB at a time. Prints medians of
//! rounds that take turns.

use std::hint::black_box;

use dotvm::{Linker, Module, Store};
use dotvm_bench::guest::Tier;
use dotvm_bench::turns::compare;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest;

/// Bytes of a message.
const BYTES: usize = 1 << 20;
/// Messages of a round.
const MESSAGES: u32 = 20;

/// Functions on the first bytes of memory: the digest of them, and sealing them where they are.
const PROGRAM: &str = r#"
    .memory 20
    .export "hash" func $hash
    .export "key" func $key
    .export "seal" func $seal
    .func $hash (i32 $len)
        i32.push 1
        i32.push 0
        local.get $len
        i32.push 1200000
        crypto.hash
        ret
    .end
    .func $key () -> i32
        i32.push 2
        i32.push 0
        i32.push 32
        crypto.key_import
        ret
    .end
    .func $seal (i32 $key, i32 $len)
        local.get $key
        i32.push 1200000
        i32.push 0
        i32.push 0
        i32.push 0
        local.get $len
        i32.push 0
        crypto.seal
        ret
    .end"#;

fn main() {
    let len = BYTES as i32;
    let message = vec![0u8; BYTES];
    let [mut interpreted, mut native] = Tier::ALL.map(|tier| {
        let (mut store, instance) = start(tier);
        let hash = instance.get_typed_func::<i32, ()>(&mut store, "hash");
        let hash = hash.expect("a function");
        move || {
            for _ in 0..MESSAGES {
                hash.call(&mut store, black_box(len)).expect("a digest");
            }
        }
    });
    let mut ring = || {
        for _ in 0..MESSAGES {
            black_box(digest::digest(&digest::SHA256, black_box(&message)));
        }
    };
    compare(
        "SHA-256",
        "ring",
        MESSAGES,
        [&mut ring, &mut interpreted, &mut native],
    );

    let key = UnboundKey::new(&AES_256_GCM, &[0; 32]).expect("a key");
    let key = LessSafeKey::new(key);
    let mut text = vec![0u8; BYTES];
    let [mut interpreted, mut native] = Tier::ALL.map(|tier| {
        let (mut store, instance) = start(tier);
        let key = instance.get_typed_func::<(), i32>(&mut store, "key");
        let key = key.expect("a function").call(&mut store, ());
        let key = key.expect("a key");
        let seal = instance.get_typed_func::<(i32, i32), ()>(&mut store, "seal");
        let seal = seal.expect("a function");
        move || {
            for _ in 0..MESSAGES {
                seal.call(&mut store, black_box((key, len)))
                    .expect("sealed");
            }
        }
    });
    let mut ring = || {
        for _ in 0..MESSAGES {
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), black_box(&mut text));
            let _tag = black_box(tag.expect("sealed"));
        }
    };
    compare(
        "AES-256-GCM",
        "ring",
        MESSAGES,
        [&mut ring, &mut interpreted, &mut native],
    );
}

fn start(tier: Tier) -> (Store<()>, dotvm::Instance) {
    let engine = tier.engine();
    let module = Module::from_text(&engine, PROGRAM).expect("a program");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    (store, instance.expect("nothing is imported"))
}
