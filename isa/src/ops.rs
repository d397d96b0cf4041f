//! The opcode table: one row an instruction, and everything that follows from it.
//!
//! A row reads: identifier (for instructions of the group `other`, also the name of the method that
//! lowers it), mnemonic, code, immediates, category, first architecture that has it, fuel cost,
//! stack signature (`poly` where operand types depend on context), meaning.
//!
//! The groups tell consumers the shape: `unary` and `binary` are pure functions whose meaning is in
//! [`crate::semantics`]; `load` and `store` access a memory at a popped address plus an immediate
//! offset, and their signature is that for memories with 32-bit addresses; `other` is everything with a rule of its own. Codes up to `0xff` are one byte; the
//! others are a prefix byte and a second byte. Prefixes 0xe0 to 0xe2 are those of wide integers, 0xe3 to 0xe5
//! those of wide vectors, 0xe6 that of services, 0xe7 that of managed objects; 0xe8 to 0xf7 are free.
//!
//! The groups of vectors, of wide integers and of services, and the rows of managed objects, are in files of their
//! own; see there.

mod access;
mod bigint;
mod crypto;
mod db;
mod imm;
mod objects;
mod services;
mod simd;
mod wide;
mod wide_vectors;

pub use access::MemoryAccess;
pub use services::{Rate, Service};

