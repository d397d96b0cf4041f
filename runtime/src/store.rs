//! Stores: everything that belongs to some running programs, and the embedder's own data.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dotvm_dotdb::{self as db, Database};
use dotvm_isa::ops::Service;
use dotvm_isa::{AddressType, GlobalType, MemoryType, TableType, TrapCode};

use crate::backtrace::Backtrace;
use crate::debug::Session;
use crate::engine::Engine;
use crate::error::{BoxError, Error, Result};
use crate::exception::TagData;
use crate::module::Module;
use crate::profile::{ExactProfile, Extras};
use crate::services::{self, Services};
use crate::signals::{InterruptHandle, StoreSignals, Ticket};
use crate::vm::alloc_places::AllocPlaces;
use crate::vm::core_frames::CoreFrames;
use crate::vm::entry::StoreVm;
use crate::vm::exceptions::Exceptions;
use crate::vm::funcs::Funcs;
use crate::vm::gc::{Extent, GcStats, Heap};
use crate::vm::heap::{HeapBlock, HeapStats};
use crate::vm::instance::InstanceData;
use crate::vm::memory::{LinearMemory, Refused};
use crate::vm::sample::{self, Sampler};
use crate::vm::table::{Global, Table};
use crate::wasi::Host;

/// Instances and all that belongs to them, with data of the embedder's of type `T` that host
/// functions can get at.
///
/// What is created in a store lives until the store is dropped. Handles such as
/// [`Func`](crate::Func) or [`Memory`](crate::Memory) are small numbers that only mean something
/// together with their store; using them with another one panics.
///
/// A store runs one program at a time, on whatever thread calls into it.
pub struct Store<T>(Box<StoreInner<T>>);

/// A store's content. It is unsized to `StoreInner<dyn Any>` for code that is not generic.
pub(crate) struct StoreInner<T: ?Sized> {
    pub(crate) opaque: StoreOpaque,
    pub(crate) data: T,
}

/// The part of a store that does not depend on the embedder's data.
pub struct StoreOpaque {
    pub(crate) id: StoreId,
    pub(crate) engine: Engine,
    pub(crate) vm: StoreVm,
    pub(crate) instances: Vec<InstanceData>,
    pub(crate) funcs: Funcs,
    pub(crate) memories: Vec<LinearMemory>,
    pub(crate) tables: Vec<Table>,
    pub(crate) globals: Vec<Global>,
    pub(crate) tags: Vec<TagData>,
    pub(crate) exceptions: Exceptions,
    /// Managed objects.
    pub(crate) heap: Heap,
    /// What counters do not say, where programs count.
    pub(crate) extras: Option<Extras>,
    /// The debugger, where there is one. Nothing locks it: that is what makes it shareable.
    pub(crate) debug: Mutex<Option<Box<Session>>>,
    /// What core dumps say of frames, where there are to be some.
    pub(crate) core: Option<Box<Mutex<CoreFrames>>>,
    /// Samples of where programs are, while they are taken.
    pub(crate) sampler: Option<Box<Mutex<Sampler>>>,
    pub(crate) services: Services,
    /// How often host functions were called.
    pub(crate) host_calls: u64,
    /// Where blocks were allocated, once somebody asked.
    pub(crate) alloc_places: Option<AllocPlaces>,
    /// The modules of all instances, each once.
    pub(crate) modules: Vec<Module>,
    /// What references to host objects are indices of.
    pub(crate) objects: Vec<Box<dyn Any + Send + Sync>>,
    signals: Arc<StoreSignals>,
    deadline: Option<(Instant, Ticket)>,
    max_memory_bytes: u64,
    max_table_elements: u64,
    memory_bytes: u64,
    peak_memory_bytes: u64,
    table_elements: u64,
    /// Fuel that was there when it was last set, and fuel used up before that.
    fuel_set: u64,
    fuel_used: u64,
}

/// The most address space that a memory with 64-bit addresses takes: 1 TiB.
const RESERVATION_BYTES_64_MAX: u64 = 1 << 40;

