//! The functions of a store: what references point to, and what the runtime knows of each.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;

use dotvm_interp::ResultKind;
use dotvm_isa::FuncType;
use dotvm_isa::abi::{CodeCell, FuncRef, VmContext};

use super::pinned::Pinned;
use crate::host::HostFunc;

/// References in one allocation.
const BLOCK_LEN: usize = 128;

/// Every function that was given a reference, in order. References stay in place until the store is
/// dropped; nothing is known here of functions nobody took a reference to.
#[derive(Debug, Default)]
pub(crate) struct Funcs {
    blocks: Vec<Pinned<[FuncRef]>>,
    /// Number of the block at each address.
    by_address: BTreeMap<usize, u32>,
    entries: Vec<FuncEntry>,
}

/// What the runtime knows of a function.
#[derive(Clone, Debug)]
pub(crate) struct FuncEntry {
    /// Whose it is.
    pub(crate) kind: FuncKind,
    /// How its guest code hands over results.
    pub(crate) results: ResultKind,
}

/// Whose a function is.
#[derive(Clone, Debug)]
pub(crate) enum FuncKind {
    /// A function of this instance of the store, with this index in its module.
    Guest {
        /// Number of the instance.
        instance: u32,
        /// Index of the function.
        func: u32,
    },
    /// The embedder's.
    Host(Arc<HostFunc>),
}

// SAFETY: the addresses in references are those of things that the store or its modules own.
unsafe impl Send for Funcs {}
// SAFETY: `&Funcs` only reads.
unsafe impl Sync for Funcs {}

/// What a call needs to know of the callee.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callee {
    pub(crate) code: *const CodeCell,
    /// Null for host functions.
    pub(crate) ctx: *mut VmContext,
    pub(crate) param_slots: u32,
    pub(crate) result_slots: u32,
    pub(crate) results: ResultKind,
}

/// A reference to nothing yet.
fn empty() -> FuncRef {
    FuncRef {
        code: ptr::null(),
        ctx: ptr::null_mut(),
        host: ptr::null_mut(),
        native: AtomicPtr::default(),
        type_id: u32::MAX,
        param_slots: 0,
        result_slots: 0,
    }
}

impl Funcs {
    /// Adds a function of an instance; returns its number.
    ///
    /// `code` must be a cell of the instance's module and `ctx` the instance's context.
    pub(crate) fn push_guest(
        &mut self,
        (instance, func): (u32, u32),
        ty: &FuncType,
        type_id: u32,
        code: *const CodeCell,
        ctx: *mut VmContext,
    ) -> u32 {
        let func_ref = FuncRef {
            code,
            ctx,
            host: ptr::null_mut(),
            ..shape(ty, type_id)
        };
        let kind = FuncKind::Guest { instance, func };
        self.push(
            func_ref,
            FuncEntry {
                kind,
                results: ResultKind::of(ty),
            },
        )
    }

    /// Adds a host function; returns its number.
    pub(crate) fn push_host(&mut self, host: Arc<HostFunc>) -> u32 {
        let func_ref = FuncRef {
            host: Arc::as_ptr(&host).cast_mut().cast(),
            ..shape(host.ty(), host.type_id())
        };
        let results = ResultKind::of(host.ty());
        self.push(
            func_ref,
            FuncEntry {
                kind: FuncKind::Host(host),
                results,
            },
        )
    }

    fn push(&mut self, func_ref: FuncRef, entry: FuncEntry) -> u32 {
        let index = self.entries.len();
        if index == self.blocks.len() * BLOCK_LEN {
            let block = Pinned::from_vec((0..BLOCK_LEN).map(|_| empty()).collect());
            self.by_address
                .insert(block.first().expose_provenance(), self.blocks.len() as u32);
            self.blocks.push(block);
        }
        let block = self.blocks[index / BLOCK_LEN].first();
        // SAFETY: the block has `BLOCK_LEN` references; nobody uses this one yet. No Rust reference
        // to the block is made, since handlers may hold addresses of its other references.
        unsafe { block.add(index % BLOCK_LEN).write(func_ref) };
        self.entries.push(entry);
        index as u32
    }

    /// Number of functions.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is known of a function.
    pub(crate) fn entry(&self, index: u32) -> &FuncEntry {
        &self.entries[index as usize]
    }

    /// The address of a function's reference.
    #[inline]
    pub(crate) fn address(&self, index: u32) -> *const FuncRef {
        assert!((index as usize) < self.entries.len(), "no such function");
        let (block, at) = (index as usize / BLOCK_LEN, index as usize % BLOCK_LEN);
        self.blocks[block].first().wrapping_add(at)
    }

    /// The slot of a value that refers to that function.
    pub(crate) fn slot(&self, index: u32) -> u64 {
        self.address(index).expose_provenance() as u64
    }

    /// The function that a slot of type `funcref` refers to; `None` for null.
    ///
    /// # Panics
    /// Where the slot holds anything else, which verified code cannot bring about.
    pub(crate) fn find(&self, slot: u64) -> Option<u32> {
        if slot == 0 {
            return None;
        }
        let address = slot as usize;
        let (&base, &block) = self
            .by_address
            .range(..=address)
            .next_back()
            .expect("a reference");
        let (at, rest) = (
            (address - base) / size_of::<FuncRef>(),
            (address - base) % size_of::<FuncRef>(),
        );
        let index = block as usize * BLOCK_LEN + at;
        let known = rest == 0 && at < BLOCK_LEN && index < self.entries.len();
        assert!(known, "not a reference of this store");
        Some(index as u32)
    }

    /// The engine's number of a function's type.
    pub(crate) fn type_id(&self, index: u32) -> u32 {
        self.func_ref(index).type_id
    }

    /// What a call needs to know.
    #[inline]
    pub(crate) fn callee(&self, index: u32) -> Callee {
        let FuncRef {
            code,
            ctx,
            param_slots,
            result_slots,
            ..
        } = *self.func_ref(index);
        let results = self.entries[index as usize].results;
        Callee {
            code,
            ctx,
            param_slots,
            result_slots,
            results,
        }
    }

    #[inline]
    fn func_ref(&self, index: u32) -> &FuncRef {
        // SAFETY: `address` checked the index; of a reference, only `native` changes once
        // it is written, and that is atomic.
        unsafe { &*self.address(index) }
    }
}

fn shape(ty: &FuncType, type_id: u32) -> FuncRef {
    FuncRef {
        type_id,
        param_slots: ty.param_slots(),
        result_slots: ty.result_slots(),
        ..empty()
    }
}
