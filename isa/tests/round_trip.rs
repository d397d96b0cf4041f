//! Texts and what the disassembler makes of them; random modules and back.

mod common;

use common::{decoded, encoded};
use dotvm_isa::text::disassemble;
use dotvm_isa::verify::verify_all;
use dotvm_isa::{Bytes, EncodeOptions, Names, decode, encode, fuzzing};
use proptest::prelude::*;

#[test]
fn texts_are_disassembled() {
    common::check_cases("round_trip", |source| {
        let (module, names) = common::assembled(source);
        let text = common::round_trip(&module, &names);
        // Through bytes, nothing changes.
        let (module, names) = decoded(&encoded(&module, &names));
        assert_eq!(disassemble(&module, &names).unwrap(), text);
        text
    });
}

/// The example of the documentation assembles and verifies.
#[test]
fn the_documented_example_is_right() {
    let document = dotvm_isa::text::docs::isa_reference();
    let example = document.split("```text\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let (module, names) = common::assembled(example);
    verify_all(&module).unwrap();
    common::round_trip(&module, &names);
}

/// What decides about a random module.
fn choices() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..1500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_modules_survive_bytes_and_text(choices in choices()) {
        let (module, names) = fuzzing::module(&choices);
        verify_all(&module).unwrap();
        let bytes = encoded(&module, &names);
        let (again, names_again) = decoded(&bytes);
        prop_assert_eq!(&names_again, &names);
        prop_assert_eq!(encoded(&again, &names_again), bytes);
        let declarations = |module: &dotvm_isa::Module| {
            let mut module = module.clone();
            // What is compared as bytes: where they lie differs.
            module.set_bodies([]);
            module.set_data([]);
            module.debug = None;
            format!("{module:?}")
        };
        prop_assert_eq!(declarations(&again), declarations(&module));
        common::round_trip(&module, &names);
    }

    #[test]
    fn compressed_modules_are_the_same(choices in choices(), level in 1..10) {
        let (module, names) = fuzzing::module(&choices);
        let options = EncodeOptions {
            zstd_level: Some(level),
            ..EncodeOptions::default()
        };
        let packed = decode(&Bytes::new(encode(&module, &names, options))).unwrap();
        prop_assert_eq!(&Names::decode(&packed).unwrap(), &names);
        prop_assert_eq!(encoded(&packed, &names), encoded(&module, &names));
    }

    #[test]
    fn mutated_modules_are_safe(
        choices in choices(),
        changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8),
    ) {
        let (module, names) = fuzzing::module(&choices);
        let mut bytes = encoded(&module, &names);
        for (at, byte) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        fuzzing::decode_and_verify(&bytes);
    }

    #[test]
    fn random_bodies_are_safe(body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let (mut module, names) = fuzzing::module(&[0xff; 300]);
        module.set_bodies([(0, body)]);
        fuzzing::decode_and_verify(&encoded(&module, &names));
    }
}
