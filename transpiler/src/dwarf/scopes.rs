//! Functions, the functions inlined into them, and their variables.

use std::ops::Range;
use std::rc::Rc;

use dotvm_isa::debug::{Location, Place, Scope, Spot, Subprogram, SubprogramName, Variable};
use gimli::AttributeValue;

use super::entry::{Entry, EntryId, number};
use super::subprograms::Abstract;
use super::{FuncInfo, Inlined, Reader};

/// The most functions inlined into each other: nobody nests deeper.
const MAX_DEPTH: usize = 1000;

/// A function that is in the module.
pub(super) struct Found {
    pub(super) unit: usize,
    entry: gimli::UnitOffset,
    /// Its index among the functions defined.
    func: usize,
    /// Whether it is called `main`.
    pub(super) is_main: bool,
}

/// A scope in the making.
struct Building {
    ranges: Vec<Range<u32>>,
    caller: u32,
    call: Option<Location>,
    name: SubprogramName,
    /// Whether its variables are kept.
    has_variables: bool,
    /// The function as it is apart from where it is inlined.
    origin: Option<Rc<Abstract>>,
    /// Variables that the origin does not have.
    more: Vec<Variable>,
    places: Vec<Vec<(Range<u32>, Place)>>,
}

/// What is open where the walk is.
struct Open {
    depth: isize,
    /// The scope; `None` in what is passed over.
    scope: Option<usize>,
    /// Where the code of the innermost block is.
    ranges: Vec<Range<u32>>,
}

