//! From text to syntax trees.

pub mod ast;
pub mod lexer;
pub(crate) mod literal;
mod parser;

pub(crate) use literal::quote;

use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{SOURCE_LEN_MAX, Sources, Span};

/// What a token is for, where its kind does not say; the formatter needs it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Role {
    /// What its kind says.
    #[default]
    Plain,
    /// An operator before its operand.
    Prefix,
    /// An operator behind its operand, or a parenthesis or bracket that is.
    Postfix,
    /// An angle bracket around types.
    Angle,
    /// A brace around statements, arms, members or fields.
    Block,
    /// A semicolon in the head of a `for`.
    Head,
}

/// A file that was parsed.
#[derive(Debug)]
pub struct Parsed {
    /// Its statements and declarations.
    pub stmts: Vec<ast::Stmt>,
    /// Its tokens and comments.
    pub lexed: lexer::Lexed,
    /// What each token is for.
    pub(crate) roles: Vec<Role>,
}

/// Parses a file; what makes no sense is reported and left out.
pub fn parse(sources: &Sources, file: u32, errors: &mut Diagnostics) -> Parsed {
    let text = sources.text(file);
    let text = if text.len() > SOURCE_LEN_MAX {
        let span = Span {
            file,
            start: 0,
            end: 0,
        };
        let message = format!("this file has {} bytes", text.len());
        let hint = format!("the most is {SOURCE_LEN_MAX}; split it into modules");
        errors.push(Diagnostic::new(Code::TooLong, span, message, hint));
        ""
    } else {
        text
    };
    let lexed = lexer::lex(file, text, errors);
    parser::parse(text, lexed, errors)
}
