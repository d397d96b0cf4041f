//! Engines: what modules and stores share.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dotvm_isa::{FuncType, Module, ObjectType};

use crate::config::Config;
use crate::signals::Watchdog;
use crate::tier::{Tier, TierReport};

/// Settings, function types and the watchdog of deadlines. Clones are the same engine.
#[derive(Clone, Debug)]
pub struct Engine(Arc<EngineInner>);

#[derive(Debug)]
struct EngineInner {
    config: Config,
    types: Mutex<TypeRegistry<FuncType>>,
    objects: Mutex<TypeRegistry<ObjectType>>,
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
        let mut config = config.clone();
        // What is counted is what is paid for.
        config.metering |= config.counting;
        let tier = Tier::new(&config);
        Engine(Arc::new(EngineInner {
            config,
            types: Mutex::default(),
            objects: Mutex::default(),
            watchdog: Watchdog::default(),
            tier,
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

    /// Numbers a module's function types: equal types have equal numbers as long as somebody keeps them.
    pub(crate) fn register(&self, module: &Module) -> TypeIds {
        TypeIds::of(self, &module.types, module.type_groups())
    }

    /// Numbers a module's types of managed objects in the same way.
    pub(crate) fn register_objects(&self, module: &Module) -> TypeIds<ObjectType> {
        TypeIds::of(self, &module.objects, module.object_groups())
    }

    /// Numbers the type of a host function, which names other types by their numbers.
    pub(crate) fn register_one(&self, ty: &FuncType) -> TypeIds {
        let id = self.types().add_one(ty);
        TypeIds::new(self, vec![id], vec![id])
    }

    fn types(&self) -> MutexGuard<'_, TypeRegistry<FuncType>> {
        self.0.types.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Types that are numbered, and may name each other by these numbers.
pub(crate) trait Numbered: Clone + Eq + Hash {
    /// The same with other numbers of the types that it names.
    fn renumbered(&self, number: impl Fn(u32) -> u32) -> Self;

    /// The numbers of the types that it names.
    fn named(&self) -> impl Iterator<Item = u32>;

    /// All such types of an engine.
    fn registry(engine: &Engine) -> MutexGuard<'_, TypeRegistry<Self>>;
}

impl Numbered for FuncType {
    fn renumbered(&self, number: impl Fn(u32) -> u32) -> FuncType {
        FuncType::renumbered(self, number)
    }

    fn named(&self) -> impl Iterator<Item = u32> {
        self.narrow.iter().filter_map(|(_, it)| it.type_index())
    }

    fn registry(engine: &Engine) -> MutexGuard<'_, TypeRegistry<FuncType>> {
        engine.types()
    }
}

impl Numbered for ObjectType {
    fn renumbered(&self, number: impl Fn(u32) -> u32) -> ObjectType {
        ObjectType::renumbered(self, number)
    }

    fn named(&self) -> impl Iterator<Item = u32> {
        self.supertype.into_iter()
    }

    fn registry(engine: &Engine) -> MutexGuard<'_, TypeRegistry<ObjectType>> {
        let objects = &engine.0.objects;
        objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Set in the number of a type that is of the group that names it; the rest is its place in that.
const OWN_GROUP: u32 = 1 << 31;

/// The types of a kind in use and their numbers.
///
/// Types are the same where they have the same place in groups that are the same: WebAssembly's rule for
/// types that may refer to each other. In what a group is found by, references to its own types are by
/// their places, and those to others by their numbers, so that comparing groups looks at nothing else.
pub(crate) struct TypeRegistry<T> {
    groups: HashMap<Arc<[T]>, Group>,
    /// By number; `None` where it is unused.
    types: Vec<Option<Registered<T>>>,
    unused: Vec<u32>,
}

impl<T> Default for TypeRegistry<T> {
    fn default() -> TypeRegistry<T> {
        TypeRegistry {
            groups: HashMap::new(),
            types: Vec::new(),
            unused: Vec::new(),
        }
    }
}

/// Types that are registered together.
struct Group {
    ids: Box<[u32]>,
    /// How many modules, host functions and other groups have it.
    users: usize,
}

struct Registered<T> {
    /// The type, with the types that it names by their numbers.
    ty: T,
    group: Arc<[T]>,
}

impl<T: Numbered> TypeRegistry<T> {
    /// Adds a user of a group of types.
    fn add(&mut self, types: &[T]) -> Box<[u32]> {
        if let Some(group) = self.groups.get_mut(types) {
            group.users += 1;
            return group.ids.clone();
        }
        let key: Arc<[T]> = types.into();
        let ids: Box<[u32]> = key.iter().map(|_| self.unused_id()).collect();
        for (&id, ty) in ids.iter().zip(&*key) {
            let number = |id: u32| match id & OWN_GROUP {
                0 => id,
                _ => ids[(id & !OWN_GROUP) as usize],
            };
            self.types[id as usize] = Some(Registered {
                ty: ty.renumbered(number),
                group: Arc::clone(&key),
            });
        }
        for id in named(&key) {
            self.share(id);
        }
        let ids_of_group = ids.clone();
        self.groups.insert(key, Group { ids, users: 1 });
        ids_of_group
    }

    /// Adds a user of a type that names others by their numbers, itself included.
    fn add_one(&mut self, ty: &T) -> u32 {
        let is_it = |known: &Option<Registered<T>>| known.as_ref().is_some_and(|it| it.ty == *ty);
        let known = match ty.named().next() {
            None => None,
            Some(_) => self.types.iter().position(is_it),
        };
        match known {
            Some(id) => {
                self.share(id as u32);
                id as u32
            }
            None => self.add(std::slice::from_ref(ty))[0],
        }
    }

    fn unused_id(&mut self) -> u32 {
        self.unused.pop().unwrap_or_else(|| {
            self.types.push(None);
            self.types.len() as u32 - 1
        })
    }

    /// The group of a type in use.
    fn group_of(&self, id: u32) -> Option<Arc<[T]>> {
        let registered = self.types.get(id as usize)?.as_ref()?;
        Some(Arc::clone(&registered.group))
    }

    /// Adds a user of the group of a type, if there is such a type.
    fn share(&mut self, id: u32) {
        if let Some(key) = self.group_of(id)
            && let Some(group) = self.groups.get_mut(&key)
        {
            group.users += 1;
        }
    }

    /// Takes a user away from the group of a type, and from those that it names where it was the last.
    fn remove(&mut self, id: u32) {
        let mut ids = vec![id];
        while let Some(id) = ids.pop() {
            let Some(key) = self.group_of(id) else {
                continue;
            };
            let group = self
                .groups
                .get_mut(&key)
                .expect("registered types have groups");
            group.users -= 1;
            if group.users > 0 {
                continue;
            }
            for id in std::mem::take(&mut group.ids) {
                self.types[id as usize] = None;
                self.unused.push(id);
            }
            ids.extend(named(&key));
            self.groups.remove(&key);
        }
    }
}

/// The numbers of types that a group names and does not have itself.
fn named<T: Numbered>(group: &[T]) -> Vec<u32> {
    let ids = group.iter().flat_map(Numbered::named);
    ids.filter(|id| id & OWN_GROUP == 0).collect()
}

impl<T> fmt::Debug for TypeRegistry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeRegistry({} groups of types)", self.groups.len())
    }
}

/// Numbers of types, kept as long as this exists.
pub(crate) struct TypeIds<T: Numbered = FuncType> {
    engine: Engine,
    ids: Box<[u32]>,
    /// A type of each group.
    groups: Box<[u32]>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Numbered> fmt::Debug for TypeIds<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypeIds").field(&self.ids).finish()
    }
}

impl<T: Numbered> TypeIds<T> {
    fn new(engine: &Engine, ids: Vec<u32>, groups: Vec<u32>) -> TypeIds<T> {
        TypeIds {
            engine: engine.clone(),
            ids: ids.into(),
            groups: groups.into(),
            kind: PhantomData,
        }
    }