/// Hands the opcode table to the macro `$m`: `unary { rows } binary { rows } load { rows }
/// store { rows } other { rows }`, then `vector`, `vector_load`, `vector_store`, `lane_load`,
/// `lane_store`, `wide`, `pair`, `wide_load`, `wide_store`, `parts`, `whole`, `parts_load`, `parts_store`,
/// `gather` and `service` in the same way.
#[macro_export]
macro_rules! for_each_op {
    ($m:ident) => {
        $crate::with_object_ops! { $m {
        unary {
            I32Eqz "i32.eqz" 0x45 [] Comparison Arch32 1 (I32 -> I32) "1 when zero, else 0.";
            I64Eqz "i64.eqz" 0x50 [] Comparison Arch32 1 (I64 -> I32) "1 when zero, else 0.";
            I32Clz "i32.clz" 0x67 [] Bits Arch32 1 (I32 -> I32) "Number of leading zero bits.";
            I32Ctz "i32.ctz" 0x68 [] Bits Arch32 1 (I32 -> I32) "Number of trailing zero bits.";
            I32Popcnt "i32.popcnt" 0x69 [] Bits Arch32 1 (I32 -> I32) "Number of one bits.";
            I64Clz "i64.clz" 0x79 [] Bits Arch32 1 (I64 -> I64) "Number of leading zero bits.";
            I64Ctz "i64.ctz" 0x7a [] Bits Arch32 1 (I64 -> I64) "Number of trailing zero bits.";
            I64Popcnt "i64.popcnt" 0x7b [] Bits Arch32 1 (I64 -> I64) "Number of one bits.";
            F32Abs "f32.abs" 0x8b [] Arithmetic Arch32 1 (F32 -> F32) "Absolute value: clears the sign bit.";
            F32Neg "f32.neg" 0x8c [] Arithmetic Arch32 1 (F32 -> F32) "Flips the sign bit.";
            F32Ceil "f32.ceil" 0x8d [] Arithmetic Arch32 1 (F32 -> F32) "Rounds up to an integral value.";
            F32Floor "f32.floor" 0x8e [] Arithmetic Arch32 1 (F32 -> F32) "Rounds down to an integral value.";
            F32Trunc "f32.trunc" 0x8f [] Arithmetic Arch32 1 (F32 -> F32) "Rounds towards zero to an integral value.";
            F32Nearest "f32.nearest" 0x90 [] Arithmetic Arch32 1 (F32 -> F32) "Rounds to the nearest integral value, ties to even.";
            F32Sqrt "f32.sqrt" 0x91 [] Arithmetic Arch32 1 (F32 -> F32) "Square root, correctly rounded.";
            F64Abs "f64.abs" 0x99 [] Arithmetic Arch32 1 (F64 -> F64) "Absolute value: clears the sign bit.";
            F64Neg "f64.neg" 0x9a [] Arithmetic Arch32 1 (F64 -> F64) "Flips the sign bit.";
            F64Ceil "f64.ceil" 0x9b [] Arithmetic Arch32 1 (F64 -> F64) "Rounds up to an integral value.";
            F64Floor "f64.floor" 0x9c [] Arithmetic Arch32 1 (F64 -> F64) "Rounds down to an integral value.";
            F64Trunc "f64.trunc" 0x9d [] Arithmetic Arch32 1 (F64 -> F64) "Rounds towards zero to an integral value.";
            F64Nearest "f64.nearest" 0x9e [] Arithmetic Arch32 1 (F64 -> F64) "Rounds to the nearest integral value, ties to even.";
            F64Sqrt "f64.sqrt" 0x9f [] Arithmetic Arch32 1 (F64 -> F64) "Square root, correctly rounded.";
            I32WrapI64 "i32.wrap_i64" 0xa7 [] Conversion Arch32 1 (I64 -> I32) "The low 32 bits.";
            I32TruncF32 "i32.trunc_f32" 0xa8 [] Conversion Arch32 1 (F32 -> I32) "Signed integer part; traps on NaN and out of range.";
            I32TruncF32U "i32.trunc_f32_u" 0xa9 [] Conversion Arch32 1 (F32 -> I32) "Unsigned integer part; traps on NaN and out of range.";
            I32TruncF64 "i32.trunc_f64" 0xaa [] Conversion Arch32 1 (F64 -> I32) "Signed integer part; traps on NaN and out of range.";
            I32TruncF64U "i32.trunc_f64_u" 0xab [] Conversion Arch32 1 (F64 -> I32) "Unsigned integer part; traps on NaN and out of range.";
            I64ExtendI32 "i64.extend_i32" 0xac [] Conversion Arch32 1 (I32 -> I64) "Sign extension.";
            I64ExtendI32U "i64.extend_i32_u" 0xad [] Conversion Arch32 1 (I32 -> I64) "Zero extension.";
            I64TruncF32 "i64.trunc_f32" 0xae [] Conversion Arch32 1 (F32 -> I64) "Signed integer part; traps on NaN and out of range.";
            I64TruncF32U "i64.trunc_f32_u" 0xaf [] Conversion Arch32 1 (F32 -> I64) "Unsigned integer part; traps on NaN and out of range.";
            I64TruncF64 "i64.trunc_f64" 0xb0 [] Conversion Arch32 1 (F64 -> I64) "Signed integer part; traps on NaN and out of range.";
            I64TruncF64U "i64.trunc_f64_u" 0xb1 [] Conversion Arch32 1 (F64 -> I64) "Unsigned integer part; traps on NaN and out of range.";
            F32ConvertI32 "f32.convert_i32" 0xb2 [] Conversion Arch32 1 (I32 -> F32) "Nearest float to the signed integer.";
            F32ConvertI32U "f32.convert_i32_u" 0xb3 [] Conversion Arch32 1 (I32 -> F32) "Nearest float to the unsigned integer.";
            F32ConvertI64 "f32.convert_i64" 0xb4 [] Conversion Arch32 1 (I64 -> F32) "Nearest float to the signed integer.";
            F32ConvertI64U "f32.convert_i64_u" 0xb5 [] Conversion Arch32 1 (I64 -> F32) "Nearest float to the unsigned integer.";
            F32DemoteF64 "f32.demote_f64" 0xb6 [] Conversion Arch32 1 (F64 -> F32) "Nearest narrower float.";
            F64ConvertI32 "f64.convert_i32" 0xb7 [] Conversion Arch32 1 (I32 -> F64) "Nearest float to the signed integer.";
            F64ConvertI32U "f64.convert_i32_u" 0xb8 [] Conversion Arch32 1 (I32 -> F64) "Nearest float to the unsigned integer.";
            F64ConvertI64 "f64.convert_i64" 0xb9 [] Conversion Arch32 1 (I64 -> F64) "Nearest float to the signed integer.";
            F64ConvertI64U "f64.convert_i64_u" 0xba [] Conversion Arch32 1 (I64 -> F64) "Nearest float to the unsigned integer.";
            F64PromoteF32 "f64.promote_f32" 0xbb [] Conversion Arch32 1 (F32 -> F64) "The same value, wider.";
            I32ReinterpretF32 "i32.reinterpret_f32" 0xbc [] Conversion Arch32 1 (F32 -> I32) "The same bits.";
            I64ReinterpretF64 "i64.reinterpret_f64" 0xbd [] Conversion Arch32 1 (F64 -> I64) "The same bits.";
            F32ReinterpretI32 "f32.reinterpret_i32" 0xbe [] Conversion Arch32 1 (I32 -> F32) "The same bits.";
            F64ReinterpretI64 "f64.reinterpret_i64" 0xbf [] Conversion Arch32 1 (I64 -> F64) "The same bits.";
            I32Extend8 "i32.extend8" 0xc0 [] Conversion Arch32 1 (I32 -> I32) "Sign-extends the low byte.";
            I32Extend16 "i32.extend16" 0xc1 [] Conversion Arch32 1 (I32 -> I32) "Sign-extends the low 16 bits.";
            I64Extend8 "i64.extend8" 0xc2 [] Conversion Arch32 1 (I64 -> I64) "Sign-extends the low byte.";
            I64Extend16 "i64.extend16" 0xc3 [] Conversion Arch32 1 (I64 -> I64) "Sign-extends the low 16 bits.";
            I64Extend32 "i64.extend32" 0xc4 [] Conversion Arch32 1 (I64 -> I64) "Sign-extends the low 32 bits.";
            I32Neg "i32.neg" 0xc5 [] Arithmetic Arch32 1 (I32 -> I32) "Two's complement negation, wrapping.";
            I32Not "i32.not" 0xc6 [] Logic Arch32 1 (I32 -> I32) "Flips every bit.";
            I64Neg "i64.neg" 0xc7 [] Arithmetic Arch32 1 (I64 -> I64) "Two's complement negation, wrapping.";
            I64Not "i64.not" 0xc8 [] Logic Arch32 1 (I64 -> I64) "Flips every bit.";
            I32TruncSatF32 "i32.trunc_sat_f32" 0xfc00 [] Conversion Arch32 1 (F32 -> I32) "Signed integer part, saturating; NaN gives 0.";
            I32TruncSatF32U "i32.trunc_sat_f32_u" 0xfc01 [] Conversion Arch32 1 (F32 -> I32) "Unsigned integer part, saturating; NaN gives 0.";
            I32TruncSatF64 "i32.trunc_sat_f64" 0xfc02 [] Conversion Arch32 1 (F64 -> I32) "Signed integer part, saturating; NaN gives 0.";
            I32TruncSatF64U "i32.trunc_sat_f64_u" 0xfc03 [] Conversion Arch32 1 (F64 -> I32) "Unsigned integer part, saturating; NaN gives 0.";
            I64TruncSatF32 "i64.trunc_sat_f32" 0xfc04 [] Conversion Arch32 1 (F32 -> I64) "Signed integer part, saturating; NaN gives 0.";
            I64TruncSatF32U "i64.trunc_sat_f32_u" 0xfc05 [] Conversion Arch32 1 (F32 -> I64) "Unsigned integer part, saturating; NaN gives 0.";
            I64TruncSatF64 "i64.trunc_sat_f64" 0xfc06 [] Conversion Arch32 1 (F64 -> I64) "Signed integer part, saturating; NaN gives 0.";
            I64TruncSatF64U "i64.trunc_sat_f64_u" 0xfc07 [] Conversion Arch32 1 (F64 -> I64) "Unsigned integer part, saturating; NaN gives 0.";
        }
        binary {
            I32Eq "i32.eq" 0x46 [] Comparison Arch32 1 (I32 I32 -> I32) "1 when equal, else 0.";
            I32Ne "i32.ne" 0x47 [] Comparison Arch32 1 (I32 I32 -> I32) "1 when not equal, else 0.";
            I32Lt "i32.lt" 0x48 [] Comparison Arch32 1 (I32 I32 -> I32) "1 when less, else 0.";
            I32LtU "i32.lt_u" 0x49 [] Comparison Arch32 1 (I32 I32 -> I32) "Unsigned: 1 when less, else 0.";
            I32Gt "i32.gt" 0x4a [] Comparison Arch32 1 (I32 I32 -> I32) "1 when greater, else 0.";
            I32GtU "i32.gt_u" 0x4b [] Comparison Arch32 1 (I32 I32 -> I32) "Unsigned: 1 when greater, else 0.";
            I32Le "i32.le" 0x4c [] Comparison Arch32 1 (I32 I32 -> I32) "1 when less or equal, else 0.";
            I32LeU "i32.le_u" 0x4d [] Comparison Arch32 1 (I32 I32 -> I32) "Unsigned: 1 when less or equal, else 0.";
            I32Ge "i32.ge" 0x4e [] Comparison Arch32 1 (I32 I32 -> I32) "1 when greater or equal, else 0.";
            I32GeU "i32.ge_u" 0x4f [] Comparison Arch32 1 (I32 I32 -> I32) "Unsigned: 1 when greater or equal, else 0.";
            I64Eq "i64.eq" 0x51 [] Comparison Arch32 1 (I64 I64 -> I32) "1 when equal, else 0.";
            I64Ne "i64.ne" 0x52 [] Comparison Arch32 1 (I64 I64 -> I32) "1 when not equal, else 0.";
            I64Lt "i64.lt" 0x53 [] Comparison Arch32 1 (I64 I64 -> I32) "1 when less, else 0.";
            I64LtU "i64.lt_u" 0x54 [] Comparison Arch32 1 (I64 I64 -> I32) "Unsigned: 1 when less, else 0.";
            I64Gt "i64.gt" 0x55 [] Comparison Arch32 1 (I64 I64 -> I32) "1 when greater, else 0.";
            I64GtU "i64.gt_u" 0x56 [] Comparison Arch32 1 (I64 I64 -> I32) "Unsigned: 1 when greater, else 0.";
            I64Le "i64.le" 0x57 [] Comparison Arch32 1 (I64 I64 -> I32) "1 when less or equal, else 0.";
            I64LeU "i64.le_u" 0x58 [] Comparison Arch32 1 (I64 I64 -> I32) "Unsigned: 1 when less or equal, else 0.";
            I64Ge "i64.ge" 0x59 [] Comparison Arch32 1 (I64 I64 -> I32) "1 when greater or equal, else 0.";
            I64GeU "i64.ge_u" 0x5a [] Comparison Arch32 1 (I64 I64 -> I32) "Unsigned: 1 when greater or equal, else 0.";
            F32Eq "f32.eq" 0x5b [] Comparison Arch32 1 (F32 F32 -> I32) "1 when equal, else 0.";
            F32Ne "f32.ne" 0x5c [] Comparison Arch32 1 (F32 F32 -> I32) "1 when not equal, else 0.";
            F32Lt "f32.lt" 0x5d [] Comparison Arch32 1 (F32 F32 -> I32) "1 when less, else 0.";
            F32Gt "f32.gt" 0x5e [] Comparison Arch32 1 (F32 F32 -> I32) "1 when greater, else 0.";
            F32Le "f32.le" 0x5f [] Comparison Arch32 1 (F32 F32 -> I32) "1 when less or equal, else 0.";
            F32Ge "f32.ge" 0x60 [] Comparison Arch32 1 (F32 F32 -> I32) "1 when greater or equal, else 0.";
            F64Eq "f64.eq" 0x61 [] Comparison Arch32 1 (F64 F64 -> I32) "1 when equal, else 0.";
            F64Ne "f64.ne" 0x62 [] Comparison Arch32 1 (F64 F64 -> I32) "1 when not equal, else 0.";
            F64Lt "f64.lt" 0x63 [] Comparison Arch32 1 (F64 F64 -> I32) "1 when less, else 0.";
            F64Gt "f64.gt" 0x64 [] Comparison Arch32 1 (F64 F64 -> I32) "1 when greater, else 0.";
            F64Le "f64.le" 0x65 [] Comparison Arch32 1 (F64 F64 -> I32) "1 when less or equal, else 0.";
            F64Ge "f64.ge" 0x66 [] Comparison Arch32 1 (F64 F64 -> I32) "1 when greater or equal, else 0.";
            I32Add "i32.add" 0x6a [] Arithmetic Arch32 1 (I32 I32 -> I32) "Wrapping sum.";
            I32Sub "i32.sub" 0x6b [] Arithmetic Arch32 1 (I32 I32 -> I32) "Wrapping difference.";
            I32Mul "i32.mul" 0x6c [] Arithmetic Arch32 1 (I32 I32 -> I32) "Wrapping product.";
            I32Div "i32.div" 0x6d [] Arithmetic Arch32 1 (I32 I32 -> I32) "Signed quotient, rounded towards zero; traps on zero and on overflow.";
            I32DivU "i32.div_u" 0x6e [] Arithmetic Arch32 1 (I32 I32 -> I32) "Unsigned quotient; traps on zero.";
            I32Mod "i32.mod" 0x6f [] Arithmetic Arch32 1 (I32 I32 -> I32) "Signed remainder with the dividend's sign; traps on zero.";
            I32ModU "i32.mod_u" 0x70 [] Arithmetic Arch32 1 (I32 I32 -> I32) "Unsigned remainder; traps on zero.";
            I32And "i32.and" 0x71 [] Logic Arch32 1 (I32 I32 -> I32) "Bitwise and.";
            I32Or "i32.or" 0x72 [] Logic Arch32 1 (I32 I32 -> I32) "Bitwise or.";
            I32Xor "i32.xor" 0x73 [] Logic Arch32 1 (I32 I32 -> I32) "Bitwise exclusive or.";
            I32Shl "i32.shl" 0x74 [] Shift Arch32 1 (I32 I32 -> I32) "Left shift; the count is taken modulo the width.";
            I32Shr "i32.shr" 0x75 [] Shift Arch32 1 (I32 I32 -> I32) "Arithmetic right shift; the count is taken modulo the width.";
            I32ShrU "i32.shr_u" 0x76 [] Shift Arch32 1 (I32 I32 -> I32) "Logical right shift; the count is taken modulo the width.";
            I32Rotl "i32.rotl" 0x77 [] Shift Arch32 1 (I32 I32 -> I32) "Left rotation.";
            I32Rotr "i32.rotr" 0x78 [] Shift Arch32 1 (I32 I32 -> I32) "Right rotation.";
            I64Add "i64.add" 0x7c [] Arithmetic Arch32 1 (I64 I64 -> I64) "Wrapping sum.";
            I64Sub "i64.sub" 0x7d [] Arithmetic Arch32 1 (I64 I64 -> I64) "Wrapping difference.";
            I64Mul "i64.mul" 0x7e [] Arithmetic Arch32 1 (I64 I64 -> I64) "Wrapping product.";
            I64Div "i64.div" 0x7f [] Arithmetic Arch32 1 (I64 I64 -> I64) "Signed quotient, rounded towards zero; traps on zero and on overflow.";
            I64DivU "i64.div_u" 0x80 [] Arithmetic Arch32 1 (I64 I64 -> I64) "Unsigned quotient; traps on zero.";
            I64Mod "i64.mod" 0x81 [] Arithmetic Arch32 1 (I64 I64 -> I64) "Signed remainder with the dividend's sign; traps on zero.";
            I64ModU "i64.mod_u" 0x82 [] Arithmetic Arch32 1 (I64 I64 -> I64) "Unsigned remainder; traps on zero.";
            I64And "i64.and" 0x83 [] Logic Arch32 1 (I64 I64 -> I64) "Bitwise and.";
            I64Or "i64.or" 0x84 [] Logic Arch32 1 (I64 I64 -> I64) "Bitwise or.";
            I64Xor "i64.xor" 0x85 [] Logic Arch32 1 (I64 I64 -> I64) "Bitwise exclusive or.";
            I64Shl "i64.shl" 0x86 [] Shift Arch32 1 (I64 I64 -> I64) "Left shift; the count is taken modulo the width.";
            I64Shr "i64.shr" 0x87 [] Shift Arch32 1 (I64 I64 -> I64) "Arithmetic right shift; the count is taken modulo the width.";
            I64ShrU "i64.shr_u" 0x88 [] Shift Arch32 1 (I64 I64 -> I64) "Logical right shift; the count is taken modulo the width.";
            I64Rotl "i64.rotl" 0x89 [] Shift Arch32 1 (I64 I64 -> I64) "Left rotation.";
            I64Rotr "i64.rotr" 0x8a [] Shift Arch32 1 (I64 I64 -> I64) "Right rotation.";
            F32Add "f32.add" 0x92 [] Arithmetic Arch32 1 (F32 F32 -> F32) "Sum.";
            F32Sub "f32.sub" 0x93 [] Arithmetic Arch32 1 (F32 F32 -> F32) "Difference.";
            F32Mul "f32.mul" 0x94 [] Arithmetic Arch32 1 (F32 F32 -> F32) "Product.";
            F32Div "f32.div" 0x95 [] Arithmetic Arch32 1 (F32 F32 -> F32) "Quotient.";
            F32Min "f32.min" 0x96 [] Arithmetic Arch32 1 (F32 F32 -> F32) "The lesser; NaN when either is, -0 below +0.";
            F32Max "f32.max" 0x97 [] Arithmetic Arch32 1 (F32 F32 -> F32) "The greater; NaN when either is, +0 above -0.";
            F32Copysign "f32.copysign" 0x98 [] Arithmetic Arch32 1 (F32 F32 -> F32) "The first's magnitude with the second's sign.";
            F64Add "f64.add" 0xa0 [] Arithmetic Arch32 1 (F64 F64 -> F64) "Sum.";
            F64Sub "f64.sub" 0xa1 [] Arithmetic Arch32 1 (F64 F64 -> F64) "Difference.";
            F64Mul "f64.mul" 0xa2 [] Arithmetic Arch32 1 (F64 F64 -> F64) "Product.";
            F64Div "f64.div" 0xa3 [] Arithmetic Arch32 1 (F64 F64 -> F64) "Quotient.";
            F64Min "f64.min" 0xa4 [] Arithmetic Arch32 1 (F64 F64 -> F64) "The lesser; NaN when either is, -0 below +0.";
            F64Max "f64.max" 0xa5 [] Arithmetic Arch32 1 (F64 F64 -> F64) "The greater; NaN when either is, +0 above -0.";
            F64Copysign "f64.copysign" 0xa6 [] Arithmetic Arch32 1 (F64 F64 -> F64) "The first's magnitude with the second's sign.";
            F32Mod "f32.mod" 0xc9 [] Arithmetic Arch32 1 (F32 F32 -> F32) "Remainder of the truncated quotient, with the dividend's sign; exact.";
            F64Mod "f64.mod" 0xca [] Arithmetic Arch32 1 (F64 F64 -> F64) "Remainder of the truncated quotient, with the dividend's sign; exact.";
            I64AddChecked "i64.add_checked" 0xcb [] Arithmetic Arch32 1 (I64 I64 -> I64) "Signed sum; traps when it does not fit.";
            I64SubChecked "i64.sub_checked" 0xcc [] Arithmetic Arch32 1 (I64 I64 -> I64) "Signed difference; traps when it does not fit.";
            I64MulChecked "i64.mul_checked" 0xcd [] Arithmetic Arch32 1 (I64 I64 -> I64) "Signed product; traps when it does not fit.";
        }
        load {
            I32Load "i32.load" 0x28 [Offset] Memory Arch32 1 (I32 -> I32) "Loads 4 bytes, little-endian.";
            I64Load "i64.load" 0x29 [Offset] Memory Arch32 1 (I32 -> I64) "Loads 8 bytes, little-endian.";
            F32Load "f32.load" 0x2a [Offset] Memory Arch32 1 (I32 -> F32) "Loads 4 bytes, little-endian.";
            F64Load "f64.load" 0x2b [Offset] Memory Arch32 1 (I32 -> F64) "Loads 8 bytes, little-endian.";
            I32Load8S "i32.load8_s" 0x2c [Offset] Memory Arch32 1 (I32 -> I32) "Loads a signed byte, little-endian.";
            I32Load8U "i32.load8_u" 0x2d [Offset] Memory Arch32 1 (I32 -> I32) "Loads an unsigned byte, little-endian.";
            I32Load16S "i32.load16_s" 0x2e [Offset] Memory Arch32 1 (I32 -> I32) "Loads 2 signed bytes, little-endian.";
            I32Load16U "i32.load16_u" 0x2f [Offset] Memory Arch32 1 (I32 -> I32) "Loads 2 unsigned bytes, little-endian.";
            I64Load8S "i64.load8_s" 0x30 [Offset] Memory Arch32 1 (I32 -> I64) "Loads a signed byte, little-endian.";
            I64Load8U "i64.load8_u" 0x31 [Offset] Memory Arch32 1 (I32 -> I64) "Loads an unsigned byte, little-endian.";
            I64Load16S "i64.load16_s" 0x32 [Offset] Memory Arch32 1 (I32 -> I64) "Loads 2 signed bytes, little-endian.";
            I64Load16U "i64.load16_u" 0x33 [Offset] Memory Arch32 1 (I32 -> I64) "Loads 2 unsigned bytes, little-endian.";
            I64Load32S "i64.load32_s" 0x34 [Offset] Memory Arch32 1 (I32 -> I64) "Loads 4 signed bytes, little-endian.";
            I64Load32U "i64.load32_u" 0x35 [Offset] Memory Arch32 1 (I32 -> I64) "Loads 4 unsigned bytes, little-endian.";
            I32LoadBe "i32.load_be" 0xfc1a [Offset] Memory Arch32 1 (I32 -> I32) "Loads 4 bytes, big-endian.";
            I64LoadBe "i64.load_be" 0xfc1b [Offset] Memory Arch32 1 (I32 -> I64) "Loads 8 bytes, big-endian.";
        }
        store {
            I32Store "i32.store" 0x36 [Offset] Memory Arch32 1 (I32 I32 -> ) "Stores 4 bytes, little-endian.";
            I64Store "i64.store" 0x37 [Offset] Memory Arch32 1 (I32 I64 -> ) "Stores 8 bytes, little-endian.";
            F32Store "f32.store" 0x38 [Offset] Memory Arch32 1 (I32 F32 -> ) "Stores 4 bytes, little-endian.";
            F64Store "f64.store" 0x39 [Offset] Memory Arch32 1 (I32 F64 -> ) "Stores 8 bytes, little-endian.";
            I32Store8 "i32.store8" 0x3a [Offset] Memory Arch32 1 (I32 I32 -> ) "Stores the low byte, little-endian.";
            I32Store16 "i32.store16" 0x3b [Offset] Memory Arch32 1 (I32 I32 -> ) "Stores the low 2 bytes, little-endian.";
            I64Store8 "i64.store8" 0x3c [Offset] Memory Arch32 1 (I32 I64 -> ) "Stores the low byte, little-endian.";
            I64Store16 "i64.store16" 0x3d [Offset] Memory Arch32 1 (I32 I64 -> ) "Stores the low 2 bytes, little-endian.";
            I64Store32 "i64.store32" 0x3e [Offset] Memory Arch32 1 (I32 I64 -> ) "Stores the low 4 bytes, little-endian.";
            I32StoreBe "i32.store_be" 0xfc1c [Offset] Memory Arch32 1 (I32 I32 -> ) "Stores 4 bytes, big-endian.";
            I64StoreBe "i64.store_be" 0xfc1d [Offset] Memory Arch32 1 (I32 I64 -> ) "Stores 8 bytes, big-endian.";
        }
        other {
            Trap trap "trap" 0x00 [] Control Arch32 1 poly "Stops with the `unreachable` trap.";
            Nop nop "nop" 0x01 [] Control Arch32 1 poly "Does nothing.";
            Loop loop_header "loop" 0x02 [] Control Arch32 1 poly "Marks a loop header: the only place a backward jump may go to.";
            Jmp jmp "jmp" 0x03 [Label] Control Arch32 1 poly "Jumps to the label.";
            Jz jz "jz" 0x04 [Label] Control Arch32 1 poly "Pops an `i32`; jumps to the label when it is zero.";
            Jnz jnz "jnz" 0x05 [Label] Control Arch32 1 poly "Pops an `i32`; jumps to the label when it is not zero.";
            BrTable br_table "br_table" 0x06 [Labels] Control Arch32 1 poly "Pops an `i32` index; jumps to that label of the list, or to the last one.";
            Call call "call" 0x07 [Func] Control Arch32 1 poly "Calls a function: pops its parameters, pushes its results.";
            CallIndirect call_indirect "call_indirect" 0x08 [Type Table] Control Arch32 1 poly "Pops a table index and calls that element; traps when it is absent, null or of another type.";
            Ret ret "ret" 0x09 [] Control Arch32 1 poly "Returns the results on top of the stack to the caller; values below them are dropped.";
            Halt halt "halt" 0x0a [] Control Arch32 1 poly "Ends the whole program successfully, whatever the depth of calls.";
            RetCall ret_call "ret_call" 0x0b [Func] Control Arch32 1 poly "Tail call: replaces this frame by the callee's.";
            RetCallIndirect ret_call_indirect "ret_call_indirect" 0x0c [Type Table] Control Arch32 1 poly "Tail call through a table.";
            CallRef call_ref "call_ref" 0x1d [Type] Control Arch32 1 poly "Pops a function reference and calls the function; traps when it is null or of another type.";
            RetCallRef ret_call_ref "ret_call_ref" 0x1e [Type] Control Arch32 1 poly "Tail call of a function reference.";
            Try try_region "try" 0x24 [Catches] Control Arch32 0 poly "Starts a region up to the matching `end_try`: an exception thrown in it goes to the label of the first catch that fits, if one does.";
            EndTry end_try "end_try" 0x25 [] Control Arch32 0 poly "Ends the innermost region.";
            Throw throw "throw" 0x26 [Tag] Control Arch32 1 poly "Pops the values that the tag has; throws an exception of the tag with them.";
            ThrowRef throw_ref "throw_ref" 0x27 [] Control Arch32 1 poly "Pops a reference to an exception and throws it again; stops with `NullExceptionReference` when it is null.";
            Select select "select" 0x0d [] Stack Arch32 1 poly "Pops an `i32` condition and two values of one type; pushes the first when the condition is not zero, else the second.";
            Pop pop "pop" 0x0e [] Stack Arch32 1 poly "Drops the top value.";
            Dup dup "dup" 0x0f [] Stack Arch32 1 poly "Pushes the top value again: `a -- a a`.";
            Swap swap "swap" 0x10 [] Stack Arch32 1 poly "Exchanges the two top values: `a b -- b a`.";
            Rot rot "rot" 0x11 [] Stack Arch32 1 poly "Brings the third value to the top: `a b c -- b c a`.";
            Over over "over" 0x12 [] Stack Arch32 1 poly "Pushes the second value again: `a b -- a b a`.";
            Nip nip "nip" 0x13 [] Stack Arch32 1 poly "Drops the second value: `a b -- b`.";
            Tuck tuck "tuck" 0x14 [] Stack Arch32 1 poly "Pushes the top value below the second: `a b -- b a b`.";
            Pick pick "pick" 0x15 [Count] Stack Arch32 1 poly "Pushes the value that lies N below the top again (`pick 0` is `dup`).";
            Cold cold "cold" 0x17 [] Control Arch32 0 poly "Does nothing; says that the code from here to the next label is rarely executed.";
            Slide slide "slide" 0x16 [Count Count] Stack Arch32 1 poly "`slide n k`: keeps the top k values and drops the n values below them.";
            LocalGet local_get "local.get" 0x18 [Local] Variable Arch32 1 poly "Pushes a local.";
            LocalSet local_set "local.set" 0x19 [Local] Variable Arch32 1 poly "Pops a local's new value.";
            LocalTee local_tee "local.tee" 0x1a [Local] Variable Arch32 1 poly "Sets a local to the top value and leaves the value on the stack.";
            GlobalGet global_get "global.get" 0x1b [Global] Variable Arch32 1 poly "Pushes a global.";
            GlobalSet global_set "global.set" 0x1c [Global] Variable Arch32 1 poly "Pops a mutable global's new value.";
            I32Push i32_push "i32.push" 0x20 [I32] Stack Arch32 1 ( -> I32) "Pushes a constant.";
            I64Push i64_push "i64.push" 0x21 [I64] Stack Arch32 1 ( -> I64) "Pushes a constant.";
            F32Push f32_push "f32.push" 0x22 [F32] Stack Arch32 1 ( -> F32) "Pushes a constant.";
            F64Push f64_push "f64.push" 0x23 [F64] Stack Arch32 1 ( -> F64) "Pushes a constant.";
            I128Push i128_push "i128.push" 0xe000 [I128] Stack Arch128 1 ( -> I128) "Pushes a constant.";
            I256Push i256_push "i256.push" 0xe100 [I256] Stack Arch256 1 ( -> I256) "Pushes a constant.";
            I512Push i512_push "i512.push" 0xe200 [I512] Stack Arch512 1 ( -> I512) "Pushes a constant.";
            V128Push v128_push "v128.push" 0xfd0c [V128] Simd Arch128 1 ( -> V128) "Pushes a constant.";
            V256Push v256_push "v256.push" 0xe30c [V256] Simd Arch256 1 ( -> V256) "Pushes a constant.";
            V512Push v512_push "v512.push" 0xe40c [V512] Simd Arch512 1 ( -> V512) "Pushes a constant.";
            MemorySize memory_size "memory.size" 0x3f [Memory] Memory Arch32 1 poly "Pushes the memory's size in pages.";
            MemoryGrow memory_grow "memory.grow" 0x40 [Memory] Memory Arch32 1 poly "Grows the memory by that many pages; pushes the old size, or -1 where it may not grow.";
            RefNull ref_null "ref.null" 0xd0 [RefType] Reference Arch32 1 poly "Pushes the null reference of that type.";
            RefIsNull ref_is_null "ref.is_null" 0xd1 [] Reference Arch32 1 poly "Pops a reference; pushes 1 when it is null, else 0.";
            RefAsNonNull ref_as_non_null "ref.as_non_null" 0xd3 [] Reference Arch32 1 poly "Stops with `NullReference` when the reference on top of the stack is null; leaves it there.";
            RefFunc ref_func "ref.func" 0xd2 [Func] Reference Arch32 1 ( -> FuncRef) "Pushes a reference to a function.";
            MemoryInit memory_init "memory.init" 0xfc08 [Data Memory] Memory Arch32 1 poly "`dst src len`: copies from a data segment into memory.";
            DataDrop data_drop "data.drop" 0xfc09 [Data] Memory Arch32 1 ( -> ) "Drops a data segment: its length is 0 from now on.";
            MemoryCopy memory_copy "memory.copy" 0xfc0a [Memory Memory] Memory Arch32 1 poly "`dst src len`: copies within or between memories (first the destination's index), overlap allowed.";
            MemoryFill memory_fill "memory.fill" 0xfc0b [Memory] Memory Arch32 1 poly "`dst value len`: fills with the low byte of the value.";
            TableInit table_init "table.init" 0xfc0c [Elem Table] Table Arch32 1 poly "`dst src len`: copies from an element segment into a table.";
            ElemDrop elem_drop "elem.drop" 0xfc0d [Elem] Table Arch32 1 ( -> ) "Drops an element segment.";
            TableCopy table_copy "table.copy" 0xfc0e [Table Table] Table Arch32 1 poly "`dst src len`: copies within or between tables (first the destination's index).";
            TableGrow table_grow "table.grow" 0xfc0f [Table] Table Arch32 1 poly "`value n`: grows the table by n copies of the value; pushes the old size, or -1.";
            TableSize table_size "table.size" 0xfc10 [Table] Table Arch32 1 poly "Pushes the table's size in elements.";
            TableFill table_fill "table.fill" 0xfc11 [Table] Table Arch32 1 poly "`dst value n`: fills n elements.";
            TableGet table_get "table.get" 0xfc12 [Table] Table Arch32 1 poly "Pops an index; pushes that element.";
            TableSet table_set "table.set" 0xfc13 [Table] Table Arch32 1 poly "`index value`: sets an element.";
            Alloc alloc "alloc" 0xfc14 [] Memory Arch32 1 (I32 -> I32) "Allocates that many bytes of memory 0's heap, aligned to 16; pushes their address. The machine keeps the books outside the program's reach; traps at the memory limit.";
            Free free "free" 0xfc15 [] Memory Arch32 1 (I32 -> ) "Frees what `alloc` gave; traps on any other address and on a second `free`.";
        }
        } }
    };
}

