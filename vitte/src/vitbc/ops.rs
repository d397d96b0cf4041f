//! The opcode table: one row an instruction. Encoder, decoder, assembler, disassembler, verifier and
//! the chapter `docs/vitbc.md` come from it.

/// What an operand is, and how it is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operand {
    /// The register that is written (u16).
    Dest,
    /// A register that is read (u16).
    Reg,
    /// A constant (u32).
    Const,
    /// A parameter of the function (u16).
    Arg,
    /// An instruction of the function, by its number (u32).
    Jump,
    /// A function (u32).
    Func,
    /// An import (u32).
    Import,
    /// A variable at top level (u32).
    Global,
    /// A type (u32).
    Type,
    /// A small number: a field, a variant, a truth value (u16).
    Index,
    /// Registers that are read (u16 count, then u16 each).
    Regs,
    /// The register that takes the result of a call, or none (u16).
    Result,
}

/// No register takes the result.
pub const NO_RESULT: u32 = 0xffff;

macro_rules! ops {
    ($($name:ident $mnemonic:literal $code:literal [$($operand:ident)*] $meaning:literal;)*) => {
        /// An instruction's kind.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Op {
            $(#[doc = $meaning] $name,)*
        }

        impl Op {
            /// All rows of the table.
            pub const ALL: &[Op] = &[$(Op::$name),*];

            /// As it is written.
            pub fn mnemonic(self) -> &'static str {
                match self { $(Op::$name => $mnemonic,)* }
            }

            /// As it is stored.
            pub fn code(self) -> u8 {
                match self { $(Op::$name => $code,)* }
            }

            /// Its operands, in their order.
            pub fn operands(self) -> &'static [Operand] {
                match self { $(Op::$name => &[$(Operand::$operand),*],)* }
            }

            /// What it does, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Op::$name => $meaning,)* }
            }

            /// The row with that code.
            pub fn from_code(code: u8) -> Option<Op> {
                match code { $($code => Some(Op::$name),)* _ => None }
            }
        }
    };
}

ops! {
    LoadConst "LOAD_CONST" 0x01 [Dest Const] "A constant.";
    LoadBool "LOAD_BOOL" 0x02 [Dest Index] "False (0) or true (1).";
    LoadNull "LOAD_NULL" 0x03 [Dest] "Null, of the register's optional type.";
    LoadArg "LOAD_ARG" 0x04 [Dest Arg] "A parameter.";
    Mov "MOV" 0x05 [Dest Reg] "The value of another register.";
    LoadGlobal "LOAD_GLOBAL" 0x06 [Dest Global] "A variable at top level.";
    StoreGlobal "STORE_GLOBAL" 0x07 [Global Reg] "Sets a variable at top level.";
    Add "ADD" 0x10 [Dest Reg Reg] "Sum of numbers, or two strings in a row; traps on overflow of `int`.";
    Sub "SUB" 0x11 [Dest Reg Reg] "Difference; traps on overflow of `int`.";
    Mul "MUL" 0x12 [Dest Reg Reg] "Product; traps on overflow of `int`.";
    Div "DIV" 0x13 [Dest Reg Reg] "Quotient, of `int` rounded towards zero; traps on zero and overflow of `int`.";
    Mod "MOD" 0x14 [Dest Reg Reg] "Remainder with the dividend's sign; traps on zero of `int`.";
    Neg "NEG" 0x15 [Dest Reg] "The negative; traps on overflow of `int`.";
    Eq "EQ" 0x18 [Dest Reg Reg] "Whether two values are equal; references: whether they are the same.";
    Ne "NE" 0x19 [Dest Reg Reg] "Whether two values are not equal.";
    Lt "LT" 0x1a [Dest Reg Reg] "Whether the first number or string is less.";
    Le "LE" 0x1b [Dest Reg Reg] "Whether the first number or string is less or equal.";
    Gt "GT" 0x1c [Dest Reg Reg] "Whether the first number or string is greater.";
    Ge "GE" 0x1d [Dest Reg Reg] "Whether the first number or string is greater or equal.";
    And "AND" 0x20 [Dest Reg Reg] "Whether both are true.";
    Or "OR" 0x21 [Dest Reg Reg] "Whether one is true.";
    Not "NOT" 0x22 [Dest Reg] "Whether it is false.";
    Jump "JUMP" 0x28 [Jump] "Goes on at an instruction.";
    If "IF" 0x29 [Reg Jump] "Goes on at an instruction if the register is true.";
    Return "RETURN" 0x2a [Reg] "Leaves the function with a result.";
    ReturnNone "RETURN" 0x2b [] "Leaves the function without result.";
    Call "CALL" 0x30 [Func Regs Result] "Calls a function.";
    CallClosure "CALL_CLOSURE" 0x31 [Reg Regs Result] "Calls a function value.";
    CallNative "CALL_NATIVE" 0x32 [Import Regs Result] "Calls an import.";
    Closure "CLOSURE" 0x33 [Dest Func Regs] "A function value; the registers are its first arguments.";
    Print "PRINT" 0x34 [Reg] "Writes a number, truth value or string.";
    Alloc "ALLOC" 0x38 [Dest Type Regs] "A new struct of these fields, array of these elements or map of these keys and values in turn.";
    Load "LOAD" 0x39 [Dest Reg Index] "A field of a struct.";
    Store "STORE" 0x3a [Reg Index Reg] "Sets a field of a struct.";
    Get "GET" 0x3b [Dest Reg Reg] "An element of an array, value of a map or character of a string; traps if there is none.";
    Set "SET" 0x3c [Reg Reg Reg] "Sets an element of an array or value of a map.";
    Variant "VARIANT" 0x40 [Dest Type Index Regs] "A variant of an enum, and what it carries.";
    Tag "TAG" 0x41 [Dest Reg] "The number of an enum value's variant.";
    Payload "PAYLOAD" 0x42 [Dest Reg Index Index] "What a variant (first) carries (second); traps if the value is another one.";
    Some "SOME" 0x48 [Dest Reg] "A value as an optional one.";
    Unwrap "UNWRAP" 0x49 [Dest Reg] "The value of an optional one; traps on null.";
    IsNull "IS_NULL" 0x4a [Dest Reg] "Whether an optional value is null.";
}

impl Op {
    /// Whether what is behind it is only reached by jumps.
    pub fn ends(self) -> bool {
        matches!(self, Op::Jump | Op::Return | Op::ReturnNone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_found() {
        for op in Op::ALL {
            assert_eq!(Op::from_code(op.code()), Some(*op));
            let lists = op
                .operands()
                .iter()
                .filter(|operand| **operand == Operand::Regs);
            assert!(lists.count() <= 1, "{op:?}");
        }
    }
}
