//! Taking samples: where guest code is, noted as addresses by the thread that runs it.
//!
//! The clock ([`StoreSignals`](crate::signals::StoreSignals)) asks as those do who want programs stopped: machine
//! code is found by a signal, where it is; the interpreter comes by at its next function entry or jump back,
//! calls of the runtime when they return. What addresses mean is looked up when the profile is
//! made ([`crate::profile`]).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dotvm_interp::{Code, Frame, walk};
use dotvm_jit::{entry, traps};

use super::entry::Place;
use crate::profile::Observer;
use crate::store::StoreOpaque;

/// Frames that a sample has at most: those further out are left out.
const FRAMES_MAX: usize = 256;

/// Stacks that are kept at most; time of samples with others is only summed up.
const STACKS_MAX: usize = 1 << 20;

/// Samples that are kept in their order; when there are so many, those with the same stack become one.
const SAMPLES_MAX: usize = 2 * STACKS_MAX;

/// The caller of the outermost frames.
pub(crate) const NO_STACK: u32 = u32::MAX;

/// Where a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Address {
    /// At an instruction of threaded code.
    Threaded(usize),
    /// Behind a call in threaded code.
    Waiting(usize),
    /// Behind an instruction of machine code.
    Native(usize),
    /// Further out than frames are looked at.
    LeftOut,
}

/// A frame and those further out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RawStack {
    /// The number of the rest, or [`NO_STACK`]; smaller than its own.
    pub(crate) caller: u32,
    /// The frame.
    pub(crate) at: Address,
}

/// Samples with one stack, taken one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawSample {
    /// The stack's number.
    pub(crate) stack: u32,
    /// How many they are.
    pub(crate) count: u32,
    /// Processor time that they stand for.
    pub(crate) time: Duration,
}

/// The samples of a store.
#[derive(Debug)]
pub(crate) struct Sampler {
    pub(crate) interval: Duration,
    pub(crate) stacks: Vec<RawStack>,
    numbers: HashMap<RawStack, u32>,
    pub(crate) samples: Vec<RawSample>,
    /// Time of samples with stacks that there was no room for.
    pub(crate) lost: Duration,
    /// The frames of the sample that is being taken, innermost first.
    frames: Vec<Address>,
    /// Whether samples are kept.
    pub(crate) is_kept: bool,
    /// Who sees them as they are taken.
    pub(crate) observer: Option<Observer>,
}

impl Sampler {
    /// Without samples.
    pub(crate) fn new(interval: Duration) -> Sampler {
        Sampler {
            interval,
            stacks: Vec::new(),
            numbers: HashMap::new(),
            samples: Vec::new(),
            lost: Duration::ZERO,
            frames: Vec::with_capacity(FRAMES_MAX + 1),
            is_kept: true,
            observer: None,
        }
    }

    /// Adds a sample of `frames`.
    fn add(&mut self, time: Duration) {
        let mut stack = NO_STACK;
        for &at in self.frames.iter().rev() {
            let key = RawStack { caller: stack, at };
            stack = match self.numbers.get(&key) {
                Some(&number) => number,
                None if self.stacks.len() == STACKS_MAX => {
                    self.lost += time;
                    return;
                }
                None => {
                    let number = self.stacks.len() as u32;
                    self.stacks.push(key);
                    self.numbers.insert(key, number);
                    number
                }
            };
        }
        match self.samples.last_mut() {
            Some(last) if last.stack == stack => {
                last.count = last.count.saturating_add(1);
                last.time += time;
            }
            _ if stack == NO_STACK => self.lost += time,
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.merge();
                }
                self.samples.push(RawSample {
                    stack,
                    count: 1,
                    time,
                });
            }
        }
    }

    /// Makes one of all samples with the same stack.
    fn merge(&mut self) {
        self.samples.sort_unstable_by_key(|sample| sample.stack);
        self.samples.dedup_by(|sample, kept| {
            let same = sample.stack == kept.stack;
            if same {
                kept.count = kept.count.saturating_add(sample.count);
                kept.time += sample.time;
            }
            same
        });
    }
}

