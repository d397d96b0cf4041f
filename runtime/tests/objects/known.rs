//! What native code knows of objects from one basic block to the next.

use std::fmt::Write as _;

use dotvm::{Instance, Store};

use crate::common::module;
use crate::{Random, engines};

/// A function that reads objects of two types in blocks that lead to each other in any way: loops with several entries,
/// loops in loops, blocks that know more of a local than others do.
fn wandering(seed: u64) -> String {
    const BLOCKS: u64 = 9;
    let mut random = Random(seed);
    let mut text = String::from(
        r#"
        .struct $a final (mut i64)
        .struct $b final (mut i64, mut i64)
        .export "run" func $run
        .func $run (i64 $way, i64 $turns) -> i64
            .local anyref $r0 $r1 $r2
            .local i64 $sum
            i64.push 1
            struct.new $a
            local.tee $r0
            local.set $r1
            i64.push 2
            i64.push 3
            struct.new $b
            local.set $r2
        "#,
    );
    for block in 0..BLOCKS {
        let _ = write!(text, "block{block}:\nloop\n");
        for i in 0..1 + random.below(4) {
            let (r, other) = (random.below(3), random.below(3));
            let ty = ["a", "b"][random.below(2) as usize];
            let add = "local.get $sum\ni64.push 3\ni64.mul\ni64.add\nlocal.set $sum";
            let read = format!("local.get $r{r}\nstruct.get ${ty} 0\n{add}");
            text += &match random.below(10) {
                // Whatever it is.
                0 if random.below(4) == 0 => read,
                0 | 1 => format!("local.get $r{other}\nlocal.set $r{r}"),
                2 => format!("local.get $sum\nstruct.new $a\nlocal.set $r{r}"),
                3 => format!("local.get $sum\ni64.push 5\nstruct.new $b\nlocal.set $r{r}"),
                _ => {
                    let skip = format!("skip{block}_{i}");
                    format!("local.get $r{r}\nref.test ${ty}\njz {skip}\n{read}\n{skip}:")
                }
            };
            text.push('\n');
        }
        let _ = write!(
            text,
            "local.get $turns\ni64.push 1\ni64.sub\nlocal.tee $turns\ni64.eqz\njnz end\n"
        );
        for _ in 0..random.below(3) {
            let (bit, to) = (random.below(40), random.below(BLOCKS));
            let _ = write!(
                text,
                "local.get $way\nlocal.get $turns\ni64.add\ni64.push {bit}\ni64.shr_u\ni32.wrap_i64\ni32.push 1\ni32.and\njnz block{to}\n"
            );
        }
    }
    text + "jmp block0\nend:\nlocal.get $sum\nret\n.end\n"
}

/// What a block knows of objects holds on every way to it.
#[test]
fn what_is_known_of_objects_is_true_wherever_control_comes_from() {
    let engines = engines();
    let (mut ended, mut trapped) = (0, 0);
    for seed in 0..150 {
        let text = wandering(seed);
        let mut random = Random(seed ^ 0x5555);
        let ways: Vec<i64> = (0..6)
            .map(|_| (random.below(1 << 31) << 20 | random.below(1 << 20)).cast_signed())
            .collect();
        let mut first: Option<Vec<String>> = None;
        for engine in &engines {
            let mut store = Store::new(engine, ());
            let module = module(engine, &text);
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let run = instance
                .get_typed_func::<(i64, i64), i64>(&mut store, "run")
                .unwrap();
            let results = ways
                .iter()
                .map(|way| match run.call(&mut store, (*way, 300)) {
                    Ok(sum) => sum.to_string(),
                    Err(error) => error.to_string(),
                });
            let results: Vec<String> = results.collect();
            match &first {
                None => {
                    trapped += results
                        .iter()
                        .filter(|text| text.starts_with("trap"))
                        .count();
                    ended += results.len();
                    first = Some(results);
                }
                Some(first) => assert_eq!(&results, first, "{:?}\n{text}", engine.config()),
            }
        }
    }
    // Both ends are common.
    assert!(
        trapped > 50 && ended - trapped > 200,
        "{trapped} of {ended}"
    );
}
