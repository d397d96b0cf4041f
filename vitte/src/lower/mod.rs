//! From VITBC to DotVM bytecode.
//!
//! A register is a local: `int` an i64, `float` an f64, `bool` and enums whose variants carry nothing an i32,
//! everything else an `anyref`. Strings, arrays and maps are structs whose layout `runtime` has; a struct is one of
//! its fields; an enum is a struct of the variant's number and places for what any variant carries. Optional
//! values are null or the value itself where it is a reference, else an object with it; truth values and plain enums
//! are numbers of 31 bits then. A function value is a reference to a function and an object with what was captured.
//!
//! Functions are lowered twice: the first time tells what is needed of the runtime, and so which indices
//! functions have. The module has the runtime's functions first, then those of the program, then one for each
//! function whose value is taken, which unpacks what was captured.

mod call;
mod code;
mod loops;
mod native;
mod runtime;
pub(crate) mod session;
mod show;

use std::collections::HashMap;
use std::fmt;

use dotvm::isa::debug::{self, Location, Scope, Source, SourceTables, Subprogram, SubprogramName};
use dotvm::isa::text::assemble;
use dotvm::isa::{
    self, CodeBuilder, ConstExpr, ConstOp, ElemSegment, FuncType, GlobalDef, GlobalType, Names, Op,
    SegmentMode, ValType,
};

use crate::vitbc::module::{Const, Module, Row, Ty};
use crate::wasm;
use runtime::{GLOBALS, Items, Runtime, STR};

/// So many strings are made by one function at the start.
const STRINGS_PER_FUNCTION: usize = 1000;

/// Why a module cannot be run, though it is valid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// What a value is for the machine.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Rep {
    Int,
    Float,
    Small,
    Ref,
}

impl Rep {
    fn val(self) -> ValType {
        match self {
            Rep::Int => ValType::I64,
            Rep::Float => ValType::F64,
            Rep::Small => ValType::I32,
            Rep::Ref => ValType::AnyRef,
        }
    }

    /// Pushes what a register has that nothing was written to.
    fn push_zero(self, code: &mut CodeBuilder) {
        match self {
            Rep::Int => code.op1(Op::I64Push, 0),
            Rep::Float => code.op1(Op::F64Push, 0),
            Rep::Small => code.op1(Op::I32Push, 0),
            Rep::Ref => code.op1(Op::RefNull, u64::from(ValType::AnyRef.code())),
        }
    }
}

/// A function of DotVM, before it has an index.
struct Body {
    ty: FuncType,
    code: Vec<u8>,
    name: String,
    rows: Vec<debug::Row>,
}

struct Lowerer<'m> {
    module: &'m Module,
    /// The functions that make no array longer or shorter.
    leaving_arrays: Vec<bool>,
    traced: bool,
    runtime: Runtime,
    /// Objects of structs and enums, by rows.
    own: Vec<u64>,
    /// Objects of what is captured.
    environments: HashMap<Vec<Rep>, u64>,
    /// Indices of types of functions.
    types: HashMap<FuncType, u32>,
    new_types: Vec<FuncType>,
    /// The index of the program's first function.
    first: u32,
    /// Functions whose values are taken, with how many parameters are captured.
    wrapped: Vec<(u32, usize)>,
    wrapper_numbers: HashMap<(u32, usize), u32>,
    /// Variables that have strings, by constants.
    strings: HashMap<u32, u32>,
    /// The variable that is shown, for an entry of a session.
    shows: Option<u32>,
    /// How many structs and enums are around what is shown.
    depth: u32,
    /// Why it cannot be run.
    refused: Option<String>,
    /// Where instructions come from, for WebAssembly.
    rows: Vec<Vec<debug::Row>>,
}

/// Makes a module of DotVM; `traced` reports every instruction to the host.
///
/// The module must be verified.
///
/// # Errors
/// Where it uses what cannot be run yet.
pub(crate) fn lower(module: &Module, traced: bool) -> Result<(isa::Module, Names), Refused> {
    Lowerer::new(module, traced, Runtime::default()).lower()
}

/// What WebAssembly is made of: a module of DotVM that needs none of its functions, and more about it.
pub(crate) struct ForWasm {
    pub(crate) machine: isa::Module,
    pub(crate) names: Names,
    /// The index of the program's first function.
    pub(crate) first: u32,
    /// Where instructions of the program's functions come from.
    pub(crate) rows: Vec<Vec<debug::Row>>,
    /// The first variable that has a string that never changes.
    pub(crate) strings_from: u32,
    /// What is in memory behind the table of types.
    pub(crate) texts: Vec<u8>,
}

