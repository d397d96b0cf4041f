//! The peer: the same cases in wasmtime, whose results, memories, globals and traps must be ours.

use dotvm::{TrapCode, Val as Ours};
use dotvm_tests::differential::{
    Call, Case, Difference, HOST_ERROR, INTERPRETED, MEMORY_BYTES_MAX, Outcome, RATION,
    TABLE_ELEMENTS_MAX, Way, bits, bounded, engine, host, is_unbounded, memory_text, outcomes,
    ration, text_of,
};
use wasmtime::{
    Config, Engine, Extern, ExternType, Instance, Linker, Module, Ref, ResourceLimiter, Store,
    Trap, Val, ValType,
};

/// Bytes of its heap of exceptions, which it counts as a linear memory. No module gets so much.
const EXCEPTION_HEAP_BYTES: usize = 61 << 16;

/// What host functions and limits need.
struct Host {
    log: u64,
    memory_bytes: usize,
    table_elements: usize,
}

impl ResourceLimiter for Host {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if current.max(desired) >= EXCEPTION_HEAP_BYTES {
            let is_new = current == 0 && desired == EXCEPTION_HEAP_BYTES;
            return Ok(is_new || current >= EXCEPTION_HEAP_BYTES);
        }
        let all = self.memory_bytes.saturating_add(desired - current);
        // What the memory's own maximum forbids would be counted, although it does not grow.
        if all as u64 > MEMORY_BYTES_MAX || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory_bytes = all;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let all = self.table_elements.saturating_add(desired - current);
        if all as u64 > TABLE_ELEMENTS_MAX {
            return Ok(false);
        }
        self.table_elements = all;
        Ok(true)
    }
}

/// Runs the calls of a case that end by themselves here and in the peer; how many outcomes are the
/// same.
///
/// # Errors
/// The first difference.
pub fn check(case: &Case) -> Result<u32, Box<Difference>> {
    let target = case.targets()[0];
    if !case.canonical {
        return Ok(0);
    }
    let Some((calls, _)) = bounded(case, target) else {
        return Ok(0);
    };
    let engine = engine(Way {
        metering: false,
        ..INTERPRETED
    });
    let Some(module) = case.load(&engine, target) else {
        return Ok(0);
    };
    let found = outcomes(&engine, &module, &calls);
    let theirs = run(case, &calls);
    let mut same = 0;
    for (i, (a, b)) in found.iter().zip(&theirs).enumerate() {
        if is_unbounded(b) {
            // Its stack is another one.
            break;
        }
        if normalized(&a.end) != b.end || a.state != b.state {
            return Err(Difference::build(
                "ours and the peer's".into(),
                case,
                &calls,
                i,
                a,
                b,
            ));
        }
        same += 1;
    }
    Ok(same)
}

/// Where we say more than the peer does.
fn normalized(end: &str) -> String {
    let same = [
        (TrapCode::UndefinedElement, TrapCode::TableOutOfBounds),
        (TrapCode::NullFunctionReference, TrapCode::NullReference),
        (TrapCode::NullExceptionReference, TrapCode::NullReference),
    ];
    let text = |code: TrapCode| format!("trap: {}", code.message());
    same.iter()
        .find(|(ours, _)| end == text(*ours))
        .map_or_else(|| end.to_owned(), |&(_, theirs)| text(theirs))
}

fn run(case: &Case, calls: &[Call]) -> Vec<Outcome> {
    let mut config = Config::new();
    config.cranelift_opt_level(wasmtime::OptLevel::None);
    config.consume_fuel(true);
    config.wasm_wide_arithmetic(true);
    config.wasm_exceptions(true);
    config.gc_heap_initial_size(EXCEPTION_HEAP_BYTES as u64);
    config.relaxed_simd_deterministic(true);
    config.wasm_memory64(true);
    config.wasm_custom_page_sizes(true);
    config.wasm_function_references(true);
    let engine = Engine::new(&config).expect("a configuration that works");
    let module = Module::new(&engine, &case.wasm).expect("a valid module");
    let host = Host {
        log: 0,
        memory_bytes: 0,
        table_elements: 0,
    };
    let mut store = Store::new(&engine, host);
    store.limiter(|host| host);
    store.set_fuel(1 << 40).expect("fuel is consumed");
    let instance = linker(&engine, &module).instantiate(&mut store, &module);
    let instance = match instance {
        Ok(instance) => instance,
        Err(error) => return vec![outcome(&mut store, None, Err(error))],
    };
    let mut all = vec![outcome(&mut store, Some(&instance), Ok(Vec::new()))];
    for (i, call) in calls.iter().enumerate() {
        if let Some(global) = instance.get_global(&mut store, RATION) {
            let ration = Val::I32(ration(i));
            global.set(&mut store, ration).expect("an i32");
        }
        let func = instance
            .get_func(&mut store, &call.export)
            .expect("the same exports");
        let args: Vec<Val> = call.args.iter().map(value).collect();
        let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
        let result = func.call(&mut store, &args, &mut results).map(|()| results);
        if matches!(&result, Err(error) if error.downcast_ref() == Some(&Trap::AllocationTooLarge))
        {
            // An exception of more values than its heap takes.
            break;
        }
        all.push(outcome(&mut store, Some(&instance), result));
    }
    all
}