/// Tells stores apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StoreId(NonZeroU64);

impl StoreId {
    fn next() -> StoreId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        StoreId(NonZeroU64::new(id).expect("fewer than 2^64 stores"))
    }
}

/// Bytes that a store has in use, by what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Linear memories.
    pub memory_bytes: u64,
    /// The most that linear memories had.
    pub peak_memory_bytes: u64,
    /// Tables.
    pub table_bytes: u64,
    /// The stack of guest frames: address space, which takes memory as far as it was touched.
    pub stack_bytes: u64,
    /// Code that functions were lowered to; shared with other stores that use the same modules.
    pub code_bytes: u64,
    /// Host objects that references may lead to (their number, since their size is not known).
    pub host_objects: u64,
    /// Functions that references may lead to (their number).
    pub function_references: u64,
    /// Exceptions that references may lead to, or might have (their number).
    pub exceptions: u64,
    /// What they take.
    pub exception_bytes: u64,
    /// The most that they took.
    pub peak_exception_bytes: u64,
    /// The heap of managed objects, and what host objects on it count for.
    pub object_bytes: u64,
    /// Handles of services: keys, hashes in the making (their number).
    pub handles: u64,
    /// What they take.
    pub handle_bytes: u64,
    /// The most that they took.
    pub peak_handle_bytes: u64,
}

/// What bounds calls from the host.
#[derive(Clone, Copy)]
pub(crate) struct CallLimits {
    pub(crate) stack_bytes: usize,
    pub(crate) host_depth: u32,
    pub(crate) native_bytes: usize,
}