/// The same for modules of WebAssembly.
///
/// # Errors
/// Those of [`lower`].
pub(crate) fn lower_for_wasm(module: &Module) -> Result<ForWasm, Refused> {
    let mut lowerer = Lowerer::new(module, false, Runtime::for_wasm());
    for name in wasm::ALWAYS {
        lowerer.runtime.function(name);
    }
    let (machine, names) = lowerer.lower()?;
    Ok(ForWasm {
        machine,
        names,
        first: lowerer.first,
        rows: lowerer.rows,
        strings_from: GLOBALS + module.globals.len() as u32,
        texts: lowerer.runtime.into_texts(),
    })
}

impl<'m> Lowerer<'m> {
    fn new(module: &'m Module, traced: bool, runtime: Runtime) -> Lowerer<'m> {
        Lowerer {
            module,
            leaving_arrays: loops::leaving_arrays(module),
            traced,
            runtime,
            own: Vec::new(),
            environments: HashMap::new(),
            types: HashMap::new(),
            new_types: Vec::new(),
            first: 0,
            wrapped: Vec::new(),
            wrapper_numbers: HashMap::new(),
            strings: HashMap::new(),
            shows: None,
            depth: 0,
            refused: None,
            rows: Vec::new(),
        }
    }

    /// Lowers everything.
    fn lower(&mut self) -> Result<(isa::Module, Names), Refused> {
        self.declare();
        self.declare_shown();
        let bodies = self.bodies();
        if let Some(reason) = self.refused.take() {
            return Err(Refused(reason));
        }
        if self.runtime.is_for_wasm() {
            for name in bodies.iter().flat_map(|body| wasm::helpers(&body.code)) {
                self.runtime.function(name);
            }
        }
        let text = self.runtime.assembler();
        let assembled = assemble(&text);
        let (mut machine, mut names) =
            assembled.map_err(|error| Refused(format!("our bug: {error}")))?;
        self.runtime.place(&names.funcs);
        self.first = (machine.imported_funcs().count() + machine.bodies.len()) as u32;
        self.types = machine.types.iter().cloned().zip(0..).collect();
        let added_from = machine.types.len();
        self.new_types.clear();
        let bodies = self.bodies();
        self.finish(&mut machine, &mut names, bodies, added_from);
        Ok((machine, names))
    }
}

impl Lowerer<'_> {
    fn declare(&mut self) {
        for row in &self.module.types {
            let fields = match row {
                Row::Struct(_, fields) => {
                    let reps = fields.iter().map(|(_, ty)| self.rep(*ty));
                    reps.map(|rep| format!("mut {}", rep.val().name()))
                        .collect()
                }
                Row::Enum(_, variants) if !is_plain(row) => {
                    let counts = self.places(variants);
                    let mut fields = vec!["i32".to_owned()];
                    for (rep, count) in REPS.into_iter().zip(counts) {
                        let name = rep.val().name();
                        fields.extend((0..count).map(|_| name.to_owned()));
                    }
                    fields
                }
                _ => {
                    self.own.push(0);
                    continue;
                }
            };
            let object = self.runtime.object(&fields.join(", "));
            self.own.push(object);
        }
        let mut next = GLOBALS + self.module.globals.len() as u32;
        for (i, value) in self.module.consts.iter().enumerate() {
            if let Const::Str(_) = value {
                self.strings.insert(i as u32, next);
                next += 1;
            }
        }
    }

    /// How many places for values of each kind objects of an enum have.
    fn places(&self, variants: &[(String, Vec<Ty>)]) -> [usize; 4] {
        let mut most = [0; 4];
        for (_, types) in variants {
            for (most, rep) in most.iter_mut().zip(REPS) {
                let count = types.iter().filter(|ty| self.rep(**ty) == rep).count();
                *most = count.max(*most);
            }
        }
        most
    }

    /// The field that has value `number` of a variant, in objects of that enum.
    fn place(&self, variants: &[(String, Vec<Ty>)], variant: usize, number: usize) -> u64 {
        let types = &variants[variant].1;
        let rep = self.rep(types[number]);
        let counts = self.places(variants);
        let before = REPS.iter().zip(counts).take_while(|(it, _)| **it != rep);
        let before: usize = before.map(|(_, count)| count).sum();
        let same = types[..number].iter().filter(|ty| self.rep(**ty) == rep);
        (1 + before + same.count()) as u64
    }

    /// What values of a type are for the machine.
    fn rep(&self, ty: Ty) -> Rep {
        match ty {
            Ty::INT => Rep::Int,
            Ty::FLOAT => Rep::Float,
            Ty::BOOL => Rep::Small,
            ty => match self.module.row(ty) {
                Some(row) if is_plain(row) => Rep::Small,
                _ => Rep::Ref,
            },
        }
    }

