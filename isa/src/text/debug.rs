//! Debug information of assembler text: its own lines, and its locals.

use crate::debug::{
    Base, Func, Location, MAX_STRING_BYTES, Place, Row, Scalar, Scope, Source, SourceTables, Spot,
    Subprogram, SubprogramName, Type, TypeKind, Variable,
};
use crate::instr::InstrReader;
use crate::module::{Module, Names};
use crate::types::ValType;

/// Describes the functions of `module`, whose instructions begin at these bytes of `text`.
pub(super) fn describe(
    text: &str,
    path: &str,
    module: &Module,
    names: &Names,
    instructions: &[Vec<u32>],
) -> SourceTables {
    let mut source = Source {
        files: vec![storable(path)],
        ..Source::default()
    };
    let mut types = Types::default();
    let mut lines = Lines {
        text,
        passed: 0,
        line: 1,
        start: 0,
    };
    let imported = module.imported_funcs().count() as u32;
    for (defined, starts) in (0..).zip(instructions) {
        let index = imported + defined;
        let body = module.body(defined);
        let mut reader = InstrReader::new(body, index);
        let groups = reader.read_locals().expect(READABLE);
        let mut rows = Vec::with_capacity(starts.len());
        for &start in starts {
            let offset = reader.offset() as u32;
            reader.next_instr().expect(READABLE);
            rows.push(Row {
                offset,
                scope: 0,
                location: Some(lines.location(start)),
                is_stmt: true,
            });
        }
        let params = module
            .types
            .get(module.bodies[defined as usize].ty as usize);
        let params = params.map_or(&[][..], |ty| &ty.params);
        let (variables, places) = variables(index, params, &groups, names, body.len(), &mut types);
        source.funcs.push(Func {
            index,
            scopes: vec![Scope {
                subprogram: defined,
                places,
                ..Scope::default()
            }],
            rows,
        });
        source.subprograms.push(Subprogram {
            name: SubprogramName::Func(index),
            variables,
        });
    }
    if source.funcs.is_empty() {
        return SourceTables::default();
    }
    source.types = types.0.into_iter().map(|(_, ty)| ty).collect();
    SourceTables::encode(&source)
}

const READABLE: &str = "a body that was assembled can be read";

/// The text of a path or name as tables can have it.
fn storable(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_STRING_BYTES);
    text[..end].replace('\0', "")
}

type Places = Vec<(std::ops::Range<u32>, Place)>;

/// The named locals of a function, all of which are where they are everywhere.
fn variables(
    func: u32,
    params: &[ValType],
    groups: &[(u32, ValType)],
    names: &Names,
    body: usize,
    types: &mut Types,
) -> (Vec<Variable>, Vec<Places>) {
    let Ok(at) = names
        .locals
        .binary_search_by_key(&func, |&(index, _)| index)
    else {
        return (Vec::new(), Vec::new());
    };
    let local_type = |local: u32| {
        let Some(mut rest) = local.checked_sub(params.len() as u32) else {
            return Some(params[local as usize]);
        };
        for &(count, ty) in groups {
            match rest.checked_sub(count) {
                Some(left) => rest = left,
                None => return Some(ty),
            }
        }
        None
    };
    let described = names.locals[at].1.iter().filter_map(|(local, name)| {
        let ty = local_type(*local)?;
        let variable = Variable {
            name: storable(name),
            ty: Some(types.index(ty)),
            is_param: (*local as usize) < params.len(),
        };
        let place = Place::Whole(Spot::Value(Base::Local(*local), 0));
        Some((variable, vec![(0..body as u32, place)]))
    });
    described.unzip()
}

/// Value types as types of variables.
#[derive(Default)]
struct Types(Vec<(ValType, Type)>);

impl Types {
    fn index(&mut self, ty: ValType) -> u32 {
        let known = self.0.iter().position(|&(known, _)| known == ty);
        let index = known.unwrap_or_else(|| {
            let kind = match ty {
                ValType::I32 | ValType::I64 | ValType::I128 | ValType::I256 | ValType::I512 => {
                    TypeKind::Scalar(Scalar::Signed)
                }
                ValType::F32 | ValType::F64 => TypeKind::Scalar(Scalar::Float),
                _ => TypeKind::Opaque,
            };
            let bytes = match ty {
                ValType::I32 | ValType::F32 => 4,
                ty => 8 * u64::from(ty.slots()),
            };
            let name = ty.name().to_owned();
            self.0.push((ty, Type { name, bytes, kind }));
            self.0.len() - 1
        });
        index as u32
    }
}

/// Counts the lines of a text that is asked about from its start to its end.
struct Lines<'t> {
    text: &'t str,
    passed: usize,
    line: u32,
    /// Where the line begins.
    start: usize,
}

impl Lines<'_> {
    fn location(&mut self, at: u32) -> Location {
        let at = at as usize;
        for (i, byte) in self.text.bytes().enumerate().take(at).skip(self.passed) {
            if byte == b'\n' {
                self.line += 1;
                self.start = i + 1;
            }
        }
        self.passed = at;
        Location {
            file: 0,
            line: self.line,
            column: (at - self.start) as u32 + 1,
        }
    }
}
