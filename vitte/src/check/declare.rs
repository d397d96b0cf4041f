//! What modules declare: names, types of fields, signatures.

use std::collections::HashMap;
use std::sync::Arc;

use super::notes::Referred;
use super::scope::{Frame, closest};
use super::{Checker, Demand, Item, Signature, TypeInfo};
use crate::diagnostics::Code;
use crate::ffi::Crossing;
use crate::hir;
use crate::modules::Target;
use crate::natives;
use crate::source::Span;
use crate::syntax::ast::{self, Imported, Name, Path, StmtKind, Type, TypeKind};
use crate::types::{Kind, Ty};

/// The most declarations of each kind.
const DECLARATIONS_MAX: usize = 1 << 20;

/// The places of names; of two that are equal that of the first.
fn numbers<'n>(names: impl Iterator<Item = &'n Arc<str>>) -> HashMap<Arc<str>, u32> {
    let mut numbers = HashMap::new();
    for (number, name) in (0..).zip(names) {
        numbers.entry(name.clone()).or_insert(number);
    }
    numbers
}

impl Checker<'_> {
    /// Collects what all modules declare.
    pub(super) fn declare(&mut self) {
        for module in 0..self.modules.len() {
            self.module = module;
            self.declare_names(module);
        }
        self.declare_all_functions();
        // Modules come behind what they import, so names that are imported are there.
        for module in 0..self.modules.len() {
            self.module = module;
            self.declare_imports(module);
        }
        for module in 0..self.modules.len() {
            self.module = module;
            self.declare_types(module);
        }
    }

    /// The name with that of the module, if it is not the program's own.
    fn full_name(&self, module: usize, name: &str) -> Arc<str> {
        match module + 1 == self.modules.len() || self.modules[module].entry.is_some() {
            true => Arc::from(name),
            false => format!("{}.{name}", self.modules[module].name).into(),
        }
    }

    fn add_item(&mut self, name: &Name, item: Item) {
        let items = &mut self.items[self.module];
        if let Some((_, old)) = items.get(&name.text) {
            let old = *old;
            self.duplicate(name, old);
            return;
        }
        items.insert(name.text.clone(), (item, name.span));
        self.note_declared(name.span, item);
    }

    fn too_many(&mut self, count: usize, span: Span) -> bool {
        let many = count >= DECLARATIONS_MAX;
        if many {
            let message = "the program has too many declarations of this kind".to_owned();
            let hint = format!("at most {DECLARATIONS_MAX}");
            self.error(Code::TooLarge, span, message, hint);
        }
        many
    }

    fn declare_names(&mut self, module: usize) {
        let modules = self.modules;
        for stmt in &modules[module].stmts {
            match &stmt.kind {
                StmtKind::Struct(decl) if !self.too_many(self.structs.len(), stmt.span) => {
                    let number = self.structs.len() as u32;
                    self.program.structs.push(hir::Struct {
                        name: self.full_name(module, &decl.name.text),
                        fields: Vec::new(),
                    });
                    self.structs.push(TypeInfo::default());
                    self.add_item(&decl.name, Item::Struct(number));
                }
                StmtKind::Enum(decl) if !self.too_many(self.enums.len(), stmt.span) => {
                    let number = self.enums.len() as u32;
                    self.program.enums.push(hir::Enum {
                        name: self.full_name(module, &decl.name.text),
                        variants: Vec::new(),
                    });
                    self.enums.push(TypeInfo::default());
                    self.add_item(&decl.name, Item::Enum(number));
                }
                StmtKind::Let { mutable, name, .. } => {
                    let number = self.program.globals.len() as u32;
                    self.program.globals.push(hir::Global {
                        name: self.full_name(module, &name.text),
                        ty: Ty::ERROR,
                        mutable: *mutable,
                        span: name.span,
                        module,
                    });
                    self.reached.push(false);
                    self.add_item(name, Item::Global(number));
                }
                _ => {}
            }
        }
        self.declare_value(module);
    }

    fn declare_imports(&mut self, module: usize) {
        let modules = self.modules;
        for stmt in &modules[module].stmts {
            let StmtKind::Import(import) = &stmt.kind else {
                continue;
            };
            let target = modules[module].imports.get(&import.module());
            let target = target.copied().unwrap_or(Target::Missing);
            match &import.what {
                Imported::Module(name) => self.add_item(name, Item::Module(target)),
                Imported::Members(members) => {
                    for (name, here) in members {
                        let item = self.member_of(target, name);
                        self.add_item(here, item);
                    }
                }
            }
        }
    }

    /// What a module has under a name.
    pub(super) fn member_of(&mut self, target: Target, name: &Name) -> Item {
        self.ask_module(target, name);
        let item = self.find_member(target, name);
        self.note_item(name.span, item);
        item
    }

    fn find_member(&mut self, target: Target, name: &Name) -> Item {
        match target {
            Target::Missing => Item::Error,
            Target::Native(module) => match natives::find(module, &name.text).next() {
                Some(row) => Item::Native(module, natives::NATIVES[row as usize].name),
                None => {
                    let known = natives::NATIVES.iter().filter(|row| row.module == module);
                    let known = known.map(|row| row.name).collect();
                    self.unknown_member(module, name, known)
                }
            },
            Target::Module(number) => match self.items[number].get(&name.text).copied() {
                Some((item, _)) => item,
                None if self.is_only_counted(Code::UnknownMember, name.span) => Item::Error,
                None => {
                    let known = self.items[number].keys().cloned().collect::<Vec<_>>();
                    let known = known.iter().map(|name| &**name).collect();
                    let module = self.modules[number].name.clone();
                    self.unknown_member(&module, name, known)
                }
            },
        }
    }

    #[cold]
    fn unknown_member(&mut self, module: &str, name: &Name, known: Vec<&str>) -> Item {
        let message = format!("module `{module}` has nothing called `{}`", name.text);
        let hint = match closest(&name.text, known) {
            Some(like) => format!("did you mean `{like}`?"),
            None => "look into the module for what it declares".to_owned(),
        };
        self.error(Code::UnknownMember, name.span, message, hint);
        Item::Error
    }

    /// Declares a function, whose signature follows later.
    fn declare_function(&mut self, name: Arc<str>, span: Span, receiver: bool) -> u32 {
        self.signatures.push(Signature {
            params: Vec::new(),
            result: Ty::VOID,
            receiver,
            span,
        });
        self.program.functions.push(hir::Function {
            name,
            span,
            params: 0,
            locals: Vec::new(),
            result: Ty::VOID,
            body: Vec::new(),
            captures: Vec::new(),
        });
        (self.signatures.len() - 1) as u32
    }

    fn signature(
        &mut self,
        function: u32,
        this: Option<Ty>,
        params: &[(Name, Type)],
        result: Option<&Type>,
    ) {
        let params = params.iter().map(|(_, ty)| self.ty(ty));
        let params: Vec<Ty> = params.collect();
        let result = result.map_or(Ty::VOID, |ty| self.ty(ty));
        let signature = &mut self.signatures[function as usize];
        signature.params = this.into_iter().chain(params).collect();
        signature.result = result;
    }

    /// Declares functions of a module, so that others can import them.
    fn declare_functions(&mut self, module: usize) {
        let modules = self.modules;
        for stmt in &modules[module].stmts {
            match &stmt.kind {
                StmtKind::Fn(decl) if !self.too_many(self.signatures.len(), stmt.span) => {
                    let name = self.full_name(module, &decl.name.text);
                    let function = self.declare_function(name, decl.name.span, false);
                    self.add_item(&decl.name, Item::Function(function));
                    if let Some(span) = decl.receiver {
                        let message = "`self` is for methods".to_owned();
                        let hint = "declare the function inside of a struct or enum";
                        self.error(Code::Misplaced, span, message, hint);
                    }
                }
                StmtKind::Extern(decl) => {
                    let number = self.program.externs.len() as u32;
                    let symbol = decl.symbol.as_ref().map(|(text, _)| text.clone());
                    self.program.externs.push(hir::Extern {
                        name: decl.name.text.clone(),
                        library: decl.library.as_ref().map(|(text, _)| text.clone()),
                        symbol: symbol.unwrap_or_else(|| decl.name.text.clone()),
                        params: Vec::new(),
                        result: Ty::VOID,
                    });
                    self.add_item(&decl.name, Item::Extern(number));
                }
                _ => {}
            }
        }
    }

    /// Declares methods of a type.
    fn declare_methods(&mut self, type_name: &Name, is_enum: bool, methods: &[ast::Function]) {
        let Some((item, span)) = self.items[self.module].get(&type_name.text).copied() else {
            return;
        };
        // Another declaration has the name, which was reported.
        if span != type_name.span {
            return;
        }
        let full = self.full_name(self.module, &type_name.text);
        for method in methods {
            let name: Arc<str> = format!("{full}.{}", method.name.text).into();
            let function = self.declare_function(name, method.name.span, method.receiver.is_some());
            let number = match item {
                Item::Struct(number) | Item::Enum(number) => number as usize,
                _ => return,
            };
            let info = match is_enum {
                true => &mut self.enums[number],
                false => &mut self.structs[number],
            };
            let old = info.methods.insert(method.name.text.clone(), function);
            self.note_place(method.name.span, Referred::Function(function));
            if let Some(old) = old {
                let old = self.signatures[old as usize].span;
                self.duplicate(&method.name, old);
            }
        }
    }

    /// The types of fields and variants, and signatures.
    fn declare_types(&mut self, module: usize) {
        let modules = self.modules;
        for stmt in &modules[module].stmts {
            match &stmt.kind {
                StmtKind::Struct(decl) => self.declare_struct(decl),
                StmtKind::Enum(decl) => self.declare_enum(decl),
                StmtKind::Fn(decl) => {
                    if let Some(Item::Function(function)) = self.own(&decl.name) {
                        self.signature(function, None, &decl.params, decl.result.as_ref());
                    }
                }
                StmtKind::Extern(decl) => {
                    let params: Vec<Ty> = decl.params.iter().map(|(_, ty)| self.ty(ty)).collect();
                    let result = decl.result.as_ref().map_or(Ty::VOID, |ty| self.ty(ty));
                    self.check_native_types(decl, &params, result);
                    if let Some(Item::Extern(number)) = self.own(&decl.name) {
                        let row = &mut self.program.externs[number as usize];
                        (row.params, row.result) = (params, result);
                    }
                }
                StmtKind::Let { name, ty, .. } => {
                    let ty = ty.as_ref().map(|ty| self.ty(ty));
                    // A name that is given twice is the first one's.
                    if let Some(Item::Global(number)) = self.own(name) {
                        let ty = ty.unwrap_or_else(|| self.unknown(name.span, "this variable"));
                        self.program.globals[number as usize].ty = ty;
                    }
                }
                _ => {}
            }
        }
    }

    /// What a declaration of this module declared, unless another one has its name.
    pub(super) fn own(&self, name: &Name) -> Option<Item> {
        let (item, span) = self.items[self.module].get(&name.text)?;
        (*span == name.span).then_some(*item)
    }

    /// Values that cross to functions from outside are numbers, truth values, strings and arrays of numbers; those of
    /// libraries have a prototype that fits.
    fn check_native_types(&mut self, decl: &ast::Extern, params: &[Ty], result: Ty) {
        let mut known = true;
        let mut types = Vec::with_capacity(params.len());
        for (ty, (_, written)) in params.iter().zip(&decl.params) {
            match self.crossing(*ty).filter(|ty| ty.is_for_params()) {
                Some(ty) => types.push(ty),
                None => {
                    known = false;
                    let hint = "they take int, float, bool, string, array<int> and array<float>";
                    self.never_crosses("take", *ty, written.span, hint);
                }
            }
        }
        let span = decl.result.as_ref().map_or(decl.name.span, |ty| ty.span);
        let given = self.crossing(result).filter(|ty| ty.is_for_results());
        if given.is_none() && result != Ty::VOID {
            known = false;
            self.never_crosses(
                "give",
                result,
                span,
                "they give int, float, bool, string and string?",
            );
        }
        if !known || decl.library.is_none() {
            return;
        }
        let (symbol, span) = match &decl.symbol {
            Some((symbol, span)) => (symbol.clone(), *span),
            None => (decl.name.text.clone(), decl.name.span),
        };
        if let Err(reason) = crate::ffi::prototype(&symbol, &types, given) {
            let hint =
                "a prototype is like `crc32(crc: u64, data: *const u8[len], len: u32) -> u64`";
            self.error(Code::Prototype, span, reason, hint);
        }
    }

    fn never_crosses(&mut self, what: &str, ty: Ty, span: Span, hint: &str) {
        if self.kind(ty) != Kind::Error {
            let message = format!("functions from outside cannot {what} {}", self.show(ty));
            self.error(Code::Mismatch, span, message, hint);
        }
    }

    /// What a type is for functions from outside.
    fn crossing(&self, ty: Ty) -> Option<Crossing> {
        Some(match self.kind(ty) {
            Kind::Int => Crossing::Int,
            Kind::Float => Crossing::Float,
            Kind::Bool => Crossing::Bool,
            Kind::Str => Crossing::Str,
            Kind::Array(item) if self.kind(item) == Kind::Int => Crossing::Ints,
            Kind::Array(item) if self.kind(item) == Kind::Float => Crossing::Floats,
            Kind::Optional(inner) if self.kind(inner) == Kind::Str => Crossing::OptionalStr,
            _ => return None,
        })
    }

    fn declare_struct(&mut self, decl: &ast::Struct) {
        let mut names: HashMap<&str, Span> = HashMap::new();
        let mut fields = Vec::new();
        for (name, ty) in &decl.fields {
            if let Some(old) = names.insert(&name.text, name.span) {
                self.duplicate(name, old);
            }
            fields.push((name.text.clone(), self.ty(ty)));
        }
        for method in &decl.methods {
            if let Some(old) = names.get(&*method.name.text) {
                let old = *old;
                self.duplicate(&method.name, old);
            }
        }
        let Some(Item::Struct(number)) = self.own(&decl.name) else {
            return;
        };
        self.structs[number as usize].members = numbers(fields.iter().map(|(name, _)| name));
        for (field, (name, _)) in (0..).zip(&decl.fields) {
            self.note_place(name.span, Referred::Field(number, field));
        }
        self.program.structs[number as usize].fields = fields;
        let this = self.add(Kind::Struct(number));
        self.method_signatures(false, number, this, &decl.methods);
    }

    fn declare_enum(&mut self, decl: &ast::Enum) {
        let mut names: HashMap<&str, Span> = HashMap::new();
        let mut variants = Vec::new();
        for (name, types) in &decl.variants {
            if let Some(old) = names.insert(&name.text, name.span) {
                self.duplicate(name, old);
            }
            let types = types.iter().map(|ty| self.ty(ty)).collect();
            variants.push((name.text.clone(), types));
        }
        for method in &decl.methods {
            if let Some(old) = names.get(&*method.name.text) {
                let old = *old;
                self.duplicate(&method.name, old);
            }
        }
        let Some(Item::Enum(number)) = self.own(&decl.name) else {
            return;
        };
        self.enums[number as usize].members = numbers(variants.iter().map(|(name, _)| name));
        for (variant, (name, _)) in (0..).zip(&decl.variants) {
            self.note_place(name.span, Referred::Variant(number, variant));
        }
        self.program.enums[number as usize].variants = variants;
        let this = self.add(Kind::Enum(number));
        self.method_signatures(true, number, this, &decl.methods);
    }

    fn method_signatures(
        &mut self,
        is_enum: bool,
        number: u32,
        this: Ty,
        methods: &[ast::Function],
    ) {
        for method in methods {
            let info = match is_enum {
                true => &self.enums[number as usize],
                false => &self.structs[number as usize],
            };
            let Some(&function) = info.methods.get(&method.name.text) else {
                continue;
            };
            // Of two methods of one name the first has lost, which was reported.
            if self.signatures[function as usize].span == method.name.span {
                let this = method.receiver.map(|_| this);
                self.signature(function, this, &method.params, method.result.as_ref());
            }
        }
    }

    /// The type that was written.
    pub(super) fn ty(&mut self, ty: &Type) -> Ty {
        match &ty.kind {
            TypeKind::Error => Ty::ERROR,
            TypeKind::Path(path) => self.named_type(path),
            TypeKind::Array(item) => {
                let item = self.ty(item);
                self.add(Kind::Array(item))
            }
            TypeKind::Map(key, value) => {
                let (key_ty, value) = (self.ty(key), self.ty(value));
                self.demand(Demand::Key, key_ty, key.span);
                self.add(Kind::Map(key_ty, value))
            }
            TypeKind::Optional(inner) => {
                let inner = self.ty(inner);
                self.optional(inner, ty.span)
            }
            TypeKind::Fn(params, result) => {
                let params = params.iter().map(|param| self.ty(param)).collect();
                let result = result.as_ref().map_or(Ty::VOID, |result| self.ty(result));
                self.add(Kind::Fn(params, result))
            }
        }
    }

    fn named_type(&mut self, path: &Path) -> Ty {
        let builtin = match (&path.module, &*path.name.text) {
            (None, "int") => Some(Ty::INT),
            (None, "float") => Some(Ty::FLOAT),
            (None, "bool") => Some(Ty::BOOL),
            (None, "string") => Some(Ty::STR),
            _ => None,
        };
        if let Some(ty) = builtin {
            return ty;
        }
        match self.type_item(path) {
            Some(Item::Struct(number)) => self.add(Kind::Struct(number)),
            Some(Item::Enum(number)) => self.add(Kind::Enum(number)),
            _ => Ty::ERROR,
        }
    }

    /// The struct or enum of that name; what is none is reported.
    pub(super) fn type_item(&mut self, path: &Path) -> Option<Item> {
        let item = match &path.module {
            None => {
                let item = self.find_item(&path.name.text);
                if let Some(item) = item {
                    self.note_item(path.name.span, item);
                }
                item
            }
            Some(module) => match self.find_item(&module.text) {
                Some(Item::Module(target)) => {
                    self.note_item(module.span, Item::Module(target));
                    Some(self.member_of(target, &path.name))
                }
                _ => {
                    self.unknown_name(&module.text.clone(), module.span);
                    return None;
                }
            },
        };
        match item {
            Some(Item::Struct(_) | Item::Enum(_)) => item,
            Some(Item::Error) => None,
            _ => {
                self.ask_type(&path.name.text);
                if self.is_only_counted(Code::UnknownType, path.span()) {
                    return None;
                }
                let name = &path.name.text;
                let mut known = vec!["int", "float", "bool", "string", "array", "map"];
                let items = self.entered().flat_map(|module| &self.items[module]);
                let types =
                    items.filter(|(_, (item, _))| matches!(item, Item::Struct(_) | Item::Enum(_)));
                known.extend(types.map(|(name, _)| &**name));
                let hint = match closest(name, known) {
                    Some(like) => format!("did you mean `{like}`?"),
                    None => "declare it with `struct` or `enum`, or import it".to_owned(),
                };
                let message = format!("there is no type `{name}`");
                self.error(Code::UnknownType, path.span(), message, hint);
                None
            }
        }
    }

    /// Checks the bodies of a module's functions.
    pub(super) fn bodies(&mut self, module: usize) {
        let modules = self.modules;
        for stmt in &modules[module].stmts {
            match &stmt.kind {
                StmtKind::Fn(decl) => {
                    if let Some(Item::Function(function)) = self.own(&decl.name) {
                        self.body(function, decl);
                    }
                }
                StmtKind::Struct(ast::Struct { name, methods, .. })
                | StmtKind::Enum(ast::Enum { name, methods, .. }) => {
                    let item = self.own(name);
                    for method in methods {
                        let info = match item {
                            Some(Item::Struct(number)) => &self.structs[number as usize],
                            Some(Item::Enum(number)) => &self.enums[number as usize],
                            _ => break,
                        };
                        let function = info.methods.get(&method.name.text).copied();
                        let span = method.name.span;
                        if let Some(function) = function
                            && self.signatures[function as usize].span == span
                        {
                            self.body(function, method);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn body(&mut self, function: u32, decl: &ast::Function) {
        let signature = self.signatures[function as usize].clone();
        self.uses.enter_function(function);
        self.frames.push(Frame {
            result: Some(signature.result),
            scopes: vec![HashMap::new()],
            ..Frame::default()
        });
        let receiver = decl.receiver.map(|span| Name {
            text: Arc::from("self"),
            span,
        });
        let names = receiver
            .iter()
            .chain(decl.params.iter().map(|(name, _)| name));
        for (name, ty) in names.zip(&signature.params) {
            self.declare_local(name, *ty, true);
        }
        let (body, goes_on) = self.block(&decl.body);
        if goes_on && self.kind(signature.result) != Kind::Void {
            self.no_return(&decl.body, signature.result);
        }
        let frame = self.frames.pop().unwrap_or_default();
        let row = &mut self.program.functions[function as usize];
        row.params = signature.params.len() as u32;
        row.locals = frame.locals;
        row.result = signature.result;
        row.body = body;
        self.uses.leave();
    }

    #[cold]
    pub(super) fn no_return(&mut self, body: &ast::Block, result: Ty) {
        if self.kind(result) == Kind::Error {
            return;
        }
        let end = Span {
            start: body.span.end.saturating_sub(1),
            ..body.span
        };
        let message = format!(
            "the end is reached without a result of type {}",
            self.show(result)
        );
        let hint = "put `return` with a value before this brace";
        self.error(Code::NoReturn, end, message, hint);
    }

    /// Functions and methods have to be there before imports are looked at.
    pub(super) fn declare_all_functions(&mut self) {
        for module in 0..self.modules.len() {
            self.module = module;
            self.declare_functions(module);
            let modules = self.modules;
            for stmt in &modules[module].stmts {
                match &stmt.kind {
                    StmtKind::Struct(decl) => {
                        self.declare_methods(&decl.name, false, &decl.methods);
                    }
                    StmtKind::Enum(decl) => self.declare_methods(&decl.name, true, &decl.methods),
                    _ => {}
                }
            }
        }
    }
}
