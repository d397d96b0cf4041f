//! Code generation: VITBC of a checked program.
//!
//! Only what the program's statements lead to is generated. Variables have registers of their own; one that a
//! closure uses and that is assigned to is in a *cell*, a struct of one field that all who use it refer to, any
//! other is captured by its value. Whether a captured variable is in a cell is decided where it is declared.

mod assert;
mod expr;
mod func;
mod pattern;
mod stmt;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::hir::Program;
use crate::source::{Sources, Span};
use crate::types::{Kind, Ty as HirTy, Types};
use crate::vitbc::module::{Const, Function, Import, Instr, Module, NAME_LEN_MAX, Origin, Row, Ty};
use crate::vitbc::ops::{NO_RESULT, Op};
use crate::vitbc::verify;

use func::Func;

/// Makes VITBC of a program without errors.
///
/// # Errors
/// Where the program has what cannot be run yet, or more of something than a file may have.
pub(crate) fn generate(program: Program, sources: &Sources) -> Result<Module, Diagnostics> {
    let (module, _) = generate_with(program, sources, &[])?;
    Ok(module)
}

/// The same; also has these functions of the program, of which it gives the numbers in the module.
///
/// # Errors
/// Those of [`generate`].
pub(crate) fn generate_with(
    program: Program,
    sources: &Sources,
    functions: &[u32],
) -> Result<(Module, Vec<u32>), Diagnostics> {
    generate_from(program, sources, functions, 0)
}

/// The same, without the statements of the first modules, which have run.
///
/// # Errors
/// Those of [`generate`].
pub(crate) fn generate_from(
    program: Program,
    sources: &Sources,
    functions: &[u32],
    first: usize,
) -> Result<(Module, Vec<u32>), Diagnostics> {
    let mut program = program;
    let mut generator = Gen {
        types: std::mem::take(&mut program.types),
        program: &program,
        sources,
        module: Module::default(),
        errors: Diagnostics::default(),
        rows: HashMap::new(),
        consts: HashMap::new(),
        imports: HashMap::new(),
        extern_functions: HashMap::new(),
        names: HashSet::from(["main".to_owned()]),
        numbers: HashMap::new(),
        waiting: Vec::new(),
    };
    generator.declare();
    let numbers = generator.functions(functions, first);
    let Gen { module, errors, .. } = generator;
    let mut errors = errors;
    if errors.is_empty()
        && let Err(fault) = verify(&module)
    {
        let hint = "divide it into parts, or say less in one place";
        let message = format!("this program cannot be made bytecode of: {fault}");
        errors.push(Diagnostic::new(
            Code::TooLarge,
            Span::default(),
            message,
            hint,
        ));
    }
    if errors.is_empty() {
        return Ok((module, numbers));
    }
    errors.sort();
    Err(errors)
}

/// What is known of a constant; floats are their bits.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Key {
    Int(i64),
    Float(u64),
    Str(Arc<str>),
}

/// A function that is still to be generated: its number in the program, and which captures are cells.
struct Waiting {
    hir: u32,
    number: u32,
    cells: Vec<bool>,
}

struct Gen<'p> {
    types: Types,
    program: &'p Program,
    sources: &'p Sources,
    module: Module,
    errors: Diagnostics,
    rows: HashMap<Row, Ty>,
    consts: HashMap<Key, u32>,
    imports: HashMap<Import, u32>,
    /// Functions that call those from outside, by their numbers in the program.
    extern_functions: HashMap<u32, u32>,
    /// Names of functions that were given.
    names: HashSet<String>,
    /// Numbers of functions in the module by those in the program.
    numbers: HashMap<u32, u32>,
    waiting: Vec<Waiting>,
}