impl<T: 'static> Store<T> {
    /// An empty store.
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        let signals = Arc::new(StoreSignals::new(
            engine.tier().hot_limit(),
            engine.watchdog(),
        ));
        let config = engine.config();
        let opaque = StoreOpaque {
            id: StoreId::next(),
            engine: engine.clone(),
            vm: StoreVm::new(Arc::clone(&signals), engine.tier().is_on()),
            instances: Vec::new(),
            funcs: Funcs::default(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            exceptions: Exceptions::default(),
            heap: Heap::new(config.gc_torture),
            extras: config.counting.then(Extras::default),
            debug: Mutex::default(),
            core: None,
            sampler: None,
            services: Services::default(),
            host_calls: 0,
            alloc_places: None,
            modules: Vec::new(),
            objects: Vec::new(),
            signals,
            deadline: None,
            max_memory_bytes: config.max_memory_bytes,
            max_table_elements: config.max_table_elements,
            memory_bytes: 0,
            peak_memory_bytes: 0,
            table_elements: 0,
            fuel_set: 0,
            fuel_used: 0,
        };
        Store(Box::new(StoreInner { opaque, data }))
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.0.opaque.engine
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// The embedder's data, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// Drops everything but the embedder's data.
    pub fn into_data(self) -> T {
        let StoreInner { data, .. } = *self.0;
        data
    }

    /// Fuel left. Every basic block that a program executes costs the sum of its instructions'
    /// costs; a program that cannot pay traps with
    /// [`TrapCode::OutOfFuel`](crate::TrapCode::OutOfFuel) before it executes the block. A new
    /// store has none.
    ///
    /// # Errors
    /// Where the engine does no metering.
    pub fn fuel(&self) -> Result<u64> {
        self.0.opaque.fuel()
    }

    /// Sets the fuel left.
    ///
    /// # Errors
    /// Where the engine does no metering (see [`Config::metering`](crate::Config::metering)).
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.0.opaque.set_fuel(fuel)
    }

    /// Fuel that programs of this store have used up in total.
    ///
    /// # Errors
    /// Where the engine does no metering.
    pub fn fuel_consumed(&self) -> Result<u64> {
        self.0.opaque.fuel_consumed()
    }

    /// What programs of this store have executed so far, by function and line of the source.
    ///
    /// # Errors
    /// Where the engine does not count ([`Config::exact_profile`](crate::Config::exact_profile)), or a function
    /// that came as native code is malformed as bytecode.
    pub fn exact_profile(&self) -> Result<ExactProfile> {
        ExactProfile::of(&self.0.opaque, self.fuel_consumed()?)
    }

    /// Gives programs so much time, counted from now, for everything that they do from now on. See
    /// [`Store::set_deadline`].
    ///
    /// # Errors
    /// As for [`Store::set_deadline`].
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<()> {
        // A time that the clock cannot reach is no limit.
        self.set_deadline(Instant::now().checked_add(timeout))
    }

    /// Sets the time from which on programs trap with
    /// [`TrapCode::Timeout`](crate::TrapCode::Timeout), or that there is none. A program notices
    /// at the next function entry or jump back, within a few milliseconds; the functions of WASI
    /// wait no longer than that.
    ///
    /// # Errors
    /// Where the thread that watches deadlines cannot be started.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.0.opaque.set_deadline(deadline)
    }

    /// The time set by [`Store::set_deadline`].
    pub fn deadline(&self) -> Option<Instant> {
        self.0.opaque.deadline()
    }

    /// What other threads can stop this store's programs with.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(Arc::clone(&self.0.opaque.signals))
    }

    /// Forgets an interrupt that has not stopped a program yet; returns whether there was one.
    pub fn clear_interrupt(&mut self) -> bool {
        self.0.opaque.signals.take_interrupt()
    }

    /// Sets where instructions that need random bytes take them from, and the times of states' versions, in place of
    /// the operating system.
    ///
    /// WASI has a host of its own: see [`WasiCtxBuilder::host`](crate::wasi::WasiCtxBuilder::host).
    pub fn set_host(&mut self, host: impl Host + 'static) {
        self.0.opaque.services.set_host(Box::new(host));
    }

    /// Sets the database that instructions on databases work on, in place of an empty one in memory. What programs
    /// kept of another one, tables and cursors, means nothing any more.
    pub fn set_database(&mut self, database: Database) {
        self.set_database_with(move || Ok(database));
    }

    /// The same for a database that is opened by the first instruction that needs it.
    pub fn set_database_with(
        &mut self,
        open: impl FnOnce() -> Result<Database, BoxError> + Send + 'static,
    ) {
        self.0.opaque.services.database.set(Box::new(open));
    }

    /// The session with the database that programs work on; the database is opened where it was not. Handles of
    /// tables are [numbers](db::TableId::number) of this session. A transaction that is begun here is the
    /// program's: [`Store::begin_transaction`] begins one that is not.
    ///
    /// # Errors
    /// A trap with the code [`TrapCode::DatabaseFailure`] where it cannot be opened.
    pub fn database(&mut self) -> Result<&mut db::Session> {
        services::db::session(&mut self.0.opaque)
    }

    /// Closes the database, as far as this store has it open: a file that nobody else has open need not be looked
    /// through as a whole when it is opened again. Transactions that are open are rolled back. What programs kept of it,
    /// tables and cursors, means nothing any more, and instructions on databases trap.
    pub fn close_database(&mut self) {
        self.0.opaque.services.database.close();
    }

    /// Begins a transaction that programs take part in: what they commit is part of it, and it stays open when
    /// their call ends. (What they begin and do not end is rolled back then.)
    ///
    /// # Errors
    /// Those of opening the database, and of [`Session::begin`](db::Session::begin), as traps.
    pub fn begin_transaction(&mut self) -> Result<()> {
        services::db::begin_outer(&mut self.0.opaque)
    }

    /// Commits what [`Store::begin_transaction`] began.
    ///
    /// # Errors
    /// Those of [`Session::commit`](db::Session::commit), as traps; then nothing was written.
    pub fn commit_transaction(&mut self) -> Result<()> {
        services::db::end_outer(&mut self.0.opaque, db::Session::commit)
    }

    /// Rolls back what [`Store::begin_transaction`] began.
    ///
    /// # Errors
    /// Those of [`Session::rollback`](db::Session::rollback), as traps.
    pub fn rollback_transaction(&mut self) -> Result<()> {
        services::db::end_outer(&mut self.0.opaque, db::Session::rollback)
    }

    /// Sets the most bytes all linear memories, managed objects, exceptions and handles may have together, in
    /// place of [`Config::max_memory_bytes`](crate::Config::max_memory_bytes). What there is stays.
    pub fn set_max_memory_bytes(&mut self, bytes: u64) {
        self.0.opaque.max_memory_bytes = bytes;
    }

    /// Sets the most elements all tables may have together, in place of
    /// [`Config::max_table_elements`](crate::Config::max_table_elements). What there is stays.
    pub fn set_max_table_elements(&mut self, elements: u64) {
        self.0.opaque.max_table_elements = elements;
    }

    /// Bytes in use.
    pub fn usage(&self) -> Usage {
        self.0.opaque.usage()
    }

    /// How often host functions were called, by programs and by the host.
    pub fn host_calls(&self) -> u64 {
        self.0.opaque.host_calls
    }

    /// How often programs executed each instruction that is a [`Service`] (cryptography, databases), those only that
    /// they did execute, also where it failed.
    pub fn service_calls(&self) -> impl Iterator<Item = (Service, u64)> {
        self.0.opaque.services.executed()
    }

    /// What the collector of managed objects did.
    pub fn gc_stats(&self) -> GcStats {
        self.0.opaque.heap.stats()
    }

    /// Frees all managed objects that nothing leads to. It happens by itself as programs need memory.
    pub fn collect_garbage(&mut self) {
        self.0.opaque.collect_garbage(Extent::Full, &[]);
    }

    /// Releases the references to managed objects that the embedder got from this store outside of host
    /// functions: using one afterwards is an error. Those that host functions get are released when these
    /// return.
    pub fn release_references(&mut self) {
        self.0.opaque.heap.handles.truncate(0);
    }

    /// What programs did with `alloc` and `free`, summed up over all memories.
    pub fn heap_stats(&self) -> HeapStats {
        self.0.opaque.heap_stats()
    }

    /// The blocks that programs allocated and did not free, memory by memory, by address: after a
    /// program's end, its leaks.
    pub fn heap_blocks(&self) -> Vec<HeapBlock> {
        self.0
            .opaque
            .memories
            .iter()
            .flat_map(|memory| memory.heap.blocks())
            .collect()
    }

    /// From now on, notes where programs allocate and free blocks. A `free` of something else then says what is known
    /// of the address. It takes time and memory for each block.
    pub fn track_allocations(&mut self) {
        let places = &mut self.0.opaque.alloc_places;
        places.get_or_insert_with(AllocPlaces::default);
    }

    /// The blocks that programs allocated and did not free, each with the place where that was, memory by memory, by
    /// address. Of blocks from before [`Store::track_allocations`] the place is empty.
    pub fn heap_leaks(&self) -> Vec<(HeapBlock, Backtrace)> {
        let store = &self.0.opaque;
        let memories = (0u32..).zip(&store.memories);
        let blocks = memories.flat_map(|(number, memory)| {
            let blocks = memory.heap.blocks().into_iter();
            blocks.map(move |block| (number, block))
        });
        let places = store.alloc_places.as_ref();
        let place = |number, address| places.and_then(|places| places.of((number, address)));
        blocks
            .map(|(number, block)| {
                let place = place(number, block.address);
                (block, place.cloned().unwrap_or_default())
            })
            .collect()
    }

    pub(crate) fn inner(&self) -> &StoreInner<T> {
        &self.0
    }

    pub(crate) fn opaque_mut(&mut self) -> &mut StoreOpaque {
        &mut self.0.opaque
    }

    pub(crate) fn inner_mut(&mut self) -> &mut StoreInner<T> {
        &mut self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("data", &self.0.data)
            .finish_non_exhaustive()
    }
}

