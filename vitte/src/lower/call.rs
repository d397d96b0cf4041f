//! Calls of the runtime.

use dotvm::isa::Op as M;

use super::Lowerer;
use super::code::Coder;
use super::runtime::{FN, MAP, STR, VEC};
use crate::vitbc::module::{Import, Instr, Origin, Row, Ty};

impl Lowerer<'_> {
    /// The name of a function for maps with such keys, and such values where these count.
    pub(super) fn map_function(&self, name: &str, key: Ty, value: Option<Ty>) -> String {
        let key = match key {
            Ty::INT => "i64",
            Ty::BOOL => "b8",
            _ => "str",
        };
        match value {
            Some(value) => format!("map.{name}<{key}|{}>", self.items(value).name()),
            None => format!("map.{name}<{key}>"),
        }
    }
}

impl Coder<'_, '_> {
    pub(super) fn call_native(&mut self, instr: &Instr) {
        let module = self.lowerer.module;
        let import = &module.imports[instr.fixed[0] as usize];
        if import.origin == Origin::Native {
            self.native(import, instr);
        } else {
            let name = self.lowerer.outside(instr.fixed[0]);
            self.plain(instr, &name);
        }
        self.put_result(instr.fixed[1], import.result);
    }

    fn args(&mut self, instr: &Instr) {
        for register in &instr.list {
            self.get(*register);
        }
    }

    /// Calls a function of the runtime's sources with the arguments as they are.
    fn plain(&mut self, instr: &Instr, name: &str) {
        self.args(instr);
        self.call(name);
    }

    /// An instruction of the machine that takes the arguments as they are.
    fn op(&mut self, instr: &Instr, op: M) {
        self.args(instr);
        self.code.op(op);
    }

    fn native(&mut self, import: &Import, instr: &Instr) {
        let first = import.params.first().copied().unwrap_or(Ty::VOID);
        let row = self.lowerer.module.row(first);
        let is_int = first == Ty::INT;
        match (&*import.name, row) {
            ("core.int", _) => match first {
                Ty::FLOAT => self.op(instr, M::I64TruncF64),
                Ty::BOOL => self.op(instr, M::I64ExtendI32U),
                _ => self.plain(instr, "int.parse"),
            },
            ("core.float", _) => match first {
                Ty::INT => self.op(instr, M::F64ConvertI64),
                _ => self.plain(instr, "float.parse"),
            },
            ("core.str", _) => self.text(instr, first),
            ("core.len" | "array.len", _) if self.hoisted(instr.list[0]).is_some() => {
                let (len, _) = self.hoisted(instr.list[0]).unwrap_or_default();
                self.code.op1(M::LocalGet, len);
            }
            ("core.len" | "array.len" | "map.len" | "string.len", row) => {
                let (object, field) = match row {
                    Some(Row::Array(_)) => (VEC, 0),
                    Some(Row::Map(..)) => (MAP, 0),
                    _ => (STR, 1),
                };
                self.args(instr);
                self.code.op2(M::StructGet, object, field);
                self.code.op(M::I64ExtendI32U);
            }
            ("core.panic", _) => self.plain(instr, "panic"),
            ("core.assert", _) if import.params.len() == 2 => self.plain(instr, "assert.text"),
            ("core.assert", _) => self.plain(instr, "assert"),
            ("io.print" | "io.println", _) => {
                if let Some(register) = instr.list.first() {
                    self.get(*register);
                    self.show(first);
                }
                if import.name == "io.println" {
                    self.code.op1(M::I32Push, 10);
                    self.call("out.byte");
                }
                self.write_out();
            }
            ("io.write", _) => self.plain(instr, "file.write"),
            ("db.transaction", _) => {
                self.call("db.begin");
                let callee = instr.list[0];
                self.get(callee);
                self.code.op2(M::StructGet, FN, 1);
                self.get(callee);
                self.code.op2(M::StructGet, FN, 0);
                let ty = self.lowerer.closure_type(&[], Ty::BOOL);
                self.code.op1(M::CallRef, ty);
                self.call("db.end");
            }
            ("math.abs", _) if !is_int => self.op(instr, M::F64Abs),
            ("math.abs", _) => self.plain(instr, "math.abs"),
            ("math.min", _) if is_int => self.plain(instr, "math.min"),
            ("math.max", _) if is_int => self.plain(instr, "math.max"),
            ("math.min", _) => self.op(instr, M::F64Min),
            ("math.max", _) => self.op(instr, M::F64Max),
            ("math.sqrt", _) => self.op(instr, M::F64Sqrt),
            ("math.floor", _) => self.op(instr, M::F64Floor),
            ("math.ceil", _) => self.op(instr, M::F64Ceil),
            ("math.sin", _) => self.plain(instr, "sin"),
            ("math.cos", _) => self.plain(instr, "cos"),
            ("math.tan", _) => self.plain(instr, "tan"),
            ("math.pow", _) => self.plain(instr, "pow"),
            ("string.substr", _) => self.plain(instr, "str.sub"),
            ("string.split", _) => self.plain(instr, "str.split"),
            ("string.join" | "array.join", _) => self.plain(instr, "str.join"),
            ("string.replace", _) => self.plain(instr, "str.replace"),
            ("string.find", _) => self.plain(instr, "str.find"),
            ("string.trim", _) => self.plain(instr, "str.trim"),
            ("string.upper" | "string.lower", _) => {
                self.args(instr);
                let upper = import.name == "string.upper";
                self.code.op1(M::I32Push, u64::from(upper));
                self.call("str.case");
            }
            ("string.format", _) => self.plain(instr, "str.format"),
            ("system.os_name" | "system.arch", _) => {
                let which = import.name == "system.arch";
                self.code.op1(M::I32Push, u64::from(which));
                self.call("system.name");
            }
            (name, Some(Row::Array(item))) => {
                let items = self.lowerer.items(*item);
                self.plain(instr, &format!("{name}<{}>", items.name()));
            }
            (name, Some(Row::Map(key, value))) => {
                let short = name.strip_prefix("map.").unwrap_or(name);
                if short == "values" {
                    let items = self.lowerer.items(*value);
                    return self.plain(instr, &format!("map.values<{}>", items.name()));
                }
                let value = (!["has", "keys"].contains(&short)).then_some(*value);
                let function = self.lowerer.map_function(short, *key, value);
                self.plain(instr, &function);
            }
            (name, _) => self.plain(instr, name),
        }
    }

    /// A value as a string.
    fn text(&mut self, instr: &Instr, ty: Ty) {
        self.args(instr);
        match ty {
            Ty::STR => {}
            Ty::INT => self.call("str.of_int"),
            Ty::FLOAT => self.call("str.of_float"),
            Ty::BOOL => self.call("str.of_bool"),
            ty => {
                self.show(ty);
                self.call("out.take");
            }
        }
    }

    /// Writes the text that was put together to standard output.
    pub(super) fn write_out(&mut self) {
        self.code.op1(M::I32Push, 1);
        self.call("io.write");
    }

    /// Puts the text of the value on the stack to what is put together.
    pub(super) fn show(&mut self, ty: Ty) {
        let name = self.lowerer.shown(ty, false);
        self.call(&name);
    }
}