impl Gen<'_> {
    /// Structs, enums, variables and names of files.
    fn declare(&mut self) {
        let mut taken = HashSet::new();
        let mut unique = |name: &str| {
            let mut text = bounded(name);
            let mut count = 1;
            while !taken.insert(text.clone()) {
                count += 1;
                text = format!("{}#{count}", bounded(name));
            }
            text
        };
        let program = self.program;
        for row in &program.structs {
            self.module
                .types
                .push(Row::Struct(unique(&row.name), Vec::new()));
        }
        for row in &program.enums {
            self.module
                .types
                .push(Row::Enum(unique(&row.name), Vec::new()));
        }
        for (i, row) in program.structs.iter().enumerate() {
            let types = row.fields.iter();
            let types = types.map(|(name, ty)| (bounded(name), self.value_ty(*ty)));
            let types = types.collect();
            if let Row::Struct(_, fields) = &mut self.module.types[i] {
                *fields = types;
            }
        }
        for (i, row) in program.enums.iter().enumerate() {
            let mut types = Vec::with_capacity(row.variants.len());
            for (name, carried) in &row.variants {
                let carried = carried.iter().map(|ty| self.value_ty(*ty)).collect();
                types.push((bounded(name), carried));
            }
            if let Row::Enum(_, variants) = &mut self.module.types[program.structs.len() + i] {
                *variants = types;
            }
        }
        let mut taken = HashSet::new();
        for global in &program.globals {
            let ty = self.value_ty(global.ty);
            let mut name = bounded(&global.name);
            while !taken.insert(name.clone()) {
                name.push('\'');
            }
            self.module.globals.push((name, ty));
        }
        for file in 0..self.sources.count() {
            let name = bounded(self.sources.name_of(file));
            self.module.files.push(name);
        }
    }

    /// All functions that the statements of modules from the `first` on or some `wanted` ones lead to; gives the
    /// numbers of these.
    fn functions(&mut self, wanted: &[u32], first: usize) -> Vec<u32> {
        let program = self.program;
        let Some((main, inits)) = program.inits.split_last() else {
            return Vec::new();
        };
        // `main` is the program's own statements, behind those of the modules that it imports.
        self.numbers.insert(*main, 0);
        self.module.functions.push(Function::default());
        let mut before = Vec::with_capacity(inits.len());
        for init in inits.get(first..).unwrap_or(&[]) {
            // Most modules have no statements.
            if !program.functions[*init as usize].body.is_empty() {
                before.push(self.number(*init));
            }
        }
        let mut function = Func::new(self, *main, Vec::new());
        for init in before {
            function.call_nothing(init);
        }
        let mut done = function.finish();
        "main".clone_into(&mut done.name);
        done.result = Ty::VOID;
        self.module.functions[0] = done;
        let wanted = wanted.iter().map(|hir| self.number(*hir)).collect();
        while let Some(Waiting { hir, number, cells }) = self.waiting.pop() {
            let name = std::mem::take(&mut self.module.functions[number as usize].name);
            let mut done = Func::new(self, hir, cells).finish();
            done.name = name;
            self.module.functions[number as usize] = done;
        }
        wanted
    }

    /// The number of a function that is no closure.
    fn number(&mut self, hir: u32) -> u32 {
        self.closure(hir, &[])
    }

    /// The number of a function; some of what it captures is in cells.
    fn closure(&mut self, hir: u32, cells: &[bool]) -> u32 {
        if let Some(&number) = self.numbers.get(&hir) {
            return number;
        }
        let number = self.module.functions.len() as u32;
        self.numbers.insert(hir, number);
        let name = self.unique(bounded(&self.program.functions[hir as usize].name));
        self.module.functions.push(Function {
            name,
            ..Function::default()
        });
        self.waiting.push(Waiting {
            hir,
            number,
            cells: cells.to_vec(),
        });
        number
    }

    /// A name that no other function has.
    fn unique(&mut self, base: String) -> String {
        let mut name = base.clone();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{base}#{count}");
        }
        name
    }

    /// What a type of the program is.
    fn kind(&self, ty: HirTy) -> Kind {
        self.types.kind(ty).clone()
    }

    /// The type of the bytecode; that of what has no value is [`Ty::VOID`].
    fn ty(&mut self, ty: HirTy) -> Ty {
        let row = match self.kind(ty) {
            Kind::Error | Kind::Void | Kind::Never | Kind::Var(_) => return Ty::VOID,
            Kind::Int => return Ty::INT,
            Kind::Float => return Ty::FLOAT,
            Kind::Bool => return Ty::BOOL,
            Kind::Str => return Ty::STR,
            Kind::Struct(number) => return Ty::of_row(number as usize),
            Kind::Enum(number) => {
                return Ty::of_row(self.program.structs.len() + number as usize);
            }
            Kind::Array(item) => Row::Array(self.value_ty(item)),
            Kind::Map(key, value) => Row::Map(self.value_ty(key), self.value_ty(value)),
            Kind::Optional(inner) => Row::Optional(self.value_ty(inner)),
            Kind::Fn(params, result) => {
                let params = params.into_iter().map(|ty| self.value_ty(ty)).collect();
                Row::Fn(params, self.ty(result))
            }
        };
        self.row(row)
    }

    /// The same of what must have a value: a variable of what never gives one has some type.
    fn value_ty(&mut self, ty: HirTy) -> Ty {
        match self.ty(ty) {
            Ty::VOID => Ty::BOOL,
            ty => ty,
        }
    }

    /// The type that a row is.
    fn row(&mut self, row: Row) -> Ty {
        if let Some(&ty) = self.rows.get(&row) {
            return ty;
        }
        let ty = Ty::of_row(self.module.types.len());
        self.module.types.push(row.clone());
        self.rows.insert(row, ty);
        ty
    }

    /// The type of cells for values of a type.
    fn cell(&mut self, ty: Ty) -> Ty {
        // No identifier has a blank in it.
        let row = Row::Struct(format!("cell {}", ty.0), vec![("value".to_owned(), ty)]);
        self.row(row)
    }

    fn constant(&mut self, key: Key) -> u32 {
        if let Some(&number) = self.consts.get(&key) {
            return number;
        }
        let number = self.module.consts.len() as u32;
        self.module.consts.push(match &key {
            Key::Int(value) => Const::Int(*value),
            Key::Float(bits) => Const::Float(f64::from_bits(*bits)),
            Key::Str(text) => Const::Str(text.to_string()),
        });
        self.consts.insert(key, number);
        number
    }

    /// A function of the runtime, for values of these types.
    fn native(&mut self, name: String, params: Vec<Ty>, result: Ty) -> u32 {
        self.import(Import {
            origin: Origin::Native,
            name,
            params,
            result,
        })
    }

    /// A function from outside.
    fn extern_import(&mut self, number: u32) -> u32 {
        let row = &self.program.externs[number as usize];
        let symbol = row.symbol.to_string();
        let import = Import {
            origin: match &row.library {
                Some(library) => Origin::Library(library.to_string(), symbol),
                None => Origin::Host(symbol),
            },
            name: bounded(&row.name),
            params: row.params.iter().map(|ty| self.value_ty(*ty)).collect(),
            result: self.ty(row.result),
        };
        self.import(import)
    }

    /// A function that calls one from outside, for its value.
    fn extern_function(&mut self, number: u32) -> u32 {
        if let Some(&function) = self.extern_functions.get(&number) {
            return function;
        }
        let import = self.extern_import(number);
        let row = &self.module.imports[import as usize];
        let count = row.params.len() as u32;
        let mut registers = row.params.clone();
        let load = |i| Instr {
            op: Op::LoadArg,
            fixed: vec![i, i],
            list: Vec::new(),
        };
        let mut code: Vec<Instr> = (0..count).map(load).collect();
        let (result, end) = match row.result {
            Ty::VOID => (NO_RESULT, (Op::ReturnNone, Vec::new())),
            ty => {
                registers.push(ty);
                (count, (Op::Return, vec![count]))
            }
        };
        code.push(Instr {
            op: Op::CallNative,
            fixed: vec![import, result],
            list: (0..count).collect(),
        });
        code.push(Instr {
            op: end.0,
            fixed: end.1,
            list: Vec::new(),
        });
        let params = row.params.iter().enumerate();
        let function = Function {
            name: String::new(),
            params: params.map(|(i, ty)| (format!("p{i}"), *ty)).collect(),
            result: row.result,
            registers,
            code,
            lines: Vec::new(),
        };
        let name = bounded(&self.program.externs[number as usize].name);
        let function = Function {
            name: self.unique(name),
            ..function
        };
        let at = self.module.functions.len() as u32;
        self.module.functions.push(function);
        self.extern_functions.insert(number, at);
        at
    }

    fn import(&mut self, import: Import) -> u32 {
        if let Some(&number) = self.imports.get(&import) {
            return number;
        }
        let number = self.module.imports.len() as u32;
        self.module.imports.push(import.clone());
        self.imports.insert(import, number);
        number
    }

    #[cold]
    fn too_large(&mut self, span: Span, message: String, hint: &str) {
        self.errors
            .push(Diagnostic::new(Code::TooLarge, span, message, hint));
    }
}

/// A name as a file may have it.
fn bounded(name: &str) -> String {
    // What is put behind it to make it unique has to fit, too.
    name[..name.floor_char_boundary(NAME_LEN_MAX - 16)].to_owned()
}
