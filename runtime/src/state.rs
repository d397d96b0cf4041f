//! States: memories and globals of an instance, kept in a database from one run to the next, version by version.
//!
//! [`State::load`] gives an instance the last version; [`State::save`] writes the next one, into the transaction in
//! which the program wrote its rows, so that both are there or none. Only pages that have changed are written:
//! memories are made of images, and what differs from these is known without looking at the
//! rest. [`States`] is what there is in a database: versions, to be shown, exported, imported and rolled back.
//!
//! ```
//! use dotvm::state::{State, States};
//! use dotvm::{Engine, Linker, Module, Store, db};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::default();
//! let module = Module::from_text(
//!     &engine,
//!     r#"
//!     .global $count mut i64 = 0
//!     .export "next" func $next
//!     .func $next () -> i64
//!         global.get $count
//!         i64.push 1
//!         i64.add
//!         global.set $count
//!         global.get $count
//!         ret
//!     .end"#,
//! )?;
//! let database = db::Database::in_memory(db::Options::default())?;
//! for expected in 1..=3 {
//!     let mut store = Store::new(&engine, ());
//!     store.set_database(database.clone());
//!     store.begin_transaction()?;
//!     let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
//!     let state = State::load(&mut store, instance, "counter")?;
//!     let next = instance.get_typed_func::<(), i64>(&mut store, "next")?;
//!     assert_eq!(next.call(&mut store, ())?, expected);
//!     assert_eq!(state.finish(&mut store)?.number, expected as u64);
//!     store.commit_transaction()?;
//! }
//! assert_eq!(States::new(&mut database.session()).versions("counter")?.len(), 3);
//! # Ok(())
//! # }
//! ```

mod versions;

use std::time::Duration;

use dotvm_dotdb::Error as DbError;
use dotvm_isa::{EncodeOptions, Names, encode};

use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::module::Module;
use crate::services::db;
use crate::store::{Store, StoreOpaque};
use crate::vm::image::Changes;
use crate::vm::table::Global;
use crate::wasi::Clock;

use versions::{Changed, check_name, damaged, refused};
pub use versions::{STATE_MAGIC, StateVersion, States};

/// Versions of a state that are kept, where nobody says otherwise.
const VERSIONS_KEPT: u64 = 10;

/// A state that an instance has been given, to be saved when a call has ended.
///
/// After an error of it, or a transaction that was not committed, the instance is to be thrown away: what comes next is
/// loaded into a new one.
#[derive(Debug)]
pub struct State {
    name: String,
    instance: Instance,
    /// The version that the instance's memories are made of; 0 where there is none.
    version: u64,
    kept: u64,
}

/// An instance's memories, for being saved.
struct Memories {
    /// Their numbers in the store.
    numbers: Vec<u32>,
    changes: Vec<Changes>,
}

fn no_image(error: std::io::Error) -> Error {
    Error::Limit(format!("the image of a memory: {error}"))
}

