//! The syntax tree: what was written, before anything is known about names and types.

use std::sync::Arc;

use crate::source::Span;

/// A name, where it was written.
#[derive(Clone, Debug)]
pub struct Name {
    /// The name.
    pub text: Arc<str>,
    /// Its place.
    pub span: Span,
}

/// A name, perhaps of another module: `point` or `shapes.point`.
#[derive(Clone, Debug)]
pub struct Path {
    /// The module's name.
    pub module: Option<Name>,
    /// The name in it.
    pub name: Name,
}

impl Path {
    /// Its place.
    pub fn span(&self) -> Span {
        match &self.module {
            Some(module) => module.span.to(self.name.span),
            None => self.name.span,
        }
    }
}

/// A type that was written.
#[derive(Clone, Debug)]
pub struct Type {
    /// What was written.
    pub kind: TypeKind,
    /// Its place.
    pub span: Span,
}

/// Kinds of types.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// Nothing that makes sense; an error was reported.
    Error,
    /// A type with a name.
    Path(Path),
    /// `array<T>`
    Array(Box<Type>),
    /// `map<K, V>`
    Map(Box<Type>, Box<Type>),
    /// `T?`
    Optional(Box<Type>),
    /// `fn(T, U) -> R`
    Fn(Vec<Type>, Option<Box<Type>>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
    /// The length of the longest way down from it; bounded, so that recursion over it is.
    pub height: u16,
}

/// Operators between two operands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `??`
    Coalesce,
}

impl BinaryOp {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::And => "&&",
            BinaryOp::Or => "||",
            BinaryOp::Coalesce => "??",
        }
    }
}

/// Kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// Nothing that makes sense; an error was reported.
    Error,
    /// An integer; up to 2^63, which only fits behind `-`.
    Int(u64),
    /// A float.
    Float(f64),
    /// A string.
    Str(Arc<str>),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
    /// A name.
    Name(Arc<str>),
    /// `(a)`
    Paren(Box<Expr>),
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `{k: v}`
    Map(Vec<(Expr, Expr)>),
    /// `Point { x: 1, y: 2 }`
    Struct(Path, Vec<(Name, Expr)>),
    /// `fn(x) { … }` or `fn(x) => x`
    Closure(Box<Closure>),
    /// `-a`
    Neg(Box<Expr>),
    /// `!a`
    Not(Box<Expr>),
    /// `a + b`; the place is the operator's.
    Binary(BinaryOp, Span, Box<Expr>, Box<Expr>),
    /// `a!`: the value, which must not be null.
    Unwrap(Box<Expr>),
    /// `f(a, b)`
    Call(Box<Expr>, Vec<Expr>),
    /// `a.b`
    Field(Box<Expr>, Name),
    /// `a?.b`
    SafeField(Box<Expr>, Name),
    /// `a[i]`
    Index(Box<Expr>, Box<Expr>),
    /// `match a { … }`
    Match(Box<Match>),
}

/// A function without a name.
#[derive(Clone, Debug)]
pub struct Closure {
    /// Parameters; types may be missing where they can be inferred.
    pub params: Vec<(Name, Option<Type>)>,
    /// The type of results, if written.
    pub result: Option<Type>,
    /// What it does.
    pub body: ClosureBody,
}

/// The two forms of closures.
#[derive(Clone, Debug)]
pub enum ClosureBody {
    /// `=> e`
    Expr(Expr),
    /// `{ … }`
    Block(Block),
}

/// `match a { p => b, … }`
#[derive(Clone, Debug)]
pub struct Match {
    /// What is looked at.
    pub value: Expr,
    /// The arms in their order.
    pub arms: Vec<Arm>,
}

/// An arm of a `match`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// What values it is for.
    pub pattern: Pattern,
    /// The condition that they have to meet as well.
    pub guard: Option<Expr>,
    /// What is done with them.
    pub body: ArmBody,
}

/// The two forms of arms.
#[derive(Clone, Debug)]
pub enum ArmBody {
    /// `=> e`
    Expr(Expr),
    /// `=> { … }`
    Block(Block),
}

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What it is.
    pub kind: PatternKind,
    /// Its place.
    pub span: Span,
}

/// Kinds of patterns.
#[derive(Clone, Debug)]
pub enum PatternKind {
    /// Nothing that makes sense; an error was reported.
    Error,
    /// `_`
    Any,
    /// A name: a variant without payload where there is one, or else a new variable.
    Name(Name),
    /// A number, perhaps negative.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(Arc<str>),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
    /// `Shape.Circle(r)`, `Circle(r)` or `Shape.Empty`.
    Variant(Option<Path>, Name, Vec<Pattern>),
    /// `a | b`
    Or(Vec<Pattern>),
}

