//! Operations against somebody else's, in the interpreter and in native code.
//!
//! Operands of thousands of cases are written to linear memory, one call of the module computes them all,
//! and the results are read from there. Cases that are to trap are calls of their own. The suite `tiers` runs
//! some thousands of cases of each operation, the binary `words` as many as one asks for.

mod program;

use dotvm::isa::ops::{OpInfo, Sig};
use dotvm::isa::{TrapCode, ValType};
use dotvm::{Config, Engine, Error, Instance, Jit, Linker, Memory, Module, Store, Val};

use crate::fuzzing::Random;
use program::{BATCH, Form, RESULTS_AT};

/// An operation: a row of pure functions.
pub type Operation = &'static OpInfo;

/// Slots of operands or results, one value after the other.
pub type Slots = Vec<u64>;

/// Cases that are to trap, of each batch, are computed one by one.
const TRAPS_PER_BATCH: usize = 16;

/// Somebody who knows what operations compute, and what they are to be tried on.
pub trait Oracle {
    /// The operands of a case.
    fn operands(&self, op: Operation, params: &[ValType], random: &mut Random) -> Slots;

    /// The results, or the trap; `lane` is the immediate, where there is one.
    ///
    /// # Errors
    /// The trap that the operation is to stop with.
    fn results(
        &self,
        op: Operation,
        lane: u64,
        params: &[ValType],
        slots: &[u64],
    ) -> Result<Slots, TrapCode>;

    /// How many constants its last operand is tried with.
    fn constants(&self, op: Operation) -> usize;

    /// The results according to somebody else yet, where there is one who knows.
    fn results_again(&self, _: Operation, _: &[ValType], _: &[u64]) -> Option<Slots> {
        None
    }
}

/// What came of checking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Cases computed in each tier.
    pub cases: u64,
    /// Those among them that trapped, as they should.
    pub traps: u64,
    /// Those that were asked about twice.
    pub twice: u64,
}

/// A tier with the module of some operations.
struct Tier {
    name: &'static str,
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Tier {
    fn new(jit: Jit, text: &str) -> Result<Tier, Error> {
        let mut config = Config::new();
        config.jit(jit);
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, text)?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .expect("it is exported");
        let name = match jit {
            Jit::Off => "interpreter",
            _ => "native code",
        };
        Ok(Tier {
            name,
            store,
            instance,
            memory,
        })
    }

    /// Computes the cases whose operands are these; returns their results.
    fn compute(
        &mut self,
        name: &str,
        operands: &[Slots],
        results: usize,
    ) -> Result<Vec<Slots>, Error> {
        let bytes: Vec<u8> = operands
            .iter()
            .flatten()
            .flat_map(|slot| slot.to_le_bytes())
            .collect();
        self.memory.write(&mut self.store, 0, &bytes)?;
        let func = self
            .instance
            .get_func(&mut self.store, name)
            .expect("it is exported");
        func.call(&mut self.store, &[Val::I32(operands.len() as i32)])?;
        let mut bytes = vec![0; operands.len() * results * 8];
        self.memory.read(&self.store, RESULTS_AT, &mut bytes)?;
        let (slots, _) = bytes.as_chunks();
        let slots: Slots = slots
            .iter()
            .map(|&bytes| u64::from_le_bytes(bytes))
            .collect();
        Ok(slots.chunks(results).map(<[u64]>::to_vec).collect())
    }
}

/// Checks operations of one architecture on about `cases` cases each, in every form; calls `done` after each of
/// them.
///
/// # Panics
/// Where a tier's result is not the oracle's.
pub fn check(
    oracle: &dyn Oracle,
    operations: &[Operation],
    cases: usize,
    seed: u64,
    mut done: impl FnMut(Operation, Counts),
) {
    let mut random = Random(seed);
    let forms: Vec<(Operation, Vec<Form>)> = operations
        .iter()
        .map(|&op| (op, Form::all(oracle, op, &mut random)))
        .collect();
    let text = program::text(&forms);
    let mut tiers = [Jit::Off, Jit::Eager]
        .map(|jit| Tier::new(jit, &text).unwrap_or_else(|error| panic!("{error}")));
    for (op, forms) in forms {
        let mut counts = Counts::default();
        for (number, form) in forms.iter().enumerate() {
            let share = cases.div_ceil(forms.len());
            let name = program::name(op, number);
            while counts.cases < ((number + 1) * share) as u64 {
                check_batch(
                    oracle,
                    (op, form, &name),
                    &mut tiers,
                    &mut random,
                    share.min(BATCH),
                    &mut counts,
                );
            }
        }
        done(op, counts);
    }
}

fn check_batch(
    oracle: &dyn Oracle,
    (op, form, name): (Operation, &Form, &str),
    tiers: &mut [Tier],
    random: &mut Random,
    size: usize,
    counts: &mut Counts,
) {
    let Sig::Fixed(params, results) = op.sig else {
        unreachable!("pure instructions have fixed signatures");
    };
    let mut computed = Vec::new();
    let mut trapping = Vec::new();
    while computed.len() < size {
        let mut slots = oracle.operands(op, params, random);
        form.replace_constant(params, &mut slots);
        match oracle.results(op, form.lane, params, &slots) {
            Ok(wanted) => {
                if let Some(second) = oracle.results_again(op, params, &slots) {
                    assert_eq!(wanted, second, "the oracles, {}, {slots:x?}", op.mnemonic);
                    counts.twice += 1;
                }
                computed.push((slots, wanted));
            }
            Err(code) if trapping.len() < TRAPS_PER_BATCH => trapping.push((slots, code)),
            Err(_) if computed.is_empty() && trapping.len() == TRAPS_PER_BATCH => break,
            Err(_) => {}
        }
    }
    let result_slots = results.iter().map(|ty| ty.slots() as usize).sum();
    let all: Vec<Slots> = computed.iter().map(|(slots, _)| slots.clone()).collect();
    for tier in tiers {
        let found = tier.compute(name, &all, result_slots);
        let found = found.unwrap_or_else(|error| panic!("{name} in {}: {error}", tier.name));
        for (found, (slots, wanted)) in found.iter().zip(&computed) {
            assert_eq!(
                found, wanted,
                "{name} ({form:x?}) in {}, {slots:x?}",
                tier.name
            );
        }
        for (slots, code) in &trapping {
            let found = tier.compute(name, std::slice::from_ref(slots), result_slots);
            assert_eq!(
                trap_of(found),
                Some(*code),
                "{name} in {}, {slots:x?}",
                tier.name
            );
        }
    }
    counts.cases += (computed.len() + trapping.len()) as u64;
    counts.traps += trapping.len() as u64;
}

fn trap_of(result: Result<Vec<Slots>, Error>) -> Option<TrapCode> {
    match result {
        Err(Error::Trap(trap)) => Some(trap.code()),
        _ => None,
    }
}
