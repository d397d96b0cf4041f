//! Reading the frames of stopped guest code.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::Arc;

use dotvm_interp::{Code, walk};
use dotvm_jit::{entry, traps};

use super::entry::Place;
use crate::backtrace::{Backtrace, BacktraceBuilder, Frame};
use crate::module::Module;
use crate::store::StoreOpaque;

/// All threaded code of a store, by address.
struct CodeMap<'s>(BTreeMap<usize, (Arc<Code>, &'s Module)>);

impl<'s> CodeMap<'s> {
    fn new(store: &'s StoreOpaque) -> CodeMap<'s> {
        let modules = store.modules.iter();
        let codes = modules.flat_map(|module| module.codes().into_iter().map(move |c| (c, module)));
        CodeMap(
            codes
                .map(|(code, module)| (code.range().start, (code, module)))
                .collect(),
        )
    }

    fn find(&self, ip: *const u64) -> Option<(&Code, &'s Module)> {
        let (_, (code, module)) = self.0.range(..=ip.addr()).next_back()?;
        code.range()
            .contains(&ip.addr())
            .then_some((&**code, *module))
    }
}

/// The frames of all runs, innermost first: those below `innermost`, then those that wait for it.
pub(crate) fn capture(store: &StoreOpaque, innermost: Option<Place>) -> Backtrace {
    let mut backtrace = BacktraceBuilder::default();
    let mut map = None;
    for place in innermost.into_iter().chain(store.vm.waiting()) {
        if traps::find(place.ip.addr()).is_some() {
            // SAFETY: as below; native code keeps frame pointers.
            unsafe { walk_native(store, place, &mut backtrace) };
            continue;
        }
        let map = map.get_or_insert_with(|| CodeMap::new(store));
        let mut visit = |frame: dotvm_interp::Frame| {
            let (code, module) = map.find(frame.ip).expect("code that `find` has found");
            backtrace.push(|| {
                let word = code.word_index(frame.ip) - usize::from(frame.is_return_address);
                Frame::new(module.clone(), code.func(), word)
            });
        };
        let mut find = |ip| map.find(ip).map(|(code, _)| code);
        let frame = dotvm_interp::Frame {
            ip: place.ip,
            fp: place.fp,
            is_return_address: place.is_return_address,
        };
        // SAFETY: the places are those that handlers noted when they stopped: `innermost` when its
        // run ended, and nothing ran on its part of the stack since; the others are waiting.
        unsafe { walk(frame, &mut find, &mut visit) };
    }
    backtrace.finish()
}

/// Visits the frames of one entry into native code.
///
/// # Safety
/// `place` is a frame of native code that is stopped, and nothing ran on its part of the native stack
/// since.
unsafe fn walk_native(store: &StoreOpaque, place: Place, backtrace: &mut BacktraceBuilder) {
    let mut pc = place.ip.addr();
    let mut fp = place.fp.cast_const();
    // Of deep recursion, most frames are at the same place as the one before.
    let (mut known, mut module, mut frames) = (0, None, Vec::new());
    loop {
        if pc != known {
            let Some(code) = traps::find(pc) else { return };
            let mut modules = store.modules.iter();
            module = modules.find(|module| module.owns_native(&code));
            frames.clear();
            // The address is one that the frame returns to, or was made to look like one.
            frames.extend(code.frames_at(pc - 1).map(|(func, offset)| {
                let defined = func.unwrap_or_else(|| code.func().unwrap_or_default());
                (defined, offset)
            }));
            known = pc;
        }
        if let Some(module) = module {
            let imported = module.env().spaces.imported_funcs;
            for &(defined, offset) in &frames {
                backtrace.push(|| Frame::at(module.clone(), imported + defined, offset));
            }
        }
        // SAFETY: the frame pointer points to the one of the frame around it, and behind that is the
        // address to return to.
        let (outer, ret) = unsafe { (*fp, *fp.add(1)) };
        if entry::is_outermost(ret as usize) {
            return;
        }
        pc = ret as usize;
        fp = ptr::with_exposed_provenance(outer as usize);
    }
}
