//! The module `spectest` that scripts import from.

use dotvm::{Error, Global, Linker, Memory, Ref, Store, Table, Val};
use dotvm_isa::{AddressType, GlobalType, Limits, MemoryType, TableType, ValType};

/// Defines everything that `spectest` has, as the specification's interpreter has it; only that the
/// functions print nothing.
pub(super) fn define(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<(), Error> {
    const NAME: &str = "spectest";
    linker.func_wrap(NAME, "print", || {})?;
    linker.func_wrap(NAME, "print_i32", |_: i32| {})?;
    linker.func_wrap(NAME, "print_i64", |_: i64| {})?;
    linker.func_wrap(NAME, "print_f32", |_: f32| {})?;
    linker.func_wrap(NAME, "print_f64", |_: f64| {})?;
    linker.func_wrap(NAME, "print_i32_f32", |_: i32, _: f32| {})?;
    linker.func_wrap(NAME, "print_f64_f64", |_: f64, _: f64| {})?;
    let globals = [
        ("global_i32", Val::from(666_i32)),
        ("global_i64", Val::from(666_i64)),
        ("global_f32", Val::from(666.6_f32)),
        ("global_f64", Val::from(666.6_f64)),
    ];
    for (name, value) in globals {
        let ty = GlobalType::new(value.ty(), false);
        let global = Global::new(&mut *store, ty, value)?;
        linker.define(NAME, name, global)?;
    }
    let limits = Limits {
        min: 10,
        max: Some(20),
    };
    for (name, address) in [("table", AddressType::I32), ("table64", AddressType::I64)] {
        let ty = TableType {
            address,
            ..TableType::new(ValType::FuncRef, limits)
        };
        let table = Table::new(&mut *store, ty, Ref::Func(None))?;
        linker.define(NAME, name, table)?;
    }
    let memory = MemoryType::new(Limits {
        min: 1,
        max: Some(2),
    });
    let memory = Memory::new(&mut *store, memory)?;
    linker.define(NAME, "memory", memory)?;
    Ok(())
}
