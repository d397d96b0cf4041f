//! Instantiation, as WebAssembly's specification has it: imports are matched, what the module
//! declares is made, active segments are copied in order, the start function is called.

use std::any::Any;
use std::sync::Arc;

use dotvm_isa::semantics::{eval_binary, eval_pure};
use dotvm_isa::{ConstExpr, ConstOp, ImportDesc, SegmentMode, TrapCode};

use crate::engine::Engine;
use crate::error::{Error, ImportProblem, LinkError, Result};
use crate::exception::{TagData, TagOrigin};
use crate::host::HostFunc;
use crate::module::Module;
use crate::store::{StoreInner, StoreOpaque};
use crate::vm::entry;
use crate::vm::ops::init_elements;

/// Something to import: a host function, or something of the store by its number.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Host(Arc<HostFunc>),
    Func(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
    Tag(u32),
}

/// Instantiates a module with imports of this store, in the module's order; returns the number of
/// the instance.
pub(crate) fn instantiate(
    store: &mut StoreInner<dyn Any>,
    module: &Module,
    imports: &[Item],
) -> Result<u32> {
    let opaque = &mut store.opaque;
    check_imports(opaque, module, imports)?;
    opaque.engine.tier().prepare(module);
    let instance = opaque.new_instance(module)?;
    import(opaque, instance, imports);
    define(opaque, instance, module)?;
    let StoreOpaque {
        instances,
        memories,
        tables,
        globals,
        funcs,
        ..
    } = opaque;
    instances[instance as usize].connect(memories, tables, globals, funcs);
    init_tables(opaque, instance, module)?;
    init_memory(opaque, instance, module)?;
    if let Some(start) = module.bytecode().start {
        let func = opaque.func_of(instance, start);
        entry::call(store, func, |_, _| Ok(()), |_, _| ())?;
    }
    Ok(instance)
}

fn check_imports(store: &StoreOpaque, module: &Module, imports: &[Item]) -> Result<()> {
    if !Engine::same(module.engine(), &store.engine) {
        return Err(Error::Usage(
            "a module of another engine than the store's".into(),
        ));
    }
    let isa = module.bytecode();
    if imports.len() != isa.imports.len() {
        let (have, want) = (imports.len(), isa.imports.len());
        return Err(Error::Usage(format!(
            "{have} imports for a module that has {want}"
        )));
    }
    let mut problems = Vec::new();
    for (import, item) in isa.imports.iter().zip(imports) {
        let wanted = module.import_type(import.desc);
        let found = item.ty(store);
        let fits = match import.desc {
            // Types of the same number are only compared where both are of the same kind.
            ImportDesc::Func(ty) | ImportDesc::Tag(ty) => {
                let same_kind = std::mem::discriminant(&wanted) == std::mem::discriminant(&found);
                same_kind && item.type_id(store) == Some(module.type_ids()[ty as usize])
            }
            _ => wanted.admits(&found),
        };
        if !fits {
            let (module, name) = (import.module.clone(), import.name.clone());
            problems.push(ImportProblem {
                module,
                name,
                wanted,
                found: Some(found),
            });
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Link(LinkError { problems }))
    }
}

fn import(store: &mut StoreOpaque, instance: u32, imports: &[Item]) {
    let mut func = 0;
    for item in imports {
        let number = match item {
            Item::Host(host) => Some(store.funcs.push_host(Arc::clone(host))),
            Item::Func(number) => Some(*number),
            _ => None,
        };
        let data = &mut store.instances[instance as usize];
        match item {
            Item::Host(_) | Item::Func(_) => {
                data.funcs[func] = number.map_or(0, |number| number + 1);
                func += 1;
            }
            Item::Table(number) => data.tables.push(*number),
            Item::Memory(number) => data.memories.push(*number),
            Item::Global(number) => data.globals.push(*number),
            Item::Tag(number) => data.tags.push(*number),
        }
    }
}