/// Takes a sample of code at `place`, and what waits for it, where one is due. `counter` is the address of the
/// counter that has just counted, in threaded code.
///
/// This may run in a signal handler, if that has found its thread in machine code: then the thread holds no lock.
pub(crate) fn take(store: &StoreOpaque, place: Option<Place>, counter: usize) {
    let Some(sampler) = &store.sampler else {
        return;
    };
    traps::ensure_large_signal_stack();
    let time = store.signals().take_time_to_sample();
    let Ok(mut sampler) = sampler.try_lock() else {
        return;
    };
    if time.is_zero() {
        return;
    }
    let mut frames = std::mem::take(&mut sampler.frames);
    frames.clear();
    look(store, place, counter, &mut frames);
    let innermost = frames.first().copied();
    sampler.frames = frames;
    if sampler.is_kept {
        sampler.add(time);
    }
    if let Some(observer) = &mut sampler.observer {
        observer.sampled(store, innermost, time);
    }
}

/// Notes frames, innermost first.
///
/// A function of threaded code that was just entered has not used the time: its caller did, or what that called
/// before.
fn look(store: &StoreOpaque, place: Option<Place>, counter: usize, frames: &mut Vec<Address>) {
    let mut entered = None;
    let mut known: Option<Arc<Code>> = None;
    for place in place.into_iter().chain(store.vm.waiting()) {
        if traps::find(place.ip.addr()).is_some() {
            // SAFETY: as in `backtrace::capture`: the frames are of code that is stopped here, or waits.
            for frame in unsafe { entry::frames(place.native_frame()) } {
                if frames.len() == FRAMES_MAX {
                    return frames.push(Address::LeftOut);
                }
                frames.push(Address::Native(frame.pc));
            }
            continue;
        }
        let mut visit = |frame: Frame| {
            let ip = frame.ip.addr();
            if frames.len() == FRAMES_MAX {
                return None;
            }
            let is_known = |code: &Arc<Code>| code.range().contains(&ip);
            if !known.as_ref().is_some_and(is_known) {
                let mut modules = store.modules.iter();
                known = modules.find_map(|it| it.code_at(ip).or_else(|| it.stub_at(ip)));
            }
            let code = known.as_ref()?;
            let address = match frame.is_return_address {
                true => Address::Waiting(ip),
                false => Address::Threaded(ip),
            };
            if frames.is_empty() && entered.is_none() && counter == code.range().start {
                entered = Some(address);
            } else {
                frames.push(address);
            }
            Some(code.param_slots())
        };
        // SAFETY: as above.
        unsafe { walk(place.threaded_frame(), &mut visit) };
        if frames.len() == FRAMES_MAX {
            return frames.push(Address::LeftOut);
        }
    }
    if frames.is_empty() {
        frames.extend(entered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_same_callers_shares_them() {
        let mut sampler = Sampler::new(Duration::from_millis(1));
        let time = Duration::from_micros(900);
        let mut add = |frames: &[Address]| {
            sampler.frames = frames.to_vec();
            sampler.add(time);
        };
        let [main, a, b] = [
            Address::Waiting(8),
            Address::Threaded(24),
            Address::Native(30),
        ];
        for frames in [&[a, main][..], &[a, main], &[b, main], &[a, main], &[main]] {
            add(frames);
        }
        assert_eq!(sampler.stacks.len(), 3);
        let kept = |sampler: &Sampler| -> Vec<_> {
            let samples = sampler.samples.iter();
            samples.map(|it| (it.stack, it.count, it.time)).collect()
        };
        let one = (1, time);
        let expected = [
            (1, 2, time * 2),
            (2, one.0, one.1),
            (1, 1, time),
            (0, 1, time),
        ];
        assert_eq!(kept(&sampler), expected);
        sampler.merge();
        assert_eq!(
            kept(&sampler),
            [(0, 1, time), (1, 3, time * 3), (2, 1, time)]
        );
        sampler.frames.clear();
        sampler.add(time);
        assert_eq!(sampler.lost, time);
    }
}
