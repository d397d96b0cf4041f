//! From a core dump to something that a debugger can look at: a store with the dump's memories, globals and tables,
//! in which nothing ever runs, and frames whose values are the dump's.

use std::collections::BTreeMap;
use std::sync::Arc;

use dotvm_isa::{GlobalType, Limits, MemoryType, TableType, ValType};

use super::super::show::UNKNOWN;
use super::super::stopped::{FrameValues, Stopped, layout_at};
use super::super::{Debugger, Reason, Session};
use super::{CoreDump, CoreError, CoreInstance, Stored, StoredFrame, StoredRef};
use crate::module::Module;
use crate::state::digest;
use crate::store::{Store, StoreOpaque};
use crate::vm::debug::RawFrame;

type Result<T, E = CoreError> = std::result::Result<T, E>;

/// The most bytes that memories of a dump may have together: address space; what is zero takes no memory.
const MAX_MEMORY_BYTES: u64 = 1 << 40;

/// The most memories, each of which takes address space for what it could grow to.
const MAX_MEMORIES: usize = 1000;

/// A program that has ended, as it was then.
pub struct PostMortem {
    store: Store<()>,
    frames: Vec<RawFrame>,
    message: String,
}

impl PostMortem {
    /// Shows it to a debugger, once: [`Stopped::reason`] is [`Reason::Core`]. Values, memories and tables can be
    /// read; nothing goes on, whatever the debugger returns.
    pub fn show(&mut self, debugger: &mut dyn Debugger) {
        let mut session = Session::new(None);
        let reason = Reason::Core(self.message.clone());
        let store = self.store.opaque_mut();
        let _ = debugger.stopped(&mut Stopped::new(
            store,
            &mut session,
            reason,
            self.frames.clone(),
        ));
    }
}

impl CoreDump {
    /// Opens it with the program's module.
    ///
    /// # Errors
    /// Where the dump is of another program or of several, or says what cannot be of this one.
    pub fn open(&self, module: &Module) -> Result<PostMortem> {
        let [known] = &self.modules[..] else {
            let count = self.modules.len();
            return Err(CoreError::new(format!(
                "the dump is of {count} modules, where one can be shown"
            )));
        };
        if known.digest != digest(module) {
            return Err(CoreError::new(format!(
                "the dump is of another program, of another version of it, or one that was compiled with other options (-O, -a, --bin){}",
                match known.name.as_str() {
                    "" => String::new(),
                    name => format!(": of a module `{name}`"),
                }
            )));
        }
        let mut store = Store::new(module.engine(), ());
        store.set_max_memory_bytes(MAX_MEMORY_BYTES);
        let opaque = store.opaque_mut();
        self.fill(opaque, module)?;
        let frames = (0..).zip(&self.frames).map(|(number, frame)| {
            let values = frame_values(opaque, module, frame);
            let values = values.map_err(|reason| {
                CoreError::at(frame.at, format!("frame {number}: {}", reason.reason))
            })?;
            Ok(RawFrame {
                module: module.clone(),
                instance: Some(frame.instance),
                func: frame.func,
                offset: frame.offset,
                base: 0,
                is_native: false,
                has_operands: true,
                kept: Some(Arc::new(values)),
            })
        });
        let frames = frames.collect::<Result<_>>()?;
        Ok(PostMortem {
            store,
            frames,
            message: self.message.clone(),
        })
    }

    /// Gives a store what the dump has.
    fn fill(&self, store: &mut StoreOpaque, module: &Module) -> Result<()> {
        let refused = |error: crate::Error| CoreError::new(error.to_string());
        if self.memories.len() > MAX_MEMORIES || self.instances.len() > MAX_MEMORIES {
            return Err(CoreError::new(format!(
                "more than {MAX_MEMORIES} memories or instances"
            )));
        }
        for instance in &self.instances {
            self.check_instance(instance, module)?;
            let number = store.new_instance(module).map_err(refused)?;
            let data = &mut store.instances[number as usize];
            data.memories.clone_from(&instance.memories);
            data.globals.clone_from(&instance.globals);
            data.tables.clone_from(&instance.tables);
        }
        for &ty in &self.memories {
            // There is no more to come.
            let limits = Limits {
                min: ty.limits.min,
                max: Some(ty.limits.min),
            };
            let number = store.new_memory(MemoryType { limits, ..ty });
            number.map_err(refused)?;
        }
        self.fill_memories(store)?;
        for global in &self.globals {
            let (ty, value) = match &global.value {
                Some(stored) => (stored.ty(), slots(store, stored)),
                // Shown as a reference that is null, which it may have been.
                None => (ValType::ExternRef, vec![0]),
            };
            store.new_global(GlobalType::new(ty, false), value);
        }
        for table in &self.tables {
            let limits = Limits {
                min: table.len,
                max: None,
            };
            let ty = TableType::new(table.element, limits);
            let number = store.new_table(ty, 0).map_err(refused)?;
            for &(index, reference) in &table.entries {
                let slot = slot_of(store, reference);
                store.tables[number as usize].elements_mut()[index as usize] = slot;
            }
        }
        Ok(())
    }