    /// Numbers all these types, which are in these groups.
    fn of(
        engine: &Engine,
        types: &[T],
        all_groups: impl Iterator<Item = Range<u32>>,
    ) -> TypeIds<T> {
        let mut registry = T::registry(engine);
        let mut ids: Vec<u32> = Vec::with_capacity(types.len());
        let mut groups = Vec::new();
        for group in all_groups {
            let types = &types[group.start as usize..group.end as usize];
            let added = match types {
                // What nearly all are.
                [ty] if ty.named().next().is_none() => registry.add(types),
                _ => {
                    // Those before the group by their numbers, those of the group by their places.
                    let number = |index: u32| match index.checked_sub(group.start) {
                        Some(place) => OWN_GROUP | place,
                        None => ids[index as usize],
                    };
                    let key: Vec<T> = types.iter().map(|ty| ty.renumbered(number)).collect();
                    registry.add(&key)
                }
            };
            groups.extend(added.first());
            ids.extend(added);
        }
        drop(registry);
        TypeIds::new(engine, ids, groups)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The numbers, in the order of the types.
    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }
}

impl<T: Numbered> Drop for TypeIds<T> {
    fn drop(&mut self) {
        let mut registry = T::registry(&self.engine);
        for &id in &self.groups {
            registry.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use dotvm_isa::{FuncType, ValType};

    use super::{Engine, TypeIds};

    fn register(engine: &Engine, text: &str) -> TypeIds {
        let (module, _) = dotvm_isa::text::assemble(text).unwrap();
        engine.register(&module)
    }

    #[test]
    fn equal_types_have_equal_numbers_and_unused_ones_are_reused() {
        let engine = Engine::default();
        let first = register(&engine, ".type (i32)\n.type (i64)\n.type (i32)");
        let second = register(&engine, ".type (i64)");
        assert_eq!(first.ids(), [0, 1, 0]);
        assert_eq!(second.ids(), [1]);
        let host = engine.register_one(&FuncType::new([ValType::I32], []));
        assert_eq!(host.ids(), [0]);
        drop((first, host));
        assert_eq!(register(&engine, ".type ()\n.type (i64)").ids(), [0, 1]);
    }

    #[test]
    fn types_that_refer_to_others_are_what_these_are() {
        let engine = Engine::default();
        let a = register(
            &engine,
            ".type (i32)\n.type ((ref 0))\n.type ((ref null 1))",
        );
        let b = register(
            &engine,
            ".type (i64)\n.type (i32)\n.type ((ref 1))\n.type ((ref 0))",
        );
        assert_eq!(a.ids(), [0, 1, 2]);
        assert_eq!(b.ids(), [3, 0, 1, 4]);
        // What a type refers to is kept with it.
        drop(a);
        let c = register(&engine, ".type (f32)\n.type (i32)\n.type ((ref 1))");
        assert_eq!(c.ids()[1..], b.ids()[1..3]);
        drop((b, c));
        assert_eq!(engine.types().groups.len(), 0);
        assert!(engine.types().types.iter().all(Option::is_none));
    }

    #[test]
    fn recursive_types_are_the_same_where_their_groups_are() {
        let engine = Engine::default();
        let pair = ".type (i32 (ref 1))\n.type ((ref 0))\n.rec 0 2\n";
        let first = register(&engine, pair);
        let second = register(&engine, pair);
        assert_eq!(first.ids(), second.ids());
        let other = register(&engine, ".type ((ref 1))\n.type (i32 (ref 0))\n.rec 0 2");
        assert!(other.ids().iter().all(|id| !first.ids().contains(id)));
        let [one, two] = [".type ((ref 0))", ".type ((ref 0))\n.type ()\n.rec 0 2"];
        let (one, two) = (register(&engine, one), register(&engine, two));
        assert_ne!(one.ids()[0], two.ids()[0]);
        // The embedder gets to see such a type with its number in it.
        let mut ty = FuncType::default();
        let itself = dotvm_isa::HeapType::Type(one.ids()[0]);
        let narrow = dotvm_isa::RefType::new(false, itself);
        ty.push_param(ValType::FuncRef, Some(narrow));
        assert_eq!(engine.register_one(&ty).ids(), one.ids());
    }
}
