//! Instances and what they export, seen by the embedder.

use std::sync::Arc;

use dotvm_isa::{ExternKind, Limits, MemoryType, TableType};

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::exception::Tag;
use crate::func::{Func, TypedFunc, func_type};
use crate::instantiate::{Item, instantiate};
use crate::memory::Memory;
use crate::module::Module;
use crate::store::{StoreId, StoreOpaque};
use crate::table::{Global, Table};
use crate::typed::VmValues;
use crate::types::ExternType;

/// Something that can be imported or exported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global variable.
    Global(Global),
    /// A tag of exceptions.
    Tag(Tag),
}

impl Extern {
    /// Its type. Limits have the current size as their minimum, as is compared when it is imported.
    ///
    /// # Panics
    /// Where it is another store's.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        let store = &store.as_context().0.opaque;
        store.check(self.store(), "import or export");
        Item::from(*self).ty(store)
    }

    /// The function, where it is one.
    pub fn into_func(self) -> Option<Func> {
        match self {
            Extern::Func(func) => Some(func),
            _ => None,
        }
    }

    /// The table, where it is one.
    pub fn into_table(self) -> Option<Table> {
        match self {
            Extern::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The memory, where it is one.
    pub fn into_memory(self) -> Option<Memory> {
        match self {
            Extern::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The global variable, where it is one.
    pub fn into_global(self) -> Option<Global> {
        match self {
            Extern::Global(global) => Some(global),
            _ => None,
        }
    }

    /// The tag, where it is one.
    pub fn into_tag(self) -> Option<Tag> {
        match self {
            Extern::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    pub(crate) fn store(&self) -> StoreId {
        match self {
            Extern::Func(func) => func.store,
            Extern::Table(table) => table.store,
            Extern::Memory(memory) => memory.store,
            Extern::Global(global) => global.store,
            Extern::Tag(tag) => tag.store,
        }
    }
}

impl From<Extern> for Item {
    fn from(item: Extern) -> Item {
        match item {
            Extern::Func(func) => Item::Func(func.index),
            Extern::Table(table) => Item::Table(table.index),
            Extern::Memory(memory) => Item::Memory(memory.index),
            Extern::Global(global) => Item::Global(global.index),
            Extern::Tag(tag) => Item::Tag(tag.index),
        }
    }
}

impl Item {
    /// The engine's number of the type, where it is a function or a tag.
    pub(crate) fn type_id(&self, store: &StoreOpaque) -> Option<u32> {
        match self {
            Item::Host(host) => Some(host.type_id()),
            Item::Func(index) => Some(store.funcs.type_id(*index)),
            Item::Tag(index) => Some(store.tags[*index as usize].type_id(store)),
            _ => None,
        }
    }

    /// Its type; limits have the current size as their minimum.
    pub(crate) fn ty(&self, store: &StoreOpaque) -> ExternType {
        match self {
            Item::Host(host) => ExternType::Func(host.ty().clone()),
            Item::Func(index) => ExternType::Func(func_type(store, *index).clone()),
            Item::Table(index) => {
                let table = &store.tables[*index as usize];
                let limits = Limits {
                    min: table.len(),
                    max: table.ty.limits.max,
                };
                ExternType::Table(TableType { limits, ..table.ty })
            }
            Item::Memory(index) => {
                let memory = &store.memories[*index as usize];
                let limits = Limits {
                    min: memory.pages(),
                    max: memory.ty.limits.max,
                };
                ExternType::Memory(MemoryType {
                    limits,
                    ..memory.ty
                })
            }
            Item::Global(index) => ExternType::Global(store.globals[*index as usize].ty),
            Item::Tag(index) => ExternType::Tag(store.tags[*index as usize].ty.clone()),
        }
    }
}

macro_rules! extern_from {
    ($($ty:ident)*) => {
        $(impl From<$ty> for Extern {
            fn from(item: $ty) -> Extern {
                Extern::$ty(item)
            }
        })*
    };
}
extern_from! { Func Table Memory Global Tag }

/// An instance of a module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Instance {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

impl Instance {
    /// Instantiates a module with these imports, in the module's order: copies active segments and
    /// calls the start function. See [`Linker`](crate::Linker) for imports by name.
    ///
    /// # Errors
    /// Where imports do not fit, limits or the machine do not allow the memories and tables, a
    /// segment does not fit, or the start function stops. What the module wrote to imported memories
    /// and tables until then stays.
    ///
    /// # Panics
    /// Where an import is another store's.
    pub fn new(
        mut store: impl AsContextMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        let store = store.as_context_mut().0;
        for import in imports {
            store.opaque.check(import.store(), "import");
        }
        let items: Vec<Item> = imports.iter().map(|&import| import.into()).collect();
        let index = instantiate(store, module, &items)?;
        Ok(Instance {
            store: store.opaque.id,
            index,
        })
    }

    /// Its module.
    ///
    /// # Panics
    /// As all functions of an instance: where it is another store's.
    pub fn module<'s, T: 'static>(
        &self,
        store: impl Into<crate::StoreContext<'s, T>>,
    ) -> &'s Module {
        let store = &store.into().0.opaque;
        store.check(self.store, "instance");
        &store.instances[self.index as usize].module
    }

    /// Its export of that name.
    pub fn get_export(&self, mut store: impl AsContextMut, name: &str) -> Option<Extern> {
        let store = store.as_context_mut().opaque();
        store.check(self.store, "instance");
        let module = store.instances[self.index as usize].module.clone();
        let export = module.find_export(name)?;
        Some(self.item(store, export.kind, export.index))
    }

    /// All its exports, in the module's order.
    pub fn exports(&self, mut store: impl AsContextMut) -> Vec<(Arc<str>, Extern)> {
        let store = store.as_context_mut().opaque();
        store.check(self.store, "instance");
        let module = store.instances[self.index as usize].module.clone();
        let exports = module.bytecode().exports.iter();
        exports
            .map(|export| {
                (
                    export.name.as_str().into(),
                    self.item(store, export.kind, export.index),
                )
            })
            .collect()
    }

    /// Its exported function of that name.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// Its exported table of that name.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// Its exported memory of that name.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// Its exported global variable of that name.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// Its exported tag of that name.
    pub fn get_tag(&self, store: impl AsContextMut, name: &str) -> Option<Tag> {
        self.get_export(store, name)?.into_tag()
    }

    /// Its exported function of that name, with these types.
    ///
    /// # Errors
    /// Where there is none, or it is of another type.
    pub fn get_typed_func<Params: VmValues, Results: VmValues>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>> {
        let mut store = store.as_context_mut();
        let func = self
            .get_func(&mut store, name)
            .ok_or_else(|| Error::Usage(format!("there is no exported function {name:?}")))?;
        func.typed(&store).map_err(|error| match error {
            Error::Usage(reason) => Error::Usage(format!("export {name:?}: {reason}")),
            error => error,
        })
    }

    /// The function that the program starts with, where the module names one.
    pub fn entry(&self, mut store: impl AsContextMut) -> Option<Func> {
        let store = store.as_context_mut().opaque();
        store.check(self.store, "instance");
        let entry = store.instances[self.index as usize].module.entry()?;
        Some(Func {
            store: self.store,
            index: store.func_of(self.index, entry),
        })
    }

    fn item(&self, store: &mut StoreOpaque, kind: ExternKind, index: u32) -> Extern {
        let owner = self.store;
        let at = index as usize;
        let instance = &store.instances[self.index as usize];
        match kind {
            ExternKind::Func => Extern::Func(Func {
                store: owner,
                index: store.func_of(self.index, index),
            }),
            ExternKind::Table => Extern::Table(Table {
                store: owner,
                index: instance.tables[at],
            }),
            ExternKind::Memory => Extern::Memory(Memory {
                store: owner,
                index: instance.memories[at],
            }),
            ExternKind::Global => Extern::Global(Global {
                store: owner,
                index: instance.globals[at],
            }),
            ExternKind::Tag => Extern::Tag(Tag {
                store: owner,
                index: instance.tags[at],
            }),
        }
    }
}
