//! Where the output comes from: for each function, the source of each instruction, the calls that
//! were inlined, by the compiler or here, and where variables are now.

mod intact;
mod prune;
mod variables;

use std::collections::{BTreeMap, HashMap};

use dotvm_isa::debug::{self, Location, Scope, Source, SourceTables, Subprogram, SubprogramName};
use dotvm_isa::{InstrReader, Op};

use crate::dwarf;
use crate::ir::{Func, Inst, Pos, SiteId};
use crate::opt::Renaming;

/// A function before and after optimization.
pub(crate) struct Change<'a> {
    /// The plain translation, where it was kept.
    pub(crate) before: Option<&'a Func>,
    pub(crate) after: &'a Func,
    /// What became of the locals' indices; `None` where they are the same.
    pub(crate) renaming: Option<&'a Renaming>,
    /// The encoded body of the function as it is now.
    pub(crate) body: &'a [u8],
}

/// Describes the functions of a module, of which `imported` are imported, with what DWARF says
/// about them. Without DWARF, functions that had others inlined are described.
pub(crate) fn describe(
    changes: &[Change<'_>],
    imported: u32,
    info: Option<dwarf::Info>,
) -> SourceTables {
    let info = info.unwrap_or_default();
    let libraries = info.files.iter();
    let libraries = libraries.map(|path| dwarf::is_standard_library(path));
    let mut describer = Describer {
        imported,
        libraries: libraries.collect(),
        funcs: info.funcs,
        subprograms: info.subprograms,
        without_info: HashMap::new(),
    };
    let mut funcs = Vec::new();
    for (i, change) in changes.iter().enumerate() {
        if describer.funcs.contains_key(&i) || !change.after.sites.is_empty() {
            funcs.push(describer.func(i, change));
        }
    }
    if funcs.is_empty() {
        return SourceTables::default();
    }
    let mut source = Source {
        files: info.files,
        types: info.types,
        subprograms: describer.subprograms,
        funcs,
    };
    prune::prune(&mut source);
    SourceTables::encode(&source)
}

struct Describer {
    imported: u32,
    /// Of each file, whether it belongs to a standard library.
    libraries: Vec<bool>,
    /// What DWARF says, by index among the functions defined.
    funcs: BTreeMap<usize, dwarf::FuncInfo>,
    subprograms: Vec<Subprogram>,
    /// Functions of the module that DWARF says nothing about, and what stands for them.
    without_info: HashMap<u32, u32>,
}

impl Describer {
    fn func(&mut self, defined: usize, change: &Change<'_>) -> debug::Func {
        let index = self.imported + defined as u32;
        let offsets = offsets(change.body, index);
        let mut scopes = Scopes {
            index,
            sites: &change.after.sites,
            scopes: Vec::new(),
            known: HashMap::new(),
        };
        scopes.get(self, None, 0);
        let mut rows: Vec<debug::Row> = Vec::new();
        let instructions = change.after.insts.located();
        let instructions = instructions.filter(|(inst, _)| inst.opcode().is_some());
        let (insts, positions): (Vec<Inst>, Vec<Pos>) = instructions.unzip();
        debug_assert_eq!(positions.len(), offsets.len());
        for ((&inst, &pos), &offset) in insts.iter().zip(&positions).zip(&offsets) {
            if !rows.is_empty() && !may_stop(inst) && self.is_library(&scopes, pos) {
                continue;
            }
            let row = self.row(&mut scopes, pos, offset);
            match rows.last_mut() {
                Some(last) if (last.scope, last.location) == (row.scope, row.location) => {
                    last.is_stmt |= row.is_stmt;
                }
                _ => rows.push(row),
            }
        }
        if let Some(info) = self.funcs.get(&defined) {
            let mut code = variables::Code::new(change, &positions, &offsets);
            for (&(site, inner), &scope) in &scopes.known {
                if site.is_none() && inner < info.scopes.len() as u32 {
                    let places = &info.scopes[inner as usize].scope.places;
                    scopes.scopes[scope as usize].places = code.places(places);
                }
            }
        }
        debug::Func {
            index,
            scopes: scopes.scopes,
            rows,
        }
    }

    fn row(&mut self, scopes: &mut Scopes<'_>, pos: Pos, offset: u32) -> debug::Row {
        let source = self
            .info(scopes.func_of(pos.site))
            .and_then(|info| info.row_at(pos.at));
        debug::Row {
            offset,
            scope: scopes.at(self, pos),
            location: source.map(|row| row.location),
            is_stmt: source.is_some_and(|row| row.is_stmt),
        }
    }

    /// Whether an instruction comes from a standard library. What only backtraces are interested in is
    /// where it may stop.
    fn is_library(&self, scopes: &Scopes<'_>, pos: Pos) -> bool {
        let info = self.info(scopes.func_of(pos.site));
        let row = info.and_then(|info| info.row_at(pos.at));
        row.is_some_and(|row| self.libraries[row.location.file as usize])
    }

    /// What DWARF says about a function of the module.
    fn info(&self, func: u32) -> Option<&dwarf::FuncInfo> {
        self.funcs.get(&(func.checked_sub(self.imported)? as usize))
    }

    /// The function of the source that a function of the module is.
    fn subprogram(&mut self, func: u32) -> u32 {
        let described = self.info(func).and_then(|info| info.scopes.first());
        if let Some(root) = described {
            return root.scope.subprogram;
        }
        let subprograms = &mut self.subprograms;
        *self.without_info.entry(func).or_insert_with(|| {
            subprograms.push(Subprogram {
                name: SubprogramName::Func(func),
                variables: Vec::new(),
            });
            subprograms.len() as u32 - 1
        })
    }
}

/// The scopes of a function: those that DWARF has for it and for what was inlined here.
struct Scopes<'a> {
    index: u32,
    sites: &'a [crate::ir::Site],
    scopes: Vec<Scope>,
    /// By the call that was replaced here, and the scope that DWARF has for the callee.
    known: HashMap<(Option<SiteId>, u32), u32>,
}