    fn fill_memories(&self, store: &mut StoreOpaque) -> Result<()> {
        for data in &self.data {
            let memory = store.memories[data.memory as usize].bytes_mut();
            let len = data.bytes.len();
            let start = usize::try_from(data.address).ok();
            let place = start.and_then(|start| memory.get_mut(start..)?.get_mut(..len));
            let Some(place) = place else {
                let reason = format!(
                    "{len} bytes at {:#x} are behind the end of memory {}",
                    data.address, data.memory
                );
                return Err(CoreError::at(data.bytes.start, reason));
            };
            place.copy_from_slice(&self.bytes.as_slice()[data.bytes.clone()]);
        }
        Ok(())
    }

    /// Looks whether an instance has what its module declares.
    fn check_instance(&self, instance: &CoreInstance, module: &Module) -> Result<()> {
        let spaces = &module.env().spaces;
        let error = |what: &str| {
            let reason = format!("{what} of an instance that are not those of its module");
            Err(CoreError::at(instance.at, reason))
        };
        let same_memory = |(&number, ty): (&u32, &MemoryType)| {
            let found = &self.memories[number as usize];
            (found.address, found.page_size_log2) == (ty.address, ty.page_size_log2)
        };
        let memories = || instance.memories.iter().zip(&spaces.memories);
        if instance.memories.len() != spaces.memories.len() || !memories().all(same_memory) {
            return error("memories");
        }
        let same_global = |(&number, ty): (&u32, &GlobalType)| {
            let found = &self.globals[number as usize].value;
            found.as_ref().map(Stored::ty) == Some(ty.ty)
        };
        let globals = || instance.globals.iter().zip(&spaces.globals);
        if instance.globals.len() != spaces.globals.len() || !globals().all(same_global) {
            return error("globals");
        }
        let same_table =
            |(&number, ty): (&u32, &TableType)| self.tables[number as usize].element == ty.element;
        let tables = || instance.tables.iter().zip(&spaces.tables);
        if instance.tables.len() != spaces.tables.len() || !tables().all(same_table) {
            return error("tables");
        }
        Ok(())
    }
}

/// The slots of a value.
fn slots(store: &mut StoreOpaque, value: &Stored) -> Vec<u64> {
    match value {
        Stored::Slot(_, slot) => vec![*slot],
        Stored::Wide(ty, bits) => bits.0[..ty.slots() as usize].to_vec(),
        Stored::Ref(_, reference) => vec![slot_of(store, *reference)],
    }
}

/// A slot that is shown as what a reference was to. Nobody follows it.
fn slot_of(store: &mut StoreOpaque, reference: StoredRef) -> u64 {
    match reference {
        StoredRef::Null => 0,
        StoredRef::Func(instance, func) => {
            let instances = &store.instances;
            let data = instances.get(instance as usize);
            match data.is_some_and(|data| (func as usize) < data.funcs.len()) {
                // Imported functions are those of a host that is not there.
                true if func
                    >= instances[instance as usize]
                        .module
                        .env()
                        .spaces
                        .imported_funcs =>
                {
                    let number = store.func_of(instance, func);
                    store.funcs.slot(number)
                }
                _ => UNKNOWN,
            }
        }
        StoredRef::Some => UNKNOWN,
    }
}

/// The values of a frame, where a debugger looks for them.
fn frame_values(
    store: &mut StoreOpaque,
    module: &Module,
    frame: &StoredFrame,
) -> Result<FrameValues> {
    let spaces = &module.env().spaces;
    let defined = spaces.imported_funcs..spaces.funcs.len() as u32;
    if !defined.contains(&frame.func) {
        let reason = format!("function {} has no code in the program", frame.func);
        return Err(CoreError::new(reason));
    }
    let layout = layout_at(module, frame.func, frame.offset).map_err(CoreError::new)?;
    let Some(layout) = layout else {
        let (func, offset) = (frame.func, frame.offset);
        return Err(CoreError::new(format!(
            "function {func} has no instruction at offset {offset:#x}"
        )));
    };
    let mut values = FrameValues {
        known: BTreeMap::new(),
        operands: frame.stack.len(),
    };
    // Frames that there was no room for are without.
    let has_locals = frame.locals.len() == layout.locals.len() || frame.locals.is_empty();
    if !has_locals || frame.stack.len() > layout.operands.len() {
        return Err(CoreError::new("not as many values as the function has"));
    }
    let locals = frame.locals.iter().zip(&layout.locals);
    let operands = frame.stack.iter().zip(&layout.operands);
    for (stored, &(ty, slot)) in locals.chain(operands) {
        let Some(stored) = stored else { continue };
        if stored.ty() != ty {
            let reason = format!("a value of type {} where one is {ty}", stored.ty());
            return Err(CoreError::new(reason));
        }
        values.known.insert(slot, slots(store, stored).into());
    }
    Ok(values)
}
