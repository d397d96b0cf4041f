//! Linkers: what programs can import, by name.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use dotvm_isa::FuncType;

use crate::context::{AsContext, AsContextMut};
use crate::engine::Engine;
use crate::error::{Error, ImportProblem, LinkError, Result};
use crate::func::Func;
use crate::host::{Caller, HostFunc, IntoFunc};
use crate::instance::{Extern, Instance};
use crate::instantiate::{Item, instantiate};
use crate::module::Module;
use crate::store::StoreOpaque;
use crate::types::ExternType;
use crate::value::Val;

/// What programs can import, by module and name.
///
/// Functions belong to the linker and can be used with any number of stores; other things belong to
/// a store, and the linker can then only be used with that one.
pub struct Linker<T> {
    engine: Engine,
    modules: HashMap<String, HashMap<String, Definition>>,
    allow_shadowing: bool,
    data: PhantomData<fn(T)>,
}

#[derive(Clone)]
enum Definition {
    Host(Arc<HostFunc>),
    Extern(Extern),
}

impl Definition {
    fn item(&self, store: &StoreOpaque) -> Item {
        match self {
            Definition::Host(host) => Item::Host(Arc::clone(host)),
            Definition::Extern(item) => {
                store.check(item.store(), "import");
                (*item).into()
            }
        }
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            modules: self.modules.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |(module, names): (&String, &HashMap<_, _>)| format!("{module}: {}", names.len());
        f.debug_list()
            .entries(self.modules.iter().map(names))
            .finish()
    }
}

