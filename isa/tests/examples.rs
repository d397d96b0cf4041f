//! The programs in `examples/dasm` assemble, verify and survive the way through the disassembler.
//! What they print is tested where they can be run.

mod common;

use std::path::Path;

use dotvm_isa::verify::verify_all;

#[test]
fn examples_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/dasm");
    let files = common::files_in(&folder, "dasm");
    assert!(files.len() >= 8);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let (module, names) = common::assembled(&text);
        if let Err(error) = verify_all(&module) {
            panic!("{}: {error}", file.display());
        }
        common::round_trip(&module, &names);
        assert!(module.entry.is_some(), "{}", file.display());
        let expected = file.with_extension("expected");
        assert!(expected.is_file(), "{} is missing", expected.display());
    }
}
