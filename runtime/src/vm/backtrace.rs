//! Reading the frames of stopped guest code.

use std::collections::BTreeMap;
use std::sync::Arc;

use dotvm_interp::{Code, walk};
use dotvm_isa::abi::FRAME_HEADER_SLOTS;
use dotvm_jit::entry::{self, NativeFrame};
use dotvm_jit::traps;

use super::core_frames;
use super::entry::Place;
use crate::backtrace::{Backtrace, BacktraceBuilder, Frame};
use crate::module::Module;
use crate::store::StoreOpaque;

/// All threaded code of a store, by address.
struct CodeMap<'s>(BTreeMap<usize, Known<'s>>);

/// Some threaded code.
struct Known<'s> {
    code: Arc<Code>,
    module: &'s Module,
    /// Whether it is that of a function, and not what enters native code.
    is_lowered: bool,
}

impl<'s> CodeMap<'s> {
    fn new(store: &'s StoreOpaque) -> CodeMap<'s> {
        let mut map = BTreeMap::new();
        for module in &store.modules {
            let (lowered, stubs) = module.codes();
            for (codes, is_lowered) in [(lowered, true), (stubs, false)] {
                map.extend(codes.into_iter().map(|code| {
                    let known = Known {
                        code,
                        module,
                        is_lowered,
                    };
                    (known.code.range().start, known)
                }));
            }
        }
        CodeMap(map)
    }

    fn find(&self, ip: *const u64) -> Option<&Known<'s>> {
        let (_, known) = self.0.range(..=ip.addr()).next_back()?;
        known.code.range().contains(&ip.addr()).then_some(known)
    }
}

/// A frame of a function of the bytecode.
pub(super) enum Visited<'v> {
    /// Of threaded code: where it is, and the index of the word that was executing.
    Threaded {
        module: &'v Module,
        code: &'v Code,
        frame: dotvm_interp::Frame,
        word: usize,
    },
    /// Of a function that stopped before its first instruction.
    Entered { module: &'v Module, func: u32 },
    /// Of native code, at the instruction with that offset.
    Native {
        module: &'v Module,
        func: u32,
        offset: u32,
        /// Address of the frame's first slot on the VM stack; 0 where native code has none there.
        base: usize,
    },
}

/// The frames of all runs, innermost first: those below `innermost`, then those that wait for it.
pub(crate) fn capture(store: &StoreOpaque, innermost: Option<Place>) -> Backtrace {
    let mut backtrace = BacktraceBuilder::default();
    visit(store, innermost, &mut |visited| {
        backtrace.push(|| match visited {
            Visited::Threaded {
                module, code, word, ..
            } => Frame::new(module.clone(), code.func(), word),
            Visited::Entered { module, func } => Frame::at(module.clone(), func, 0),
            Visited::Native {
                module,
                func,
                offset,
                ..
            } => Frame::at(module.clone(), func, offset),
        });
    });
    backtrace.finish()
}

/// The same where a run ends for good: what a core dump needs of the frames is noted as well, if there is to be one.
pub(crate) fn capture_end(store: &StoreOpaque, innermost: Option<Place>) -> Backtrace {
    core_frames::note(store, innermost);
    capture(store, innermost)
}

/// Visits the frames of all runs, innermost first: those below `innermost`, then those that wait for it.
pub(super) fn visit(
    store: &StoreOpaque,
    innermost: Option<Place>,
    see: &mut dyn FnMut(Visited<'_>),
) {
    let mut map = None;
    for place in innermost.into_iter().chain(store.vm.waiting()) {
        if traps::find(place.ip.addr()).is_some() {
            // SAFETY: as below; native code keeps frame pointers.
            unsafe { walk_native(store, place, see) };
            continue;
        }
        let map = map.get_or_insert_with(|| CodeMap::new(store));
        let mut visit = |frame: dotvm_interp::Frame| {
            let known = map.find(frame.ip)?;
            let (code, module) = (&known.code, known.module);
            see(match known.is_lowered {
                true => Visited::Threaded {
                    module,
                    code,
                    frame,
                    word: code.word_index(frame.ip) - usize::from(frame.is_return_address),
                },
                false => Visited::Entered {
                    module,
                    func: code.func(),
                },
            });
            Some(code.param_slots())
        };
        // SAFETY: the places are those that handlers noted when they stopped: `innermost` when its
        // run ended, and nothing ran on its part of the stack since; the others are waiting.
        unsafe { walk(place.threaded_frame(), &mut visit) };
    }
}

/// Visits the frames of one entry into native code.
///
/// # Safety
/// `place` is a frame of native code that is stopped, and nothing ran on its part of the native stack
/// since.
pub(super) unsafe fn walk_native(
    store: &StoreOpaque,
    place: Place,
    see: &mut dyn FnMut(Visited<'_>),
) {
    // Of deep recursion, most frames are at the same place as the one before.
    let (mut known, mut module, mut frames) = (0, None, Vec::new());
    let mut base = place.native_base.addr();
    // SAFETY: the caller's promise.
    for NativeFrame { pc, .. } in unsafe { entry::frames(place.native_frame()) } {
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
                see(Visited::Native {
                    module,
                    func: imported + defined,
                    offset,
                    base,
                });
            }
            // Code for debuggers has no function inlined into another one.
            if let ([(defined, _)], true) = (&frames[..], base != 0) {
                base = caller_base(store, module, *defined, base);
            }
        }
    }
}

/// The base of the frame of native code that called the one at `base`, where both are for debuggers.
fn caller_base(store: &StoreOpaque, module: &Module, defined: u32, base: usize) -> usize {
    let isa = module.bytecode();
    let ty = &isa.types[isa.bodies[defined as usize].ty as usize];
    let header = base + ty.param_slots() as usize * size_of::<u64>();
    let slots = store.vm.stack_slots_at(header, FRAME_HEADER_SLOTS as usize);
    slots.get(1).map_or(0, |&caller| caller as usize)
}
