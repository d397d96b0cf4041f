//! Instances: a module's declarations made real, and the context that handlers see them through.

use std::ptr::{self, NonNull};

use dotvm_isa::abi::{FuncRef, VmContext, VmMemory, VmTable};

use super::funcs::Funcs;
use super::libcalls::LIBCALLS;
use super::memory::LinearMemory;
use super::pinned::Pinned;
use super::table::{Global, Table};
use crate::module::Module;
use crate::store::StoreOpaque;

/// An instance of a module.
#[derive(Debug)]
pub(crate) struct InstanceData {
    /// Its module.
    pub(crate) module: Module,
    /// The context, and behind it the slots of the globals that the module defines.
    ctx: Pinned<[u64]>,
    /// Slots of these globals that are taken.
    global_slots: usize,
    // What `ctx` points to besides what the store owns.
    global_list: Pinned<[*mut u64]>,
    table_list: Pinned<[*mut VmTable]>,
    memory_list: Pinned<[*const VmMemory]>,
    import_list: Pinned<[*const FuncRef]>,
    counts: Pinned<[u64]>,
    /// Numbers of the memories in the store.
    pub(crate) memories: Vec<u32>,
    /// Numbers of the tables in the store.
    pub(crate) tables: Vec<u32>,
    /// Numbers of the globals in the store; those defined last may still be missing while
    /// instantiation computes their first values.
    pub(crate) globals: Vec<u32>,
    /// Numbers of the tags in the store.
    pub(crate) tags: Vec<u32>,
    /// For each function its number in the store plus 1, or 0 while nobody took a reference.
    pub(crate) funcs: Vec<u32>,
    /// Whether each data segment was dropped.
    pub(crate) dropped_data: Vec<bool>,
    /// Whether each element segment was dropped.
    pub(crate) dropped_elems: Vec<bool>,
}

// SAFETY: the addresses in the context and its lists are those of things that the store owns.
unsafe impl Send for InstanceData {}
// SAFETY: `&InstanceData` only reads.
unsafe impl Sync for InstanceData {}

impl InstanceData {
    /// An instance with number `index` of the store, without anything but functions.
    pub(crate) fn new(module: &Module, index: u32, store: &StoreOpaque) -> InstanceData {
        let isa = module.bytecode();
        // The kernel gives pages of it as they are needed.
        let counts = match store.engine.config().counting {
            true => vec![0; isa.bodies_len()],
            false => Vec::new(),
        };
        let counts = Pinned::from_vec(counts);
        let ctx = VmContext {
            memory: store.vm.no_memory(),
            memories: ptr::null(),
            globals: ptr::null(),
            tables: ptr::null(),
            imports: ptr::null(),
            stack_end: store.vm.stack_end(),
            signals: store.vm.signals(),
            state: store.vm.state(),
            libcalls: &raw const LIBCALLS,
            cells: module.cells().as_ptr(),
            type_ids: module.type_ids().as_ptr(),
            object_ids: module.object_ids().as_ptr(),
            memory_base: store.vm.no_memory_base(),
            // Not an address: libcalls find the instance by its number.
            owner: ptr::without_provenance_mut(index as usize),
            counts: match counts.get().is_empty() {
                true => ptr::null_mut(),
                false => counts.first(),
            },
            leaves: module.leaves(),
        };
        InstanceData {
            module: module.clone(),
            ctx: block(ctx, module.env().own_globals_len as usize),
            global_slots: 0,
            global_list: Pinned::from_vec(Vec::new()),
            table_list: Pinned::from_vec(Vec::new()),
            memory_list: Pinned::from_vec(Vec::new()),
            import_list: Pinned::from_vec(Vec::new()),
            counts,
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            funcs: vec![0; module.env().spaces.funcs.len()],
            dropped_data: vec![false; isa.data.len()],
            dropped_elems: vec![false; isa.elems.len()],
        }
    }

    /// Counters of what its code has executed, one for each byte of all bodies; none where it does not count.
    pub(crate) fn counts(&self) -> &[u64] {
        self.counts.get()
    }

    /// The context, which is valid as long as the instance.
    pub(crate) fn ctx(&self) -> *mut VmContext {
        self.ctx.first().cast()
    }

    /// Takes the next `count` slots for a global that the module defines.
    pub(crate) fn next_global_slots(&mut self, count: usize) -> NonNull<u64> {
        let at = VmContext::own_global(self.global_slots as u32) / size_of::<u64>();
        self.global_slots += count;
        let room = self.ctx.get().len();
        assert!(at + count <= room, "more globals than the module has");
        // SAFETY: the slots are in the block.
        unsafe { NonNull::new_unchecked(self.ctx.first().add(at)) }
    }

    /// Makes the context point to memory, tables, globals and imported functions (the first of
    /// `self.funcs`) of the store. To be done before any of the instance's code runs.
    pub(crate) fn connect(
        &mut self,
        memories: &[LinearMemory],
        tables: &[Table],
        globals: &[Global],
        funcs: &Funcs,
    ) {
        let at = |&index: &u32| index as usize;
        let global_list = self
            .globals
            .iter()
            .map(|index| globals[at(index)].vm())
            .collect();
        let table_list = self
            .tables
            .iter()
            .map(|index| tables[at(index)].vm())
            .collect();
        let memory_list: Vec<*const VmMemory> = self
            .memories
            .iter()
            .map(|index| memories[at(index)].vm())
            .collect();
        let memory = memory_list.first().copied();
        let imported = self.module.env().spaces.imported_funcs as usize;
        let import_list = self.funcs[..imported]
            .iter()
            .map(|&number| funcs.address(number - 1))
            .collect();
        self.global_list = Pinned::from_vec(global_list);
        self.table_list = Pinned::from_vec(table_list);
        self.import_list = Pinned::from_vec(import_list);
        self.memory_list = Pinned::from_vec(memory_list);
        let (global_list, table_list) = (self.global_list.first(), self.table_list.first());
        let (memory_list, import_list) = (self.memory_list.first(), self.import_list.first());
        // SAFETY: the block starts with the context, which nobody else uses before code runs.
        let ctx = unsafe { &mut *self.ctx() };
        ctx.globals = global_list;
        ctx.tables = table_list;
        ctx.memories = memory_list;
        ctx.imports = import_list;
        if let Some(memory) = memory {
            ctx.memory = memory;
            // SAFETY: the store keeps the memory.
            ctx.memory_base = unsafe { (*memory).base };
        }
    }
}

/// A context with room for slots behind it.
fn block(ctx: VmContext, slots: usize) -> Pinned<[u64]> {
    let words = VmContext::own_global(0) / size_of::<u64>();
    let block = Pinned::from_vec(vec![0u64; words + slots]);
    // SAFETY: the block is large enough, and aligned for what consists of words and addresses.
    unsafe { block.first().cast::<VmContext>().write(ctx) };
    block
}