pub use imm::Imm;

use crate::types::{Arch, ValType};

/// What an instruction is about; the chapters of `docs/isa.md`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Category {
    Stack,
    Variable,
    Arithmetic,
    Comparison,
    Logic,
    Shift,
    Bits,
    Conversion,
    Control,
    Memory,
    Table,
    Reference,
    Object,
    Simd,
    Crypto,
    Database,
    BigInt,
}

impl Category {
    /// Every category, in the order of the documentation.
    pub const ALL: [Category; 17] = [
        Category::Stack,
        Category::Variable,
        Category::Arithmetic,
        Category::Comparison,
        Category::Logic,
        Category::Shift,
        Category::Bits,
        Category::Conversion,
        Category::Control,
        Category::Memory,
        Category::Table,
        Category::Reference,
        Category::Object,
        Category::Simd,
        Category::Crypto,
        Category::Database,
        Category::BigInt,
    ];

    /// Whether its instructions make managed objects, so that objects may be collected meanwhile.
    pub const fn makes_objects(self) -> bool {
        matches!(self, Category::Object | Category::BigInt)
    }
}

/// What the stack signature of an instruction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sig {
    /// Always these operand and result types.
    Fixed(&'static [ValType], &'static [ValType]),
    /// Depends on immediates or on the operands' types; the verifier has a rule for it.
    Poly,
}

