//! What the assembler says about faulty texts; see `assembler/*.dasm`.

mod common;

use dotvm_isa::text::assemble;

#[test]
fn faults_are_reported() {
    common::check_cases("assembler", |source| match assemble(source) {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.to_string(),
    });
}