fn linker(engine: &Engine, module: &Module) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else {
            unreachable!("only functions can be imported");
        };
        let name = import.name().to_owned();
        let call =
            move |mut caller: wasmtime::Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
                let args = args.iter().map(|arg| bits(&ours(arg).expect("a number")));
                let args: Vec<u64> = args.collect();
                let values =
                    host(&name, &args, &mut caller.data_mut().log).map_err(wasmtime::Error::msg)?;
                for (result, bits) in results.iter_mut().zip(values) {
                    *result = match result {
                        Val::I32(_) => Val::I32((bits as u32).cast_signed()),
                        _ => Val::I64(bits.cast_signed()),
                    };
                }
                Ok(())
            };
        let types: Vec<ValType> = ty.results().collect();
        let call = move |caller: wasmtime::Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
            for (result, ty) in results.iter_mut().zip(&types) {
                *result = if ty.is_i32() {
                    Val::I32(0)
                } else {
                    Val::I64(0)
                };
            }
            call(caller, args, results)
        };
        linker
            .func_new(import.module(), import.name(), ty, call)
            .expect("names may be defined again");
    }
    linker
}

/// A value as ours; nothing for a reference that is not null.
fn ours(value: &Val) -> Option<Ours> {
    Some(match *value {
        Val::I32(value) => Ours::I32(value),
        Val::I64(value) => Ours::I64(value),
        Val::F32(bits) => Ours::F32(bits),
        Val::F64(bits) => Ours::F64(bits),
        Val::V128(bits) => Ours::V128(bits.as_u128()),
        Val::FuncRef(None) => Ours::FuncRef(None),
        Val::ExternRef(None) => Ours::ExternRef(None),
        Val::ExnRef(None) => Ours::ExnRef(None),
        _ => return None,
    })
}

fn value(value: &Ours) -> Val {
    match *value {
        Ours::I32(value) => Val::I32(value),
        Ours::I64(value) => Val::I64(value),
        Ours::F32(bits) => Val::F32(bits),
        Ours::F64(bits) => Val::F64(bits),
        Ours::V128(bits) => Val::V128(bits.into()),
        Ours::FuncRef(None) => Val::FuncRef(None),
        Ours::ExternRef(None) => Val::ExternRef(None),
        Ours::ExnRef(None) => Val::ExnRef(None),
        _ => unreachable!("no call has such an argument"),
    }
}

fn outcome(
    store: &mut Store<Host>,
    instance: Option<&Instance>,
    result: wasmtime::Result<Vec<Val>>,
) -> Outcome {
    let end = match result {
        Ok(values) => values.iter().map(one).collect::<Vec<_>>().join(" "),
        Err(error) if error.is::<wasmtime::ThrownException>() => thrown(store),
        Err(error) => match error.downcast_ref::<Trap>() {
            Some(&trap) => format!("trap: {}", code(trap).message()),
            None if error.root_cause().to_string() == HOST_ERROR => format!("host: {HOST_ERROR}"),
            None => error.to_string(),
        },
    };
    Outcome {
        end,
        place: Vec::new(),
        fuel: None,
        profile: None,
        state: instance.map_or_else(String::new, |instance| state(store, instance)),
    }
}

/// The exception that was not caught.
fn thrown(store: &mut Store<Host>) -> String {
    let values: Vec<Val> = match store.take_pending_exception() {
        Some(exception) => exception
            .fields(&mut *store)
            .map_or_else(|_| Vec::new(), Iterator::collect),
        None => Vec::new(),
    };
    let values: Vec<String> = values.iter().map(one).collect();
    format!("exception: {}", values.join(" "))
}

fn code(trap: Trap) -> TrapCode {
    match trap {
        Trap::StackOverflow => TrapCode::StackExhausted,
        Trap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapCode::UninitializedElement,
        Trap::BadSignature => TrapCode::IndirectCallTypeMismatch,
        Trap::IntegerOverflow => TrapCode::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapCode::IntegerDivideByZero,
        Trap::BadConversionToInteger => TrapCode::InvalidConversionToInteger,
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::OutOfFuel => TrapCode::OutOfFuel,
        Trap::NullReference => TrapCode::NullReference,
        other => unreachable!("a trap that no module has: {other}"),
    }
}

fn one(value: &Val) -> String {
    match (ours(value), value) {
        (Some(value), _) => text_of(&[value]),
        (None, Val::FuncRef(_)) => "funcref:true".to_owned(),
        (None, Val::ExternRef(_)) => "externref:true".to_owned(),
        (None, Val::ExnRef(_)) => "exnref:true".to_owned(),
        (None, other) => format!("{other:?}"),
    }
}

fn state(store: &mut Store<Host>, instance: &Instance) -> String {
    let mut text = format!("log {:x}", store.data().log);
    let mut exports: Vec<(String, Extern)> = instance
        .exports(&mut *store)
        .map(|export| (export.name().to_owned(), export.into_extern()))
        .collect();
    exports.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, item) in exports {
        text += &match item {
            Extern::Memory(memory) => memory_text(&name, memory.data(&*store)),
            Extern::Global(global) => format!(", {name}: {}", one(&global.get(&mut *store))),
            Extern::Table(table) => {
                let elements = (0..table.size(&*store)).map(|i| match table.get(&mut *store, i) {
                    Some(Ref::Func(None) | Ref::Extern(None) | Ref::Exn(None)) | None => '0',
                    Some(_) => '1',
                });
                format!(", {name}: {}", elements.collect::<String>())
            }
            _ => continue,
        };
    }
    text
}