fn define(store: &mut StoreOpaque, instance: u32, module: &Module) -> Result<()> {
    let isa = module.bytecode();
    for &ty in &isa.memories {
        let number = store.new_memory(ty)?;
        store.instances[instance as usize].memories.push(number);
    }
    for &ty in &isa.tags {
        let index = store.instances[instance as usize].tags.len() as u32;
        let number = store.new_tag(TagData {
            ty: module.linked_type(ty).clone(),
            origin: TagOrigin::Instance(instance, index),
        });
        store.instances[instance as usize].tags.push(number);
    }
    for table in &isa.tables {
        let init = table.init.as_ref();
        let value = init.map_or(0, |init| evaluate(store, instance, init)[0]);
        let number = store.new_table(module.table_type(table.ty), value)?;
        store.instances[instance as usize].tables.push(number);
    }
    for global in &isa.globals {
        let value = evaluate(store, instance, &global.init);
        let number = store.define_global(instance, module.global_type(global.ty), &value);
        store.instances[instance as usize].globals.push(number);
    }
    Ok(())
}

fn init_tables(store: &mut StoreOpaque, instance: u32, module: &Module) -> Result<()> {
    for (i, segment) in module.bytecode().elems.iter().enumerate() {
        if let SegmentMode::Active(table, offset) = &segment.mode {
            let dst = evaluate(store, instance, offset)[0];
            let number = store.instances[instance as usize].tables[*table as usize];
            let len = segment.items.len() as u64;
            init_elements(store, instance, i, number, [dst, 0, len])?;
        }
        if segment.mode != SegmentMode::Passive {
            store.instances[instance as usize].dropped_elems[i] = true;
        }
    }
    Ok(())
}

fn init_memory(store: &mut StoreOpaque, instance: u32, module: &Module) -> Result<()> {
    for (i, segment) in module.bytecode().data.iter().enumerate() {
        let SegmentMode::Active(memory, offset) = &segment.mode else {
            continue;
        };
        let dst = evaluate(store, instance, offset)[0] as usize;
        let bytes = module.bytecode().data_segment(i as u32);
        let data = &mut store.instances[instance as usize];
        data.dropped_data[i] = true;
        let memory = data.memories[*memory as usize] as usize;
        let end = dst.checked_add(bytes.len());
        let target = end.and_then(|end| store.memories[memory].bytes_mut().get_mut(dst..end));
        target
            .ok_or(TrapCode::MemoryOutOfBounds)?
            .copy_from_slice(bytes);
    }
    Ok(())
}

/// The slots of elements of a segment.
pub(crate) fn element_values(
    store: &mut StoreOpaque,
    instance: u32,
    items: &[ConstExpr],
) -> Vec<u64> {
    let slot = |item: &ConstExpr| match item.0[..] {
        // What nearly all are.
        [ConstOp::RefFunc(func)] => {
            let number = store.func_of(instance, func);
            store.funcs.slot(number)
        }
        _ => evaluate(store, instance, item)[0],
    };
    items.iter().map(slot).collect()
}

/// The slots of the value of a constant expression of a verified module; globals that it uses must
/// be there.
fn evaluate(store: &mut StoreOpaque, instance: u32, expr: &ConstExpr) -> Vec<u64> {
    let mut stack = Vec::new();
    for op in &expr.0 {
        match *op {
            ConstOp::I32(value) => stack.push(u64::from(value.cast_unsigned())),
            ConstOp::I64(value) => stack.push(value.cast_unsigned()),
            ConstOp::F32(bits) => stack.push(u64::from(bits)),
            ConstOp::F64(bits) => stack.push(bits),
            ConstOp::Wide(ty, ref value) => {
                stack.extend_from_slice(&value.0[..ty.slots() as usize]);
            }
            ConstOp::V128(bits) => stack.extend([bits as u64, (bits >> 64) as u64]),
            ConstOp::RefNull(_) => stack.push(0),
            ConstOp::GlobalGet(index) => {
                let number = store.instances[instance as usize].globals[index as usize];
                stack.extend_from_slice(store.globals[number as usize].value());
            }
            ConstOp::RefFunc(func) => {
                let number = store.func_of(instance, func);
                stack.push(store.funcs.slot(number));
            }
            ConstOp::Binary(op) => {
                // Sums, differences and products do not trap.
                let slots = op.result().expect("it has a result").slots() as usize;
                let operands = stack.split_off(stack.len() - 2 * slots);
                let value = match operands[..] {
                    [a, b] => eval_binary(op, a, b).map(|value| value.map(|slot| vec![slot])),
                    _ => eval_pure(op, &operands, 0, 0)
                        .map(|value| value.map(|value| value[..slots].to_vec())),
                };
                stack.extend(
                    value
                        .and_then(Result::ok)
                        .expect("an instruction of constants"),
                );
            }
        }
    }
    stack
}