/// How the instruction is lowered; the groups of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// A pure function of one operand.
    Unary,
    /// A pure function of two operands.
    Binary,
    /// A load from a memory.
    Load,
    /// A store to a memory.
    Store,
    /// Anything else.
    Other,
    /// A pure function of vectors.
    Vector,
    /// A load of a vector from memory 0.
    VectorLoad,
    /// A store of a vector to memory 0.
    VectorStore,
    /// A load of a vector's lane from memory 0.
    LaneLoad,
    /// A store of a vector's lane to memory 0.
    LaneStore,
    /// A pure function of wide integers, with one result.
    Wide,
    /// A pure function with two results.
    Pair,
    /// A load of a wide integer.
    WideLoad,
    /// A store of a wide integer.
    WideStore,
    /// A pure function of wide vectors, made of one of vectors of 128 bits.
    Parts,
    /// Another pure function of wide vectors.
    Whole,
    /// A load of a wide vector.
    PartsLoad,
    /// A store of a wide vector.
    PartsStore,
    /// A load of lanes from where a wide vector says.
    Gather,
    /// What the runtime does for the program: see [`Service`].
    Service,
}

impl Group {
    /// Whether its instructions read or write memory 0 at a popped address plus an offset, their first
    /// immediate.
    pub const fn accesses_memory(self) -> bool {
        !self.is_pure() && !matches!(self, Group::Other | Group::Service)
    }

