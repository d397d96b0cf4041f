//! Constant expressions in assembler text: reading and printing.
//!
//! An expression is a literal of the wanted type, one instruction, or instructions in parentheses
//! in postfix order: `16`, `global.get $base`, `(global.get $base, i32.push 16, i32.add)`.

use super::error::{Parsed, fault};
use super::lexer::Kind;
use super::listing::Listing;
use super::literal;
use super::parser::{Parser, Space, Symbols};
use super::vectors;
use crate::module::{ConstExpr, ConstOp};
use crate::ops::Op;
use crate::types::{Arch, ValType};

/// Reads an expression; `want` is the type of a literal.
pub(super) fn expression<'t>(
    parser: &mut Parser<'t>,
    symbols: &Symbols<'t>,
    arch: Arch,
    want: ValType,
) -> Parsed<ConstExpr> {
    let special =
        matches!(parser.slice(), "inf" | "nan") || vectors::is_shape(parser.slice(), want);
    match parser.kind() {
        Kind::Open => {
            parser.bump();
            let mut ops = Vec::new();
            parser.skip_newlines();
            while !parser.eat(Kind::Close) {
                ops.push(instruction(parser, symbols, arch)?);
                parser.skip_newlines();
            }
            Ok(ConstExpr(ops))
        }
        Kind::Word if !special => Ok(ConstExpr(vec![instruction(parser, symbols, arch)?])),
        _ => {
            let span = parser.span();
            let op = match want {
                ValType::I32 => ConstOp::I32(parser.number(want)? as i32),
                ValType::I64 => ConstOp::I64(parser.number(want)? as i64),
                ValType::F32 => ConstOp::F32(parser.number(want)? as u32),
                ValType::F64 => ConstOp::F64(parser.number(want)?),
                ValType::V128 => ConstOp::V128(vectors::constant(parser, want)?.low_128()),
                ValType::I128 | ValType::I256 | ValType::I512 | ValType::V256 | ValType::V512 => {
                    wide(parser, want)?
                }
                _ => return fault(span, format!("there are no literals of type {want}")),
            };
            Ok(ConstExpr(vec![op]))
        }
    }
}

/// Reads an element of a segment of type `ty`: a function, `null` or an expression.
pub(super) fn element<'t>(
    parser: &mut Parser<'t>,
    symbols: &Symbols<'t>,
    arch: Arch,
    ty: ValType,
) -> Parsed<ConstExpr> {
    if parser.eat_word("null") {
        return Ok(ConstExpr(vec![ConstOp::RefNull(ty)]));
    }
    match parser.kind() {
        Kind::Name | Kind::Number => {
            let func = symbols.reference(parser, Space::Func)?;
            Ok(ConstExpr(vec![ConstOp::RefFunc(func)]))
        }
        Kind::Open | Kind::Word => expression(parser, symbols, arch, ty),
        _ => parser.unexpected("a function, `null` or `)`"),
    }
}

fn instruction<'t>(parser: &mut Parser<'t>, symbols: &Symbols<'t>, arch: Arch) -> Parsed<ConstOp> {
    if parser.kind() != Kind::Word {
        return parser.unexpected("a constant instruction");
    }
    let span = parser.span();
    let op = Op::from_mnemonic(parser.slice(), arch);
    parser.bump();
    Ok(match op {
        Some(Op::I32Push) => ConstOp::I32(parser.number(ValType::I32)? as i32),
        Some(Op::I64Push) => ConstOp::I64(parser.number(ValType::I64)? as i64),
        Some(Op::F32Push) => ConstOp::F32(parser.number(ValType::F32)? as u32),
        Some(Op::F64Push) => ConstOp::F64(parser.number(ValType::F64)?),
        Some(Op::V128Push) => ConstOp::V128(vectors::constant(parser, ValType::V128)?.low_128()),
        Some(Op::GlobalGet) => ConstOp::GlobalGet(symbols.reference(parser, Space::Global)?),
        Some(Op::RefNull) => ConstOp::RefNull(parser.val_type("a reference type")?),
        Some(Op::RefFunc) => ConstOp::RefFunc(symbols.reference(parser, Space::Func)?),
        Some(op) if op.info().imms.iter().any(|imm| imm.wide_bits().is_some()) => {
            wide(parser, op.result().expect("it pushes a constant"))?
        }
        op => match op.and_then(ConstOp::binary) {
            Some(binary) => binary,
            None => {
                let known = "`push`, `add`, `sub`, `mul`, `global.get`, `ref.null` and `ref.func`";
                let reason = format!("in a constant expression there are only {known}");
                return fault(span, reason);
            }
        },
    })
}