impl State {
    /// Gives an instance the last version of a state; where there is none, the instance stays as it is. To be called in a
    /// transaction ([`Store::begin_transaction`]), with an instance that nobody has used yet.
    ///
    /// # Errors
    /// [`Error::Usage`] where the state is of another program, or the instance has what no state can keep: references in
    /// globals that may change, memories of others, blocks of `alloc`. [`Error::Limit`] where limits do not allow its
    /// size. Those of the database, as traps.
    pub fn load<T: 'static>(store: &mut Store<T>, instance: Instance, name: &str) -> Result<State> {
        check_name(name)?;
        let opaque = store.opaque_mut();
        check_instance(opaque, instance)?;
        let last = States::new(db::session(opaque)?).last(name)?;
        let mut state = State {
            name: name.to_owned(),
            instance,
            version: 0,
            kept: VERSIONS_KEPT,
        };
        if let Some(version) = last {
            state.version = version.number;
            state.give(opaque, &version)?;
        }
        Ok(state)
    }

    /// Gives the instance a version.
    fn give(&self, store: &mut StoreOpaque, version: &StateVersion) -> Result<()> {
        let data = &store.instances[self.instance.index as usize];
        if version.program != digest(&data.module) {
            let name = &self.name;
            return Err(Error::Usage(format!(
                "state {name:?} is of another program than this one"
            )));
        }
        let memories = data.memories.clone();
        if memories.len() != version.memory_bytes.len() {
            return Err(damaged());
        }
        for (&number, &bytes) in memories.iter().zip(&version.memory_bytes) {
            let memory = &store.memories[number as usize];
            let (page, len) = (memory.ty.page_bytes(), memory.len());
            if bytes < len {
                return Err(Error::Usage(format!(
                    "a memory of {len} bytes is larger than that of state {:?}",
                    self.name
                )));
            }
            if bytes % page != 0 {
                return Err(damaged());
            }
            let grown = store.grow_memory(number, (bytes - len) / page);
            grown.map_err(|_| Error::Limit(format!("a memory of {bytes} bytes")))?;
        }
        let images = States::new(db::session(store)?).images(&self.name, version)?;
        for (&number, image) in memories.iter().zip(images) {
            let memory = &mut store.memories[number as usize];
            memory.set_image(image).map_err(no_image)?;
        }
        set_globals(store, self.instance, &version.globals).ok_or_else(damaged)
    }

    /// Sets how many versions are kept, 10 unless this is called, and 1 at least.
    pub fn keep(&mut self, versions: u64) {
        self.kept = versions.max(1);
    }

    /// The number of the version that was loaded or saved last; 0 where there is none.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Writes the next version, with the pages that have changed since the last one, into the transaction that there is.
    /// Where nothing has changed, no version is written. The instance may go on, and be saved again.
    ///
    /// # Errors
    /// [`Error::Usage`] where the program has used `alloc`, whose books no state keeps. Those of the database, as traps.
    pub fn save<T: 'static>(&mut self, store: &mut Store<T>) -> Result<StateVersion> {
        let store = store.opaque_mut();
        let (version, memories) = self.write(store)?;
        for (number, changes) in memories.numbers.iter().zip(&memories.changes) {
            let memory = &mut store.memories[*number as usize];
            memory.renew_image(changes).map_err(no_image)?;
        }
        Ok(version)
    }

    /// The same for an instance that is not going on, which takes less time.
    ///
    /// # Errors
    /// Those of [`State::save`].
    pub fn finish<T: 'static>(mut self, store: &mut Store<T>) -> Result<StateVersion> {
        Ok(self.write(store.opaque_mut())?.0)
    }

    /// Writes the next version.
    fn write(&mut self, store: &mut StoreOpaque) -> Result<(StateVersion, Memories)> {
        check_instance(store, self.instance)?;
        let data = &store.instances[self.instance.index as usize];
        let numbers = data.memories.clone();
        let now = Duration::from_nanos(store.services.host().now(Clock::Realtime));
        let mut version = StateVersion {
            number: self.version + 1,
            time: now.as_secs(),
            program: digest(&data.module),
            memory_bytes: Vec::new(),
            globals: globals(store, self.instance),
            changed_pages: 0,
        };
        let mut memories = Memories {
            numbers,
            changes: Vec::new(),
        };
        let mut changed = Changed::default();
        for (place, &number) in (0u32..).zip(&memories.numbers) {
            let memory = &store.memories[number as usize];
            let changes = memory.changes().map_err(no_image)?;
            version.memory_bytes.push(memory.len());
            changed
                .0
                .extend(changes.changed.iter().map(|&page| (place, page)));
            memories.changes.push(changes);
        }
        version.changed_pages = changed.0.len() as u64;
        let StoreOpaque {
            services,
            memories: all,
            ..
        } = store;
        let session = services.database.session();
        let session = session.filter(|session| session.depth() > 0);
        let mut states = States::new(session.ok_or_else(|| refused(&DbError::NoTransaction))?);
        let last = states.last(&self.name)?;
        if last.as_ref().map_or(0, |last| last.number) != self.version {
            return Err(refused(&DbError::Conflict));
        }
        if let Some(last) = last
            && changed.0.is_empty()
            && last.globals == version.globals
            && last.memory_bytes == version.memory_bytes
        {
            return Ok((last, memories));
        }
        for &(place, page) in &changed.0 {
            let memory = &all[memories.numbers[place as usize] as usize];
            states.put_page(&self.name, (place, page), version.number, memory.page(page))?;
        }
        states.put_version(&self.name, &version, &changed)?;
        states.prune(&self.name, self.kept, version.number)?;
        self.version = version.number;
        Ok((version, memories))
    }
}

/// What a program is: its bytecode, however it was stored and whatever is known about its source.
pub(crate) fn digest(module: &Module) -> [u8; 32] {
    let bytes = encode(
        module.bytecode(),
        &Names::default(),
        EncodeOptions::default(),
    );
    *blake3::hash(&bytes).as_bytes()
}

/// Looks whether a state can keep all of an instance.
fn check_instance(store: &StoreOpaque, instance: Instance) -> Result<()> {
    store.check(instance.store, "instance");
    let data = &store.instances[instance.index as usize];
    let spaces = &data.module.env().spaces;
    let reason = if spaces.imported_memories > 0 {
        "it imports a memory"
    } else if data.memories.iter().any(|&memory| {
        let heap = &store.memories[memory as usize].heap;
        heap.region_bytes() > 0
    }) {
        "it uses `alloc`, whose books are not in memory"
    } else if own_globals(store, instance).any(|global| global.ty.mutable && global.ty.ty.is_ref())
    {
        "a global of it is a reference"
    } else {
        return Ok(());
    };
    Err(Error::Usage(format!(
        "no state of this program can be kept: {reason}"
    )))
}

/// Globals that an instance defines, and that may change.
fn own_globals(store: &StoreOpaque, instance: Instance) -> impl Iterator<Item = &Global> {
    let data = &store.instances[instance.index as usize];
    let imported = data.module.env().spaces.imported_globals as usize;
    let own = data.globals.iter().skip(imported);
    own.map(|&global| &store.globals[global as usize])
        .filter(|global| global.ty.mutable)
}

fn globals(store: &StoreOpaque, instance: Instance) -> Vec<u64> {
    let slots = own_globals(store, instance).flat_map(Global::value);
    slots.copied().collect()
}

/// Sets all globals; nothing where there are other ones.
fn set_globals(store: &mut StoreOpaque, instance: Instance, mut slots: &[u64]) -> Option<()> {
    let data = &store.instances[instance.index as usize];
    let imported = data.module.env().spaces.imported_globals as usize;
    let own: Vec<u32> = data.globals.iter().skip(imported).copied().collect();
    for global in own {
        let global = &mut store.globals[global as usize];
        if global.ty.mutable {
            let place = global.value_mut();
            let (value, rest) = slots.split_at_checked(place.len())?;
            place.copy_from_slice(value);
            slots = rest;
        }
    }
    slots.is_empty().then_some(())
}
