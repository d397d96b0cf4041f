//! Compiling: from a unit of bytecode to machine code with its tables.

use cranelift_codegen::binemit::Reloc as ClifReloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{Function, UserFuncName, UserStackMap};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{
    Context, ExceptionContextLoc, FinalizedMachExceptionHandler, FinalizedMachReloc,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{FuncId, ModuleReloc, ModuleRelocTarget};
use dotvm_isa::verify::ModuleEnv;
use dotvm_isa::{FuncType, Module, TrapCode};

use crate::accesses::Accesses;
use crate::bailout::Bailout;
use crate::kernels;
use crate::link::FILL;
use crate::lower::{KERNELS, Lowerer, Placed, Processor, entry_signature, native_signature};
use crate::places::{Places, Site};
use crate::tables::{ALL_TAGS, IN_REGISTER, NO_PLACE, Rows, Tables};

/// With metering, a native frame takes at most so many times the bytes that it has in the interpreter
/// below those that it calls.
pub const METERED_FRAME_FACTOR: u32 = 32;

/// What a processor must have for kernels.
const KERNEL_FEATURES: [&str; 6] = [
    "has_avx2",
    "has_fma",
    "has_bmi1",
    "has_bmi2",
    "has_lzcnt",
    "has_popcnt",
];

/// What is compiled as one piece.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Unit {
    /// A defined function, to be called by native code.
    Func {
        /// Its number among the defined functions.
        func: u32,
    },
    /// The rest of a function from one of its loops on, to be entered from the interpreter.
    Loop {
        /// The function's number among the defined ones.
        func: u32,
        /// Offset of the loop's header.
        header: u32,
    },
    /// What takes parameters of functions of a type from slots and puts results there.
    Adapter {
        /// Number of the type in the module.
        ty: u32,
    },
}

/// What is to be compiled, and what the code may count on.
pub struct Request<'a> {
    /// The module.
    pub module: &'a Module,
    /// Its verified declarations.
    pub env: &'a ModuleEnv,
    /// What.
    pub unit: Unit,
    /// Whether fuel is charged, and frames are tracked as the interpreter does.
    pub metering: bool,
    /// With metering: whether blocks that are paid for are counted, and calls of the runtime say which
    /// instruction they are for (see [`VmContext::counts`](dotvm_isa::abi::VmContext::counts)).
    pub counting: bool,
    /// Whether threaded code can go on with its frames (see [`VmContext::leaves`](dotvm_isa::abi::VmContext)): so
    /// they are tracked, and nothing is inlined.
    pub debugging: bool,
    /// Whether small callees are inlined.
    pub inlining: bool,
    /// The number that a defined function has in code memory, where it is or is being compiled.
    pub direct: &'a dyn Fn(u32) -> Option<u32>,
    /// Slots of a defined function's frame in the interpreter; only asked for where code tracks frames.
    pub frame_slots: &'a dyn Fn(u32) -> u32,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

impl Request<'_> {
    pub(crate) fn direct(&self, defined: u32) -> Option<u32> {
        (self.direct)(defined)
    }

    pub(crate) fn frame_slots(&self, defined: u32) -> u32 {
        (self.frame_slots)(defined)
    }

    /// Whether code knows where the interpreter's frames would be.
    pub(crate) fn tracks_frames(&self) -> bool {
        self.metering || self.debugging
    }

    /// The type of a defined function.
    pub(crate) fn func_type(&self, defined: u32) -> &FuncType {
        &self.module.types[self.module.bodies[defined as usize].ty as usize]
    }
}

/// Machine code of a unit.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What it is.
    pub unit: Unit,
    /// The code, before relocation.
    pub(crate) code: Vec<u8>,
    pub(crate) alignment: u32,
    pub(crate) relocs: Vec<Reloc>,
    /// What instructions that trap mean, by their offset, ascending.
    pub(crate) traps: Vec<(u32, TrapCode)>,
    /// Offsets where code of another place starts, ascending, and the place; `None` for code that
    /// belongs to no instruction.
    pub(crate) starts: Vec<(u32, Option<u32>)>,
    /// The places of faults of instructions that belong to others, by their offset, ascending.
    pub(crate) faults: Vec<(u32, u32)>,
    /// Where calls return to whose exceptions are caught, ascending, and what [`Table::Landings`] has of
    /// each.
    ///
    /// [`Table::Landings`]: crate::tables::Table::Landings
    pub(crate) handlers: Vec<(u32, Rows)>,
    /// Where calls return to while which references to managed objects are kept in the frame, ascending, and
    /// what [`Table::Kept`] has of each.
    ///
    /// [`Table::Kept`]: crate::tables::Table::Kept
    pub(crate) references: Vec<(u32, Rows)>,
    pub(crate) places: Places,
}