impl<T: 'static> Linker<T> {
    /// Nothing yet.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            modules: HashMap::new(),
            allow_shadowing: false,
            data: PhantomData,
        }
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a name may be defined again, in place of what it was. Default: no.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Linker<T> {
        self.allow_shadowing = allow;
        self
    }

    /// Defines a function by a closure of typed parameters; a first parameter of type [`Caller`]
    /// gives it access to the program and the store.
    ///
    /// ```
    /// # let engine = dotvm::Engine::default();
    /// # let mut linker = dotvm::Linker::<u64>::new(&engine);
    /// linker.func_wrap("env", "add", |a: i32, b: i32| a + b)?;
    /// linker.func_wrap("env", "count", |mut caller: dotvm::Caller<'_, u64>| {
    ///     *caller.data_mut() += 1;
    /// })?;
    /// # Ok::<(), dotvm::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where the name is taken.
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Linker<T>> {
        let host = HostFunc::new(&self.engine, func.into_func());
        self.insert(module, name, Definition::Host(Arc::new(host)))
    }

    /// Defines a function of a type known at run time only; see [`Func::new`].
    ///
    /// # Errors
    /// Where the name is taken.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Linker<T>> {
        let host = HostFunc::dynamic(&self.engine, ty, func);
        self.insert(module, name, Definition::Host(Arc::new(host)))
    }

    /// Defines something of a store.
    ///
    /// # Errors
    /// Where the name is taken.
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Linker<T>> {
        self.insert(module, name, Definition::Extern(item.into()))
    }

    /// Defines all exports of an instance under the name of a module.
    ///
    /// # Errors
    /// Where a name is taken.
    pub fn instance(
        &mut self,
        store: impl AsContextMut<Data = T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Linker<T>> {
        for (name, item) in instance.exports(store) {
            self.insert(module, &name, Definition::Extern(item))?;
        }
        Ok(self)
    }

    /// Instantiates a module and defines all its exports under that name.
    ///
    /// # Errors
    /// As for [`Linker::instantiate`], and where a name is taken.
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        name: &str,
        module: &Module,
    ) -> Result<&mut Linker<T>> {
        let instance = self.instantiate(&mut store, module)?;
        self.instance(store, name, instance)
    }

    /// Gives a second name to something.
    ///
    /// # Errors
    /// Where there is no such thing, or the second name is taken.
    pub fn alias(
        &mut self,
        (module, name): (&str, &str),
        (as_module, as_name): (&str, &str),
    ) -> Result<&mut Linker<T>> {
        let found = self.find(module, name).cloned();
        let found =
            found.ok_or_else(|| Error::Usage(format!("nothing is named {module}::{name}")))?;
        self.insert(as_module, as_name, found)
    }

    /// Gives everything under the name of a module a second name.
    ///
    /// # Errors
    /// Where there is nothing under that name, or a second name is taken.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<&mut Linker<T>> {
        let found = self.modules.get(module).cloned();
        let found =
            found.ok_or_else(|| Error::Usage(format!("there is nothing in a module {module}")))?;
        for (name, definition) in found {
            self.insert(as_module, &name, definition)?;
        }
        Ok(self)
    }

    /// Defines every function that the module imports and that is not defined as one that traps
    /// when it is called.
    ///
    /// # Errors
    /// None so far.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<&mut Linker<T>> {
        for import in module.imports() {
            let ExternType::Func(ty) = import.ty else {
                continue;
            };
            if self.find(import.module, import.name).is_some() {
                continue;
            }
            let message = format!("unknown import called: {}::{}", import.module, import.name);
            self.func_new(import.module, import.name, ty, move |_, _, _| {
                Err(Error::host(message.clone()))
            })?;
        }
        Ok(self)
    }

    /// What has that name, as something of this store.
    ///
    /// # Panics
    /// Where it is another store's.
    pub fn get(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let store = store.as_context_mut().opaque();
        match self.find(module, name)? {
            Definition::Host(host) => Some(Func::from_host(store, Arc::clone(host)).into()),
            Definition::Extern(item) => {
                store.check(item.store(), "definition");
                Some(*item)
            }
        }
    }

    /// Instantiates a module with what it imports.
    ///
    /// # Errors
    /// Where imports are missing (all are listed), and as for [`Instance::new`].
    ///
    /// # Panics
    /// Where an import is another store's.
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        self.instantiate_pre(module)?.instantiate(&mut store)
    }

    /// Looks up what a module imports, to instantiate it many times.
    ///
    /// # Errors
    /// Where imports are missing (all are listed), or the module is another engine's.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        if !Engine::same(&self.engine, module.engine()) {
            return Err(Error::Usage(
                "a module of another engine than the linker's".into(),
            ));
        }
        let isa = module.bytecode();
        let mut definitions = Vec::with_capacity(isa.imports.len());
        let mut problems = Vec::new();
        for import in &isa.imports {
            match self.find(&import.module, &import.name) {
                Some(definition) => definitions.push(definition.clone()),
                None => problems.push(ImportProblem {
                    module: import.module.clone(),
                    name: import.name.clone(),
                    wanted: module.import_type(import.desc),
                    found: None,
                }),
            }
        }
        if !problems.is_empty() {
            return Err(Error::Link(LinkError { problems }));
        }
        Ok(InstancePre {
            module: module.clone(),
            definitions,
            data: PhantomData,
        })
    }

    /// Defines a host function.
    ///
    /// # Errors
    /// Where the name is taken.
    pub(crate) fn define_host(&mut self, module: &str, name: &str, host: HostFunc) -> Result<()> {
        self.insert(module, name, Definition::Host(Arc::new(host)))
            .map(drop)
    }

    /// Whether something has that name.
    pub(crate) fn is_defined(&self, module: &str, name: &str) -> bool {
        self.find(module, name).is_some()
    }

    fn find(&self, module: &str, name: &str) -> Option<&Definition> {
        self.modules.get(module)?.get(name)
    }

    fn insert(
        &mut self,
        module: &str,
        name: &str,
        definition: Definition,
    ) -> Result<&mut Linker<T>> {
        if !self.allow_shadowing && self.find(module, name).is_some() {
            return Err(Error::Usage(format!("{module}::{name} is defined already")));
        }
        if !self.modules.contains_key(module) {
            self.modules.insert(module.to_owned(), HashMap::new());
        }
        if let Some(names) = self.modules.get_mut(module) {
            names.insert(name.to_owned(), definition);
        }
        Ok(self)
    }
}

/// A module with what it imports, ready to be instantiated.
pub struct InstancePre<T> {
    module: Module,
    definitions: Vec<Definition>,
    data: PhantomData<fn(T)>,
}

impl<T> Clone for InstancePre<T> {
    fn clone(&self) -> InstancePre<T> {
        InstancePre {
            module: self.module.clone(),
            definitions: self.definitions.clone(),
            data: PhantomData,
        }
    }
}

impl<T> fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre")
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

impl<T: 'static> InstancePre<T> {
    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates it.
    ///
    /// # Errors
    /// As for [`Instance::new`].
    ///
    /// # Panics
    /// Where an import is another store's.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let mut store = store.as_context_mut();
        let opaque = &store.as_context().0.opaque;
        let items: Vec<Item> = self
            .definitions
            .iter()
            .map(|item| item.item(opaque))
            .collect();
        let store = store.as_context_mut().0;
        let index = instantiate(store, &self.module, &items)?;
        Ok(Instance {
            store: store.opaque.id,
            index,
        })
    }
}
