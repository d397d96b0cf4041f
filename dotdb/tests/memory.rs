//! Values with indices take little more memory than their bytes. Alone in its process, whose memory is measured.
#![cfg(target_os = "linux")]

use dotvm_dotdb::{Database, Options};

/// The most memory that the process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: usize = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kilobytes * 1024
}

#[test]
fn documents_of_many_small_parts_take_little_memory() {
    const BYTES: usize = 4 << 20;
    let database = Database::in_memory(Options::default()).unwrap();
    let mut session = database.session();
    let json = session.create_table("json").unwrap();
    session.create_index(json, "field", "json [0].x").unwrap();
    let cbor = session.create_table("cbor").unwrap();
    session.create_index(cbor, "field", "cbor [0].x").unwrap();
    let parts = BYTES / 7;
    let text = format!("[{{\"x\":7}}{}]", ",{\"\":0}".repeat(parts));
    // The array's length has four bytes; its other elements are {"": 0}.
    let mut bytes = vec![0x9a];
    bytes.extend_from_slice(&(parts as u32 + 1).to_be_bytes());
    bytes.extend_from_slice(b"\xa1\x61x\x07");
    bytes.extend_from_slice(&b"\xa1\x60\x00".repeat(parts));
    let before = peak();
    session.put(json, b"1", text.as_bytes()).unwrap();
    session.put(cbor, b"1", &bytes).unwrap();
    let more = peak() - before;
    for table in ["json", "cbor"] {
        let mut rows = session
            .query(&format!("{table} where field = 7"), &[])
            .unwrap();
        assert!(rows.next(&mut session).unwrap().is_some(), "{table}");
    }
    assert!(more < 10 * BYTES, "{more} bytes");
}
