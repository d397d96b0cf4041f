//! Cryptography through the machine's instructions, next to ring called natively: 1 MiB at a time.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dotvm::{Linker, Module, Store};
use dotvm_bench::guest::Tier;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest;

/// Bytes of a message.
const BYTES: usize = 1 << 20;

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

fn crypto(c: &mut Criterion) {
    let len = BYTES as i32;
    let mut group = c.benchmark_group("SHA-256");
    group.throughput(Throughput::Bytes(BYTES as u64));
    let message = vec![0u8; BYTES];
    group.bench_function("ring", |b| {
        b.iter(|| digest::digest(&digest::SHA256, black_box(&message)));
    });
    for tier in Tier::ALL {
        let (mut store, instance) = start(tier);
        let hash = instance.get_typed_func::<i32, ()>(&mut store, "hash");
        let hash = hash.expect("a function");
        group.bench_function(tier.name(), |b| {
            b.iter(|| hash.call(&mut store, black_box(len)).expect("a digest"));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("AES-256-GCM");
    group.throughput(Throughput::Bytes(BYTES as u64));
    let key = UnboundKey::new(&AES_256_GCM, &[0; 32]).expect("a key");
    let key = LessSafeKey::new(key);
    let mut text = vec![0u8; BYTES];
    group.bench_function("ring", |b| {
        b.iter(|| {
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            key.seal_in_place_separate_tag(nonce, Aad::empty(), black_box(&mut text))
        });
    });
    for tier in Tier::ALL {
        let (mut store, instance) = start(tier);
        let key = instance.get_typed_func::<(), i32>(&mut store, "key");
        let key = key.expect("a function").call(&mut store, ());
        let key = key.expect("a key");
        let seal = instance.get_typed_func::<(i32, i32), ()>(&mut store, "seal");
        let seal = seal.expect("a function");
        group.bench_function(tier.name(), |b| {
            b.iter(|| {
                seal.call(&mut store, black_box((key, len)))
                    .expect("sealed");
            });
        });
    }
    group.finish();
}

fn start(tier: Tier) -> (Store<()>, dotvm::Instance) {
    let engine = tier.engine();
    let module = Module::from_text(&engine, PROGRAM).expect("a program");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    (store, instance.expect("nothing is imported"))
}

criterion_group!(benches, crypto);
criterion_main!(benches);
