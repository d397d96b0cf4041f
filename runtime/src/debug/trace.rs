//! Traces: each instruction that a program executes, told to somebody before it is.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use dotvm_isa::abi::FRAME_HEADER_SLOTS;
use dotvm_isa::verify::FuncVerifier;
use dotvm_isa::{InstrReader, ValType};

use super::breakpoint::demangled;
use super::stopped::instruction;
use super::value::machine_bytes;
use super::{Session, session_slot};
use crate::error::{BoxError, Error};
use crate::module::Module;
use crate::store::{Store, StoreOpaque};
use crate::vm::debug as frames;
use crate::vm::entry::Stop;

/// Operands that are told of at most, the last ones.
const OPERANDS_MAX: usize = 16;

/// Who is told what a program executes.
pub trait Tracer: Send + 'static {
    /// Whether the instructions of a function are of interest. It is asked once, before the first one.
    fn wants(&mut self, function: &str) -> bool {
        let _ = function;
        true
    }

    /// The program is about to execute an instruction.
    ///
    /// # Errors
    /// Whatever is to stop the program.
    fn instruction(&mut self, traced: &Traced<'_>) -> Result<(), BoxError>;
}

/// An instruction that a program is about to execute. It is the same in each run that does the same.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Traced<'t> {
    /// The module.
    pub module: &'t Module,
    /// The function: its name, `function 3` where it has none.
    pub function: &'t str,
    /// The function's index in the module.
    pub func_index: u32,
    /// How many calls the program is in; 0 in the function that was called from the host.
    pub depth: usize,
    /// Offset of the instruction in the function's body, in bytes.
    pub pc: u32,
    /// The instruction: its mnemonic and immediates.
    pub op: &'t str,
    /// The last operands on the stack, at most 16, as they are before the instruction; the last one is on top. What
    /// references refer to is not told.
    pub stack: &'t [String],
    /// Whether there are more operands below these.
    pub is_cut: bool,
    /// Fuel that programs of the store have used up, the instruction's block included; nothing without
    /// [`Config::metering`](crate::Config::metering).
    pub fuel: Option<u64>,
}

/// What is known of an instruction.
struct Known {
    text: String,
    /// Types and slots of operands, at most [`OPERANDS_MAX`], and whether there are more.
    operands: Box<[(ValType, u32)]>,
    is_cut: bool,
}

/// What is known of a function that is traced.
struct Function {
    name: String,
    instructions: HashMap<u32, Known>,
}

/// A tracer, and what it needs to know.
pub(super) struct Trace {
    tracer: Box<dyn Tracer>,
    /// Functions by their modules' number in the store; nothing for those that are of no interest.
    functions: HashMap<(usize, u32), Option<Arc<Function>>>,
    /// Bases of the frames that have executed something, outermost first.
    bases: Vec<usize>,
    stack: Vec<String>,
}

impl<T: 'static> Store<T> {
    /// Has a tracer told of each instruction of this store's programs, from the next one on, in place of the one
    /// before.
    ///
    /// # Panics
    /// Where the engine was made without [`Config::debug`](crate::Config::debug).
    pub fn trace(&mut self, tracer: impl Tracer) {
        assert!(
            self.engine().config().debug,
            "traces need an engine with Config::debug"
        );
        let store = &mut self.inner_mut().opaque;
        let session = session_slot(store).get_or_insert_with(|| Box::new(Session::new(None)));
        session.trace = Some(Trace {
            tracer: Box::new(tracer),
            functions: HashMap::new(),
            bases: Vec::new(),
            stack: Vec::new(),
        });
        store.signals().break_all(true);
    }
}

