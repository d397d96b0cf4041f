//! What one block does with words and their limbs.

use std::collections::HashMap;
use std::ops::Range;

use dotvm_isa::ops::Sig;
use dotvm_isa::{Op, ValType};

use super::word_of_limbs;
use crate::ir::{Env, Func, Inst, stack};
use crate::translate::words::is_word;

/// The most locals that are looked at for one that still holds a word.
const MOST_HOLDERS: usize = 8;

/// A word that there is in a block.
pub(super) type WordId = usize;

/// A value, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Value {
    /// Nothing is known of it but that it is another one than those with other numbers.
    Some(usize),
    /// What a local held at the block's start.
    Entry(u32),
    Const(u64),
    Limb(WordId, u64),
    Word(WordId),
}

/// Where a word comes from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// It was in a local at the block's start.
    Entry(u32),
    /// The only result of the instruction at that index.
    Result(usize),
    /// Some other result.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
struct Word {
    ty: ValType,
    origin: Origin,
    /// The first instruction that puts it into a local.
    stored: Option<usize>,
}

/// Where a word can be put into a local: there it is on top of the stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Before(usize),
    After(usize),
}

/// What the limbs are that a word is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// Those of that word.
    Word(WordId),
    /// What these locals held at the block's start, and still hold.
    Entry(Vec<u32>),
    Other,
}

/// An instruction that makes a word of limbs.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) at: usize,
    pub(super) ty: ValType,
    pub(super) source: Source,
    /// A word that was made of the same limbs before.
    pub(super) same_as: Option<WordId>,
    /// The instructions that push the limbs, each only that.
    pub(super) pushes: Vec<usize>,
}

/// Writes to a local in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writes {
    pub(super) first: usize,
    pub(super) last: usize,
    /// What it holds afterwards.
    pub(super) value: Value,
}

/// A block: its words, and what becomes of locals.
#[derive(Debug)]
pub(super) struct Block {
    /// The first instruction behind the labels.
    pub(super) start: usize,
    /// Where words are made of limbs that are known to be pushed one by one.
    pub(super) sites: Vec<Site>,
    pub(super) writes: HashMap<u32, Writes>,
    words: Vec<Word>,
    /// Where words were put into which locals, in order; and each local.
    stores: HashMap<WordId, Vec<(usize, u32)>>,
    stores_to: HashMap<u32, Vec<usize>>,
    /// Words that were made, by their types and limbs.
    made: HashMap<(ValType, Vec<Value>), WordId>,
}

impl Block {
    /// Looks at the instructions of a block.
    pub(super) fn scan(func: &Func, env: &Env, range: Range<usize>) -> Block {
        let labels = func.insts[range.clone()]
            .iter()
            .take_while(|inst| inst.is_target());
        let mut scan = Scan {
            block: Block {
                start: range.start + labels.count(),
                sites: Vec::new(),
                writes: HashMap::new(),
                words: Vec::new(),
                stores: HashMap::new(),
                stores_to: HashMap::new(),
                made: HashMap::new(),
            },
            func,
            stack: Vec::new(),
            entry_words: HashMap::new(),
            values: 0,
        };
        let results = env.types[func.ty as usize].results.len();
        for at in range {
            scan.inst(at, func.insts[at], env, results);
        }
        scan.block
    }

    /// The type of a word.
    pub(super) fn ty(&self, word: WordId) -> ValType {
        self.words[word].ty
    }

    /// A local that holds a word in front of the instruction at `at`.
    pub(super) fn holder(&self, word: WordId, at: usize) -> Option<u32> {
        let stores = self.stores.get(&word).map_or(&[][..], Vec::as_slice);
        let before = stores.partition_point(|&(store, _)| store < at);
        let recent = stores[..before].iter().rev().take(MOST_HOLDERS);
        let mut holders =
            recent.filter(|&&(store, local)| self.last_store(local, at) == Some(store));
        if let Some(&(_, local)) = holders.next() {
            return Some(local);
        }
        match self.words[word].origin {
            Origin::Entry(local) if self.last_store(local, at).is_none() => Some(local),
            _ => None,
        }
    }

    /// Where a word was last put into a local in front of the instruction at `at`.
    fn last_store(&self, local: u32, at: usize) -> Option<usize> {
        let stores = self.stores_to.get(&local)?;
        let before = stores.partition_point(|&store| store < at);
        stores[..before].last().copied()
    }

    /// A word of that type that was made of these limbs.
    pub(super) fn made(&self, ty: ValType, limbs: Vec<Value>) -> Option<WordId> {
        self.made.get(&(ty, limbs)).copied()
    }

    /// Where a word can be put into a local when it comes to be, if there is such a place in front of the
    /// instruction at `at`.
    pub(super) fn place_to_save(&self, word: WordId, at: usize) -> Option<Place> {
        let Word { origin, stored, .. } = self.words[word];
        let (place, is_there) = match origin {
            Origin::Result(made) => (Place::After(made), made),
            Origin::Unknown => (Place::Before(stored?), stored?),
            Origin::Entry(_) => return None,
        };
        (is_there < at).then_some(place)
    }

    /// The instruction that makes a word, where it is made in this block.
    pub(super) fn made_at(&self, word: WordId) -> usize {
        match self.words[word].origin {
            Origin::Result(made) => made,
            Origin::Unknown | Origin::Entry(_) => self.start,
        }
    }

    /// What a local holds at the end.
    pub(super) fn value_at_end(&self, local: u32) -> Value {
        self.writes
            .get(&local)
            .map_or(Value::Entry(local), |writes| writes.value)
    }
}

/// A value on the operand stack, and the instruction that pushes just that.
type Slot = (Value, Option<usize>);

