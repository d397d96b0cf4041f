//! The heap of managed objects: where they are made, and what frees them.
//!
//! Objects are laid out as [`dotvm_isa::objects`] says; they never move. Those that survive a collection are
//! *old*, which their state says: it has the number of the last collection of everything (1 or 2, the
//! *epoch*) that reached them. A collection of young objects takes all old ones for reachable. Before a
//! reference is put into an old object, the collector is told (the *write barrier*), and looks at that
//! object's references next time. A collection of everything counts with the other epoch.
//!
//! References are found where they are: in frames ([`roots`]), globals, tables, exceptions and what the
//! embedder has.

mod big;
mod handles;
mod object;
mod roots;
mod space;

use std::any::Any;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use dotvm_isa::TrapCode;
use dotvm_isa::objects::{Kind, ObjectType, STATE_BARRIER};

use crate::store::StoreOpaque;
pub(crate) use big::{Big, IN_PLACE_LIMBS_MAX};
pub(crate) use handles::{Handle, Handles};
pub(crate) use object::{Object, Sign};
use roots::FunctionReferences;
use space::{CHUNK_BYTES, LARGE_BYTES, LINE_BYTES, Space};

/// Bytes of new objects after which young ones are collected.
const NURSERY_BYTES: usize = 2 << 20;

/// A collection of everything is due when there are so many times the bytes that were left by the last one,
const GROWTH: usize = 2;

/// and these besides.
const GROWTH_BYTES: usize = 8 << 20;

/// The type number of objects of the host.
const HOST_TYPE: u32 = u32::MAX;

/// The type number of big integers; those of other types are below.
const BIG_TYPE: u32 = u32::MAX - 1;

/// Bytes of an object of the host: header, number of its payload, bytes that it counts for.
const HOST_BYTES: usize = 24;

/// What the collector knows of a type.
#[derive(Debug, Default)]
pub(crate) struct TypeInfo {
    /// Bytes of a struct, or of an array without elements.
    pub(crate) bytes: u32,
    /// Bytes of an array's element; 0 for a struct.
    pub(crate) element_bytes: u32,
    /// Whether an array's elements are references.
    pub(crate) traced_elements: bool,
    /// Where a struct's references are.
    pub(crate) references: Box<[u32]>,
    /// The slots of these among those of all fields, as operands of what makes the struct.
    pub(crate) operands: Box<[u32]>,
    /// The engine's numbers of all its supertypes.
    supertypes: Box<[u32]>,
}

/// What the collector has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GcStats {
    /// Collections of young objects.
    pub young_collections: u64,
    /// Collections of everything.
    pub full_collections: u64,
    /// Time that they took together.
    pub pause_total: Duration,
    /// Time that the longest took.
    pub pause_max: Duration,
    /// Bytes given out for objects.
    pub allocated_bytes: u64,
    /// Bytes in use after the last collection, and what was given out since.
    pub used_bytes: u64,
    /// Bytes of memory that the heap has.
    pub heap_bytes: u64,
    /// The most that it had.
    pub peak_heap_bytes: u64,
    /// Objects of the host that are left.
    pub host_objects: u64,
}

/// The heap of a store.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    space: Space,
    /// By the engine's number.
    types: Vec<Option<TypeInfo>>,
    /// What collections of everything count with: 1 or 2, or 0 before the first object.
    epoch: u8,
    /// Old objects that something was put into.
    remembered: Vec<NonNull<Object>>,
    /// Objects that were reached and whose references were not looked at.
    gray: Vec<NonNull<Object>>,
    /// Bytes left by the last collection of everything, and by the last one.
    left_by_full: usize,
    left: usize,
    /// Objects of the host, and what they stand for.
    host_objects: Vec<NonNull<Object>>,
    payloads: Vec<Option<Box<dyn Any + Send + Sync>>>,
    free_payloads: Vec<u32>,
    /// Bytes that they count for.
    payload_bytes: u64,
    payload_bytes_left: u64,
    /// What the embedder refers to.
    pub(crate) handles: Handles,
    /// Where references are in frames of threaded code, by the address that a function's code starts at.
    functions: BTreeMap<usize, FunctionReferences>,
    /// Whether there is a collection whenever there may be one.
    pub(crate) torture: bool,
    stats: GcStats,
}

