//! The name section. It is there for people: one with mistakes is ignored, as the specification
//! says of custom sections.

use std::collections::BTreeMap;

use dotvm_isa::Names;
use wasmparser::{Name, NameMap, NameSectionReader};

/// Names of a module with `funcs` functions; those of anything else are left out.
pub(super) fn names(section: NameSectionReader<'_>, funcs: u32) -> Option<Names> {
    let mut names = Names::default();
    for subsection in section {
        match subsection.ok()? {
            Name::Module { name, .. } => {
                names.module = Some(name.to_owned()).filter(|name| !name.is_empty());
            }
            Name::Function(map) => names.funcs = collect(map, funcs)?,
            Name::Local(map) => {
                let mut all = BTreeMap::new();
                for entry in map {
                    let entry = entry.ok()?;
                    if entry.index < funcs {
                        all.insert(entry.index, collect(entry.names, u32::MAX)?);
                    }
                }
                names.locals = all.into_iter().collect();
            }
            _ => {}
        }
    }
    Some(names)
}

/// Indices below `count` and their names, by ascending index.
fn collect(map: NameMap<'_>, count: u32) -> Option<Vec<(u32, String)>> {
    let mut names = BTreeMap::new();
    for naming in map {
        let naming = naming.ok()?;
        if naming.index < count {
            names.insert(naming.index, naming.name.to_owned());
        }
    }
    Some(names.into_iter().collect())
}