    /// Whether its instructions are pure functions.
    pub const fn is_pure(self) -> bool {
        matches!(self, Group::Unary | Group::Binary) || self.is_wide_pure()
    }

    /// Whether its instructions are [`Pure`](crate::semantics::Pure): functions whose operands and results
    /// may have several slots.
    pub const fn is_wide_pure(self) -> bool {
        matches!(
            self,
            Group::Vector | Group::Wide | Group::Pair | Group::Parts | Group::Whole
        )
    }
}

/// A row of the opcode table.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// The instruction.
    pub op: Op,
    /// Its full mnemonic, with a type prefix where it has one.
    pub mnemonic: &'static str,
    /// Its code: one byte, or prefix and second byte.
    pub code: u16,
    /// Its immediates, in order.
    pub imms: &'static [Imm],
    /// Its category.
    pub category: Category,
    /// The first architecture that has it.
    pub first_arch: Arch,
    /// Fuel it costs.
    pub fuel: u32,
    /// Its stack signature.
    pub sig: Sig,
    /// Its group.
    pub group: Group,
    /// What it does, in one line.
    pub doc: &'static str,
}

macro_rules! sig {
    (poly) => {
        Sig::Poly
    };
    (($($p:ident)* -> $($r:ident)*)) => {
        Sig::Fixed(&[$(ValType::$p),*], &[$(ValType::$r),*])
    };
}