// SAFETY: objects belong to the heap alone.
unsafe impl Send for Heap {}
// SAFETY: `&Heap` reads nothing of them but what does not change.
unsafe impl Sync for Heap {}

/// What is collected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    Young,
    Full,
}

impl Heap {
    /// An empty heap. With `torture`, there is a collection whenever there may be one.
    pub(crate) fn new(torture: bool) -> Heap {
        Heap {
            torture,
            ..Heap::default()
        }
    }

    /// Makes types known whose numbers in the engine are `ids`.
    pub(crate) fn add_types(&mut self, ids: &[u32], types: &[ObjectType]) {
        for (i, (&id, ty)) in ids.iter().zip(types).enumerate() {
            let index = id as usize;
            if self.types.len() <= index {
                self.types.resize_with(index + 1, || None);
            }
            if self.types[index].is_some() {
                continue;
            }
            let mut supertypes = Vec::new();
            let mut next = types[i].supertype;
            while let Some(supertype) = next {
                supertypes.push(ids[supertype as usize]);
                next = types[supertype as usize].supertype;
            }
            self.types[index] = Some(TypeInfo::new(ty, supertypes.into()));
        }
    }

    /// What is known of a type.
    ///
    /// # Panics
    /// Where it is of no instance of the store.
    pub(crate) fn type_info(&self, id: u32) -> &TypeInfo {
        let info = self.types.get(id as usize).and_then(Option::as_ref);
        info.expect("types of instances are known")
    }

    /// Whether objects of the type `id` are of the type `wanted`.
    pub(crate) fn is_subtype(&self, id: u32, wanted: u32) -> bool {
        id == wanted || (id < BIG_TYPE && self.type_info(id).supertypes.contains(&wanted))
    }

    /// Bytes of memory that count against the limit.
    pub(crate) fn bytes(&self) -> u64 {
        self.space.bytes() as u64 + self.payload_bytes
    }

    /// What was done.
    pub(crate) fn stats(&self) -> GcStats {
        let young = self.space.young_bytes as u64;
        GcStats {
            allocated_bytes: self.stats.allocated_bytes + young,
            used_bytes: self.left as u64 + young,
            heap_bytes: self.bytes(),
            peak_heap_bytes: self.stats.peak_heap_bytes.max(self.bytes()),
            host_objects: self.host_objects.len() as u64,
            ..self.stats
        }
    }

    /// What is to be collected before there are more objects, if anything.
    fn due(&self) -> Option<Extent> {
        let payloads = self.payload_bytes - self.payload_bytes_left.min(self.payload_bytes);
        let young = self.space.young_bytes as u64 + payloads;
        match young >= NURSERY_BYTES as u64 {
            true if self.left > self.left_by_full * GROWTH + GROWTH_BYTES => Some(Extent::Full),
            // Objects of the host are few, and large behind their references.
            true if payloads > self.payload_bytes_left + GROWTH_BYTES as u64 => Some(Extent::Full),
            true => Some(Extent::Young),
            false => None,
        }
    }

    /// Says that something is put into an old object.
    ///
    /// # Safety
    /// The object is one of this heap that is not gone.
    pub(crate) unsafe fn remember(&mut self, object: NonNull<Object>) {
        // SAFETY: the caller's promise.
        unsafe {
            if Object::state(object) & STATE_BARRIER != 0 {
                Object::set_state(object, Object::state(object) & !STATE_BARRIER);
                self.remembered.push(object);
            }
        }
    }