impl Scopes<'_> {
    /// The function of the module whose body an instruction was in.
    fn func_of(&self, site: Option<SiteId>) -> u32 {
        site.map_or(self.index, |site| self.sites[site.0 as usize].callee)
    }

    /// The scope of an instruction.
    fn at(&mut self, describer: &mut Describer, pos: Pos) -> u32 {
        let info = describer.info(self.func_of(pos.site));
        let inner = info.map_or(0, |info| info.scope_at(pos.at));
        self.get(describer, pos.site, inner)
    }

    fn get(&mut self, describer: &mut Describer, site: Option<SiteId>, inner: u32) -> u32 {
        if let Some(&known) = self.known.get(&(site, inner)) {
            return known;
        }
        let func = self.func_of(site);
        let scope = match (inner, site) {
            (0, None) => Scope {
                subprogram: describer.subprogram(func),
                ..Scope::default()
            },
            (0, Some(id)) => {
                let call = self.sites[id.0 as usize].call;
                Scope {
                    subprogram: describer.subprogram(func),
                    caller: self.at(describer, call),
                    call: self.location(describer, call),
                    places: Vec::new(),
                }
            }
            _ => {
                let info = describer.info(func).expect("it has more than one scope");
                let Scope {
                    subprogram,
                    caller,
                    call,
                    ..
                } = info.scopes[inner as usize].scope;
                Scope {
                    subprogram,
                    caller: self.get(describer, site, caller),
                    call,
                    places: Vec::new(),
                }
            }
        };
        let index = self.scopes.len() as u32;
        self.scopes.push(scope);
        self.known.insert((site, inner), index);
        index
    }

    fn location(&self, describer: &Describer, pos: Pos) -> Option<Location> {
        let info = describer.info(self.func_of(pos.site))?;
        info.row_at(pos.at).map(|row| row.location)
    }
}

/// Whether a backtrace can begin at an instruction: it calls, may trap, or is where a program is
/// interrupted.
fn may_stop(inst: Inst) -> bool {
    let goes_on = matches!(
        inst.opcode(),
        Some(
            Op::Jmp
                | Op::Jz
                | Op::Jnz
                | Op::BrTable
                | Op::Ret
                | Op::LocalSet
                | Op::LocalTee
                | Op::GlobalSet
                | Op::Pop
                | Op::Nip
                | Op::Slide
                | Op::Cold
        )
    );
    !goes_on && !inst.is_pure()
}

/// The offset of each instruction of a body.
fn offsets(body: &[u8], func: u32) -> Vec<u32> {
    const READABLE: &str = "a body that was encoded can be read";
    let mut reader = InstrReader::new(body, func);
    reader.read_locals().expect(READABLE);
    let mut offsets = Vec::new();
    while !reader.at_end() {
        offsets.push(reader.offset() as u32);
        reader.next_instr().expect(READABLE);
    }
    offsets
}