/// Statements between braces.
#[derive(Clone, Debug)]
pub struct Block {
    /// The statements.
    pub stmts: Vec<Stmt>,
    /// Its place, braces included.
    pub span: Span,
    /// The greatest height in it.
    pub height: u16,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Its place.
    pub span: Span,
}

/// A condition of `if` and `while`.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A truth value.
    Expr(Expr),
    /// `let x = e`: whether the value is not null, and a name for it.
    Let(Name, Expr),
}

/// Kinds of statements.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// Nothing that makes sense; an error was reported.
    Error,
    /// `let x: T = e` or `const x: T = e`
    Let {
        /// Whether it can be assigned to.
        mutable: bool,
        /// The variable.
        name: Name,
        /// Its type, if written.
        ty: Option<Type>,
        /// Its first value.
        value: Expr,
    },
    /// `a = e` or `a += e`; the place is the operator's.
    Assign(Expr, Option<BinaryOp>, Span, Expr),
    /// A call or `match`.
    Expr(Expr),
    /// `if c { … } else if d { … } else { … }`
    If(Vec<(Condition, Block)>, Option<Block>),
    /// `while c { … }`
    While(Condition, Block),
    /// `for x in e { … }`, `for k, v in e { … }` or `for i in a..b { … }`
    ForIn {
        /// The variable.
        name: Name,
        /// The variable for values of maps.
        second: Option<Name>,
        /// What is gone through, or the start of the range.
        over: Expr,
        /// The end of the range.
        end: Option<Expr>,
        /// What is done with each.
        body: Block,
    },
    /// `for init; cond; step { … }`
    For {
        /// What is done first.
        init: Option<Box<Stmt>>,
        /// Whether to go on.
        cond: Option<Expr>,
        /// What is done behind each turn.
        step: Option<Box<Stmt>>,
        /// What is done in each turn.
        body: Block,
    },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return e`
    Return(Option<Expr>),
    /// `{ … }`
    Block(Block),
    /// `fn f(…) -> R { … }`
    Fn(Function),
    /// `extern fn f(…) -> R`
    Extern(Extern),
    /// `struct S { … }`
    Struct(Struct),
    /// `enum E { … }`
    Enum(Enum),
    /// `import m` or `from m import a`
    Import(Import),
}

/// A function with a name.
#[derive(Clone, Debug)]
pub struct Function {
    /// The name.
    pub name: Name,
    /// The place of `self`, if it is a method.
    pub receiver: Option<Span>,
    /// Other parameters.
    pub params: Vec<(Name, Type)>,
    /// The type of results.
    pub result: Option<Type>,
    /// What it does.
    pub body: Block,
}

/// A function of a native library or of the embedder.
#[derive(Clone, Debug)]
pub struct Extern {
    /// The library, if written.
    pub library: Option<(Arc<str>, Span)>,
    /// The name.
    pub name: Name,
    /// Parameters.
    pub params: Vec<(Name, Type)>,
    /// The type of results.
    pub result: Option<Type>,
    /// The library's name of it, if another.
    pub symbol: Option<(Arc<str>, Span)>,
}

/// A struct.
#[derive(Clone, Debug)]
pub struct Struct {
    /// The name.
    pub name: Name,
    /// Fields.
    pub fields: Vec<(Name, Type)>,
    /// Methods, and functions that belong to it.
    pub methods: Vec<Function>,
}

/// An enum.
#[derive(Clone, Debug)]
pub struct Enum {
    /// The name.
    pub name: Name,
    /// Variants, and the types of what they carry.
    pub variants: Vec<(Name, Vec<Type>)>,
    /// Methods, and functions that belong to it.
    pub methods: Vec<Function>,
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    /// The parts of the module's name, at least one.
    pub path: Vec<Name>,
    /// What is imported.
    pub what: Imported,
}

/// The two forms of imports.
#[derive(Clone, Debug)]
pub enum Imported {
    /// `import m` or `import m as a`: the module, by its last or another name.
    Module(Name),
    /// `from m import a, b as c`: members, each with its name here.
    Members(Vec<(Name, Name)>),
}

impl Import {
    /// The module's name.
    pub fn module(&self) -> String {
        let parts: Vec<&str> = self.path.iter().map(|name| &*name.text).collect();
        parts.join(".")
    }

    /// The place of the module's name.
    pub fn span(&self) -> Span {
        let last = self.path.last().map_or(Span::default(), |name| name.span);
        self.path.first().map_or(last, |name| name.span.to(last))
    }
}
