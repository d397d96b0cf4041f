//! Folded `try` in WebAssembly text.
//!
//! The text format of the older encoding of exceptions is no longer that of the parser, which knows the
//! instructions, but not `(try (do …) (catch …))`. Tools and test suites still have it.

use std::borrow::Cow;

use wast::lexer::{Lexer, TokenKind};

/// What a parenthesis belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paren {
    /// `(try`, at that place; whether a `delegate` has been in it, which ends it.
    Try {
        start: usize,
        delegates: bool,
    },
    /// A part of a `(try`.
    Part,
    Other,
}

/// Text in which each folded `try` is one that the parser knows: lines stay what they are, columns may
/// not. Whatever is no WebAssembly text is left to the parser.
///
/// The parser puts an instruction with others in its parentheses behind them, and takes those that have
/// no parentheses in there as they come. So this becomes that:
///
/// ```text
/// (try (result i32) (do X)  (catch $tag Y) )
/// (end try (result i32)  X   catch $tag Y  )
/// (try (do X) (delegate 0))
/// (nop try  X  delegate 0 )
/// ```
pub fn unfold_try(text: &str) -> Cow<'_, str> {
    match edits(text) {
        Some(edits) if !edits.is_empty() => Cow::Owned(apply(text, edits)),
        _ => Cow::Borrowed(text),
    }
}

/// Bytes that something else takes the place of: their start, their number, and what does.
type Edit = (usize, usize, &'static str);

fn edits(text: &str) -> Option<Vec<Edit>> {
    if !text.contains("try") {
        return None;
    }
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let mut edits = Vec::new();
    let mut open: Vec<Paren> = Vec::new();
    let mut opened = None;
    for token in lexer.iter(0) {
        let token = token.ok()?;
        match token.kind {
            TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Whitespace => continue,
            TokenKind::LParen => {
                open.push(Paren::Other);
                opened = Some(token.offset);
                continue;
            }
            TokenKind::RParen => match open.pop()? {
                Paren::Try { start, delegates } => {
                    let last = if delegates { "nop " } else { "end " };
                    edits.push((start + 1, 0, last));
                }
                Paren::Part => edits.push((token.offset, 1, " ")),
                Paren::Other => {}
            },
            TokenKind::Keyword => {
                if let Some(start) = opened {
                    let keyword = token.keyword(text);
                    head(keyword, start, token.offset, &mut open, &mut edits);
                }
            }
            _ => {}
        }
        opened = None;
    }
    edits.sort_unstable();
    Some(edits)
}

/// The first word in a parenthesis, the innermost of those that are open.
fn head(keyword: &str, start: usize, at: usize, open: &mut [Paren], edits: &mut Vec<Edit>) {
    let [outer @ .., innermost] = open else {
        return;
    };
    match (keyword, outer.last_mut()) {
        ("try", _) => {
            let delegates = false;
            *innermost = Paren::Try { start, delegates };
        }
        ("do" | "catch" | "catch_all" | "delegate", Some(Paren::Try { delegates, .. })) => {
            *delegates |= keyword == "delegate";
            *innermost = Paren::Part;
            edits.push((start, 1, " "));
            if keyword == "do" {
                edits.push((at, keyword.len(), "  "));
            }
        }
        _ => {}
    }
}

fn apply(text: &str, edits: Vec<Edit>) -> String {
    let mut result = String::with_capacity(text.len() + 4 * edits.len());
    let mut copied = 0;
    for (start, len, new) in edits {
        result += &text[copied..start];
        result += new;
        copied = start + len;
    }
    result + &text[copied..]
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::unfold_try;

    #[allow(clippy::needless_pass_by_value, reason = "as in `expect_test`")]
    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&unfold_try(text));
    }

    #[test]
    fn catches() {
        check(
            r#"(func (result i32) ;; (try (do
  (try $l (result i32)
    (do (call $f) (i32.const 1))
    (catch $e (drop) (i32.const 2))
    (catch_all (i32.const 3))))"#,
            expect![[r#"
                (func (result i32) ;; (try (do
                  (end try $l (result i32)
                        (call $f) (i32.const 1) 
                     catch $e (drop) (i32.const 2) 
                     catch_all (i32.const 3) ))"#]],
        );
    }

    #[test]
    fn delegates_and_others_inside() {
        check(
            "(i32.add (try (do (try (do (nop)) (catch_all (rethrow 0)))) (delegate 1)) (i32.const 1))",
            expect![
                "(i32.add (nop try     (end try     (nop)   catch_all (rethrow 0) )   delegate 1 ) (i32.const 1))"
            ],
        );
    }

    #[test]
    fn others_stay() {
        check(
            r#"(data "(try (do))") (try_table (catch $e 0)) try (do)"#,
            expect![[r#"(data "(try (do))") (try_table (catch $e 0)) try (do)"#]],
        );
        check("(try (do) \"", expect![[r#"(try (do) ""#]]);
        check("try)", expect!["try)"]);
    }
}
