//! Writing debug information.

use std::collections::{BTreeMap, HashMap};

use super::func::{FUNC_FIELDS, NOWHERE, PIECES, ROW_FIELDS, ROW_IS_STMT, ROW_LOCATION, ROW_SCOPE};
use super::read::{SUBPROGRAM_FIELDS, SourceTables};
use super::table::TableBuilder;
use super::{
    Base, Func, Location, Member, Place, Scope, Source, Spot, Subprogram, SubprogramName, Type,
    TypeKind,
};
use crate::leb128::{write_signed, write_unsigned};
use crate::module::Bytes;

impl SourceTables {
    /// Makes tables of what is known.
    ///
    /// # Panics
    /// Where functions, rows or places of one variable are not in ascending order, or a string has a
    /// zero in it.
    pub fn encode(source: &Source) -> SourceTables {
        assert!(source.funcs.is_sorted_by(|a, b| a.index < b.index));
        let strings = Strings::collect(source);
        let locations = Locations::collect(source);
        let mut out = Vec::new();
        strings.table().finish(&mut out);
        let file = |[path]: &mut [_; 1], file: &String| strings.write(path, file);
        table(&source.files, file).finish(&mut out);
        table(&source.types, |[ty]: &mut [_; 1], it| strings.ty(ty, it)).finish(&mut out);
        let mut index = 0;
        let subprogram = |columns: &mut [_; SUBPROGRAM_FIELDS], it: &Subprogram| {
            let [head, lines, positions] = columns;
            strings.subprogram(head, it);
            locations.write(index, lines, positions);
            index += 1;
        };
        table(&source.subprograms, subprogram).finish(&mut out);
        let func = |columns: &mut [_; FUNC_FIELDS], it: &Func| {
            let [head, scopes, callers, calls, rows @ .., ranges, spots] = columns;
            write_unsigned(head, u64::from(it.index));
            write_scopes([scopes, callers, calls], it, &locations);
            write_rows(rows, it, &locations);
            for scope in &it.scopes {
                write_places(ranges, spots, scope);
            }
        };
        table(&source.funcs, func).finish(&mut out);
        let bytes = Bytes::new(out);
        SourceTables::read(&bytes, 0..bytes.as_slice().len())
            .expect("tables that were written can be read")
    }
}

fn table<T, const N: usize>(
    items: &[T],
    mut write: impl FnMut(&mut [Vec<u8>; N], &T),
) -> TableBuilder<N> {
    let mut table = TableBuilder::new();
    for item in items {
        table.add(|columns| write(columns, item));
    }
    table
}

/// Writes an index that may be missing.
fn optional(out: &mut Vec<u8>, index: Option<u32>) {
    write_unsigned(out, index.map_or(0, |index| u64::from(index) + 1));
}

/// All strings, in alphabetical order, so that neighbours begin alike.
struct Strings<'s> {
    sorted: Vec<&'s str>,
    index: HashMap<&'s str, u32>,
}

