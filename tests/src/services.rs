//! Services in every tier at once: each instruction of the group as a function that tests call with buffers in the
//! program's memory. Whatever the interpreter does, native code must do as well: results, traps, fuel, memory.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use dotvm::isa::ops::Service;
use dotvm::wasi::{Clock, Host};
use dotvm::{AnyRef, Config, Engine, Func, Jit, Memory, Module, Store, TrapCode, Val, ValType};

/// Bytes of the program's memory.
pub const MEMORY_BYTES: usize = 40 << 16;

/// A host whose answers are the same each time: random bytes are what it was made with, over and over.
#[derive(Clone, Debug)]
pub struct Fixed {
    bytes: Vec<u8>,
    at: usize,
}

impl Fixed {
    /// A host with these random bytes.
    pub fn new(bytes: &[u8]) -> Fixed {
        Fixed {
            bytes: bytes.to_vec(),
            at: 0,
        }
    }

    /// One whose random bytes repeat after 251 of them only.
    pub fn usual() -> Fixed {
        Fixed::new(&std::array::from_fn::<u8, 251, _>(|i| i as u8))
    }
}

impl Host for Fixed {
    fn now(&mut self, _: Clock) -> u64 {
        1
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        for byte in buffer {
            *byte = self.bytes[self.at % self.bytes.len()];
            self.at += 1;
        }
        Ok(())
    }

    fn sleep(&mut self, _: Duration) {}

    fn poll(
        &mut self,
        _: &mut [rustix::event::PollFd<'_>],
        _: Option<Duration>,
    ) -> io::Result<usize> {
        Ok(0)
    }
}

/// A module with a function for each service, named as the instruction is.
pub fn text() -> String {
    let pages = MEMORY_BYTES >> 16;
    let mut text = format!(".arch arch512\n.memory {pages}\n.export \"memory\" memory 0\n");
    for service in Service::ALL {
        let name = service.op().mnemonic();
        let (params, result) = service.signature();
        text += &format!(".export \"{name}\" func ${name}\n.func ${name} (");
        for (i, ty) in params.iter().enumerate() {
            text += &format!("{ty} $p{i} ");
        }
        text += &result.map_or_else(|| ")\n".to_owned(), |ty| format!(") -> {ty}\n"));
        for i in 0..params.len() {
            text += &format!("local.get $p{i}\n");
        }
        text += &format!("{name}\nret\n.end\n");
    }
    text
}

/// The program in one tier.
struct Tier {
    store: Store<()>,
    funcs: BTreeMap<Service, Func>,
    memory: Memory,
    /// References that calls gave, the last ones of them.
    references: Vec<Option<AnyRef>>,
}

/// References that are kept at a time.
const REFERENCES_MAX: usize = 50;

/// The longest big integer that is kept, so that nothing takes long.
const LIMBS_MAX: usize = 64;

/// What a call does: its result or trap, the whole value where that is more than a number, and fuel.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Outcome {
    result: Result<u32, TrapCode>,
    value: Vec<u64>,
    fuel: u64,
}

/// What fuel there is for each call: so much that nothing takes long.
const FUEL: u64 = 1 << 28;