impl StoreOpaque {
    /// # Panics
    /// Where `owner` is another store.
    pub(crate) fn check(&self, owner: StoreId, what: &str) {
        assert!(
            owner == self.id,
            "{what} used with a store that it does not belong to"
        );
    }

    pub(crate) fn call_limits(&self) -> CallLimits {
        let config = self.engine.config();
        CallLimits {
            stack_bytes: config.max_stack_bytes,
            host_depth: config.max_host_depth,
            native_bytes: config.max_native_stack_bytes,
        }
    }

    pub(crate) fn fuel(&self) -> Result<u64> {
        if self.engine.config().metering {
            return Ok(self.vm.fuel());
        }
        Err(Error::Usage(
            "fuel without metering; see Config::metering".into(),
        ))
    }

    pub(crate) fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        let left = self.fuel()?;
        self.fuel_used += self.fuel_set - left;
        self.fuel_set = fuel;
        self.vm.set_fuel(fuel);
        Ok(())
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.map(|(deadline, _)| deadline)
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) -> Result<()> {
        let watchdog = self.engine.watchdog();
        if let Some((_, ticket)) = self.deadline.take() {
            watchdog.remove(ticket);
        }
        self.signals.unpoke();
        if let Some(deadline) = deadline {
            let ticket = watchdog.add(deadline, Arc::clone(&self.signals))?;
            self.deadline = Some((deadline, ticket));
            if Instant::now() >= deadline {
                self.signals.poke();
            }
        }
        if self.signals.has_interrupt() {
            self.signals.poke();
        }
        Ok(())
    }

    /// Looks at the signals: what guest code does when it was poked, and now and then.
    pub(crate) fn safepoint(&self) -> Result<(), TrapCode> {
        sample::take(self, self.vm.caller(), 0);
        self.look_at_signals()
    }

    /// The same without a sample.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn look_at_signals(&self) -> Result<(), TrapCode> {
        // Before the signals are looked at, so that whoever raises one after that pokes anew.
        self.signals.unpoke();
        let late = self
            .deadline()
            .is_some_and(|deadline| Instant::now() >= deadline);
        if late {
            // Whatever runs next is late as well.
            self.signals.poke();
        }
        if self.signals.take_interrupt() {
            return Err(TrapCode::Interrupted);
        }
        if late { Err(TrapCode::Timeout) } else { Ok(()) }
    }

    /// Adds a memory of the smallest size of its type; returns its number.
    ///
    /// # Errors
    /// Where limits or the machine do not allow it.
    pub(crate) fn new_memory(&mut self, ty: MemoryType) -> Result<u32> {
        let bytes = ty.limits.min.saturating_mul(ty.page_bytes());
        let left = self.memory_left();
        if bytes > left {
            let most = self.max_memory_bytes;
            let reason = format!(
                "a memory of {bytes} bytes where {left} are left of the {most} for all memory"
            );
            return Err(Error::Limit(reason));
        }
        let reservation = self.engine.config().memory_reservation_bytes;
        let reservation = match ty.address {
            AddressType::I32 => reservation,
            // What it can grow to before the limit is met, if that is not out of all proportion.
            AddressType::I64 => {
                reservation.max(self.max_memory_bytes.min(RESERVATION_BYTES_64_MAX))
            }
        };
        let memory = LinearMemory::new(ty, reservation)?;
        self.memories.push(memory);
        self.note_memory(bytes);
        Ok(self.memories.len() as u32 - 1)
    }

    /// Grows a memory; returns its size before in pages.
    ///
    /// # Errors
    /// Why it did not grow.
    pub(crate) fn grow_memory(&mut self, number: u32, pages: u64) -> Result<u64, Refused> {
        let most = self.memory_left();
        let memory = &mut self.memories[number as usize];
        let old = memory.grow(pages, most)?;
        let grown = pages * memory.ty.page_bytes();
        self.note_memory(grown);
        Ok(old)
    }

    /// The address of a new block of a memory's heap, which grows where it must.
    ///
    /// # Errors
    /// Why the memory did not grow.
    pub(crate) fn alloc(&mut self, number: u32, bytes: u32) -> Result<u32, Refused> {
        let most = self.memory_left();
        let memory = &mut self.memories[number as usize];
        let before = memory.len();
        let address = memory.alloc(bytes, most);
        let grown = memory.len() - before;
        self.note_memory(grown);
        address
    }

    /// Adds a table of the smallest size of its type, of elements of that value; returns its
    /// number.
    ///
    /// # Errors
    /// Where limits or the machine do not allow it.
    pub(crate) fn new_table(&mut self, ty: TableType, value: u64) -> Result<u32> {
        self.tables.push(Table::new(ty));
        let number = self.tables.len() as u32 - 1;
        if self.grow_table(number, ty.limits.min, value).is_err() {
            self.tables.pop();
            let left = self.max_table_elements.saturating_sub(self.table_elements);
            let min = ty.limits.min;
            let reason = format!("a table of {min} elements where {left} are left");
            return Err(Error::Limit(reason));
        }
        Ok(number)
    }

    /// Grows a table; returns its size before.
    ///
    /// # Errors
    /// Why it did not grow.
    pub(crate) fn grow_table(
        &mut self,
        number: u32,
        count: u64,
        value: u64,
    ) -> Result<u64, Refused> {
        let most = self.max_table_elements.saturating_sub(self.table_elements);
        let old = self.tables[number as usize].grow(count, value, most)?;
        self.table_elements += count;
        Ok(old)
    }

    /// Adds the next global that an instance's module defines; returns its number.
    pub(crate) fn define_global(&mut self, instance: u32, ty: GlobalType, value: &[u64]) -> u32 {
        let place = self.instances[instance as usize].next_global_slots(value.len());
        self.globals.push(Global::of_instance(ty, place, value));
        self.globals.len() as u32 - 1
    }

    /// Adds a global of that value; returns its number.
    pub(crate) fn new_global(&mut self, ty: GlobalType, value: Vec<u64>) -> u32 {
        self.globals.push(Global::new(ty, value));
        self.globals.len() as u32 - 1
    }

    /// Adds a tag; returns its number.
    pub(crate) fn new_tag(&mut self, tag: TagData) -> u32 {
        self.tags.push(tag);
        self.tags.len() as u32 - 1
    }

    /// Adds an instance of a module, without anything but functions; returns its number.
    ///
    /// # Errors
    /// Where there is no room for a stack.
    pub(crate) fn new_instance(&mut self, module: &Module) -> Result<u32> {
        self.vm
            .reserve_stack(self.engine.config().max_stack_bytes)?;
        if !self.modules.iter().any(|known| Module::same(known, module)) {
            let objects = &module.bytecode().objects;
            self.heap.add_types(module.object_ids(), objects);
            self.modules.push(module.clone());
        }
        let number = self.instances.len() as u32;
        let instance = InstanceData::new(module, number, self);
        self.instances.push(instance);
        Ok(number)
    }

    /// Whether meeting a limit of the embedder's traps.
    pub(crate) fn limit_traps(&self) -> bool {
        self.engine.config().limit_traps
    }

    /// Fuel left; without metering, as much as anybody wants.
    pub(crate) fn fuel_left(&self) -> u64 {
        match self.engine.config().metering {
            true => self.vm.fuel(),
            false => u64::MAX,
        }
    }

    /// The most bytes of all memories together.
    pub(crate) fn max_memory_bytes(&self) -> u64 {
        self.max_memory_bytes
    }

    /// See [`Store::fuel_consumed`].
    ///
    /// # Errors
    /// Where the engine does no metering.
    pub(crate) fn fuel_consumed(&self) -> Result<u64> {
        Ok(self.fuel_used + (self.fuel_set - self.fuel()?))
    }

    /// What programs did with `alloc` and `free`, summed up over all memories.
    pub(crate) fn heap_stats(&self) -> HeapStats {
        let mut sum = HeapStats::default();
        for memory in &self.memories {
            let HeapStats {
                live_blocks,
                live_bytes,
                peak_bytes,
                allocations,
                frees,
                region_bytes,
            } = memory.heap.stats();
            sum.live_blocks += live_blocks;
            sum.live_bytes += live_bytes;
            sum.peak_bytes += peak_bytes;
            sum.allocations += allocations;
            sum.frees += frees;
            sum.region_bytes += region_bytes;
        }
        sum
    }

    /// What other threads stop programs with.
    pub(crate) fn signals(&self) -> &Arc<StoreSignals> {
        &self.signals
    }

    /// Takes fuel for a part of an instruction that depends on its operands, where there is metering.
    ///
    /// # Errors
    /// Where there is less left; nothing is taken then.
    pub(crate) fn charge(&mut self, fuel: u64) -> Result<(), TrapCode> {
        if !self.engine.config().metering {
            return Ok(());
        }
        let left = self.vm.fuel().checked_sub(fuel);
        self.vm.set_fuel(left.ok_or(TrapCode::OutOfFuel)?);
        if let Some(extras) = &mut self.extras {
            extras.at(self.vm.mark()).fuel += fuel;
        }
        Ok(())
    }

    /// Notes bytes that an instruction is about to copy, where programs count.
    pub(crate) fn note_bytes(&mut self, loaded: usize, stored: usize) {
        if let Some(extras) = &mut self.extras {
            let cost = extras.at(self.vm.mark());
            cost.bytes_loaded += loaded as u64;
            cost.bytes_stored += stored as u64;
        }
    }

    /// Looks whether the memory limit leaves room for so many bytes.
    ///
    /// # Errors
    /// Where it does not.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), TrapCode> {
        match bytes <= self.memory_left() {
            true => Ok(()),
            false => Err(TrapCode::MemoryLimit),
        }
    }

    /// Bytes that linear memories and managed objects may still grow by.
    pub(crate) fn memory_left(&self) -> u64 {
        let used =
            self.memory_bytes + self.exceptions.bytes() + self.heap.bytes() + self.services.bytes();
        self.max_memory_bytes.saturating_sub(used)
    }

    /// Whether linear memories and exceptions have not met the limit.
    pub(crate) fn has_room(&self) -> bool {
        self.memory_left() > 0
    }

    fn note_memory(&mut self, grown: u64) {
        self.memory_bytes += grown;
        self.peak_memory_bytes = self.peak_memory_bytes.max(self.memory_bytes);
    }

    /// The number of an instance's function in the store, which gets a reference now where it had
    /// none.
    pub(crate) fn func_of(&mut self, instance: u32, func: u32) -> u32 {
        let data = &mut self.instances[instance as usize];
        if let Some(number) = data.funcs[func as usize].checked_sub(1) {
            return number;
        }
        let module = &data.module;
        let ty = module.func_type(func).expect("a function of the module");
        let defined = func - module.env().spaces.imported_funcs;
        let (type_id, cell) = (module.func_type_id(func), module.cell(defined));
        let number = self
            .funcs
            .push_guest((instance, func), ty, type_id, cell, data.ctx());
        data.funcs[func as usize] = number + 1;
        number
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            memory_bytes: self.memory_bytes,
            peak_memory_bytes: self.peak_memory_bytes,
            table_bytes: self.tables.iter().map(Table::bytes).sum(),
            stack_bytes: self.vm.stack_bytes() as u64,
            code_bytes: self.modules.iter().map(Module::code_bytes).sum(),
            host_objects: self.objects.len() as u64,
            function_references: self.funcs.len() as u64,
            exceptions: self.exceptions.len() as u64,
            exception_bytes: self.exceptions.bytes(),
            peak_exception_bytes: self.exceptions.peak_bytes(),
            object_bytes: self.heap.bytes(),
            handles: self.services.handles() as u64,
            handle_bytes: self.services.bytes(),
            peak_handle_bytes: self.services.peak_bytes(),
        }
    }
}

impl Drop for StoreOpaque {
    fn drop(&mut self) {
        self.signals.stop_sampling();
        if let Some((_, ticket)) = self.deadline.take() {
            self.engine.watchdog().remove(ticket);
        }
    }
}