    /// What values of a type are as elements.
    fn items(&self, ty: Ty) -> Items {
        match self.rep(ty) {
            Rep::Int => Items::Int,
            Rep::Float => Items::Float,
            Rep::Small if ty == Ty::BOOL => Items::Bool,
            Rep::Small => Items::Plain,
            Rep::Ref => Items::Ref,
        }
    }

    fn types_of(&self, types: impl IntoIterator<Item = Ty>) -> Vec<ValType> {
        types.into_iter().map(|ty| self.rep(ty).val()).collect()
    }

    fn result_of(&self, ty: Ty) -> Option<ValType> {
        (ty != Ty::VOID).then(|| self.rep(ty).val())
    }

    /// The index of a type of functions.
    fn ty(&mut self, ty: FuncType) -> u64 {
        if let Some(&index) = self.types.get(&ty) {
            return u64::from(index);
        }
        let index = self.types.len() as u32;
        self.types.insert(ty.clone(), index);
        self.new_types.push(ty);
        u64::from(index)
    }

    /// The type of the functions that function values of a type refer to.
    fn closure_type(&mut self, params: &[Ty], result: Ty) -> u64 {
        let mut types = vec![ValType::AnyRef];
        types.extend(self.types_of(params.iter().copied()));
        let ty = FuncType::new(types, self.result_of(result));
        self.ty(ty)
    }

    /// The objects for captured values of these kinds.
    fn environment(&mut self, reps: &[Rep]) -> u64 {
        if let Some(&object) = self.environments.get(reps) {
            return object;
        }
        let fields: Vec<&str> = reps.iter().map(|rep| rep.val().name()).collect();
        let object = self.runtime.object(&fields.join(", "));
        self.environments.insert(reps.to_vec(), object);
        object
    }

    /// The index of the function that calls another one with what was captured.
    fn wrapper(&mut self, function: u32, captured: usize) -> u64 {
        let next = self.wrapped.len() as u32;
        let number = *self
            .wrapper_numbers
            .entry((function, captured))
            .or_insert(next);
        if number == next {
            self.wrapped.push((function, captured));
        }
        let own = self.module.functions.len() as u32;
        u64::from(self.first + own + number)
    }

    /// All functions that are not the runtime's.
    fn bodies(&mut self) -> Vec<Body> {
        let module = self.module;
        let mut bodies: Vec<Body> = (0..module.functions.len())
            .map(|number| code::function(self, number))
            .collect();
        let mut at = 0;
        while let Some(&(function, captured)) = self.wrapped.get(at) {
            bodies.push(self.wrapper_body(function, captured));
            at += 1;
        }
        bodies.extend(self.starters());
        bodies
    }

    fn wrapper_body(&mut self, function: u32, captured: usize) -> Body {
        let row = &self.module.functions[function as usize];
        let reps: Vec<Rep> = row.params.iter().map(|(_, ty)| self.rep(*ty)).collect();
        let (bound, free) = reps.split_at(captured);
        let mut code = CodeBuilder::new(&[]);
        if !bound.is_empty() {
            let object = self.environment(bound);
            for field in 0..bound.len() {
                code.op1(Op::LocalGet, 0);
                code.op2(Op::StructGet, object, field as u64);
            }
        }
        for param in 0..free.len() {
            code.op1(Op::LocalGet, param as u64 + 1);
        }
        code.op1(Op::Call, u64::from(self.first + function));
        code.op(Op::Ret);
        let free = free.iter().map(|rep| rep.val());
        let params = [ValType::AnyRef].into_iter().chain(free);
        Body {
            ty: FuncType::new(params, self.result_of(row.result)),
            code: code.finish(),
            name: row.name.clone(),
            rows: Vec::new(),
        }
    }