    /// Frees what no root leads to.
    ///
    /// # Safety
    /// Roots are all references that are in use, and each is null, a number, or to an object of this heap
    /// that is not gone. Nothing is put into holes that were given out before.
    unsafe fn collect(&mut self, extent: Extent, roots: &[u64]) {
        let start = Instant::now();
        self.stats.peak_heap_bytes = self.stats.peak_heap_bytes.max(self.bytes());
        self.stats.allocated_bytes += self.space.young_bytes as u64;
        if extent == Extent::Full || self.epoch == 0 {
            self.epoch = if self.epoch == 1 { 2 } else { 1 };
        }
        // SAFETY: the caller's promise: whatever is reached from roots is an object.
        unsafe {
            for object in std::mem::take(&mut self.remembered) {
                if Object::state(object) & !STATE_BARRIER == self.epoch {
                    Object::set_state(object, self.epoch | STATE_BARRIER);
                    self.gray.push(object);
                }
            }
            for &root in roots {
                self.reach(root);
            }
            while let Some(object) = self.gray.pop() {
                self.scan(object);
            }
        }
        let dropped = self.sweep_host_objects();
        let epoch = self.epoch;
        let chunks_kept = NURSERY_BYTES / CHUNK_BYTES;
        // SAFETY: large objects are initialized before there can be a collection.
        let is_marked =
            |it: NonNull<u8>| unsafe { Object::state(it.cast()) & !STATE_BARRIER == epoch };
        self.left = self.space.sweep(epoch, chunks_kept, is_marked);
        let pause = start.elapsed();
        if extent == Extent::Full {
            self.left_by_full = self.left;
            self.payload_bytes_left = self.payload_bytes;
            self.stats.full_collections += 1;
        } else {
            self.stats.young_collections += 1;
        }
        self.stats.pause_total += pause;
        self.stats.pause_max = self.stats.pause_max.max(pause);
        // Nothing is left to do should one of them panic.
        drop(dropped);
    }

    /// Marks what a slot refers to.
    ///
    /// # Safety
    /// As for [`Heap::collect`].
    #[inline]
    unsafe fn reach(&mut self, slot: u64) {
        let Some(object) = Object::of_slot(slot) else {
            return;
        };
        // SAFETY: the caller's promise.
        unsafe {
            if Object::state(object) & !STATE_BARRIER == self.epoch {
                return;
            }
            Object::set_state(object, self.epoch | STATE_BARRIER);
            let (bytes, is_traced) = match Object::type_id(object) {
                HOST_TYPE => (HOST_BYTES, false),
                BIG_TYPE => (big::bytes(Object::array_len(object)), false),
                id => {
                    let info = self.type_info(id);
                    let is_traced = info.traced_elements || !info.references.is_empty();
                    (info.bytes_of(object), is_traced)
                }
            };
            if bytes <= LARGE_BYTES {
                Space::mark_lines(object.as_ptr().cast(), bytes, self.epoch);
            }
            if is_traced {
                self.gray.push(object);
            }
        }
    }

    /// Reaches what an object refers to.
    ///
    /// # Safety
    /// As for [`Heap::collect`], of an object that was reached.
    unsafe fn scan(&mut self, object: NonNull<Object>) {
        // SAFETY: the caller's promise; references are where the type says. Types do not change.
        unsafe {
            let info = std::ptr::from_ref(self.type_info(Object::type_id(object)));
            for &at in &(*info).references {
                self.reach(Object::read_slot(object, at as usize));
            }
            if (*info).traced_elements {
                for i in 0..Object::array_len(object) as usize {
                    let at = dotvm_isa::objects::ARRAY_ELEMENTS_AT as usize + i * size_of::<u64>();
                    self.reach(Object::read_slot(object, at));
                }
            }
        }
    }

