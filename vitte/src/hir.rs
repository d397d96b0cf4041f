//! The checked program: names resolved, types known, conversions written out.

use std::sync::Arc;

use crate::source::Span;
use crate::types::{Ty, Types};

pub use crate::syntax::ast::BinaryOp;

/// A program that was checked.
#[derive(Debug, Default)]
pub struct Program {
    /// All types of the program.
    pub types: Types,
    /// All functions; those of closures among them.
    pub functions: Vec<Function>,
    /// How many of these, the first ones, are declared at top level or in a type there.
    pub declared: usize,
    /// Functions from outside.
    pub externs: Vec<Extern>,
    /// Structs.
    pub structs: Vec<Struct>,
    /// Enums.
    pub enums: Vec<Enum>,
    /// Variables at top level.
    pub globals: Vec<Global>,
    /// The functions that run the statements of modules, in their order; that of the program is last.
    pub inits: Vec<u32>,
    /// The variable that takes the value of what was entered last in a session, if it has one.
    pub(crate) value: Option<u32>,
}

impl Program {
    /// A type for people.
    pub fn show(&self, ty: Ty) -> String {
        let name = |is_enum: bool, number: u32| match is_enum {
            true => self.enums[number as usize].name.to_string(),
            false => self.structs[number as usize].name.to_string(),
        };
        self.types.show(ty, &name)
    }
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name, with that of its module or type: `shapes.Circle.area`.
    pub name: Arc<str>,
    /// Its place.
    pub span: Span,
    /// The number of parameters, the first locals.
    pub params: u32,
    /// Variables, parameters included.
    pub locals: Vec<Local>,
    /// The type of results.
    pub result: Ty,
    /// What it does.
    pub body: Vec<Stmt>,
    /// For closures: which locals take what is captured, in the order of [`ExprKind::Closure`].
    pub captures: Vec<u32>,
}

/// A variable of a function.
#[derive(Debug)]
pub struct Local {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Ty,
    /// Whether it may be assigned to.
    pub mutable: bool,
    /// Whether a closure uses it.
    pub captured: bool,
    /// Whether it is assigned to behind its declaration, here or in a closure.
    pub assigned: bool,
    /// Where it is declared.
    pub span: Span,
}

/// A function from outside.
#[derive(Debug)]
pub struct Extern {
    /// Its name in the program.
    pub name: Arc<str>,
    /// The library, if it names one.
    pub library: Option<Arc<str>>,
    /// The name in the library or of the embedder's function.
    pub symbol: Arc<str>,
    /// Types of parameters.
    pub params: Vec<Ty>,
    /// The type of the result.
    pub result: Ty,
}

/// A struct.
#[derive(Debug)]
pub struct Struct {
    /// Its name.
    pub name: Arc<str>,
    /// Its fields.
    pub fields: Vec<(Arc<str>, Ty)>,
}

/// An enum.
#[derive(Debug)]
pub struct Enum {
    /// Its name.
    pub name: Arc<str>,
    /// Its variants, and what they carry.
    pub variants: Vec<(Arc<str>, Vec<Ty>)>,
}

/// A variable at top level.
#[derive(Debug)]
pub struct Global {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Ty,
    /// Whether it may be assigned to.
    pub mutable: bool,
    /// Where it is declared.
    pub span: Span,
    /// The module that declares it.
    pub module: usize,
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type.
    pub ty: Ty,
    /// Its place.
    pub span: Span,
}

