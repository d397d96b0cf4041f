//! Peer: generated modules do in every tier what they do in another machine. The bin `compare` runs as many as
//! one asks for.

use dotvm_peer::check;
use dotvm_tests::differential::{self, Case};

/// Modules in one test; the tests run side by side.
const MODULES: usize = 75;

/// Runs the modules whose numbers leave `remainder` when divided by four.
fn modules(remainder: u64) {
    let numbers = (remainder..).step_by(4);
    // Not every number makes a module.
    let cases = numbers.filter_map(|number| Some((number, Case::numbered(number)?)));
    let mut same = 0;
    for (number, case) in cases.take(MODULES) {
        let checked = differential::check(&case).and_then(|_| check(&case));
        same += checked.unwrap_or_else(|difference| panic!("{number}: {difference}"));
    }
    assert!(same > 500, "only {same} outcomes were compared");
}

#[test]
fn modules_of_the_first_quarter() {
    modules(0);
}

#[test]
fn modules_of_the_second_quarter() {
    modules(1);
}

#[test]
fn modules_of_the_third_quarter() {
    modules(2);
}

#[test]
fn modules_of_the_last_quarter() {
    modules(3);
}