/// A call in machine code of a function by its number in code memory.
#[derive(Clone)]
pub(crate) struct Reloc(pub(crate) ModuleReloc);

impl std::fmt::Debug for Reloc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.0.name, self.0.offset)
    }
}

/// The compiler for this machine. It can be used by any number of threads.
pub struct Compiler {
    isa: OwnedTargetIsa,
    processor: Processor,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Compiler")
            .field(&self.isa.triple().to_string())
            .finish()
    }
}

/// Memory of one thread that compiles, to be used again.
#[derive(Default)]
pub struct Scratch {
    context: Option<Context>,
    builder: FunctionBuilderContext,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

impl Compiled {
    /// The numbers in code memory of the functions that it calls directly.
    pub fn calls(&self) -> impl Iterator<Item = u32> + '_ {
        self.relocs.iter().filter_map(|reloc| match reloc.0.name {
            ModuleRelocTarget::User {
                namespace: 0,
                index,
            } => Some(index),
            _ => None,
        })
    }
}

impl Compiled {
    /// Its tables. `func_of` knows the defined functions by their numbers in code memory.
    pub(crate) fn tables(&self, func_of: impl Fn(u32) -> Option<u32>) -> Tables {
        let trap = |&(offset, trap)| (offset, trap as u32);
        let start = |&(offset, place): &(u32, Option<u32>)| (offset, place.unwrap_or(NO_PLACE));
        let mut starts: Vec<_> = self.starts.iter().map(start).collect();
        starts.dedup_by_key(|row| row.1);
        let site = |site: &Site| (site.func, site.caller);
        let (handlers, landings) = flattened(&self.handlers);
        let (references, kept) = flattened(&self.references);
        let rows = [
            self.traps.iter().map(trap).collect(),
            starts,
            self.faults.clone(),
            self.places.sites().iter().map(site).collect(),
            handlers,
            landings,
            references,
            kept,
        ];
        let calls = self.relocs.iter().map(|reloc| reloc.direct_call(&func_of));
        Tables::new(self.alignment, rows, calls.collect())
    }
}

impl Compiled {
    /// Puts kernels behind the code, and their distances where they are called.
    fn add_kernels(&mut self, kernels: &[Placed]) -> Result<(), Bailout> {
        let mut starts = Vec::with_capacity(kernels.len());
        for placed in kernels {
            let Some(kernel) = &placed.kernel else {
                starts.push(None);
                continue;
            };
            let start = self.code.len().next_multiple_of(kernels::ALIGNMENT);
            self.code.resize(start, FILL);
            self.code.extend(&kernel.code);
            self.alignment = self.alignment.max(kernels::ALIGNMENT as u32);
            let base = u32::try_from(start).map_err(|_| Bailout::TooLarge)?;
            starts.push(Some(base));
            let trap = |&(at, trap): &(u32, TrapCode)| (base + at, trap);
            self.traps.extend(kernel.traps.iter().map(trap));
            let place = |offset| Some(self.places.place(placed.site, offset));
            let fault =
                |&(at, offset): &(u32, u32)| (base + at, self.places.place(placed.site, offset));
            self.faults.extend(kernel.faults.iter().map(fault));
            let own = kernel.starts.iter();
            self.starts
                .extend(own.map(|&(at, offset)| (base + at, place(offset))));
            self.starts.push((self.code.len() as u32, None));
        }
        let (calls, others) = std::mem::take(&mut self.relocs)
            .into_iter()
            .partition(|reloc| reloc.kernel().is_some());
        self.relocs = others;
        let calls: Vec<Reloc> = calls;
        for call in calls {
            let kernel = call.kernel().and_then(|kernel| starts.get(kernel as usize));
            let (&Some(start), field) = (kernel.unwrap_or(&None), call.0.offset) else {
                return Err(Bailout::Codegen);
            };
            // It counts from the end of its four bytes.
            let distance = i64::from(start) - i64::from(field + 4);
            let distance = i32::try_from(distance).map_err(|_| Bailout::TooLarge)?;
            let field = field as usize;
            self.code[field..field + 4].copy_from_slice(&distance.to_le_bytes());
        }
        Ok(())
    }
}

impl Reloc {
    /// The number of the kernel that is called, if it is a call of one.
    fn kernel(&self) -> Option<u32> {
        match (self.0.kind, &self.0.name, self.0.addend) {
            (ClifReloc::X86CallPCRel4, &ModuleRelocTarget::User { namespace, index }, -4)
                if namespace == KERNELS =>
            {
                Some(index)
            }
            _ => None,
        }
    }

    /// Where it is, and the function that is called, if it is a direct call.
    fn direct_call(&self, func_of: impl Fn(u32) -> Option<u32>) -> Option<(u32, u32)> {
        let ModuleReloc {
            offset,
            kind: ClifReloc::X86CallPCRel4,
            name:
                ModuleRelocTarget::User {
                    namespace: 0,
                    index,
                },
            // The distance counts from the end of the four bytes that hold it.
            addend: -4,
        } = self.0
        else {
            return None;
        };
        Some((offset, func_of(index)?))
    }
}