macro_rules! group {
    (unary) => {
        Group::Unary
    };
    (binary) => {
        Group::Binary
    };
    (load) => {
        Group::Load
    };
    (store) => {
        Group::Store
    };
    (other) => {
        Group::Other
    };
    (vector) => {
        Group::Vector
    };
    (vector_load) => {
        Group::VectorLoad
    };
    (vector_store) => {
        Group::VectorStore
    };
    (lane_load) => {
        Group::LaneLoad
    };
    (lane_store) => {
        Group::LaneStore
    };
    (wide) => {
        Group::Wide
    };
    (pair) => {
        Group::Pair
    };
    (wide_load) => {
        Group::WideLoad
    };
    (wide_store) => {
        Group::WideStore
    };
    (parts) => {
        Group::Parts
    };
    (whole) => {
        Group::Whole
    };
    (parts_load) => {
        Group::PartsLoad
    };
    (parts_store) => {
        Group::PartsStore
    };
    (gather) => {
        Group::Gather
    };
    (service) => {
        Group::Service
    };
}

macro_rules! define_ops {
    ($($group:ident {
        $($op:ident $($method:ident)* $mnemonic:literal $code:literal [$($imm:ident)*] $category:ident $arch:ident
        $fuel:literal $sig:tt $doc:literal;)*
    })*) => {
        /// An instruction, without its immediates.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Op {
            $($(#[doc = $doc] $op,)*)*
        }

        /// The table's rows, indexed by [`Op`].
        pub static OPS: &[OpInfo] = ROWS;

        const ROWS: &[OpInfo] = &[$($(OpInfo {
            op: Op::$op,
            mnemonic: $mnemonic,
            code: $code,
            imms: &[$(Imm::$imm),*],
            category: Category::$category,
            first_arch: Arch::$arch,
            fuel: $fuel,
            sig: sig!($sig),
            group: group!($group),
            doc: $doc,
        },)*)*];

        /// Code and instruction of every row, for building decode tables.
        const CODES: &[(u16, Op)] = &[$($(($code, Op::$op),)*)*];
    };
}
for_each_op!(define_ops);

/// The most operands of an instruction with a fixed signature.
const MAX_OPERANDS: usize = 8;

/// Operand types from the top of the stack down.
pub(crate) type Params = [Option<ValType>; MAX_OPERANDS];

/// What decoding and verification need of a row, in few bytes: they look it up for every
/// instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) imms: [Option<Imm>; 2],
    pub(crate) group: Group,
    pub(crate) first_arch: Arch,
    /// Operand types from the top of the stack down, where the signature is fixed.
    pub(crate) params: Option<Params>,
    /// Result types where the signature is fixed, the lower value first.
    pub(crate) results: [Option<ValType>; 2],
    /// [`Op::is_terminator`].
    pub(crate) terminator: bool,
    /// Whether an immediate is an index that may be out of range.
    pub(crate) indexes: bool,
    /// Whether an immediate names lanes.
    pub(crate) names_lanes: bool,
}