fn wide(parser: &mut Parser<'_>, ty: ValType) -> Parsed<ConstOp> {
    let value = vectors::wide_constant(parser, ty)?;
    Ok(ConstOp::Wide(ty, Box::new(value)))
}

/// Prints an expression where one of type `want` stands.
pub(super) fn print(list: &mut Listing<'_>, expr: &ConstExpr, want: ValType) {
    match (expr.0.as_slice(), want) {
        (&[ConstOp::I32(value)], ValType::I32) => list.number(value),
        (&[ConstOp::I64(value)], ValType::I64) => list.number(value),
        (&[ConstOp::F32(bits)], ValType::F32) => {
            literal::print_float(&mut list.out, u64::from(bits), literal::F32);
        }
        (&[ConstOp::F64(bits)], ValType::F64) => {
            literal::print_float(&mut list.out, bits, literal::F64);
        }
        ([ConstOp::Wide(ty, value)], _) if *ty == want => {
            vectors::print_wide(&mut list.out, **value, want);
        }
        (&[ConstOp::V128(bits)], ValType::V128) => {
            vectors::print_wide(&mut list.out, bits.into(), want);
        }
        ([op @ (ConstOp::GlobalGet(_) | ConstOp::RefNull(_) | ConstOp::RefFunc(_))], _) => {
            print_op(list, op);
        }
        (ops, _) => {
            list.out.push('(');
            for (i, op) in ops.iter().enumerate() {
                list.out.push_str(if i == 0 { "" } else { ", " });
                print_op(list, op);
            }
            list.out.push(')');
        }
    }
}

/// Prints an element of a segment of type `ty`.
pub(super) fn print_element(list: &mut Listing<'_>, expr: &ConstExpr, ty: ValType) {
    match *expr.0.as_slice() {
        [ConstOp::RefFunc(func)] => list.func(func),
        [ConstOp::RefNull(null)] if null == ty => list.out.push_str("null"),
        // No literal has a reference's type, so that this prints instructions.
        _ => print(list, expr, ValType::FuncRef),
    }
}

fn print_op(list: &mut Listing<'_>, op: &ConstOp) {
    let arch = list.arch();
    let mut mnemonic = |op: Op| {
        list.out.push_str(op.mnemonic_on(arch));
        list.out.push(' ');
    };
    match *op {
        ConstOp::I32(value) => {
            mnemonic(Op::I32Push);
            list.number(value);
        }
        ConstOp::I64(value) => {
            mnemonic(Op::I64Push);
            list.number(value);
        }
        ConstOp::F32(bits) => {
            mnemonic(Op::F32Push);
            literal::print_float(&mut list.out, u64::from(bits), literal::F32);
        }
        ConstOp::F64(bits) => {
            mnemonic(Op::F64Push);
            literal::print_float(&mut list.out, bits, literal::F64);
        }
        ConstOp::Wide(ty, ref value) => {
            mnemonic(Op::push(ty));
            vectors::print_wide(&mut list.out, **value, ty);
        }
        ConstOp::V128(bits) => {
            mnemonic(Op::V128Push);
            vectors::print_wide(&mut list.out, bits.into(), ValType::V128);
        }
        ConstOp::GlobalGet(index) => {
            mnemonic(Op::GlobalGet);
            list.number(index);
        }
        ConstOp::RefNull(ty) => {
            mnemonic(Op::RefNull);
            list.out.push_str(ty.name());
        }
        ConstOp::RefFunc(index) => {
            mnemonic(Op::RefFunc);
            list.func(index);
        }
        ConstOp::Binary(op) => list.out.push_str(op.mnemonic_on(arch)),
    }
}
