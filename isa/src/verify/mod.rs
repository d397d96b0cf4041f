//! The verifier: proves in one linear pass that a function keeps one stack shape per program point,
//! so that no tier ever checks a type at run time.
//!
//! Code is read in order. A forward jump records the shape its target must have; a backward jump
//! may only go to a `loop` instruction, whose shape is known by then. After an instruction that
//! never goes on, the shape is the one a forward jump recorded, or, where there is none, the empty
//! stack (the rule that ECMA-335, III.1.7.5 calls the backward branch constraint). Code that no
//! execution reaches is held to the same rules.
//!
//! Regions (`try`, `end_try`) nest by their place in the code. What is on the stack when one is entered is
//! its *floor*: in it, no instruction takes values from there, so wherever an exception is thrown, they
//! are there for the code that catches it. Jumps lead out of regions but not into them. After an
//! instruction that never goes on, the stack is that floor.
//!
//! Every shape of a function exists once, so that comparing two takes constant time whatever a
//! hostile module does.

mod blocks;
mod function;
mod module;
mod objects;
mod shapes;

pub use blocks::FuelBlocks;
pub use function::{FuncVerifier, Step};
pub use shapes::Shape;

use crate::error::Malformed;
use crate::module::{Module, Names, Spaces};
use crate::types::ValType;
use module::ModuleChecker;

/// The most parameters or results a function type may have.
pub const MAX_PARAMS: usize = 1_000;

/// The most memories a module may have: each takes gigabytes of address space.
pub const MAX_MEMORIES: usize = 100;

/// What a function's code may refer to: a module's declarations, checked.
#[derive(Clone, Debug, Default)]
pub struct ModuleEnv {
    /// Index spaces, imports first.
    pub spaces: Spaces,
    /// Types of the element segments.
    pub elems: Vec<ValType>,
    /// Number of data segments.
    pub data_count: u32,
    /// First slot of each global that the module defines, among the slots of these.
    pub own_globals: Vec<u32>,
    /// Slots of all globals that the module defines.
    pub own_globals_len: u32,
}

/// Checks all declarations: indices, types, limits, constant expressions. Function bodies are
/// left to [`FuncVerifier`]; see [`verify_all`] for both.
///
/// # Errors
/// The first declaration that is wrong. Offsets are 0: declarations are named instead.
pub fn verify_module(module: &Module) -> Result<ModuleEnv, Malformed> {
    let checker = ModuleChecker {
        module,
        spaces: module.spaces(),
    };
    checker.check()?;
    let mut own_globals_len = 0;
    let mut next = |ty: ValType| {
        let slot = own_globals_len;
        own_globals_len += ty.slots();
        slot
    };
    let own_globals = module.globals.iter().map(|g| next(g.ty.ty)).collect();
    Ok(ModuleEnv {
        own_globals,
        own_globals_len,
        elems: module.elems.iter().map(|elem| elem.ty).collect(),
        data_count: module.data.len() as u32,
        spaces: checker.spaces,
    })
}

/// Verifies a whole module: declarations, every function, the debug section.
///
/// # Errors
/// The first fault.
pub fn verify_all(module: &Module) -> Result<(), Malformed> {
    let env = verify_module(module)?;
    for defined in 0..module.bodies.len() as u32 {
        verify_function(module, &env, defined)?;
    }
    Names::decode(module)?.source.verify()
}

/// Verifies the defined function `defined`; returns the most slots its frame takes.
///
/// # Errors
/// The first fault, with its offset in the body.
pub fn verify_function(module: &Module, env: &ModuleEnv, defined: u32) -> Result<u32, Malformed> {
    let mut verifier = FuncVerifier::new(module, env, defined)?;
    while let Some(step) = verifier.step()? {
        verifier.apply(&step.instr)?;
    }
    Ok(verifier.frame_slots())
}