impl Tier {
    fn new(jit: Jit, host: Fixed) -> Tier {
        let mut config = Config::new();
        config.jit(jit).jit_threshold(1).metering(true);
        config.max_memory_bytes(MEMORY_BYTES as u64 + (64 << 20));
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, &text()).unwrap_or_else(|error| panic!("{error}"));
        let mut store = Store::new(&engine, ());
        store.set_host(host);
        store.set_fuel(FUEL).expect("with metering");
        let instance = dotvm::Linker::new(&engine).instantiate(&mut store, &module);
        let instance = instance.expect("nothing is imported");
        let func = |&service: &Service| {
            let func = instance.get_func(&mut store, service.op().mnemonic());
            (service, func.expect("it is exported"))
        };
        let funcs = Service::ALL.iter().map(func).collect();
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.expect("it is exported");
        Tier {
            store,
            funcs,
            memory,
            references: Vec::new(),
        }
    }

    /// The operand of a type that a number stands for: itself, or the reference of that number.
    fn operand(&self, number: u32, ty: ValType) -> Val {
        let signed = number.cast_signed();
        let limb = i64::from(signed).cast_unsigned();
        match ty {
            ValType::I32 => Val::I32(signed),
            ValType::I64 => Val::I64(i64::from(signed)),
            ValType::I128 => Val::I128(i128::from(signed)),
            ValType::I256 => Val::I256([limb; 4]),
            ValType::I512 => Val::I512([limb; 8]),
            ValType::AnyRef => {
                let kept = self.references.get(number as usize).copied();
                Val::AnyRef(kept.unwrap_or_else(|| Some(AnyRef::from_i31(&self.store, number))))
            }
            other => panic!("operands of type {other}"),
        }
    }

    /// A result as a number, and all of it. References are kept.
    fn result(&mut self, result: &Val) -> (u32, Vec<u64>) {
        match *result {
            Val::I32(number) => (number.cast_unsigned(), Vec::new()),
            Val::I64(number) => (0, vec![number.cast_unsigned()]),
            Val::I128(number) => (0, vec![number as u64, (number >> 64) as u64]),
            Val::I256(limbs) => (0, limbs.to_vec()),
            Val::I512(limbs) => (0, limbs.to_vec()),
            Val::AnyRef(reference) => {
                let number = reference.map(|it| it.big(&self.store).expect("it is kept"));
                let (negative, limbs) = match number {
                    Some(number) => number.expect("a number"),
                    None => (false, Vec::new()),
                };
                if self.references.len() == REFERENCES_MAX {
                    // The new one goes with them.
                    self.references.clear();
                    self.store.release_references();
                } else if limbs.len() <= LIMBS_MAX {
                    self.references.push(reference);
                }
                let head = [u64::from(reference.is_none()), u64::from(negative)];
                let at = self.references.len().saturating_sub(1) as u32;
                (at, [&head[..], &limbs].concat())
            }
            ref other => panic!("a result of type {}", other.ty()),
        }
    }

    fn call(&mut self, service: Service, args: &[u32]) -> Outcome {
        self.store.set_fuel(FUEL).expect("with metering");
        let types = service.signature().0.iter();
        let args = args.iter().zip(types);
        let args: Vec<Val> = args.map(|(&arg, &ty)| self.operand(arg, ty)).collect();
        let results = self.funcs[&service].call(&mut self.store, &args);
        let fuel = FUEL - self.store.fuel().expect("with metering");
        let (result, value) = match results {
            Ok(results) => {
                let all = results.first().map(|it| self.result(it));
                let (number, value) = all.unwrap_or_default();
                (Ok(number), value)
            }
            Err(error) => {
                let trap = error.trap_code();
                (
                    Err(trap.unwrap_or_else(|| panic!("{service:?}: {error}"))),
                    Vec::new(),
                )
            }
        };
        Outcome {
            result,
            value,
            fuel,
        }
    }
}

/// The program in the interpreter and as native code.
pub struct Both {
    tiers: [Tier; 2],
    fuel: u64,
}

impl Default for Both {
    fn default() -> Both {
        Both::new(&Fixed::usual())
    }
}

impl Both {
    /// The program on such a host.
    pub fn new(host: &Fixed) -> Both {
        let tiers = [Jit::Off, Jit::Eager].map(|jit| Tier::new(jit, host.clone()));
        Both { tiers, fuel: 0 }
    }

    /// Stores to a tier each, for what calls do not do.
    pub fn stores(&mut self) -> [&mut Store<()>; 2] {
        self.tiers.each_mut().map(|tier| &mut tier.store)
    }

    /// Puts bytes into the memory.
    ///
    /// # Panics
    /// Where there is no room.
    pub fn put(&mut self, at: u32, bytes: &[u8]) {
        for tier in &mut self.tiers {
            let memory = tier.memory.data_mut(&mut tier.store);
            memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
        }
    }

    /// Bytes of the memory.
    ///
    /// # Panics
    /// Where tiers differ.
    pub fn get(&self, at: u32, len: u32) -> Vec<u8> {
        let [a, b] = self.tiers.each_ref().map(|tier| {
            let memory = tier.memory.data(&tier.store);
            memory[at as usize..][..len as usize].to_vec()
        });
        assert_eq!(a, b, "native code differs");
        a
    }

    /// Calls a service in both tiers.
    ///
    /// # Errors
    /// The trap.
    ///
    /// # Panics
    /// Where tiers differ in result, trap or fuel.
    pub fn call(&mut self, service: Service, args: &[u32]) -> Result<u32, TrapCode> {
        let [a, b] = self.tiers.each_mut().map(|tier| tier.call(service, args));
        assert_eq!(a, b, "{service:?} {args:?}: native code differs");
        self.fuel = a.fuel;
        a.result
    }

    /// The same for what must not trap.
    ///
    /// # Panics
    /// Where it does, or tiers differ.
    #[track_caller]
    pub fn run(&mut self, service: Service, args: &[u32]) -> u32 {
        let result = self.call(service, args);
        result.unwrap_or_else(|trap| panic!("{service:?} {args:?}: {trap}"))
    }

    /// Fuel that the last call took.
    pub fn fuel(&self) -> u64 {
        self.fuel
    }
}