impl Compiler {
    /// What its code needs of the processor, as text.
    pub fn target(&self) -> String {
        let mut text = self.isa.triple().architecture.to_string();
        for flag in self.isa.isa_flags() {
            if flag.as_bool() == Some(true) {
                text.push(' ');
                text += flag.name;
            }
        }
        if self.processor.two_carries {
            text += " adx";
        }
        text
    }

    /// For the machine this runs on.
    ///
    /// # Errors
    /// Where there is no compiler for it.
    pub fn new() -> Result<Compiler, Bailout> {
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return Err(Bailout::NoHost);
        }
        let mut flags = settings::builder();
        for (name, value) in [
            ("opt_level", "speed"),
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
            ("preserve_frame_pointers", "true"),
            ("unwind_info", "false"),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
            ("enable_heap_access_spectre_mitigation", "false"),
            ("enable_table_access_spectre_mitigation", "false"),
            (
                "enable_verifier",
                if cfg!(debug_assertions) {
                    "true"
                } else {
                    "false"
                },
            ),
        ] {
            flags.set(name, value).map_err(|_| Bailout::NoHost)?;
        }
        let builder = cranelift_native::builder().map_err(|_| Bailout::NoHost)?;
        let isa = builder.finish(settings::Flags::new(flags));
        let isa = isa.map_err(|_| Bailout::NoHost)?;
        let has = |name: &str| {
            let mut flags = isa.isa_flags().into_iter();
            flags.any(|flag| flag.name == name && flag.as_bool() == Some(true))
        };
        let processor = Processor {
            rounds_and_shuffles: has("has_sse41") && has("has_ssse3"),
            fma: has("has_fma"),
            kernels: KERNEL_FEATURES.into_iter().all(has),
            two_carries: has_two_carries(),
            double_shifts: is_of_intel(),
        };
        Ok(Compiler { isa, processor })
    }

    /// The target.
    pub(crate) fn isa(&self) -> &OwnedTargetIsa {
        &self.isa
    }

    /// Compiles a unit that has the number `id` in code memory.
    ///
    /// # Errors
    /// Why it is not compiled.
    pub fn compile(
        &self,
        scratch: &mut Scratch,
        request: &Request<'_>,
        id: u32,
    ) -> Result<Compiled, Bailout> {
        let context = scratch.context.get_or_insert_with(Context::new);
        context.clear();
        let name = UserFuncName::user(0, id);
        let signature = match request.unit {
            Unit::Func { func } => native_signature(request.func_type(func)),
            Unit::Loop { .. } | Unit::Adapter { .. } => entry_signature(),
        };
        context.func = Function::with_name_signature(name, signature);
        let builder = FunctionBuilder::new(&mut context.func, &mut scratch.builder);
        let config = self.isa.frontend_config();
        let lowered = Lowerer::run(builder, request, config, self.processor);
        let lowered = match lowered {
            Ok(lowered) => lowered,
            Err(bailout) => {
                // What was begun is not fit to be used again.
                *scratch = Scratch::default();
                return Err(bailout);
            }
        };
        let done = context.compile(&*self.isa, &mut ControlPlane::default());
        if done.is_err() {
            *scratch = Scratch::default();
            return Err(Bailout::Codegen);
        }
        let code = context.compiled_code().expect("just compiled");
        let frame_bytes_max = lowered.base_slots.map_or(u32::MAX, |slots| {
            slots.saturating_mul(8 * METERED_FRAME_FACTOR)
        });
        if request.tracks_frames() && frame_bytes(code) > frame_bytes_max {
            return Err(Bailout::FrameTooLarge);
        }
        let func = &context.func;
        let id = FuncId::from_u32(id);
        let reloc =
            |reloc: &FinalizedMachReloc| Reloc(ModuleReloc::from_mach_reloc(reloc, func, id));
        let starts = starts(code);
        let mut compiled = Compiled {
            unit: request.unit,
            code: code.buffer.data().to_vec(),
            alignment: code.buffer.alignment,
            relocs: code.buffer.relocs().iter().map(reloc).collect(),
            traps: traps(code, &lowered.accesses),
            faults: faults(code, &lowered.accesses, &starts),
            starts,
            handlers: handlers(code)?,
            references: references(code),
            places: lowered.places,
        };
        compiled.add_kernels(&lowered.kernels)?;
        Ok(compiled)
    }
}

/// Whether the processor has ADX, which Cranelift does not ask for.
fn has_two_carries() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("adx");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether the processor is one of Intel's, by its vendor's name (CPUID, leaf 0).
fn is_of_intel() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let leaf = std::arch::x86_64::__cpuid(0);
        let name = [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes);
        name.as_flattened() == b"GenuineIntel"
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

