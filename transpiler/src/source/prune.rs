//! Leaves out what nothing refers to any more.

use dotvm_isa::debug::{Source, TypeKind};

/// New indices of what is kept.
struct Kept(Vec<Option<u32>>);

impl Kept {
    fn none(count: usize) -> Kept {
        Kept(vec![None; count])
    }

    /// Keeps one; returns whether it was not kept before.
    fn keep(&mut self, index: u32) -> bool {
        // Any number says that it is kept; `apply` has the right ones.
        self.0[index as usize].replace(0).is_none()
    }

    /// Leaves out the others.
    fn apply<T>(&mut self, items: &mut Vec<T>) {
        let kept = self.0.iter_mut().flatten();
        (0..).zip(kept).for_each(|(new, index)| *index = new);
        let mut kept = self.0.iter();
        items.retain(|_| kept.next().is_some_and(Option::is_some));
    }

    fn rename(&self, index: &mut u32) {
        *index = self.0[*index as usize].expect("what is referred to is kept");
    }
}

/// Leaves out files, functions of the source and types that the functions of the module do not need.
pub(super) fn prune(source: &mut Source) {
    prune_files(source);
    prune_subprograms(source);
    prune_types(source);
}

fn prune_files(source: &mut Source) {
    let mut kept = Kept::none(source.files.len());
    let mut each = |rename: &mut dyn FnMut(&mut u32)| {
        for func in &mut source.funcs {
            let rows = func.rows.iter_mut().filter_map(|row| row.location.as_mut());
            let calls = func
                .scopes
                .iter_mut()
                .filter_map(|scope| scope.call.as_mut());
            rows.chain(calls).for_each(|at| rename(&mut at.file));
        }
    };
    each(&mut |file| {
        kept.keep(*file);
    });
    kept.apply(&mut source.files);
    each(&mut |file| kept.rename(file));
}

fn prune_subprograms(source: &mut Source) {
    let mut kept = Kept::none(source.subprograms.len());
    for scope in source.funcs.iter().flat_map(|func| &func.scopes) {
        kept.keep(scope.subprogram);
    }
    kept.apply(&mut source.subprograms);
    for scope in source.funcs.iter_mut().flat_map(|func| &mut func.scopes) {
        kept.rename(&mut scope.subprogram);
    }
}

fn prune_types(source: &mut Source) {
    let mut kept = Kept::none(source.types.len());
    let variables = source
        .subprograms
        .iter()
        .flat_map(|subprogram| &subprogram.variables);
    let mut work: Vec<u32> = variables.filter_map(|variable| variable.ty).collect();
    while let Some(index) = work.pop() {
        if kept.keep(index) {
            parts(&mut source.types[index as usize].kind, &mut |part| {
                work.push(*part);
            });
        }
    }
    kept.apply(&mut source.types);
    for ty in &mut source.types {
        parts(&mut ty.kind, &mut |part| kept.rename(part));
    }
    for variable in source
        .subprograms
        .iter_mut()
        .flat_map(|it| &mut it.variables)
    {
        variable.ty.iter_mut().for_each(|ty| kept.rename(ty));
    }
}

/// Calls `each` with the types that a type is made of.
fn parts(kind: &mut TypeKind, each: &mut dyn FnMut(&mut u32)) {
    match kind {
        TypeKind::Opaque | TypeKind::Scalar(_) | TypeKind::Enum(_) => {}
        TypeKind::Pointer(ty) | TypeKind::Alias(ty) | TypeKind::Array(ty, _) => {
            ty.iter_mut().for_each(each);
        }
        TypeKind::Union(members) => members
            .iter_mut()
            .filter_map(|it| it.ty.as_mut())
            .for_each(each),
        TypeKind::Struct { members, variants } => {
            let variants = variants.iter_mut();
            let variants = variants.flat_map(|variants| {
                let cases = variants.cases.iter_mut().map(|(_, case)| case);
                variants.tag.iter_mut().chain(cases)
            });
            let members = members.iter_mut().chain(variants);
            members.filter_map(|it| it.ty.as_mut()).for_each(each);
        }
    }
}