impl<'a> Reader<'_, 'a> {
    /// Finds the entries of a unit that are about functions of the module. A function that is also inlined
    /// is called by its index there.
    pub(super) fn find_functions(
        &mut self,
        unit: usize,
        found: &mut Vec<Found>,
    ) -> Result<(), gimli::Error> {
        let mut entries = self.units[unit].unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            if entry.tag() != gimli::DW_TAG_subprogram {
                continue;
            }
            let Some(low) = entry.attr_value(gimli::DW_AT_low_pc) else {
                continue;
            };
            let address = self.dwarf.attr_address(&self.units[unit].unit, low)?;
            let Some(func) = address.and_then(|address| self.code.func_at(address)) else {
                continue;
            };
            if let Some(origin) = self.reference(unit, entry, gimli::DW_AT_abstract_origin) {
                self.subprograms.compiled.entry(origin).or_insert(func);
            }
            found.push(Found {
                unit,
                entry: entry.offset(),
                func,
                is_main: self.name(unit, entry) == "main",
            });
        }
        Ok(())
    }

    /// Reads a function that is in the module.
    pub(super) fn function(&mut self, found: &Found) -> Result<(), gimli::Error> {
        let &Found {
            unit, entry, func, ..
        } = found;
        if self
            .funcs
            .get(&func)
            .is_some_and(|info| !info.scopes.is_empty())
        {
            return Ok(());
        }
        let mut scopes: Vec<Building> = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut frame_base = None;
        let mut symbol = None;
        for entry in &self.walk(unit, entry)? {
            open.retain(|open| open.depth < entry.depth());
            let parent = open.last();
            let (scope, ranges) = match parent {
                Some(open) => (open.scope, open.ranges.clone()),
                None => (None, Vec::new()),
            };
            let scope = match (entry.tag(), scope) {
                (gimli::DW_TAG_subprogram, _) if parent.is_none() => {
                    frame_base = self.frame_base(unit, entry)?;
                    symbol = self.symbol(unit, entry)?;
                    let building = self.root(unit, func, entry)?;
                    scopes.push(building);
                    Some(0)
                }
                (gimli::DW_TAG_inlined_subroutine, Some(caller)) if open.len() < MAX_DEPTH => {
                    let building = self.inlined(unit, func, entry, caller)?;
                    scopes.push(building);
                    Some(scopes.len() - 1)
                }
                (gimli::DW_TAG_lexical_block, scope) => scope,
                (gimli::DW_TAG_variable | gimli::DW_TAG_formal_parameter, Some(scope))
                    if scopes[scope].has_variables =>
                {
                    let places = self.places(unit, func, entry, &ranges, frame_base)?;
                    self.variable(unit, entry, &mut scopes[scope], places)?;
                    None
                }
                _ => None,
            };
            let own = match scope {
                Some(_) => self.ranges(unit, func, entry)?,
                None => Vec::new(),
            };
            open.push(Open {
                depth: entry.depth(),
                scope,
                ranges: if own.is_empty() { ranges } else { own },
            });
        }
        let scopes = scopes
            .into_iter()
            .map(|scope| self.finish_scope(scope))
            .collect();
        let info: &mut FuncInfo = self.funcs.entry(func).or_default();
        info.scopes = scopes;
        info.symbol = symbol;
        Ok(())
    }

    /// All entries of a function, in the order of the tree.
    pub(super) fn walk(
        &self,
        unit: usize,
        root: gimli::UnitOffset,
    ) -> Result<Vec<Entry<'a>>, gimli::Error> {
        let mut cursor = self.units[unit].unit.entries_at_offset(root)?;
        let mut entries = Vec::new();
        let mut top = None;
        while let Some(entry) = cursor.next_dfs()? {
            if entry.depth() <= *top.get_or_insert(entry.depth()) && !entries.is_empty() {
                break;
            }
            entries.push(entry.clone());
        }
        Ok(entries)
    }

    /// Where the code of an entry is.
    fn ranges(
        &self,
        unit: usize,
        func: usize,
        entry: &Entry<'a>,
    ) -> Result<Vec<Range<u32>>, gimli::Error> {
        let mut ranges = Vec::new();
        let mut all = self.dwarf.die_ranges(&self.units[unit].unit, entry)?;
        while let Some(range) = all.next()? {
            ranges.extend(self.code.clip(func, range));
        }
        ranges.sort_by_key(|range| range.start);
        Ok(ranges)
    }

    fn frame_base(&self, unit: usize, entry: &Entry<'a>) -> Result<Option<Spot>, gimli::Error> {
        let Some(AttributeValue::Exprloc(expression)) = entry.attr_value(gimli::DW_AT_frame_base)
        else {
            return Ok(None);
        };
        let encoding = self.units[unit].unit.encoding();
        Ok(match super::places::place(expression, encoding, None)? {
            Some(Place::Whole(spot)) => Some(spot),
            _ => None,
        })
    }

    /// The scope of a function itself.
    fn root(
        &mut self,
        unit: usize,
        func: usize,
        entry: &Entry<'a>,
    ) -> Result<Building, gimli::Error> {
        let origin = match self.reference(unit, entry, gimli::DW_AT_abstract_origin) {
            Some(origin) => Some(self.abstract_subprogram(origin)?),
            None => None,
        };
        Ok(Building {
            ranges: vec![self.code.ranges[func].clone()],
            caller: 0,
            call: None,
            name: SubprogramName::Func(self.code.index(func)),
            has_variables: self.has_variables(unit, entry)?,
            origin,
            more: Vec::new(),
            places: Vec::new(),
        })
    }

    fn inlined(
        &mut self,
        unit: usize,
        func: usize,
        entry: &Entry<'a>,
        caller: usize,
    ) -> Result<Building, gimli::Error> {
        let origin = match self.reference(unit, entry, gimli::DW_AT_abstract_origin) {
            Some(origin) => Some(self.abstract_subprogram(origin)?),
            None => None,
        };
        let name = match &origin {
            Some(origin) => origin.name.clone(),
            None => SubprogramName::Text(String::new()),
        };
        Ok(Building {
            ranges: self.ranges(unit, func, entry)?,
            caller: caller as u32,
            call: self.call(unit, entry),
            name,
            has_variables: self.has_variables(unit, entry)?,
            origin,
            more: Vec::new(),
            places: Vec::new(),
        })
    }

    /// Where an inlined function is called.
    fn call(&self, unit: usize, entry: &Entry<'a>) -> Option<Location> {
        let file = match entry.attr_value(gimli::DW_AT_call_file)? {
            AttributeValue::FileIndex(index) => index,
            value => value.udata_value()?,
        };
        let file = *self.units[unit].files.get(file as usize)?;
        let number = |name| number(entry, name).and_then(|value| u32::try_from(value).ok());
        Some(Location {
            file: file?,
            line: number(gimli::DW_AT_call_line).unwrap_or(0),
            column: number(gimli::DW_AT_call_column).unwrap_or(0),
        })
    }

    /// Adds a variable to its scope.
    fn variable(
        &mut self,
        unit: usize,
        entry: &Entry<'a>,
        scope: &mut Building,
        places: Vec<(Range<u32>, Place)>,
    ) -> Result<(), gimli::Error> {
        let origin: Option<EntryId> = self.reference(unit, entry, gimli::DW_AT_abstract_origin);
        let known = scope
            .origin
            .as_ref()
            .map_or(0, |origin| origin.variables.len());
        let of_origin = scope
            .origin
            .as_ref()
            .zip(origin)
            .and_then(|(scope, variable)| {
                scope.variables.iter().position(|&(id, _)| id == variable)
            });
        let index = match of_origin {
            Some(index) => index,
            None => {
                let (unit, entry) = match origin {
                    Some(origin) => self.entry(origin)?,
                    None => (unit, entry.clone()),
                };
                let variable = self.describe_variable(unit, &entry)?;
                scope.more.push(variable);
                known + scope.more.len() - 1
            }
        };
        if scope.places.len() <= index {
            scope.places.resize(index + 1, Vec::new());
        }
        scope.places[index].extend(places);
        Ok(())
    }

    fn finish_scope(&mut self, building: Building) -> Inlined {
        let Building {
            ranges,
            caller,
            call,
            name,
            origin,
            more,
            mut places,
            ..
        } = building;
        while places.last().is_some_and(Vec::is_empty) {
            places.pop();
        }
        let of_origin = origin.iter().flat_map(|origin| &origin.variables);
        let of_origin = of_origin.map(|(_, variable)| variable.clone());
        let subprogram = Subprogram {
            name,
            variables: of_origin.chain(more).collect(),
        };
        Inlined {
            ranges,
            scope: Scope {
                subprogram: self.subprograms.intern(subprogram),
                caller,
                call,
                places,
            },
        }
    }
}
