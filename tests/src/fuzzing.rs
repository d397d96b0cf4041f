//! Hostile modules: making them, and running what they are.
//!
//! [`run`] is the body of the fuzz target of the same name; the suite `hostile` runs it for
//! seconds, the binary `mutate` for as many modules as one asks for.

use dotvm::isa::{Bytes, decode, text::assemble, verify::verify_all};
use dotvm::{Config, Engine, ExternType, Jit, Linker, Module, Store, Val};

/// Fuel for each call: enough to get anywhere, too little to take long.
const FUEL: u64 = 20_000;

/// Runs every exported function of a module, whatever it is, twice in the interpreter: nothing may
/// panic or hang, what verifies must never turn out malformed, and both runs must agree.
///
/// # Panics
/// Where one of these does not hold.
pub fn run(bytes: &[u8]) -> Verdict {
    run_with(bytes, &[Jit::Off])
}

/// The same, and once more compiled before it is called, and once as it is called: results, traps, their
/// places and fuel must be those of the interpreter.
///
/// # Panics
/// Where one of these does not hold.
pub fn run_tiers(bytes: &[u8]) -> Verdict {
    run_with(bytes, &[Jit::Off, Jit::Eager, Jit::Tiered])
}

fn run_with(bytes: &[u8], again: &[Jit]) -> Verdict {
    let interpreter = engine(Jit::Off);
    let Ok(module) = Module::new(&interpreter, bytes) else {
        // Not even the declarations hold; decoding alone must agree.
        return Verdict::Refused;
    };
    let verified = verify_all(module.bytecode()).is_ok();
    let first = outcomes(&interpreter, &module);
    for &jit in again {
        let engine = engine(jit);
        let Ok(module) = Module::new(&engine, bytes) else {
            panic!("loaded once, and then not");
        };
        assert_eq!(first, outcomes(&engine, &module), "{jit:?} differs");
    }
    if verified {
        assert!(
            !first.iter().any(|line| line.contains("malformed")),
            "verified, yet {first:?}"
        );
        return Verdict::Ran;
    }
    Verdict::Lazy
}

/// How far a module got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was refused when loaded.
    Refused,
    /// It was loaded; some function fails verification when it is called.
    Lazy,
    /// It passes verification and ran.
    Ran,
}

fn engine(jit: Jit) -> Engine {
    let mut config = Config::new();
    config.jit(jit).jit_threshold(1);
    config.metering(true);
    config.max_stack_bytes(64 << 10);
    config.max_memory_bytes(4 << 20);
    config.max_table_elements(10_000);
    Engine::new(&config)
}

/// What each export does, as text, with the fuel it took.
fn outcomes(engine: &Engine, module: &Module) -> Vec<String> {
    let mut store = Store::new(engine, ());
    store.set_host(crate::services::Fixed::usual());
    let mut linker = Linker::new(engine);
    let mut lines = Vec::new();
    if store.set_fuel(FUEL).is_err() || linker.define_unknown_imports_as_traps(module).is_err() {
        return lines;
    }
    let instance = match linker.instantiate(&mut store, module) {
        Ok(instance) => instance,
        Err(error) => return vec![error.to_string()],
    };
    for export in module.exports() {
        let ExternType::Func(ty) = &export.ty else {
            continue;
        };
        let Some(func) = instance.get_func(&mut store, export.name) else {
            continue;
        };
        let args: Vec<Val> = ty.params.iter().map(|&ty| Val::default_for(ty)).collect();
        let _ = store.set_fuel(FUEL);
        let outcome = match func.call(&mut store, &args) {
            Ok(results) => results.iter().map(describe).collect(),
            Err(error) => error.to_string(),
        };
        lines.push(format!(
            "{}: {outcome}, fuel left {:?}",
            export.name,
            store.fuel().ok()
        ));
    }
    lines
}

/// A value as text; references differ from run to run.
fn describe(value: &Val) -> String {
    match value {
        Val::FuncRef(func) => format!("funcref {} ", func.is_some()),
        Val::ExternRef(object) => format!("externref {} ", object.is_some()),
        Val::ExnRef(exception) => format!("exnref {} ", exception.is_some()),
        Val::AnyRef(object) => format!("anyref {} ", object.is_some()),
        number => format!("{number:?} "),
    }
}

/// A source of random numbers (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next_u64() % limit as u64) as usize
    }
}

/// Modules that use every part of the format, to be mutated.
///
/// # Panics
/// Where one of the texts does not assemble or verify: a mistake in this file.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        include_str!("seeds/control.dasm"),
        include_str!("seeds/memory.dasm"),
        include_str!("seeds/tables.dasm"),
    ]
    .iter()
    .map(|text| {
        let (module, names) = assemble(text).unwrap_or_else(|error| panic!("{error}"));
        let bytes = dotvm::isa::encode(&module, &names, Default::default());
        let decoded = decode(&Bytes::new(bytes.clone())).expect("what was encoded decodes");
        verify_all(&decoded).expect("seeds verify");
        bytes
    })
    .collect()
}

/// Offset of the first section.
const SECTIONS_AT: usize = 16;
/// Bytes of a section's header.
const SECTION_HEADER: usize = 24;

/// Changes a few bytes of a module. Mostly within sections, whose lengths and checksums are then made
/// to fit, so that the change gets past them.
pub fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    if random.below(16) == 0 {
        let mut bytes = seed.to_vec();
        disturb(&mut bytes, random);
        return bytes;
    }
    let mut out = seed[..SECTIONS_AT].to_vec();
    let mut at = SECTIONS_AT;
    let sections = sections(seed);
    let chosen = random.below(sections.len());
    for (i, payload) in sections.into_iter().enumerate() {
        let mut payload = payload.to_vec();
        let len = payload.len();
        if i == chosen {
            for _ in 0..=random.below(3) {
                disturb(&mut payload, random);
            }
        }
        out.extend_from_slice(&seed[at..at + 4]);
        out.extend(crc32fast::hash(&payload).to_le_bytes());
        out.extend((payload.len() as u64).to_le_bytes());
        out.extend((payload.len() as u64).to_le_bytes());
        out.extend(payload);
        at += SECTION_HEADER + len;
    }
    out
}

fn sections(module: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut at = SECTIONS_AT;
    while at < module.len() {
        let len = u64::from_le_bytes(module[at + 8..at + 16].try_into().expect("8 bytes")) as usize;
        found.push(&module[at + SECTION_HEADER..at + SECTION_HEADER + len]);
        at += SECTION_HEADER + len;
    }
    found
}

/// One change.
fn disturb(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        bytes.push(random.next_u64() as u8);
        return;
    }
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next_u64() as u8,
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0x40][random.below(6)],
        3 => bytes[at] = bytes[at].wrapping_add(1),
        4 => bytes[at] = bytes[at].wrapping_sub(1),
        5 => bytes.insert(at, random.next_u64() as u8),
        6 => drop(bytes.remove(at)),
        _ => {
            // A piece of the module somewhere else in it.
            let len = random.below(8.min(bytes.len() - at)) + 1;
            let piece = bytes[at..at + len].to_vec();
            let to = random.below(bytes.len() - len + 1);
            bytes[to..to + len].copy_from_slice(&piece);
        }
    }
}
