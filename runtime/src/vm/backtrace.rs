//! Reading the frames of stopped guest code.

use std::collections::BTreeMap;
use std::sync::Arc;

use dotvm_interp::{Code, walk};

use super::entry::Place;
use crate::backtrace::{Backtrace, BacktraceBuilder, Frame};
use crate::module::Module;
use crate::store::StoreOpaque;

/// All lowered code of a store, by address.
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

/// The frames of all runs, innermost first: those below `innermost`, then those that wait for host
/// functions.
pub(crate) fn capture(store: &StoreOpaque, innermost: Option<Place>) -> Backtrace {
    let mut backtrace = BacktraceBuilder::default();
    let suspended = store.vm.suspended().iter().rev().copied();
    let mut map = None;
    for place in innermost.into_iter().chain(suspended) {
        let map = map.get_or_insert_with(|| CodeMap::new(store));
        let mut visit = |frame: dotvm_interp::Frame| {
            let (code, module) = map.find(frame.ip).expect("code that `find` has found");
            backtrace.push(|| {
                let word = code.word_index(frame.ip) - usize::from(frame.is_return_address);
                Frame::new(module.clone(), code.func(), word)
            });
        };
        let mut find = |ip| map.find(ip).map(|(code, _)| code);
        // SAFETY: the places are those that handlers noted when they stopped: `innermost` when its
        // run ended, and nothing ran on its part of the stack since; the others are waiting.
        unsafe { walk(place.ip, place.fp, &mut find, &mut visit) };
    }
    backtrace.finish()
}