impl<'s> Strings<'s> {
    fn collect(source: &'s Source) -> Strings<'s> {
        let mut sorted: Vec<&str> = source.files.iter().map(String::as_str).collect();
        for ty in &source.types {
            sorted.push(&ty.name);
            match &ty.kind {
                TypeKind::Struct { members, variants } => {
                    sorted.extend(members.iter().map(|member| member.name.as_str()));
                    if let Some(variants) = variants {
                        sorted.extend(variants.tag.iter().map(|tag| tag.name.as_str()));
                        sorted.extend(variants.cases.iter().map(|(_, case)| case.name.as_str()));
                    }
                }
                TypeKind::Union(members) => {
                    sorted.extend(members.iter().map(|member| member.name.as_str()));
                }
                TypeKind::Enum(values) => {
                    sorted.extend(values.iter().map(|(name, _)| name.as_str()));
                }
                _ => {}
            }
        }
        for subprogram in &source.subprograms {
            if let SubprogramName::Text(name) = &subprogram.name {
                sorted.push(name);
            }
            let names = subprogram.variables.iter();
            sorted.extend(names.map(|variable| variable.name.as_str()));
        }
        assert!(!sorted.iter().any(|text| text.contains('\0')));
        sorted.sort_unstable();
        sorted.dedup();
        let index = (0..).zip(&sorted).map(|(i, &text)| (text, i)).collect();
        Strings { sorted, index }
    }

    /// Each string up to a zero.
    fn table(&self) -> TableBuilder<1> {
        table(&self.sorted, |[texts], text| {
            texts.extend_from_slice(text.as_bytes());
            texts.push(0);
        })
    }

    fn write(&self, out: &mut Vec<u8>, text: &str) {
        write_unsigned(out, u64::from(self.index[text]));
    }

    fn ty(&self, out: &mut Vec<u8>, ty: &Type) {
        self.write(out, &ty.name);
        write_unsigned(out, ty.bytes);
        match &ty.kind {
            TypeKind::Opaque => out.push(0),
            TypeKind::Scalar(scalar) => out.extend([1, *scalar as u8]),
            TypeKind::Pointer(to) => {
                out.push(2);
                optional(out, *to);
            }
            TypeKind::Alias(of) => {
                out.push(3);
                optional(out, *of);
            }
            TypeKind::Struct { members, variants } => {
                out.push(if variants.is_some() { 5 } else { 4 });
                self.members(out, members);
                if let Some(variants) = variants {
                    let tag: Vec<Member> = variants.tag.iter().cloned().collect();
                    self.members(out, &tag);
                    write_unsigned(out, variants.cases.len() as u64);
                    for (value, case) in &variants.cases {
                        out.push(u8::from(value.is_some()));
                        if let Some(value) = value {
                            write_signed(out, *value);
                        }
                        self.member(out, case);
                    }
                }
            }
            TypeKind::Union(members) => {
                out.push(6);
                self.members(out, members);
            }
            TypeKind::Array(item, count) => {
                out.push(if count.is_some() { 8 } else { 7 });
                optional(out, *item);
                if let Some(count) = count {
                    write_unsigned(out, *count);
                }
            }
            TypeKind::Enum(values) => {
                out.push(9);
                write_unsigned(out, values.len() as u64);
                for (name, value) in values {
                    self.write(out, name);
                    write_signed(out, *value);
                }
            }
        }
    }

    fn members(&self, out: &mut Vec<u8>, members: &[Member]) {
        write_unsigned(out, members.len() as u64);
        for member in members {
            self.member(out, member);
        }
    }

    fn member(&self, out: &mut Vec<u8>, member: &Member) {
        self.write(out, &member.name);
        optional(out, member.ty);
        write_unsigned(out, member.offset);
    }

    fn subprogram(&self, out: &mut Vec<u8>, subprogram: &Subprogram) {
        match &subprogram.name {
            SubprogramName::Text(name) => {
                out.push(0);
                self.write(out, name);
            }
            SubprogramName::Func(func) => {
                out.push(1);
                write_unsigned(out, u64::from(*func));
            }
        }
        write_unsigned(out, subprogram.variables.len() as u64);
        for variable in &subprogram.variables {
            self.write(out, &variable.name);
            // The low bit says whether it is a parameter.
            let ty = variable.ty.map_or(0, |ty| u64::from(ty) + 1);
            write_unsigned(out, ty << 1 | u64::from(variable.is_param));
        }
    }
}

/// The locations that each subprogram's instructions and calls have, in ascending order. Wherever it
/// is inlined, they are the same.
struct Locations {
    index: Vec<BTreeMap<Location, u32>>,
}

impl Locations {
    fn collect(source: &Source) -> Locations {
        let mut index = vec![BTreeMap::new(); source.subprograms.len()];
        for func in &source.funcs {
            let subprogram = |scope: u32| func.scopes[scope as usize].subprogram as usize;
            let rows = func.rows.iter().map(|row| (row.scope, row.location));
            let calls = func.scopes.iter().map(|scope| (scope.caller, scope.call));
            for (scope, location) in rows.chain(calls) {
                if let Some(location) = location {
                    index[subprogram(scope)].insert(location, 0);
                }
            }
        }
        for locations in &mut index {
            (0..)
                .zip(locations.values_mut())
                .for_each(|(i, index)| *index = i);
        }
        Locations { index }
    }

    /// The number of a location, from 1; 0 for none.
    fn number(&self, func: &Func, scope: u32, location: Option<Location>) -> u64 {
        let subprogram = func.scopes[scope as usize].subprogram as usize;
        location.map_or(0, |location| {
            u64::from(self.index[subprogram][&location]) + 1
        })
    }

