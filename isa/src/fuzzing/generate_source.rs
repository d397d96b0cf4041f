//! Debug information made of random choices.

use super::generate::Choices;
use crate::debug::{
    Base, Func, Location, Member, Place, Row, Scalar, Scope, Source, Spot, Subprogram,
    SubprogramName, Type, TypeKind, Variable, Variants,
};

/// Debug information that can be written.
pub(super) fn source(choices: &mut Choices<'_>) -> Source {
    let files = choices.below(40);
    let types = choices.below(40);
    let subprograms = 1 + choices.below(40);
    Source {
        files: (0..files).map(|_| choices.name()).collect(),
        types: (0..types).map(|_| ty(choices, types)).collect(),
        subprograms: (0..subprograms)
            .map(|_| subprogram(choices, types))
            .collect(),
        funcs: funcs(choices, subprograms, files),
    }
}

fn index(choices: &mut Choices<'_>, count: usize) -> Option<u32> {
    (count > 0 && choices.flag()).then(|| choices.below(count) as u32)
}

fn ty(choices: &mut Choices<'_>, types: usize) -> Type {
    let kind = match choices.below(8) {
        0 => TypeKind::Opaque,
        1 => TypeKind::Scalar(choices.pick(&Scalar::ALL)),
        2 => TypeKind::Pointer(index(choices, types)),
        3 => TypeKind::Alias(index(choices, types)),
        4 => TypeKind::Struct {
            members: members(choices, types),
            variants: choices.flag().then(|| Variants {
                tag: choices.flag().then(|| member(choices, types)),
                cases: (0..choices.below(4))
                    .map(|_| {
                        let value = choices.flag().then(|| choices.number().cast_signed());
                        (value, member(choices, types))
                    })
                    .collect(),
            }),
        },
        5 => TypeKind::Union(members(choices, types)),
        6 => {
            let item = index(choices, types);
            TypeKind::Array(item, choices.flag().then(|| choices.number()))
        }
        _ => TypeKind::Enum(
            (0..choices.below(4))
                .map(|_| (choices.name(), choices.number().cast_signed()))
                .collect(),
        ),
    };
    Type {
        name: choices.name(),
        bytes: choices.number(),
        kind,
    }
}

fn members(choices: &mut Choices<'_>, types: usize) -> Vec<Member> {
    (0..choices.below(4))
        .map(|_| member(choices, types))
        .collect()
}

fn member(choices: &mut Choices<'_>, types: usize) -> Member {
    Member {
        name: choices.name(),
        ty: index(choices, types),
        offset: choices.number(),
    }
}

fn subprogram(choices: &mut Choices<'_>, types: usize) -> Subprogram {
    let name = match choices.flag() {
        true => SubprogramName::Func(choices.number() as u32),
        false => SubprogramName::Text(choices.name()),
    };
    let variables = (0..choices.below(4)).map(|_| Variable {
        name: choices.name(),
        ty: index(choices, types),
        is_param: choices.flag(),
    });
    let variables = variables.collect();
    Subprogram { name, variables }
}

fn location(choices: &mut Choices<'_>, files: usize) -> Option<Location> {
    Some(Location {
        file: index(choices, files)?,
        line: choices.number() as u32,
        column: choices.number() as u32,
    })
}

fn funcs(choices: &mut Choices<'_>, subprograms: usize, files: usize) -> Vec<Func> {
    let mut next = 0;
    let funcs = (0..choices.below(80)).map(|_| {
        let index = next + choices.below(3) as u32;
        next = index + 1;
        let scopes: Vec<Scope> = (0..=choices.below(4) as u32)
            .map(|i| scope(choices, i, subprograms, files))
            .collect();
        let mut offset = 0;
        let rows = (0..choices.below(8)).map(|_| {
            offset += choices.below(300) as u32;
            Row {
                offset,
                scope: choices.below(scopes.len()) as u32,
                location: location(choices, files),
                is_stmt: choices.flag(),
            }
        });
        let rows = rows.collect();
        Func {
            index,
            scopes,
            rows,
        }
    });
    funcs.collect()
}

fn scope(choices: &mut Choices<'_>, index: u32, subprograms: usize, files: usize) -> Scope {
    let is_inlined = index > 0;
    let places = (0..choices.below(3)).map(|_| {
        let mut end = 0;
        let ranges = (0..choices.below(3)).map(|_| {
            let start = end + choices.below(300) as u32;
            end = start + choices.below(300) as u32;
            (start..end, place(choices))
        });
        ranges.collect()
    });
    Scope {
        places: places.collect(),
        subprogram: choices.below(subprograms) as u32,
        caller: match is_inlined {
            true => choices.below(index as usize) as u32,
            false => 0,
        },
        call: location(choices, files).filter(|_| is_inlined),
    }
}

fn place(choices: &mut Choices<'_>) -> Place {
    if choices.flag() {
        return Place::Whole(spot(choices));
    }
    let pieces = (0..choices.below(3)).map(|_| {
        let bytes = choices.number() as u32;
        (bytes, choices.flag().then(|| spot(choices)))
    });
    Place::Pieces(pieces.collect())
}

fn spot(choices: &mut Choices<'_>) -> Spot {
    let index = choices.number() as u32;
    let bases = [
        Base::Zero,
        Base::Local(index),
        Base::Global(index),
        Base::Stack(index),
    ];
    let base = choices.pick(&bases);
    let offset = choices.number().cast_signed();
    match choices.flag() {
        true => Spot::Value(base, offset),
        false => Spot::Memory(base, offset),
    }
}