    /// Functions that make strings, and the one that a program starts with.
    fn starters(&mut self) -> Vec<Body> {
        let module = self.module;
        let mut texts = Vec::new();
        let mut from = 0u64;
        for (i, value) in module.consts.iter().enumerate() {
            if let Const::Str(text) = value {
                texts.push((self.strings[&(i as u32)], text, from));
                from += text.len() as u64;
            }
        }
        let ty = FuncType::new([], []);
        let mut bodies = Vec::new();
        for texts in texts.chunks(STRINGS_PER_FUNCTION) {
            let mut code = CodeBuilder::new(&[]);
            for (global, text, from) in texts {
                code.op1(Op::I32Push, 0);
                code.op1(Op::I32Push, text.chars().count() as u64);
                code.op1(Op::I32Push, *from);
                code.op1(Op::I32Push, text.len() as u64);
                code.op2(Op::ArrayNewData, runtime::A8, 0);
                code.op1(Op::StructNew, STR);
                code.op1(Op::GlobalSet, u64::from(*global));
            }
            code.op(Op::Ret);
            bodies.push(Body {
                ty: ty.clone(),
                code: code.finish(),
                name: "strings".to_owned(),
                rows: Vec::new(),
            });
        }
        let before = self.first + (module.functions.len() + self.wrapped.len()) as u32;
        let mut code = CodeBuilder::new(&[]);
        for i in 0..bodies.len() {
            code.op1(Op::Call, u64::from(before) + i as u64);
        }
        code.op1(Op::Call, u64::from(self.first + module.main));
        code.op(Op::Ret);
        bodies.push(Body {
            ty,
            code: code.finish(),
            name: "start".to_owned(),
            rows: Vec::new(),
        });
        bodies
    }

    /// Puts everything into the module that the runtime's functions are in.
    fn finish(
        &mut self,
        machine: &mut isa::Module,
        names: &mut Names,
        bodies: Vec<Body>,
        added_from: usize,
    ) {
        let own = self.module.functions.len();
        let last = self.first + bodies.len() as u32 - 1;
        machine.entry = Some(last);
        let mut all: Vec<(u32, Vec<u8>)> = (0..machine.bodies.len())
            .map(|i| (machine.bodies[i].ty, machine.body(i as u32).to_vec()))
            .collect();
        let mut source = Source {
            files: self
                .module
                .files
                .iter()
                .map(|file| file.replace('\0', ""))
                .collect(),
            ..Source::default()
        };
        for (i, body) in bodies.into_iter().enumerate() {
            let index = self.first + i as u32;
            all.push((self.ty(body.ty) as u32, body.code));
            names.funcs.push((index, body.name));
            if self.runtime.is_for_wasm() {
                self.rows.push(body.rows);
                continue;
            }
            if i < own && !body.rows.is_empty() {
                source.funcs.push(debug::Func {
                    index,
                    scopes: vec![Scope {
                        subprogram: source.subprograms.len() as u32,
                        ..Scope::default()
                    }],
                    rows: body.rows,
                });
                source.subprograms.push(Subprogram {
                    name: SubprogramName::Func(index),
                    variables: Vec::new(),
                });
            }
        }
        if !source.funcs.is_empty() {
            names.source = SourceTables::encode(&source);
        }
        machine.types.truncate(added_from);
        machine.types.append(&mut self.new_types);
        machine.set_bodies(all);
        self.variables(machine);
        let wrappers = self.wrapped.len() as u32;
        if wrappers > 0 {
            let first = self.first + own as u32;
            let item = |i: u32| ConstExpr(vec![ConstOp::RefFunc(first + i)]);
            machine.elems.push(ElemSegment {
                mode: SegmentMode::Declared,
                ty: ValType::FuncRef,
                items: (0..wrappers).map(item).collect(),
            });
        }
    }

    fn variables(&self, machine: &mut isa::Module) {
        let mut add = |ty: ValType| {
            let init = match ty {
                ValType::I64 => ConstOp::I64(0),
                ValType::F64 => ConstOp::F64(0),
                ValType::I32 => ConstOp::I32(0),
                ty => ConstOp::RefNull(ty),
            };
            machine.globals.push(GlobalDef {
                ty: GlobalType {
                    ty,
                    mutable: true,
                    narrow: None,
                },
                init: ConstExpr(vec![init]),
            });
        };
        if self.runtime.shared.is_none() {
            for (_, ty) in &self.module.globals {
                add(self.rep(*ty).val());
            }
        }
        let mut bytes = Vec::new();
        for value in &self.module.consts {
            if let Const::Str(text) = value {
                add(ValType::AnyRef);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        if !self.strings.is_empty() {
            machine.set_data([(SegmentMode::Passive, bytes)]);
        }
    }
}

/// The order of places in objects of enums.
const REPS: [Rep; 4] = [Rep::Ref, Rep::Int, Rep::Float, Rep::Small];

/// Whether it is an enum none of whose variants carries something.
fn is_plain(row: &Row) -> bool {
    match row {
        Row::Enum(_, variants) => variants.iter().all(|(_, types)| types.is_empty()),
        _ => false,
    }
}

/// A line of the source, for the machine's tables.
fn location(file: u32, line: u32) -> Location {
    Location {
        file,
        line,
        column: 0,
    }
}