    fn write(&self, subprogram: usize, lines: &mut Vec<u8>, columns: &mut Vec<u8>) {
        let (mut file, mut line) = (0, 0);
        write_unsigned(lines, self.index[subprogram].len() as u64);
        for at in self.index[subprogram].keys() {
            if at.file == file {
                write_unsigned(lines, u64::from(at.line - line) << 1);
            } else {
                write_unsigned(lines, u64::from(at.line) << 1 | 1);
                write_unsigned(lines, u64::from(at.file - file));
            }
            write_unsigned(columns, u64::from(at.column));
            (file, line) = (at.file, at.line);
        }
    }
}

fn write_scopes([scopes, callers, calls]: [&mut Vec<u8>; 3], func: &Func, locations: &Locations) {
    write_unsigned(scopes, func.scopes.len() as u64);
    for (i, scope) in (0..).zip(&func.scopes) {
        if i == 0 {
            write_signed(scopes, i64::from(scope.subprogram));
            continue;
        }
        // Callers are near, as a rule, and callees described near their callers.
        let caller = func.scopes[scope.caller as usize].subprogram;
        write_signed(scopes, i64::from(scope.subprogram) - i64::from(caller));
        write_unsigned(callers, i - 1 - u64::from(scope.caller));
        write_unsigned(calls, locations.number(func, scope.caller, scope.call));
    }
}

/// What changes from row to row. Most rows come from the location behind the last one of the same
/// scope.
fn write_rows(
    [advances, kinds, scopes, steps]: &mut [Vec<u8>; ROW_FIELDS],
    func: &Func,
    locations: &Locations,
) {
    let mut last: Vec<u64> = vec![0; func.scopes.len()];
    let (mut offset, mut scope) = (0, 0);
    write_unsigned(advances, func.rows.len() as u64);
    for row in &func.rows {
        write_unsigned(advances, u64::from(row.offset - offset));
        let last = &mut last[row.scope as usize];
        let location = locations.number(func, row.scope, row.location);
        let is_next = location == *last + 1;
        let bits = [
            (row.is_stmt, ROW_IS_STMT),
            (row.scope != scope, ROW_SCOPE),
            (!is_next, ROW_LOCATION),
        ];
        let set = bits.into_iter().filter(|&(is_set, _)| is_set);
        kinds.push(set.fold(0, |kind, (_, bit)| kind | bit));
        if row.scope != scope {
            write_signed(scopes, i64::from(row.scope) - i64::from(scope));
        }
        if !is_next {
            write_signed(steps, location as i64 - *last as i64);
        }
        *last = location;
        (offset, scope) = (row.offset, row.scope);
    }
}

fn write_places(ranges: &mut Vec<u8>, spots: &mut Vec<u8>, scope: &Scope) {
    write_unsigned(ranges, scope.places.len() as u64);
    for places in &scope.places {
        write_unsigned(ranges, places.len() as u64);
        let mut end = 0;
        for (range, place) in places {
            write_unsigned(ranges, u64::from(range.start - end));
            write_unsigned(ranges, u64::from(range.end - range.start));
            end = range.end;
            match place {
                Place::Whole(at) => spot(spots, Some(*at)),
                Place::Pieces(pieces) => {
                    spots.push(PIECES);
                    write_unsigned(spots, pieces.len() as u64);
                    for &(bytes, at) in pieces {
                        write_unsigned(spots, u64::from(bytes));
                        spot(spots, at);
                    }
                }
            }
        }
    }
}

/// A byte says what follows: bits 0 and 1 the base, bit 2 whether it is in memory, bit 3 whether
/// there is something to add.
fn spot(out: &mut Vec<u8>, spot: Option<Spot>) {
    let (base, offset, memory) = match spot {
        None => return out.push(NOWHERE),
        Some(Spot::Value(base, offset)) => (base, offset, 0),
        Some(Spot::Memory(base, offset)) => (base, offset, 4),
    };
    let (base, index) = match base {
        Base::Zero => (0, None),
        Base::Local(index) => (1, Some(index)),
        Base::Global(index) => (2, Some(index)),
        Base::Stack(index) => (3, Some(index)),
    };
    out.push(base | memory | if offset != 0 { 8 } else { 0 });
    if let Some(index) = index {
        write_unsigned(out, u64::from(index));
    }
    if offset != 0 {
        write_signed(out, offset);
    }
}
