//! Exceptions: constructs that catch them become regions.
//!
//! In a region, code cannot take values from below those that it started with. So branches that drop some
//! of these leave the region first: they, and what its catches lead to, get their code behind its end.
//!
//! ```text
//! try catch 0 L1         (or straight to where the catch leads)
//! body                   (a branch to outside: jmp L2)
//! end_try
//! jmp L0
//! L1: slide ..           (to where the catch leads)
//! jmp ..
//! L2: slide ..
//! jmp ..
//! L0:
//! ```

use dotvm_isa::{Catch, Op, ValType};
use wasmparser::{BlockType, TryTable};

use super::{Frame, Kind, Translator};
use crate::error::Error;
use crate::ir::{Inst, Label};

/// The code between `try` and `end_try`.
#[derive(Debug)]
pub(super) struct Region {
    /// Index of the frame of its construct.
    frame: usize,
    /// How many values are on the operand stack when it is entered.
    floor: u32,
    /// What gets its code behind the region's end.
    exits: Vec<Exit>,
}

/// A way out of a region.
#[derive(Clone, Copy, Debug)]
struct Exit {
    /// Where its code starts.
    label: Label,
    kind: ExitKind,
}

#[derive(Clone, Copy, Debug)]
enum ExitKind {
    /// A branch to the frame of that index, with so many values on the operand stack.
    Branch { frame: usize, height: u32 },
    /// Throws the exception on the stack again, in the regions around the frame of that index and its own.
    Rethrow { frame: usize },
}

/// The `catch` of a `try` that code stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Handler {
    /// Index of the construct's catches; this one is the last.
    region: u32,
    /// Index of the first instruction, which stands for nothing unless the exception is thrown again.
    start: usize,
    /// The local that then has it.
    exception: Option<u32>,
}