/// Kinds of expressions.
#[derive(Debug)]
pub enum ExprKind {
    /// Nothing that makes sense; an error was reported.
    Error,
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(Arc<str>),
    /// A truth value.
    Bool(bool),
    /// No value, of an optional type.
    Null,
    /// A local variable.
    Local(u32),
    /// A variable at top level.
    Global(u32),
    /// A function as a value.
    Function(u32),
    /// A function from outside as a value.
    Extern(u32),
    /// In a closure with a name: the closure itself.
    This,
    /// An array of these elements.
    Array(Vec<Expr>),
    /// A map of these entries.
    Map(Vec<(Expr, Expr)>),
    /// A struct; fields by their numbers, in the order in which they are computed.
    Struct(u32, Vec<(u32, Expr)>),
    /// A variant of an enum, and what it carries.
    Variant(u32, u32, Vec<Expr>),
    /// A closure, and the locals that it captures.
    Closure(u32, Vec<u32>),
    /// The negative of a number.
    Neg(Box<Expr>),
    /// The opposite of a truth value.
    Not(Box<Expr>),
    /// An operator between values of one type; never `And`, `Or` or `Coalesce`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// Both; the second only if the first is true.
    And(Box<Expr>, Box<Expr>),
    /// Either; the second only if the first is false.
    Or(Box<Expr>, Box<Expr>),
    /// The first, or the second if that is null.
    Coalesce(Box<Expr>, Box<Expr>),
    /// Whether an optional value is null, or (true) is not.
    IsNull(Box<Expr>, bool),
    /// A value as an optional one.
    Wrap(Box<Expr>),
    /// An optional value that must not be null: traps otherwise.
    Unwrap(Box<Expr>),
    /// The value of the expression behind, which uses the local for the first; null if that is null.
    Safe(Box<Expr>, u32, Box<Expr>),
    /// A call of a function.
    Call(u32, Vec<Expr>),
    /// A call of a function from outside.
    CallExtern(u32, Vec<Expr>),
    /// A call of a native function, by its row in [`crate::natives::NATIVES`].
    CallNative(u32, Vec<Expr>),
    /// A call of a value.
    CallValue(Box<Expr>, Vec<Expr>),
    /// A field of a struct.
    Field(Box<Expr>, u32, u32),
    /// An element of an array, value of a map or character of a string.
    Index(Box<Expr>, Box<Expr>),
    /// A `match`: the value, the local that holds it, the arms.
    Match(Box<Expr>, u32, Vec<Arm>),
}

/// An arm of a `match`.
#[derive(Debug)]
pub struct Arm {
    /// What values it is for.
    pub pattern: Pattern,
    /// The condition that they have to meet as well.
    pub guard: Option<Expr>,
    /// What is done.
    pub body: Vec<Stmt>,
    /// The value, if the `match` has one.
    pub value: Option<Expr>,
}

/// A pattern.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Every value.
    Any,
    /// Every value, which the local takes.
    Bind(u32),
    /// That integer.
    Int(i64),
    /// That float.
    Float(f64),
    /// That string.
    Str(Arc<str>),
    /// That truth value.
    Bool(bool),
    /// Null.
    Null,
    /// A value that is not null and is so.
    Some(Box<Pattern>),
    /// That variant of that enum, carrying what is so.
    Variant(u32, u32, Vec<Pattern>),
    /// One of these.
    Or(Vec<Pattern>),
}

/// Where an assignment goes.
#[derive(Debug)]
pub enum Target {
    /// A local variable.
    Local(u32),
    /// A variable at top level.
    Global(u32),
    /// A field.
    Field(Expr, u32, u32),
    /// An element of an array or value of a map.
    Index(Expr, Expr),
}

/// A statement.
#[derive(Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Its place.
    pub span: Span,
}

/// Kinds of statements.
#[derive(Debug)]
pub enum StmtKind {
    /// The first value of a local variable.
    Let(u32, Expr),
    /// The first value of a variable at top level.
    SetGlobal(u32, Expr),
    /// An assignment.
    Assign(Target, Expr),
    /// An assignment of the old value with an operator; target and its type, which is the value's.
    Update(Target, BinaryOp, Ty, Expr),
    /// Something done for its effects.
    Expr(Expr),
    /// Conditions and what is done at the first that holds, and what otherwise.
    If(Vec<(Condition, Vec<Stmt>)>, Vec<Stmt>),
    /// A loop with its condition, and what is done behind each turn.
    While(Condition, Vec<Stmt>, Vec<Stmt>),
    /// Each integer from the first up to the second, without that.
    Range(u32, Expr, Expr, Vec<Stmt>),
    /// Each element of an array, key of a map (with its value) or character of a string.
    Each(u32, Option<u32>, Expr, Vec<Stmt>),
    /// Leaves the loop.
    Break,
    /// Goes on with the loop's next turn.
    Continue,
    /// Leaves the function.
    Return(Option<Expr>),
    /// A block.
    Block(Vec<Stmt>),
}

/// A condition.
#[derive(Debug)]
pub enum Condition {
    /// A truth value.
    Expr(Expr),
    /// Whether the value is not null; the local takes it.
    Let(u32, Expr),
}