    /// Takes out what objects of the host stand for that were not reached.
    fn sweep_host_objects(&mut self) -> Vec<Option<Box<dyn Any + Send + Sync>>> {
        let epoch = self.epoch;
        let mut lost = Vec::new();
        // SAFETY: objects are there until their lines are given out again.
        self.host_objects.retain(|&object| unsafe {
            let keep = Object::state(object) & !STATE_BARRIER == epoch;
            if !keep {
                lost.push((Object::read_slot(object, 8), Object::read_slot(object, 16)));
            }
            keep
        });
        let mut payloads = Vec::with_capacity(lost.len());
        for (payload, bytes) in lost {
            self.payload_bytes -= bytes;
            payloads.push(self.payloads[payload as usize].take());
            self.free_payloads.push(payload as u32);
        }
        payloads
    }

    /// What a slot refers to, which is one that the embedder has a handle of.
    pub(crate) fn kind_of(&self, slot: u64) -> Kind {
        let Some(object) = Object::of_slot(slot) else {
            return match slot {
                0 => Kind::Null,
                _ => Kind::I31,
            };
        };
        // SAFETY: what handles refer to is kept.
        match unsafe { Object::kind(object) } {
            kind if kind == Kind::Struct as u8 => Kind::Struct,
            kind if kind == Kind::Array as u8 => Kind::Array,
            kind if kind == Kind::Big as u8 => Kind::Big,
            _ => Kind::Host,
        }
    }

    /// What the object of the host that a slot refers to stands for. The embedder has a handle of it.
    pub(crate) fn payload_of(&self, slot: u64) -> Option<&(dyn Any + Send + Sync)> {
        if self.kind_of(slot) != Kind::Host {
            return None;
        }
        // SAFETY: what handles refer to is kept, and objects of the host have the number of their payload.
        let index = unsafe { Object::read_slot(Object::of_slot(slot)?, 8) };
        self.payloads[index as usize].as_deref()
    }
}

impl TypeInfo {
    fn new(ty: &ObjectType, supertypes: Box<[u32]>) -> TypeInfo {
        let layout = ty.layout();
        if let Some(element) = ty.element() {
            return TypeInfo {
                bytes: layout.bytes,
                element_bytes: element.storage.bytes(),
                traced_elements: element.storage.is_traced(),
                supertypes,
                ..TypeInfo::default()
            };
        }
        let mut slot = 0;
        let (mut references, mut operands) = (Vec::new(), Vec::new());
        for (field, &offset) in ty.fields().iter().zip(&layout.offsets) {
            if field.storage.is_traced() {
                references.push(offset);
                operands.push(slot);
            }
            slot += field.storage.val_type().slots();
        }
        TypeInfo {
            bytes: layout.bytes,
            references: references.into(),
            operands: operands.into(),
            supertypes,
            ..TypeInfo::default()
        }
    }

    /// Bytes of an array of so many elements.
    pub(crate) fn array_bytes(&self, len: u32) -> usize {
        let elements = len as usize * self.element_bytes as usize;
        (self.bytes as usize + elements).next_multiple_of(8)
    }

    /// Bytes of an object of this type.
    ///
    /// # Safety
    /// It is one.
    unsafe fn bytes_of(&self, object: NonNull<Object>) -> usize {
        match self.element_bytes {
            0 => self.bytes as usize,
            // SAFETY: the caller's promise: it is an array.
            _ => self.array_bytes(unsafe { Object::array_len(object) }),
        }
    }
}

