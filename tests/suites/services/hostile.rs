//! Operands that services do not take: a documented trap each, in both tiers, and nothing is written.

use dotvm::TrapCode;
use dotvm::isa::ops::{Rate, Service};
use dotvm_tests::fuzzing::Random;
use dotvm_tests::services::{Both, MEMORY_BYTES};

const END: u32 = MEMORY_BYTES as u32;

#[test]
fn buffers_end_where_the_memory_does() {
    let mut both = Both::default();
    let oob = Err(TrapCode::MemoryOutOfBounds);
    for (src, len) in [
        (END, 1),
        (END - 3, 4),
        (u32::MAX, 0),
        (END + 1, 0),
        (1, u32::MAX),
        (0, END + 1),
    ] {
        assert_eq!(both.call(Service::CryptoHash, &[1, src, len, 0]), oob);
        assert_eq!(both.call(Service::CryptoRandom, &[src, len]), oob);
        assert_eq!(both.call(Service::CryptoEqual, &[0, src, len]), oob);
        assert_eq!(both.call(Service::CryptoEqual, &[src, 0, len]), oob);
        let hash = both.run(Service::CryptoHashNew, &[5]);
        assert_eq!(both.call(Service::CryptoHashUpdate, &[hash, src, len]), oob);
        both.run(Service::CryptoHashDrop, &[hash]);
    }
    // Nothing of the digest is written where not all of it fits.
    assert_eq!(both.call(Service::CryptoHash, &[2, 0, 0, END - 63]), oob);
    assert_eq!(both.get(END - 63, 63), [0; 63]);
    both.run(Service::CryptoHash, &[2, END, 0, END - 64]);
    assert_ne!(both.get(END - 64, 64), [0; 64]);
}

#[test]
fn unknown_algorithms_and_handles() {
    let mut both = Both::default();
    for number in [0, 6, 7, 256 + 1, u32::MAX] {
        let invalid = Err(TrapCode::InvalidArgument);
        assert_eq!(both.call(Service::CryptoHash, &[number, 0, 0, 0]), invalid);
        assert_eq!(both.call(Service::CryptoHashNew, &[number]), invalid);
    }
    let hash = both.run(Service::CryptoHashNew, &[1]);
    let ended = both.run(Service::CryptoHashNew, &[1]);
    both.run(Service::CryptoHashFinish, &[ended, 0]);
    for handle in [0, hash + 1, ended, hash + (1 << 16), u32::MAX, 1 << 31] {
        let invalid = Err(TrapCode::InvalidHandle);
        assert_eq!(
            both.call(Service::CryptoHashUpdate, &[handle, 0, 0]),
            invalid
        );
        assert_eq!(both.call(Service::CryptoHashFinish, &[handle, 0]), invalid);
        assert_eq!(both.call(Service::CryptoHashDrop, &[handle]), invalid);
    }
    both.run(Service::CryptoHashUpdate, &[hash, 0, 10]);
}

#[test]
fn handles_are_limited_by_number_and_memory() {
    let mut both = Both::default();
    let mut made = 0;
    let trap = loop {
        match both.call(Service::CryptoHashNew, &[1]) {
            Ok(_) => made += 1,
            Err(trap) => break trap,
        }
    };
    assert_eq!((made, trap), (65_535, TrapCode::HandleLimit));
    for store in both.stores() {
        assert_eq!(store.usage().handles, 65_535);
        assert!(store.usage().handle_bytes >= 65_535 * 64);
    }
    let mut both = Both::default();
    for store in both.stores() {
        store.set_max_memory_bytes(MEMORY_BYTES as u64 + 100_000);
    }
    let mut made = 0;
    let trap = loop {
        match both.call(Service::CryptoHashNew, &[5]) {
            Ok(_) => made += 1,
            Err(trap) => break trap,
        }
    };
    assert_eq!(trap, TrapCode::MemoryLimit);
    assert!((20..100).contains(&made), "{made}");
}

#[test]
fn fuel_depends_on_the_bytes() {
    let mut both = Both::default();
    both.run(Service::CryptoHash, &[1, 0, 0, 0]);
    let none = both.fuel();
    for len in [1, 8, 9, 1 << 20] {
        both.run(Service::CryptoHash, &[1, 0, len, 0]);
        assert_eq!(both.fuel() - none, Rate::Bytes.fuel(u64::from(len)));
    }
    // What is refused costs what the row says only.
    both.call(Service::CryptoHash, &[1, 0, END + 1, 0])
        .unwrap_err();
    assert_eq!(both.fuel(), none);
}

/// Whatever operands there are: both tiers do the same, and traps are those that services have.
#[test]
fn any_operands() {
    let mut both = Both::default();
    let mut random = Random(7);
    let mut handles = vec![0];
    for turn in 0..8_000 {
        let service = Service::ALL[random.below(Service::ALL.len())];
        let (params, result) = service.signature();
        let args: Vec<u32> = params
            .iter()
            .map(|_| match random.below(6) {
                0 => random.below(12) as u32,
                1 => handles[random.below(handles.len())],
                2 => END - random.below(200) as u32,
                3 => random.next_u64() as u32,
                _ => random.below(600) as u32,
            })
            .collect();
        match both.call(service, &args) {
            Ok(handle) if result.is_some() && handle != 0 => handles.push(handle),
            Ok(_) => {}
            Err(trap) => assert!(
                matches!(
                    trap,
                    TrapCode::MemoryOutOfBounds
                        | TrapCode::InvalidHandle
                        | TrapCode::InvalidArgument
                        | TrapCode::HandleLimit
                        | TrapCode::MemoryLimit
                        | TrapCode::OutOfFuel
                        | TrapCode::DatabaseLimit
                        | TrapCode::DatabaseMisuse
                        | TrapCode::NullReference
                        | TrapCode::IntegerOverflow
                        | TrapCode::IntegerDivideByZero
                ),
                "{service:?} {args:?}: {trap}"
            ),
        }
        if turn % 200 == 0 {
            both.get(0, END);
        }
    }
}
