//! Finding the references that a program uses.
//!
//! Frames of threaded code: where a function's references are while it waits at its instructions is what
//! lowering it once more tells, which is done once. Frames of native code: the tables of the code say it, for
//! each address to return to.

use std::ptr;
use std::sync::Arc;

use dotvm_interp::{Code, Frame, References, walk};
use dotvm_isa::ValType;
use dotvm_jit::entry::{self, NativeFrame};
use dotvm_jit::traps;

use crate::store::StoreOpaque;
use crate::vm::entry::Place;

/// Where the references of a function's frames are.
#[derive(Debug)]
pub(super) struct FunctionReferences {
    code: Arc<Code>,
    references: References,
}

/// Adds all references of a store to a list, but for those that a libcall has as operands.
pub(super) fn collect(store: &mut StoreOpaque, to: &mut Vec<u64>) {
    let is_ref = |ty: ValType| ty == ValType::AnyRef;
    for global in store.globals.iter().filter(|it| is_ref(it.ty.ty)) {
        to.extend(global.value());
    }
    for table in store.tables.iter().filter(|it| is_ref(it.ty.element)) {
        to.extend(table.elements());
    }
    store.heap.handles.collect(to);
    store.exceptions.references(&store.tags, to);
    let places: Vec<Place> = store
        .vm
        .caller()
        .into_iter()
        .chain(store.vm.waiting())
        .collect();
    for place in places {
        match traps::find(place.ip.addr()) {
            // SAFETY: the places are those of code that waits for this libcall.
            Some(_) => unsafe { collect_native(place, to) },
            None => collect_threaded(store, place, to),
        }
    }
}

/// Adds those of the frames of a run of threaded code.
fn collect_threaded(store: &mut StoreOpaque, place: Place, to: &mut Vec<u64>) {
    let mut functions = std::mem::take(&mut store.heap.functions);
    let mut visit = |frame: Frame| {
        let at = frame.ip.addr() - usize::from(frame.is_return_address);
        let known = functions.range(..=at).next_back();
        if known.is_none_or(|(_, known)| !known.code.range().contains(&at)) {
            let found = find(store, at)?;
            functions.insert(found.code.range().start, found);
        }
        let (_, known) = functions.range(..=at).next_back()?;
        let word = known.code.word_index(ptr::without_provenance(at));
        for &slot in known.references.at(word) {
            // SAFETY: the slot is one of the frame, which waits.
            to.push(unsafe { *frame.fp.add(usize::from(slot)) });
        }
        Some(known.code.param_slots())
    };
    // SAFETY: the place is one that a handler noted when it called, and nothing ran on its part of the stack
    // since.
    unsafe { walk(place.threaded_frame(), &mut visit) };
    store.heap.functions = functions;
}

/// The function whose code an address is part of; nothing where it is no function's.
fn find(store: &StoreOpaque, address: usize) -> Option<FunctionReferences> {
    store.modules.iter().find_map(|module| {
        let code = module.code_at(address)?;
        let references = module.references(code.func());
        Some(FunctionReferences { code, references })
    })
}

/// Adds those of the frames of one entry into native code.
///
/// # Safety
/// `place` is a frame of native code that waits.
unsafe fn collect_native(place: Place, to: &mut Vec<u64>) {
    // SAFETY: the caller's promise.
    for NativeFrame { pc, fp } in unsafe { entry::frames(place.native_frame()) } {
        let code = traps::find(pc).expect("frames of native code are of some that is there");
        if let Some((frame_bytes, offsets)) = code.references_at(pc) {
            let sp = fp.wrapping_byte_sub(frame_bytes);
            for offset in offsets {
                // SAFETY: the code keeps a reference there while it waits.
                to.push(unsafe { sp.byte_add(offset).read() });
            }
        }
    }
}