impl StoreOpaque {
    /// Memory for an object of so many bytes, with a header and nothing else: the caller writes the rest before
    /// anything else happens to the heap. `roots` are references that nobody else would find.
    ///
    /// # Errors
    /// Where the memory limit is met.
    pub(crate) fn new_object(
        &mut self,
        type_id: u32,
        kind: Kind,
        bytes: usize,
        roots: &[u64],
    ) -> Result<NonNull<Object>, TrapCode> {
        let stats = &self.heap.stats;
        if self.heap.torture {
            let extent = match (stats.young_collections + stats.full_collections).is_multiple_of(2)
            {
                true => Extent::Young,
                false => Extent::Full,
            };
            self.collect_garbage(extent, roots);
        } else if let Some(extent) = self.heap.due() {
            self.collect_garbage(extent, roots);
        }
        let at = match self.room_for_object(bytes) {
            Some(at) => at,
            None => {
                self.collect_garbage(Extent::Full, roots);
                self.room_for_object(bytes).ok_or(TrapCode::MemoryLimit)?
            }
        };
        let object = at.cast::<Object>();
        // SAFETY: the memory is for this object, and aligned for it.
        unsafe { Object::init(object, type_id, kind) };
        Ok(object)
    }

    /// Memory for so many bytes, uninitialized, if there is some.
    fn room_for_object(&mut self, bytes: usize) -> Option<NonNull<u8>> {
        if bytes > LARGE_BYTES {
            if self.memory_left() < bytes as u64 {
                return None;
            }
            return self.heap.space.new_large(bytes);
        }
        let (next, end) = self.vm.objects();
        if end.addr() - next.addr() >= bytes {
            self.vm.set_objects((next.wrapping_add(bytes), end));
            return NonNull::new(next);
        }
        let mut hole = match bytes <= LINE_BYTES {
            true => self.heap.space.next_hole(),
            false => self.heap.space.long_hole(bytes),
        };
        if hole.is_none() {
            if self.memory_left() < CHUNK_BYTES as u64 || !self.heap.space.add_chunk() {
                return None;
            }
            hole = self.heap.space.long_hole(bytes);
        }
        let (start, end) = hole?;
        let rest = (start.wrapping_add(bytes), end);
        let (old_next, old_end) = self.vm.objects();
        // The longer rest is gone on with; the other one is free again after the next collection. In torture
        // mode every object goes this way.
        if end.addr() - rest.0.addr() >= old_end.addr() - old_next.addr() {
            self.vm.set_objects(rest);
        }
        if self.heap.torture {
            self.vm
                .set_objects((std::ptr::null_mut(), std::ptr::null_mut()));
        }
        NonNull::new(start)
    }

    /// Collects; `roots` are references that nobody else would find.
    pub(crate) fn collect_garbage(&mut self, extent: Extent, roots: &[u64]) {
        let mut all = roots.to_vec();
        roots::collect(self, &mut all);
        self.vm
            .set_objects((std::ptr::null_mut(), std::ptr::null_mut()));
        // SAFETY: these are all references there are: in frames, globals, tables, exceptions, handles; the
        // caller names its own. The verifier proved that no slot of that type has anything else.
        unsafe { self.heap.collect(extent, &all) };
    }

    /// Makes an object of the host that stands for `payload`, which counts as so many bytes and is dropped when
    /// nothing refers to the object any more. Returns its slot.
    ///
    /// # Errors
    /// Where the memory limit is met.
    pub(crate) fn new_host_object(
        &mut self,
        payload: Box<dyn Any + Send + Sync>,
        bytes: u64,
    ) -> Result<u64, TrapCode> {
        if self.memory_left() < bytes {
            self.collect_garbage(Extent::Full, &[]);
            if self.memory_left() < bytes {
                return Err(TrapCode::MemoryLimit);
            }
        }
        let object = self.new_object(HOST_TYPE, Kind::Host, HOST_BYTES, &[])?;
        let heap = &mut self.heap;
        let index = heap.free_payloads.pop().unwrap_or_else(|| {
            heap.payloads.push(None);
            heap.payloads.len() as u32 - 1
        });
        heap.payloads[index as usize] = Some(payload);
        heap.payload_bytes += bytes;
        heap.host_objects.push(object);
        // SAFETY: the object has that many bytes.
        unsafe {
            Object::write_slot(object, 8, u64::from(index));
            Object::write_slot(object, 16, bytes);
        }
        Ok(Object::slot(object))
    }
}