struct Scan<'a> {
    block: Block,
    func: &'a Func,
    stack: Vec<Slot>,
    /// Words that were in locals at the start.
    entry_words: HashMap<u32, WordId>,
    /// How many values nothing is known of.
    values: usize,
}

impl Scan<'_> {
    fn inst(&mut self, at: usize, inst: Inst, env: &Env, results: usize) {
        if let Some((op, local)) = inst.local() {
            match op {
                Op::LocalGet => self.push(at, |scan| scan.read(local)),
                _ => {
                    let (value, _) = self.pop();
                    self.write(at, local, value);
                    if op == Op::LocalTee {
                        self.stack.push((value, Some(at)));
                    }
                }
            }
            return;
        }
        if let Some(op) = inst.opcode()
            && let Some(ty) = word_of_limbs(op)
        {
            return self.make(at, ty);
        }
        if let Inst::Op { op, a, .. } = inst {
            match op {
                Op::I64Push => return self.push(at, |_| Value::Const(a)),
                Op::I64LimbI128
                | Op::I64LimbI256
                | Op::I64LimbI512
                | Op::I64x4ExtractLane
                | Op::I64x8ExtractLane => {
                    let (word, _) = self.pop();
                    return self.push(at, |scan| match word {
                        Value::Word(word) => Value::Limb(word, a),
                        _ => scan.some(),
                    });
                }
                _ => {}
            }
        }
        self.other(at, inst, env, results);
    }

    /// An instruction of which only the operands' number and the results' types matter.
    fn other(&mut self, at: usize, inst: Inst, env: &Env, results: usize) {
        let (pops, pushes) = stack::effect(inst, env, results);
        for _ in 0..pops {
            self.pop();
        }
        let types = inst.opcode().map(|op| op.info().sig);
        for i in 0..pushes {
            let ty = match types {
                Some(Sig::Fixed(_, types)) => types.get(i).copied(),
                _ => None,
            };
            let origin = if pushes == 1 {
                Origin::Result(at)
            } else {
                Origin::Unknown
            };
            let value = match ty {
                Some(ty) if is_word(ty) => Value::Word(self.word(ty, origin)),
                _ => self.some(),
            };
            self.stack.push((value, (pushes == 1).then_some(at)));
        }
    }

    /// Makes a word of the limbs on the stack.
    fn make(&mut self, at: usize, ty: ValType) {
        let mut slots: Vec<Slot> = (0..ty.slots()).map(|_| self.pop()).collect();
        slots.reverse();
        let limbs: Vec<Value> = slots.iter().map(|&(value, _)| value).collect();
        let source = self.source(&limbs, ty);
        let made = (ty, limbs);
        let same_as = self.block.made.get(&made).copied();
        let pushes: Option<Vec<usize>> = slots.iter().map(|&(_, push)| push).collect();
        let word = match (&source, same_as) {
            (&Source::Word(word), _) | (_, Some(word)) => word,
            _ => self.word(ty, Origin::Result(at)),
        };
        self.block.made.entry(made).or_insert(word);
        if let Some(pushes) = pushes {
            self.block.sites.push(Site {
                at,
                ty,
                source,
                same_as,
                pushes,
            });
        }
        self.stack.push((Value::Word(word), Some(at)));
    }

    fn source(&self, limbs: &[Value], ty: ValType) -> Source {
        if let [Value::Limb(word, 0), ..] = *limbs
            && self.block.ty(word) == ty
            && limbs
                .iter()
                .zip(0..)
                .all(|(&limb, i)| limb == Value::Limb(word, i))
        {
            return Source::Word(word);
        }
        let entries = limbs.iter().map(|&limb| match limb {
            Value::Entry(local) if !self.block.writes.contains_key(&local) => Some(local),
            _ => None,
        });
        match entries.collect() {
            Some(group) => Source::Entry(group),
            None => Source::Other,
        }
    }

    fn word(&mut self, ty: ValType, origin: Origin) -> WordId {
        self.block.words.push(Word {
            ty,
            origin,
            stored: None,
        });
        self.block.words.len() - 1
    }

    fn some(&mut self) -> Value {
        self.values += 1;
        Value::Some(self.values)
    }

    fn push(&mut self, at: usize, value: impl FnOnce(&mut Self) -> Value) {
        let value = value(self);
        self.stack.push((value, Some(at)));
    }

    fn pop(&mut self) -> Slot {
        match self.stack.pop() {
            Some(slot) => slot,
            // It was there at the block's start.
            None => (self.some(), None),
        }
    }

    fn read(&mut self, local: u32) -> Value {
        if let Some(writes) = self.block.writes.get(&local) {
            return writes.value;
        }
        let ty = self.func.locals[local as usize];
        if !is_word(ty) {
            return Value::Entry(local);
        }
        let word = match self.entry_words.get(&local) {
            Some(&word) => word,
            None => self.word(ty, Origin::Entry(local)),
        };
        self.entry_words.insert(local, word);
        Value::Word(word)
    }

    fn write(&mut self, at: usize, local: u32, value: Value) {
        let writes = self.block.writes.entry(local).or_insert(Writes {
            first: at,
            last: at,
            value,
        });
        (writes.last, writes.value) = (at, value);
        let ty = self.func.locals[local as usize];
        if is_word(ty) {
            let word = match value {
                Value::Word(word) => word,
                // A word that nothing is known of.
                _ => self.word(ty, Origin::Unknown),
            };
            self.block.words[word].stored.get_or_insert(at);
            self.block.stores.entry(word).or_default().push((at, local));
            self.block.stores_to.entry(local).or_default().push(at);
        }
    }
}