impl Rule {
    const fn of(info: &OpInfo) -> Rule {
        let mut imms = [None; 2];
        let mut indexes = false;
        let mut names_lanes = false;
        let mut i = 0;
        while i < info.imms.len() {
            imms[i] = Some(info.imms[i]);
            indexes |= info.imms[i].is_index();
            names_lanes |= info.imms[i].lanes().is_some();
            i += 1;
        }
        let (params, results) = match info.sig {
            Sig::Poly => (None, [None; 2]),
            Sig::Fixed(types, result_types) => {
                let mut params = [None; MAX_OPERANDS];
                let mut i = 0;
                while i < types.len() {
                    params[i] = Some(types[types.len() - 1 - i]);
                    i += 1;
                }
                let mut results = [None; 2];
                let mut i = 0;
                while i < result_types.len() {
                    results[i] = Some(result_types[i]);
                    i += 1;
                }
                (Some(params), results)
            }
        };
        Rule {
            imms,
            group: info.group,
            first_arch: info.first_arch,
            params,
            results,
            terminator: info.op.is_terminator(),
            indexes,
            names_lanes,
        }
    }
}

static RULES: [Rule; ROWS.len()] = {
    let mut rules = [Rule::of(&ROWS[0]); ROWS.len()];
    let mut i = 0;
    while i < ROWS.len() {
        rules[i] = Rule::of(&ROWS[i]);
        i += 1;
    }
    rules
};