fn traps(code: &cranelift_codegen::CompiledCode, accesses: &Accesses) -> Vec<(u32, TrapCode)> {
    use cranelift_codegen::ir::TrapCode as Clif;
    let traps = code.buffer.traps().iter().map(|trap| {
        let meaning = match trap.code {
            Clif::STACK_OVERFLOW => TrapCode::StackExhausted,
            Clif::INTEGER_OVERFLOW => TrapCode::IntegerOverflow,
            Clif::INTEGER_DIVISION_BY_ZERO => TrapCode::IntegerDivideByZero,
            Clif::BAD_CONVERSION_TO_INTEGER => TrapCode::InvalidConversionToInteger,
            Clif::HEAP_OUT_OF_BOUNDS => TrapCode::MemoryOutOfBounds,
            code if accesses.place(code.as_raw(), None).is_some() => TrapCode::MemoryOutOfBounds,
            code => TrapCode::from_code(code.as_raw().get()).unwrap_or(TrapCode::Unreachable),
        };
        (trap.offset, meaning)
    });
    traps.collect()
}

/// Rows of several addresses as two tables: each address and its first row, and all rows.
fn flattened(all: &[(u32, Rows)]) -> (Rows, Rows) {
    let (mut firsts, mut flat) = (Rows::with_capacity(all.len()), Rows::new());
    for (address, rows) in all {
        firsts.push((*address, flat.len() as u32));
        flat.extend(rows);
    }
    (firsts, flat)
}

/// Where references are kept during calls.
fn references(code: &cranelift_codegen::CompiledCode) -> Vec<(u32, Rows)> {
    let layout = code.buffer.frame_layout();
    let frame = layout.map_or(0, |layout| layout.frame_to_fp_offset);
    let row = |(ret, _, map): &(u32, u32, UserStackMap)| {
        let kept = map.entries().map(|(_, offset)| (offset, 0));
        (*ret, [(frame, 0)].into_iter().chain(kept).collect())
    };
    let mut all: Vec<(u32, Rows)> = code.buffer.user_stack_maps().iter().map(row).collect();
    all.sort_unstable_by_key(|&(ret, _)| ret);
    all
}

/// What catches exceptions of calls.
fn handlers(code: &cranelift_codegen::CompiledCode) -> Result<Vec<(u32, Rows)>, Bailout> {
    let mut all = Vec::new();
    for site in code.buffer.call_sites() {
        if site.exception_handlers.is_empty() {
            continue;
        }
        let frame = site.frame_offset.ok_or(Bailout::Codegen)?;
        let mut context = IN_REGISTER;
        let mut rows = vec![(0, 0)];
        for handler in site.exception_handlers {
            match *handler {
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::SPOffset(offset)) => {
                    context = offset;
                }
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::GPR(_)) => {}
                FinalizedMachExceptionHandler::Tag(tag, at) => rows.push((tag.as_u32(), at)),
                FinalizedMachExceptionHandler::Default(at) => rows.push((ALL_TAGS, at)),
            }
        }
        rows[0] = (frame, context);
        all.push((site.ret_addr, rows));
    }
    all.sort_unstable_by_key(|&(ret, _)| ret);
    Ok(all)
}

/// Bytes of a unit's frame, with the address to return to and the caller's frame pointer.
fn frame_bytes(code: &cranelift_codegen::CompiledCode) -> u32 {
    let layout = code.buffer.frame_layout();
    layout.map_or(0, |layout| layout.frame_to_fp_offset) + 16
}

fn starts(code: &cranelift_codegen::CompiledCode) -> Vec<(u32, Option<u32>)> {
    let mut starts = Vec::new();
    let mut end = 0;
    for range in code.buffer.get_srclocs_sorted() {
        if range.start > end {
            starts.push((end, None));
        }
        let place = (!range.loc.is_default()).then(|| range.loc.bits());
        starts.push((range.start, place));
        end = range.end;
    }
    starts.push((end, None));
    starts
}

/// The places of accesses whose machine instruction belongs to another place, or to none.
fn faults(
    code: &cranelift_codegen::CompiledCode,
    accesses: &Accesses,
    starts: &[(u32, Option<u32>)],
) -> Vec<(u32, u32)> {
    let traps = code.buffer.traps().iter();
    let faults = traps.filter_map(|trap| {
        let end = starts.partition_point(|start| start.0 <= trap.offset);
        let own = starts[..end].last().and_then(|start| start.1);
        let near = starts[..end].iter().rev().find_map(|start| start.1);
        let place = accesses.place(trap.code.as_raw(), near)?;
        (own != Some(place)).then_some((trap.offset, place))
    });
    faults.collect()
}
