//! Engines: what modules and stores share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dotvm_isa::FuncType;

use crate::config::Config;
use crate::signals::Watchdog;
use crate::tier::{Tier, TierReport};

/// Settings, function types and the watchdog of deadlines. Clones are the same engine.
#[derive(Clone, Debug)]
pub struct Engine(Arc<EngineInner>);

#[derive(Debug)]
struct EngineInner {
    config: Config,
    types: Mutex<TypeRegistry>,
    watchdog: Watchdog,
    tier: Tier,
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new(&Config::default())
    }
}

impl Engine {
    /// An engine with these settings.
    pub fn new(config: &Config) -> Engine {
        Engine(Arc::new(EngineInner {
            config: config.clone(),
            types: Mutex::default(),
            watchdog: Watchdog::default(),
            tier: Tier::new(config),
        }))
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Whether both are the same engine.
    pub fn same(a: &Engine, b: &Engine) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    /// What was compiled to native code so far, and what was not.
    pub fn tier_report(&self) -> TierReport {
        self.0.tier.report()
    }

    pub(crate) fn tier(&self) -> &Tier {
        &self.0.tier
    }

    pub(crate) fn watchdog(&self) -> &Watchdog {
        &self.0.watchdog
    }

    /// Numbers these types: equal types have equal numbers as long as somebody keeps them.
    pub(crate) fn register<'t>(&self, types: impl IntoIterator<Item = &'t FuncType>) -> TypeIds {
        let mut registry = self.0.types.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = types.into_iter().map(|ty| registry.add(ty)).collect();
        TypeIds {
            engine: self.clone(),
            ids,
        }
    }
}

/// The function types in use and their numbers.
#[derive(Default)]
struct TypeRegistry {
    ids: HashMap<Arc<FuncType>, u32>,
    /// By number; unused numbers have no users.
    types: Vec<(Arc<FuncType>, usize)>,
    unused: Vec<u32>,
}

impl TypeRegistry {
    fn add(&mut self, ty: &FuncType) -> u32 {
        if let Some(&id) = self.ids.get(ty) {
            self.types[id as usize].1 += 1;
            return id;
        }
        let ty = Arc::new(ty.clone());
        let id = match self.unused.pop() {
            Some(id) => {
                self.types[id as usize] = (Arc::clone(&ty), 1);
                id
            }
            None => {
                self.types.push((Arc::clone(&ty), 1));
                self.types.len() as u32 - 1
            }
        };
        self.ids.insert(ty, id);
        id
    }

    fn remove(&mut self, id: u32) {
        let (ty, users) = &mut self.types[id as usize];
        *users -= 1;
        if *users == 0 {
            self.ids.remove(ty);
            self.unused.push(id);
        }
    }
}

impl fmt::Debug for TypeRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeRegistry({} types)", self.ids.len())
    }
}

/// Numbers of types, kept as long as this exists.
#[derive(Debug)]
pub(crate) struct TypeIds {
    engine: Engine,
    ids: Box<[u32]>,
}

impl TypeIds {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The numbers, in the order of the types.
    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }
}

impl Drop for TypeIds {
    fn drop(&mut self) {
        let mut registry = self
            .engine
            .0
            .types
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for &id in &self.ids {
            registry.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use dotvm_isa::{FuncType, ValType};

    use super::Engine;

    #[test]
    fn equal_types_have_equal_numbers_and_unused_ones_are_reused() {
        let engine = Engine::default();
        let [a, b] = [ValType::I32, ValType::I64].map(|ty| FuncType::new([ty], []));
        let first = engine.register([&a, &b, &a]);
        let second = engine.register([&b]);
        assert_eq!(first.ids(), [0, 1, 0]);
        assert_eq!(second.ids(), [1]);
        drop(first);
        assert_eq!(engine.register([&FuncType::default(), &b]).ids(), [0, 1]);
    }
}