/// The prefix bytes in use, each opening a page of 256 codes.
pub const PREFIXES: &[u8] = &[
    0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xfc, 0xfd, 0xfe,
];

type Page = [Option<Op>; 256];

const fn page(prefix: u8) -> Page {
    let mut page = [None; 256];
    let mut i = 0;
    while i < CODES.len() {
        let (code, op) = CODES[i];
        if (code >> 8) as u8 == prefix {
            assert!(
                page[(code & 0xff) as usize].is_none(),
                "two instructions share a code"
            );
            page[(code & 0xff) as usize] = Some(op);
        }
        i += 1;
    }
    page
}

static ONE_BYTE: Page = page(0);
static PREFIX_E0: Page = page(0xe0);
static PREFIX_E1: Page = page(0xe1);
static PREFIX_E2: Page = page(0xe2);
static PREFIX_E3: Page = page(0xe3);
static PREFIX_E4: Page = page(0xe4);
static PREFIX_E5: Page = page(0xe5);
static PREFIX_E6: Page = page(0xe6);
static PREFIX_E7: Page = page(0xe7);
static PREFIX_FC: Page = page(0xfc);
static PREFIX_FD: Page = page(0xfd);
static PREFIX_FE: Page = page(0xfe);

impl Op {
    /// This instruction's row of the table.
    #[inline]
    pub fn info(self) -> &'static OpInfo {
        &OPS[self as usize]
    }

    #[inline]
    pub(crate) fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }

    /// Type of the first operand, where the signature is fixed.
    #[inline]
    pub fn operand(self) -> Option<ValType> {
        self.rule().params?.into_iter().rev().flatten().next()
    }

    /// Type of the first result, where the signature is fixed and there is one.
    #[inline]
    pub fn result(self) -> Option<ValType> {
        self.rule().results[0]
    }

    /// The instruction that pushes a constant integer or vector of that type.
    ///
    /// # Panics
    /// Where the type is a float's or a reference's.
    pub fn push(ty: ValType) -> Op {
        match ty {
            ValType::I32 => Op::I32Push,
            ValType::I64 => Op::I64Push,
            ValType::I128 => Op::I128Push,
            ValType::I256 => Op::I256Push,
            ValType::I512 => Op::I512Push,
            ValType::V128 => Op::V128Push,
            ValType::V256 => Op::V256Push,
            ValType::V512 => Op::V512Push,
            ty => panic!("{ty} is no type of integers or vectors"),
        }
    }

    /// The instruction of a one-byte code.
    #[inline]
    pub fn from_byte(byte: u8) -> Option<Op> {
        ONE_BYTE[usize::from(byte)]
    }

    /// The instruction of a two-byte code.
    #[inline]
    pub fn from_prefixed(prefix: u8, byte: u8) -> Option<Op> {
        match prefix {
            0xe0 => PREFIX_E0[usize::from(byte)],
            0xe1 => PREFIX_E1[usize::from(byte)],
            0xe2 => PREFIX_E2[usize::from(byte)],
            0xe3 => PREFIX_E3[usize::from(byte)],
            0xe4 => PREFIX_E4[usize::from(byte)],
            0xe5 => PREFIX_E5[usize::from(byte)],
            0xe6 => PREFIX_E6[usize::from(byte)],
            0xe7 => PREFIX_E7[usize::from(byte)],
            0xfc => PREFIX_FC[usize::from(byte)],
            0xfd => PREFIX_FD[usize::from(byte)],
            0xfe => PREFIX_FE[usize::from(byte)],
            _ => None,
        }
    }

    /// The full mnemonic.
    pub fn mnemonic(self) -> &'static str {
        self.info().mnemonic
    }

    /// The mnemonic on that architecture: without its type prefix where that type is the
    /// architecture's word.
    ///
    /// ```
    /// # use dotvm_isa::{Arch, Op};
    /// assert_eq!(Op::I64Add.mnemonic_on(Arch::Arch64), "add");
    /// assert_eq!(Op::I64Add.mnemonic_on(Arch::Arch32), "i64.add");
    /// ```
    pub fn mnemonic_on(self, arch: Arch) -> &'static str {
        let full = self.mnemonic();
        full.strip_prefix(arch.word().name())
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(full)
    }

    /// The instruction of that mnemonic on that architecture: either the full one or, for the
    /// architecture's word type, the one without prefix.
    pub fn from_mnemonic(mnemonic: &str, arch: Arch) -> Option<Op> {
        by_mnemonic().get(mnemonic).copied().or_else(|| {
            by_mnemonic()
                .get(format!("{}.{mnemonic}", arch.word()).as_str())
                .copied()
        })
    }

    /// Whether control never goes on to the next instruction.
    pub const fn is_terminator(self) -> bool {
        matches!(
            self,
            Op::Trap
                | Op::Jmp
                | Op::BrTable
                | Op::Ret
                | Op::Halt
                | Op::RetCall
                | Op::RetCallIndirect
                | Op::RetCallRef
                | Op::Throw
                | Op::ThrowRef
        )
    }
}

fn by_mnemonic() -> &'static std::collections::HashMap<&'static str, Op> {
    static MAP: std::sync::OnceLock<std::collections::HashMap<&'static str, Op>> =
        std::sync::OnceLock::new();
    MAP.get_or_init(|| OPS.iter().map(|info| (info.mnemonic, info.op)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_found_by_code_and_mnemonic() {
        for info in OPS {
            let [prefix, byte] = info.code.to_be_bytes();
            let found = if prefix == 0 {
                Op::from_byte(byte)
            } else {
                Op::from_prefixed(prefix, byte)
            };
            assert_eq!(found, Some(info.op), "{}", info.mnemonic);
            assert!(prefix == 0 || PREFIXES.contains(&prefix));
            for arch in Arch::ALL {
                assert_eq!(
                    Op::from_mnemonic(info.op.mnemonic_on(arch), arch),
                    Some(info.op)
                );
                assert_eq!(Op::from_mnemonic(info.mnemonic, arch), Some(info.op));
            }
        }
        assert!(
            PREFIXES
                .iter()
                .all(|&prefix| Op::from_byte(prefix).is_none())
        );
    }
}