impl Trace {
    /// The program is in front of the instruction at that offset of a function of the instance.
    pub(super) fn look(
        &mut self,
        store: &StoreOpaque,
        instance: u32,
        offset: u32,
    ) -> Result<(), Stop> {
        let base = frames::asking_base(store);
        while self.bases.last().is_some_and(|&last| last > base) {
            self.bases.pop();
        }
        if self.bases.last() != Some(&base) {
            self.bases.push(base);
        }
        let module = &store.instances[instance as usize].module;
        let Some(func) = frames::asking_func(store, instance) else {
            return Ok(());
        };
        let is_this = |known: &Module| Module::same(known, module);
        let number = store.modules.iter().position(is_this).unwrap_or_default();
        let tracer = &mut self.tracer;
        let function = self.functions.entry((number, func)).or_insert_with(|| {
            let name = module.func_name(func).map(demangled);
            let name = name.unwrap_or_else(|| format!("function {func}"));
            let is_wanted = tracer.wants(&name);
            is_wanted.then(|| Arc::new(Function::new(module, func, name)))
        });
        let Some(function) = function else {
            return Ok(());
        };
        let Some(known) = function.instructions.get(&offset) else {
            return Ok(());
        };
        self.stack.clear();
        for &(ty, slot) in &known.operands {
            let address = base + slot as usize * size_of::<u64>();
            let bytes = frames::slots(store, address, machine_bytes(ty) as usize);
            self.stack.push(value(ty, bytes.unwrap_or_default()));
        }
        let traced = Traced {
            module,
            function: &function.name,
            func_index: func,
            depth: self.bases.len() - 1,
            pc: offset,
            op: &known.text,
            stack: &self.stack,
            is_cut: known.is_cut,
            fuel: store.fuel_consumed().ok(),
        };
        let told = self.tracer.instruction(&traced);
        told.map_err(|error| Stop::Error(Error::host(error)))
    }
}

impl Function {
    fn new(module: &Module, func: u32, name: String) -> Function {
        let mut instructions = HashMap::new();
        // It was verified before it was run, so there is nothing wrong.
        let _ = list(module, func, &mut instructions);
        Function { name, instructions }
    }
}

/// Lists a function's instructions by their offsets.
fn list(
    module: &Module,
    func: u32,
    instructions: &mut HashMap<u32, Known>,
) -> Result<(), crate::Malformed> {
    let env = module.env();
    let defined = func - env.spaces.imported_funcs;
    let reader = InstrReader::new(module.bytecode().body(defined), func);
    let mut verifier = FuncVerifier::new(module.bytecode(), env, defined)?;
    let base = verifier.local_slots() + FRAME_HEADER_SLOTS;
    while let Some(step) = verifier.step()? {
        let (mut operands, mut is_cut) = (Vec::new(), false);
        let mut shape = verifier.shape();
        while step.reachable
            && let Some((ty, rest)) = verifier.pop(shape)
        {
            if operands.len() == OPERANDS_MAX {
                is_cut = true;
                break;
            }
            operands.push((ty, base + verifier.slots(rest)));
            shape = rest;
        }
        operands.reverse();
        let known = Known {
            text: instruction(module, &reader, &step.instr),
            operands: operands.into(),
            is_cut,
        };
        instructions.insert(step.instr.offset, known);
        verifier.apply(&step.instr)?;
    }
    Ok(())
}

/// A value as text: integers of up to 64 bits with their sign, wider ones and vectors in hexadecimal.
fn value(ty: ValType, bytes: &[u8]) -> String {
    let low = bytes.first_chunk().copied().map_or(0, i64::from_le_bytes);
    let narrow = bytes.first_chunk().copied().map_or(0, i32::from_le_bytes);
    match ty {
        ValType::I32 => narrow.to_string(),
        ValType::I64 => low.to_string(),
        ValType::F32 => format!("{:?}", f32::from_bits(narrow.cast_unsigned())),
        ValType::F64 => format!("{:?}", f64::from_bits(low.cast_unsigned())),
        ty if ty.is_ref() => match low {
            0 => "null".to_owned(),
            _ => "ref".to_owned(),
        },
        _ => {
            let mut text = "0x".to_owned();
            let digits = bytes.iter().rev().skip_while(|&&byte| byte == 0);
            for byte in digits {
                let _ = write!(text, "{byte:02x}");
            }
            if text.len() == 2 {
                text.push('0');
            }
            text
        }
    }
}
