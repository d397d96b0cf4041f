//! Reading a hostile module takes bounded memory. One test alone in its process: it looks at the
//! process's peak.
#![cfg(target_os = "linux")]

use std::io::Write;

use dotvm_isa::{Bytes, EncodeOptions, Module, Names, decode, encode, fuzzing};

/// Bytes that the bombs unpack to.
const BOMB_BYTES: usize = 1 << 28;

/// The most memory the process has used so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

/// A zstd frame of many zeros.
fn bomb() -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..BOMB_BYTES / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

/// Replaces a section's payload by `frame`, and says that it unpacks to `raw` bytes.
fn replace(packed: &[u8], section: usize, frame: &[u8], raw: u64) -> Vec<u8> {
    let mut at = 16;
    for _ in 0..section {
        at += 24 + u64::from_le_bytes(packed[at + 8..at + 16].try_into().unwrap()) as usize;
    }
    let stored = u64::from_le_bytes(packed[at + 8..at + 16].try_into().unwrap()) as usize;
    let mut bytes = packed.to_vec();
    bytes.splice(at + 24..at + 24 + stored, frame.iter().copied());
    bytes[at + 8..at + 16].copy_from_slice(&(frame.len() as u64).to_le_bytes());
    bytes[at + 16..at + 24].copy_from_slice(&raw.to_le_bytes());
    fuzzing::repair_checksums(&bytes)
}

#[test]
fn compressed_sections_are_not_unpacked_beyond_what_they_declare() {
    let frame = bomb();
    let names = Names {
        module: Some("name".to_owned()),
        ..Names::default()
    };
    let options = EncodeOptions {
        zstd_level: Some(1),
        ..EncodeOptions::default()
    };
    let packed = encode(&Module::default(), &names, options);
    let before = peak();
    for section in 0..3 {
        for raw in [0, 1, 1000, 1 << 20] {
            let file = Bytes::new(replace(&packed, section, &frame, raw));
            let error = decode(&file)
                .and_then(|module| Names::decode(&module))
                .unwrap_err();
            assert_eq!(error.reason(), "does not unpack to the declared length");
        }
        let file = Bytes::new(replace(&packed, section, &frame, BOMB_BYTES as u64 * 8));
        assert!(
            decode(&file)
                .and_then(|module| Names::decode(&module))
                .is_err()
        );
    }
    let used = peak() - before;
    assert!(used < BOMB_BYTES / 8, "{used} bytes");
}