impl Translator<'_> {
    /// Opens a construct that is a region, as yet without catches.
    pub(super) fn open_region(&mut self, ty: BlockType, height: u32) -> u32 {
        let (params, results) = self.block_arity(ty);
        let locals = self.take_params(ty);
        let region = self.func.regions.len() as u32;
        self.func.regions.push(Vec::new());
        self.emit(Inst::Try(region));
        for local in locals {
            self.emit(Inst::op1(Op::LocalGet, u64::from(local)));
        }
        let floor = height - params;
        self.regions.push(Region {
            frame: self.frames.len(),
            floor,
            exits: Vec::new(),
        });
        self.push_frame(Kind::Try(region), floor, results, ty);
        region
    }

    /// The parameters of a block are no part of what stays on the stack: puts them into locals.
    fn take_params(&mut self, ty: BlockType) -> Vec<u32> {
        let types: &[ValType] = match ty {
            BlockType::FuncType(index) => &self.env.types[index as usize].params,
            _ => &[],
        };
        let first = self.func.locals.len() as u32;
        self.func.locals.extend(types);
        let locals: Vec<u32> = (first..self.func.locals.len() as u32).collect();
        for &local in locals.iter().rev() {
            self.emit(Inst::op1(Op::LocalSet, u64::from(local)));
        }
        locals
    }

    /// `try_table`.
    pub(super) fn try_table(&mut self, table: &TryTable, height: u32) -> Result<(), Error> {
        let targets = self.frames.len() - 1;
        let region = self.open_region(table.ty, height);
        for catch in &table.catches {
            let (tag, by_ref, depth) = match *catch {
                wasmparser::Catch::One { tag, label } => (Some(tag), false, label),
                wasmparser::Catch::OneRef { tag, label } => (Some(tag), true, label),
                wasmparser::Catch::All { label } => (None, false, label),
                wasmparser::Catch::AllRef { label } => (None, true, label),
            };
            let frame = targets - depth as usize;
            match self.direct_target(frame) {
                Some(label) => {
                    self.add_catch(region, tag, by_ref, label);
                    self.caught_height(region);
                }
                None => {
                    let label = self.func.new_label();
                    self.add_catch(region, tag, by_ref, label);
                    let height = self.caught_height(region);
                    let kind = ExitKind::Branch { frame, height };
                    self.exit(Exit { label, kind });
                }
            }
        }
        Ok(())
    }

    /// The end of the frame of that index, where a catch of the innermost region may lead there without
    /// dropping anything. That it does says nothing of how often.
    fn direct_target(&mut self, frame: usize) -> Option<Label> {
        let floor = self.regions.last()?.floor;
        let frame = &mut self.frames[frame];
        if matches!(frame.kind, Kind::Func | Kind::Loop) || frame.base != floor {
            return None;
        }
        frame.label_used = true;
        Some(frame.label)
    }

    /// Adds a catch to those of the innermost region.
    fn add_catch(&mut self, region: u32, tag: Option<u32>, by_ref: bool, target: Label) {
        self.func.regions[region as usize].push(Catch {
            tag,
            by_ref,
            target,
        });
    }

    /// How many values are on the stack behind the catch that was added last to the innermost region.
    fn caught_height(&mut self, region: u32) -> u32 {
        let floor = self.regions.last().map_or(0, |region| region.floor);
        let catch = self.func.regions[region as usize].last();
        let height = floor + catch.map_or(0, |catch| self.env.catch_height(catch));
        self.func.max_stack = self.func.max_stack.max(height);
        height
    }

    /// Puts the code of a way out behind the end of the outermost region that it has to leave, at least
    /// of the innermost one.
    fn exit(&mut self, exit: Exit) {
        let leaves = match exit.kind {
            ExitKind::Branch { frame, .. } => {
                let Frame { kind, base, .. } = self.frames[frame];
                let stays = |region: &Region| kind == Kind::Func || region.floor <= base;
                self.regions.partition_point(stays)
            }
            ExitKind::Rethrow { frame } => {
                self.regions.partition_point(|region| region.frame <= frame)
            }
        };
        let region = leaves.min(self.regions.len() - 1);
        self.regions[region].exits.push(exit);
    }

    /// Whether a branch to `frame` would drop values from below the floor of the innermost region.
    pub(super) fn is_above(&self, frame: &Frame) -> bool {
        let region = self.regions.last();
        region.is_some_and(|region| frame.base < region.floor)
    }

    /// A branch that has to leave the innermost region before it drops values.
    pub(super) fn branch_outside(&mut self, frame: usize, height: u32) {
        let label = self.func.new_label();
        self.emit(Inst::Jmp(label));
        let kind = ExitKind::Branch { frame, height };
        self.exit(Exit { label, kind });
    }

    /// Ends the innermost region, that of the innermost frame.
    pub(super) fn close_region(&mut self) -> Result<(), Error> {
        // It may be that nothing leads to it, and nothing on from there.
        self.func.insts.push(Inst::op(Op::EndTry), self.pos);
        let Some(region) = self.regions.pop() else {
            return Ok(());
        };
        if region.exits.is_empty() {
            return Ok(());
        }
        self.jump_to_end();
        for Exit { label, kind } in region.exits {
            self.bind(label);
            match kind {
                ExitKind::Branch { frame, height } => self.branch(frame, height)?,
                ExitKind::Rethrow { .. } => self.emit(Inst::op(Op::ThrowRef)),
            }
        }
        Ok(())
    }

    /// Leaves for the end of the innermost frame, if control comes here.
    fn jump_to_end(&mut self) {
        if let Some(frame) = self.frames.last_mut()
            && self.reachable
        {
            (frame.label_used, frame.likely) = (true, true);
            let label = frame.label;
            self.emit(Inst::Jmp(label));
        }
    }

    /// `catch` and `catch_all`: ends what stands before it.
    pub(super) fn catch(&mut self, tag: Option<u32>) -> Result<(), Error> {
        let frame = self.frames.last().expect("validated: a `catch` in a `try`");
        let region = match frame.kind {
            Kind::Try(region) => {
                // The first one: from here on, nothing more is in the region.
                self.close_region()?;
                region
            }
            Kind::Catch(handler) => handler.region,
            _ => return Ok(()),
        };
        self.jump_to_end();
        let label = self.func.new_label();
        self.add_catch(region, tag, false, label);
        self.bind(label);
        let start = self.func.insts.len();
        let nothing = self.func.new_label();
        self.bind(nothing);
        if let Some(frame) = self.frames.last_mut() {
            let height =
                frame.base + 1 + tag.map_or(0, |tag| self.env.tag_values(tag).len() as u32);
            self.func.max_stack = self.func.max_stack.max(height);
            frame.kind = Kind::Catch(Handler {
                region,
                start,
                exception: None,
            });
        }
        Ok(())
    }

    /// `rethrow` of what the `catch` of that depth has caught.
    pub(super) fn rethrow(&mut self, depth: u32) {
        let frame = *self.target(depth);
        let Kind::Catch(handler) = frame.kind else {
            return;
        };
        let local = handler.exception.unwrap_or_else(|| {
            let local = self.func.locals.len() as u32;
            self.func.locals.push(ValType::ExnRef);
            self.func.insts[handler.start] = Inst::op1(Op::LocalSet, u64::from(local));
            if let Some(catch) = self.func.regions[handler.region as usize].last_mut() {
                catch.by_ref = true;
            }
            self.target(depth).kind = Kind::Catch(Handler {
                exception: Some(local),
                ..handler
            });
            local
        });
        self.emit(Inst::op1(Op::LocalGet, u64::from(local)));
        self.emit(Inst::op(Op::ThrowRef));
    }

    /// `delegate`: the end of a `try` whose exceptions are those of the construct of that depth.
    pub(super) fn delegate(&mut self, depth: u32) -> Result<(), Error> {
        let innermost = self.frames.len() - 1;
        if let Kind::Try(region) = self.frames[innermost].kind {
            let label = self.func.new_label();
            self.add_catch(region, None, true, label);
            self.caught_height(region);
            // Its own label does not count.
            let frame = innermost - 1 - depth as usize;
            let kind = ExitKind::Rethrow { frame };
            self.exit(Exit { label, kind });
        }
        self.close()
    }
}
