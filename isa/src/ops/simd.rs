//! Rows of the opcode table: vectors.
//!
//! An instruction's name starts with the shape its lanes have. Codes are those of WebAssembly: prefix
//! 0xfd for core instructions, 0xfe for relaxed ones, whose results WebAssembly leaves open and which
//! are fixed here. Wider vectors have prefixes and groups of their own (`wide_vectors.rs`).
//!
//! The groups: `vector` are pure functions of at most three operands, whose meaning is in
//! [`crate::semantics`]; `vector_load` and `vector_store` access memory 0 as `load` and `store` do;
//! `lane_load` and `lane_store` do so with one lane of a vector.

/// Hands `$($before)*`, the groups of vector instructions and then those of wide integers to the macro `$m`.
#[doc(hidden)]
#[macro_export]
macro_rules! with_simd_ops {
    ($m:ident { $($before:tt)* }) => {
        $crate::with_wide_ops! { $m {
        $($before)*
        vector {
            I8x16Shuffle "i8x16.shuffle" 0xfd0d [Lanes] Simd Arch128 1 (V128 V128 -> V128) "Each lane is the byte of that number among the 32 of both operands.";
            I8x16Swizzle "i8x16.swizzle" 0xfd0e [] Simd Arch128 1 (V128 V128 -> V128) "Each lane is the first operand's byte that the second one's lane names; 0 where it is over 15.";
            I8x16Splat "i8x16.splat" 0xfd0f [] Simd Arch128 1 (I32 -> V128) "The low bits in every lane.";
            I16x8Splat "i16x8.splat" 0xfd10 [] Simd Arch128 1 (I32 -> V128) "The low bits in every lane.";
            I32x4Splat "i32x4.splat" 0xfd11 [] Simd Arch128 1 (I32 -> V128) "The value in every lane.";
            I64x2Splat "i64x2.splat" 0xfd12 [] Simd Arch128 1 (I64 -> V128) "The value in every lane.";
            F32x4Splat "f32x4.splat" 0xfd13 [] Simd Arch128 1 (F32 -> V128) "The value in every lane.";
            F64x2Splat "f64x2.splat" 0xfd14 [] Simd Arch128 1 (F64 -> V128) "The value in every lane.";
            I8x16ExtractLane "i8x16.extract_lane" 0xfd15 [Lane16] Simd Arch128 1 (V128 -> I32) "A lane, sign-extended.";
            I8x16ExtractLaneU "i8x16.extract_lane_u" 0xfd16 [Lane16] Simd Arch128 1 (V128 -> I32) "A lane, zero-extended.";
            I8x16ReplaceLane "i8x16.replace_lane" 0xfd17 [Lane16] Simd Arch128 1 (V128 I32 -> V128) "Sets a lane to the low bits.";
            I16x8ExtractLane "i16x8.extract_lane" 0xfd18 [Lane8] Simd Arch128 1 (V128 -> I32) "A lane, sign-extended.";
            I16x8ExtractLaneU "i16x8.extract_lane_u" 0xfd19 [Lane8] Simd Arch128 1 (V128 -> I32) "A lane, zero-extended.";
            I16x8ReplaceLane "i16x8.replace_lane" 0xfd1a [Lane8] Simd Arch128 1 (V128 I32 -> V128) "Sets a lane to the low bits.";
            I32x4ExtractLane "i32x4.extract_lane" 0xfd1b [Lane4] Simd Arch128 1 (V128 -> I32) "A lane.";
            I32x4ReplaceLane "i32x4.replace_lane" 0xfd1c [Lane4] Simd Arch128 1 (V128 I32 -> V128) "Sets a lane.";
            I64x2ExtractLane "i64x2.extract_lane" 0xfd1d [Lane2] Simd Arch128 1 (V128 -> I64) "A lane.";
            I64x2ReplaceLane "i64x2.replace_lane" 0xfd1e [Lane2] Simd Arch128 1 (V128 I64 -> V128) "Sets a lane.";
            F32x4ExtractLane "f32x4.extract_lane" 0xfd1f [Lane4] Simd Arch128 1 (V128 -> F32) "A lane.";
            F32x4ReplaceLane "f32x4.replace_lane" 0xfd20 [Lane4] Simd Arch128 1 (V128 F32 -> V128) "Sets a lane.";
            F64x2ExtractLane "f64x2.extract_lane" 0xfd21 [Lane2] Simd Arch128 1 (V128 -> F64) "A lane.";
            F64x2ReplaceLane "f64x2.replace_lane" 0xfd22 [Lane2] Simd Arch128 1 (V128 F64 -> V128) "Sets a lane.";
            I8x16Eq "i8x16.eq" 0xfd23 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where equal, else 0.";
            I8x16Ne "i8x16.ne" 0xfd24 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where not equal, else 0.";
            I8x16Lt "i8x16.lt" 0xfd25 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less, else 0.";
            I8x16LtU "i8x16.lt_u" 0xfd26 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, less, else 0.";
            I8x16Gt "i8x16.gt" 0xfd27 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater, else 0.";
            I8x16GtU "i8x16.gt_u" 0xfd28 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, greater, else 0.";
            I8x16Le "i8x16.le" 0xfd29 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less or equal, else 0.";
            I8x16LeU "i8x16.le_u" 0xfd2a [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, less or equal, else 0.";
            I8x16Ge "i8x16.ge" 0xfd2b [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater or equal, else 0.";
            I8x16GeU "i8x16.ge_u" 0xfd2c [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, greater or equal, else 0.";
            I16x8Eq "i16x8.eq" 0xfd2d [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where equal, else 0.";
            I16x8Ne "i16x8.ne" 0xfd2e [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where not equal, else 0.";
            I16x8Lt "i16x8.lt" 0xfd2f [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less, else 0.";
            I16x8LtU "i16x8.lt_u" 0xfd30 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, less, else 0.";
            I16x8Gt "i16x8.gt" 0xfd31 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater, else 0.";
            I16x8GtU "i16x8.gt_u" 0xfd32 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, greater, else 0.";
            I16x8Le "i16x8.le" 0xfd33 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less or equal, else 0.";
            I16x8LeU "i16x8.le_u" 0xfd34 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, less or equal, else 0.";
            I16x8Ge "i16x8.ge" 0xfd35 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater or equal, else 0.";
            I16x8GeU "i16x8.ge_u" 0xfd36 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, greater or equal, else 0.";
            I32x4Eq "i32x4.eq" 0xfd37 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where equal, else 0.";
            I32x4Ne "i32x4.ne" 0xfd38 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where not equal, else 0.";
            I32x4Lt "i32x4.lt" 0xfd39 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less, else 0.";
            I32x4LtU "i32x4.lt_u" 0xfd3a [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, less, else 0.";
            I32x4Gt "i32x4.gt" 0xfd3b [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater, else 0.";
            I32x4GtU "i32x4.gt_u" 0xfd3c [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, greater, else 0.";
            I32x4Le "i32x4.le" 0xfd3d [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less or equal, else 0.";
            I32x4LeU "i32x4.le_u" 0xfd3e [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, less or equal, else 0.";
            I32x4Ge "i32x4.ge" 0xfd3f [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater or equal, else 0.";
            I32x4GeU "i32x4.ge_u" 0xfd40 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where unsigned, greater or equal, else 0.";
            F32x4Eq "f32x4.eq" 0xfd41 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where equal, else 0.";
            F32x4Ne "f32x4.ne" 0xfd42 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where not equal, else 0.";
            F32x4Lt "f32x4.lt" 0xfd43 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less, else 0.";
            F32x4Gt "f32x4.gt" 0xfd44 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater, else 0.";
            F32x4Le "f32x4.le" 0xfd45 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less or equal, else 0.";
            F32x4Ge "f32x4.ge" 0xfd46 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater or equal, else 0.";
            F64x2Eq "f64x2.eq" 0xfd47 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where equal, else 0.";
            F64x2Ne "f64x2.ne" 0xfd48 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where not equal, else 0.";
            F64x2Lt "f64x2.lt" 0xfd49 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less, else 0.";
            F64x2Gt "f64x2.gt" 0xfd4a [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater, else 0.";
            F64x2Le "f64x2.le" 0xfd4b [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less or equal, else 0.";
            F64x2Ge "f64x2.ge" 0xfd4c [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater or equal, else 0.";
            V128Not "v128.not" 0xfd4d [] Simd Arch128 1 (V128 -> V128) "Bitwise complement.";
            V128And "v128.and" 0xfd4e [] Simd Arch128 1 (V128 V128 -> V128) "Bitwise and.";
            V128AndNot "v128.andnot" 0xfd4f [] Simd Arch128 1 (V128 V128 -> V128) "Bitwise and with the complement of the second operand.";
            V128Or "v128.or" 0xfd50 [] Simd Arch128 1 (V128 V128 -> V128) "Bitwise or.";
            V128Xor "v128.xor" 0xfd51 [] Simd Arch128 1 (V128 V128 -> V128) "Bitwise exclusive or.";
            V128Bitselect "v128.bitselect" 0xfd52 [] Simd Arch128 1 (V128 V128 V128 -> V128) "Bits of the first operand where the third one's are set, else of the second.";
            V128AnyTrue "v128.any_true" 0xfd53 [] Simd Arch128 1 (V128 -> I32) "1 when any bit is set, else 0.";
            F32x4DemoteF64x2Zero "f32x4.demote_f64x2_zero" 0xfd5e [] Simd Arch128 1 (V128 -> V128) "The nearest floats to both lanes; the upper lanes are 0.";
            F64x2PromoteLowF32x4 "f64x2.promote_low_f32x4" 0xfd5f [] Simd Arch128 1 (V128 -> V128) "The lower two lanes, wider.";
            I8x16Abs "i8x16.abs" 0xfd60 [] Simd Arch128 1 (V128 -> V128) "Absolute value of each lane, wrapping.";
            I8x16Neg "i8x16.neg" 0xfd61 [] Simd Arch128 1 (V128 -> V128) "Two's complement negation of each lane, wrapping.";
            I8x16Popcnt "i8x16.popcnt" 0xfd62 [] Simd Arch128 1 (V128 -> V128) "Number of one bits of each lane.";
            I8x16AllTrue "i8x16.all_true" 0xfd63 [] Simd Arch128 1 (V128 -> I32) "1 when no lane is 0, else 0.";
            I8x16Bitmask "i8x16.bitmask" 0xfd64 [] Simd Arch128 1 (V128 -> I32) "The sign bits of all lanes, that of lane 0 lowest.";
            I8x16NarrowI16x8 "i8x16.narrow_i16x8" 0xfd65 [] Simd Arch128 1 (V128 V128 -> V128) "Lanes of both operands, the second one's above, signed and saturating to signed.";
            I8x16NarrowI16x8U "i8x16.narrow_i16x8_u" 0xfd66 [] Simd Arch128 1 (V128 V128 -> V128) "Lanes of both operands, the second one's above, signed and saturating to unsigned.";
            F32x4Ceil "f32x4.ceil" 0xfd67 [] Simd Arch128 1 (V128 -> V128) "Rounds each lane up to an integral value.";
            F32x4Floor "f32x4.floor" 0xfd68 [] Simd Arch128 1 (V128 -> V128) "Rounds each lane down to an integral value.";
            F32x4Trunc "f32x4.trunc" 0xfd69 [] Simd Arch128 1 (V128 -> V128) "Rounds each lane towards zero to an integral value.";
            F32x4Nearest "f32x4.nearest" 0xfd6a [] Simd Arch128 1 (V128 -> V128) "Rounds each lane to the nearest integral value, ties to even.";
            I8x16Shl "i8x16.shl" 0xfd6b [] Simd Arch128 1 (V128 I32 -> V128) "Left shift of each lane; the count is taken modulo the lane's width.";
            I8x16Shr "i8x16.shr" 0xfd6c [] Simd Arch128 1 (V128 I32 -> V128) "Arithmetic right shift of each lane; the count is taken modulo the lane's width.";
            I8x16ShrU "i8x16.shr_u" 0xfd6d [] Simd Arch128 1 (V128 I32 -> V128) "Logical right shift of each lane; the count is taken modulo the lane's width.";
            I8x16Add "i8x16.add" 0xfd6e [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping sum of each lane.";
            I8x16AddSat "i8x16.add_sat" 0xfd6f [] Simd Arch128 1 (V128 V128 -> V128) "Saturating signed sum of each lane.";
            I8x16AddSatU "i8x16.add_sat_u" 0xfd70 [] Simd Arch128 1 (V128 V128 -> V128) "Saturating unsigned sum of each lane.";
            I8x16Sub "i8x16.sub" 0xfd71 [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping difference of each lane.";
            I8x16SubSat "i8x16.sub_sat" 0xfd72 [] Simd Arch128 1 (V128 V128 -> V128) "Saturating signed difference of each lane.";
            I8x16SubSatU "i8x16.sub_sat_u" 0xfd73 [] Simd Arch128 1 (V128 V128 -> V128) "Saturating unsigned difference of each lane.";
            F64x2Ceil "f64x2.ceil" 0xfd74 [] Simd Arch128 1 (V128 -> V128) "Rounds each lane up to an integral value.";
            F64x2Floor "f64x2.floor" 0xfd75 [] Simd Arch128 1 (V128 -> V128) "Rounds each lane down to an integral value.";
            I8x16Min "i8x16.min" 0xfd76 [] Simd Arch128 1 (V128 V128 -> V128) "The lesser of each lane, signed.";
            I8x16MinU "i8x16.min_u" 0xfd77 [] Simd Arch128 1 (V128 V128 -> V128) "The lesser of each lane, unsigned.";
            I8x16Max "i8x16.max" 0xfd78 [] Simd Arch128 1 (V128 V128 -> V128) "The greater of each lane, signed.";
            I8x16MaxU "i8x16.max_u" 0xfd79 [] Simd Arch128 1 (V128 V128 -> V128) "The greater of each lane, unsigned.";
            F64x2Trunc "f64x2.trunc" 0xfd7a [] Simd Arch128 1 (V128 -> V128) "Rounds each lane towards zero to an integral value.";
            I8x16AvgrU "i8x16.avgr_u" 0xfd7b [] Simd Arch128 1 (V128 V128 -> V128) "Unsigned mean of each lane, halves rounded up.";
            I16x8ExtAddPairwiseI8x16 "i16x8.extadd_pairwise_i8x16" 0xfd7c [] Simd Arch128 1 (V128 -> V128) "Sums of neighbouring lanes, signed, wider.";
            I16x8ExtAddPairwiseI8x16U "i16x8.extadd_pairwise_i8x16_u" 0xfd7d [] Simd Arch128 1 (V128 -> V128) "Sums of neighbouring lanes, unsigned, wider.";
            I32x4ExtAddPairwiseI16x8 "i32x4.extadd_pairwise_i16x8" 0xfd7e [] Simd Arch128 1 (V128 -> V128) "Sums of neighbouring lanes, signed, wider.";
            I32x4ExtAddPairwiseI16x8U "i32x4.extadd_pairwise_i16x8_u" 0xfd7f [] Simd Arch128 1 (V128 -> V128) "Sums of neighbouring lanes, unsigned, wider.";
            I16x8Abs "i16x8.abs" 0xfd80 [] Simd Arch128 1 (V128 -> V128) "Absolute value of each lane, wrapping.";
            I16x8Neg "i16x8.neg" 0xfd81 [] Simd Arch128 1 (V128 -> V128) "Two's complement negation of each lane, wrapping.";
            I16x8Q15MulrSat "i16x8.q15mulr_sat" 0xfd82 [] Simd Arch128 1 (V128 V128 -> V128) "Rounded product of each lane as a fraction of 15 bits, saturating.";
            I16x8AllTrue "i16x8.all_true" 0xfd83 [] Simd Arch128 1 (V128 -> I32) "1 when no lane is 0, else 0.";
            I16x8Bitmask "i16x8.bitmask" 0xfd84 [] Simd Arch128 1 (V128 -> I32) "The sign bits of all lanes, that of lane 0 lowest.";
            I16x8NarrowI32x4 "i16x8.narrow_i32x4" 0xfd85 [] Simd Arch128 1 (V128 V128 -> V128) "Lanes of both operands, the second one's above, signed and saturating to signed.";
            I16x8NarrowI32x4U "i16x8.narrow_i32x4_u" 0xfd86 [] Simd Arch128 1 (V128 V128 -> V128) "Lanes of both operands, the second one's above, signed and saturating to unsigned.";
            I16x8ExtendLowI8x16 "i16x8.extend_low_i8x16" 0xfd87 [] Simd Arch128 1 (V128 -> V128) "The lower half's lanes, signed, wider.";
            I16x8ExtendHighI8x16 "i16x8.extend_high_i8x16" 0xfd88 [] Simd Arch128 1 (V128 -> V128) "The upper half's lanes, signed, wider.";
            I16x8ExtendLowI8x16U "i16x8.extend_low_i8x16_u" 0xfd89 [] Simd Arch128 1 (V128 -> V128) "The lower half's lanes, unsigned, wider.";
            I16x8ExtendHighI8x16U "i16x8.extend_high_i8x16_u" 0xfd8a [] Simd Arch128 1 (V128 -> V128) "The upper half's lanes, unsigned, wider.";
            I16x8Shl "i16x8.shl" 0xfd8b [] Simd Arch128 1 (V128 I32 -> V128) "Left shift of each lane; the count is taken modulo the lane's width.";
            I16x8Shr "i16x8.shr" 0xfd8c [] Simd Arch128 1 (V128 I32 -> V128) "Arithmetic right shift of each lane; the count is taken modulo the lane's width.";
            I16x8ShrU "i16x8.shr_u" 0xfd8d [] Simd Arch128 1 (V128 I32 -> V128) "Logical right shift of each lane; the count is taken modulo the lane's width.";
            I16x8Add "i16x8.add" 0xfd8e [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping sum of each lane.";
            I16x8AddSat "i16x8.add_sat" 0xfd8f [] Simd Arch128 1 (V128 V128 -> V128) "Saturating signed sum of each lane.";
            I16x8AddSatU "i16x8.add_sat_u" 0xfd90 [] Simd Arch128 1 (V128 V128 -> V128) "Saturating unsigned sum of each lane.";
            I16x8Sub "i16x8.sub" 0xfd91 [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping difference of each lane.";
            I16x8SubSat "i16x8.sub_sat" 0xfd92 [] Simd Arch128 1 (V128 V128 -> V128) "Saturating signed difference of each lane.";
            I16x8SubSatU "i16x8.sub_sat_u" 0xfd93 [] Simd Arch128 1 (V128 V128 -> V128) "Saturating unsigned difference of each lane.";
            F64x2Nearest "f64x2.nearest" 0xfd94 [] Simd Arch128 1 (V128 -> V128) "Rounds each lane to the nearest integral value, ties to even.";
            I16x8Mul "i16x8.mul" 0xfd95 [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping product of each lane.";
            I16x8Min "i16x8.min" 0xfd96 [] Simd Arch128 1 (V128 V128 -> V128) "The lesser of each lane, signed.";
            I16x8MinU "i16x8.min_u" 0xfd97 [] Simd Arch128 1 (V128 V128 -> V128) "The lesser of each lane, unsigned.";
            I16x8Max "i16x8.max" 0xfd98 [] Simd Arch128 1 (V128 V128 -> V128) "The greater of each lane, signed.";
            I16x8MaxU "i16x8.max_u" 0xfd99 [] Simd Arch128 1 (V128 V128 -> V128) "The greater of each lane, unsigned.";
            I16x8AvgrU "i16x8.avgr_u" 0xfd9b [] Simd Arch128 1 (V128 V128 -> V128) "Unsigned mean of each lane, halves rounded up.";
            I16x8ExtMulLowI8x16 "i16x8.extmul_low_i8x16" 0xfd9c [] Simd Arch128 1 (V128 V128 -> V128) "Products of the lower halves' lanes, signed, wider.";
            I16x8ExtMulHighI8x16 "i16x8.extmul_high_i8x16" 0xfd9d [] Simd Arch128 1 (V128 V128 -> V128) "Products of the upper halves' lanes, signed, wider.";
            I16x8ExtMulLowI8x16U "i16x8.extmul_low_i8x16_u" 0xfd9e [] Simd Arch128 1 (V128 V128 -> V128) "Products of the lower halves' lanes, unsigned, wider.";
            I16x8ExtMulHighI8x16U "i16x8.extmul_high_i8x16_u" 0xfd9f [] Simd Arch128 1 (V128 V128 -> V128) "Products of the upper halves' lanes, unsigned, wider.";
            I32x4Abs "i32x4.abs" 0xfda0 [] Simd Arch128 1 (V128 -> V128) "Absolute value of each lane, wrapping.";
            I32x4Neg "i32x4.neg" 0xfda1 [] Simd Arch128 1 (V128 -> V128) "Two's complement negation of each lane, wrapping.";
            I32x4AllTrue "i32x4.all_true" 0xfda3 [] Simd Arch128 1 (V128 -> I32) "1 when no lane is 0, else 0.";
            I32x4Bitmask "i32x4.bitmask" 0xfda4 [] Simd Arch128 1 (V128 -> I32) "The sign bits of all lanes, that of lane 0 lowest.";
            I32x4ExtendLowI16x8 "i32x4.extend_low_i16x8" 0xfda7 [] Simd Arch128 1 (V128 -> V128) "The lower half's lanes, signed, wider.";
            I32x4ExtendHighI16x8 "i32x4.extend_high_i16x8" 0xfda8 [] Simd Arch128 1 (V128 -> V128) "The upper half's lanes, signed, wider.";
            I32x4ExtendLowI16x8U "i32x4.extend_low_i16x8_u" 0xfda9 [] Simd Arch128 1 (V128 -> V128) "The lower half's lanes, unsigned, wider.";
            I32x4ExtendHighI16x8U "i32x4.extend_high_i16x8_u" 0xfdaa [] Simd Arch128 1 (V128 -> V128) "The upper half's lanes, unsigned, wider.";
            I32x4Shl "i32x4.shl" 0xfdab [] Simd Arch128 1 (V128 I32 -> V128) "Left shift of each lane; the count is taken modulo the lane's width.";
            I32x4Shr "i32x4.shr" 0xfdac [] Simd Arch128 1 (V128 I32 -> V128) "Arithmetic right shift of each lane; the count is taken modulo the lane's width.";
            I32x4ShrU "i32x4.shr_u" 0xfdad [] Simd Arch128 1 (V128 I32 -> V128) "Logical right shift of each lane; the count is taken modulo the lane's width.";
            I32x4Add "i32x4.add" 0xfdae [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping sum of each lane.";
            I32x4Sub "i32x4.sub" 0xfdb1 [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping difference of each lane.";
            I32x4Mul "i32x4.mul" 0xfdb5 [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping product of each lane.";
            I32x4Min "i32x4.min" 0xfdb6 [] Simd Arch128 1 (V128 V128 -> V128) "The lesser of each lane, signed.";
            I32x4MinU "i32x4.min_u" 0xfdb7 [] Simd Arch128 1 (V128 V128 -> V128) "The lesser of each lane, unsigned.";
            I32x4Max "i32x4.max" 0xfdb8 [] Simd Arch128 1 (V128 V128 -> V128) "The greater of each lane, signed.";
            I32x4MaxU "i32x4.max_u" 0xfdb9 [] Simd Arch128 1 (V128 V128 -> V128) "The greater of each lane, unsigned.";
            I32x4DotI16x8 "i32x4.dot_i16x8" 0xfdba [] Simd Arch128 1 (V128 V128 -> V128) "Sums of the products of neighbouring lanes, signed, wrapping.";
            I32x4ExtMulLowI16x8 "i32x4.extmul_low_i16x8" 0xfdbc [] Simd Arch128 1 (V128 V128 -> V128) "Products of the lower halves' lanes, signed, wider.";
            I32x4ExtMulHighI16x8 "i32x4.extmul_high_i16x8" 0xfdbd [] Simd Arch128 1 (V128 V128 -> V128) "Products of the upper halves' lanes, signed, wider.";
            I32x4ExtMulLowI16x8U "i32x4.extmul_low_i16x8_u" 0xfdbe [] Simd Arch128 1 (V128 V128 -> V128) "Products of the lower halves' lanes, unsigned, wider.";
            I32x4ExtMulHighI16x8U "i32x4.extmul_high_i16x8_u" 0xfdbf [] Simd Arch128 1 (V128 V128 -> V128) "Products of the upper halves' lanes, unsigned, wider.";
            I64x2Abs "i64x2.abs" 0xfdc0 [] Simd Arch128 1 (V128 -> V128) "Absolute value of each lane, wrapping.";
            I64x2Neg "i64x2.neg" 0xfdc1 [] Simd Arch128 1 (V128 -> V128) "Two's complement negation of each lane, wrapping.";
            I64x2AllTrue "i64x2.all_true" 0xfdc3 [] Simd Arch128 1 (V128 -> I32) "1 when no lane is 0, else 0.";
            I64x2Bitmask "i64x2.bitmask" 0xfdc4 [] Simd Arch128 1 (V128 -> I32) "The sign bits of all lanes, that of lane 0 lowest.";
            I64x2ExtendLowI32x4 "i64x2.extend_low_i32x4" 0xfdc7 [] Simd Arch128 1 (V128 -> V128) "The lower half's lanes, signed, wider.";
            I64x2ExtendHighI32x4 "i64x2.extend_high_i32x4" 0xfdc8 [] Simd Arch128 1 (V128 -> V128) "The upper half's lanes, signed, wider.";
            I64x2ExtendLowI32x4U "i64x2.extend_low_i32x4_u" 0xfdc9 [] Simd Arch128 1 (V128 -> V128) "The lower half's lanes, unsigned, wider.";
            I64x2ExtendHighI32x4U "i64x2.extend_high_i32x4_u" 0xfdca [] Simd Arch128 1 (V128 -> V128) "The upper half's lanes, unsigned, wider.";
            I64x2Shl "i64x2.shl" 0xfdcb [] Simd Arch128 1 (V128 I32 -> V128) "Left shift of each lane; the count is taken modulo the lane's width.";
            I64x2Shr "i64x2.shr" 0xfdcc [] Simd Arch128 1 (V128 I32 -> V128) "Arithmetic right shift of each lane; the count is taken modulo the lane's width.";
            I64x2ShrU "i64x2.shr_u" 0xfdcd [] Simd Arch128 1 (V128 I32 -> V128) "Logical right shift of each lane; the count is taken modulo the lane's width.";
            I64x2Add "i64x2.add" 0xfdce [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping sum of each lane.";
            I64x2Sub "i64x2.sub" 0xfdd1 [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping difference of each lane.";
            I64x2Mul "i64x2.mul" 0xfdd5 [] Simd Arch128 1 (V128 V128 -> V128) "Wrapping product of each lane.";
            I64x2Eq "i64x2.eq" 0xfdd6 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where equal, else 0.";
            I64x2Ne "i64x2.ne" 0xfdd7 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where not equal, else 0.";
            I64x2Lt "i64x2.lt" 0xfdd8 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less, else 0.";
            I64x2Gt "i64x2.gt" 0xfdd9 [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater, else 0.";
            I64x2Le "i64x2.le" 0xfdda [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where less or equal, else 0.";
            I64x2Ge "i64x2.ge" 0xfddb [] Simd Arch128 1 (V128 V128 -> V128) "All ones in each lane where greater or equal, else 0.";
            I64x2ExtMulLowI32x4 "i64x2.extmul_low_i32x4" 0xfddc [] Simd Arch128 1 (V128 V128 -> V128) "Products of the lower halves' lanes, signed, wider.";
            I64x2ExtMulHighI32x4 "i64x2.extmul_high_i32x4" 0xfddd [] Simd Arch128 1 (V128 V128 -> V128) "Products of the upper halves' lanes, signed, wider.";
            I64x2ExtMulLowI32x4U "i64x2.extmul_low_i32x4_u" 0xfdde [] Simd Arch128 1 (V128 V128 -> V128) "Products of the lower halves' lanes, unsigned, wider.";
            I64x2ExtMulHighI32x4U "i64x2.extmul_high_i32x4_u" 0xfddf [] Simd Arch128 1 (V128 V128 -> V128) "Products of the upper halves' lanes, unsigned, wider.";
            F32x4Abs "f32x4.abs" 0xfde0 [] Simd Arch128 1 (V128 -> V128) "Clears the sign bit of each lane.";
            F32x4Neg "f32x4.neg" 0xfde1 [] Simd Arch128 1 (V128 -> V128) "Flips the sign bit of each lane.";
            F32x4Sqrt "f32x4.sqrt" 0xfde3 [] Simd Arch128 1 (V128 -> V128) "Square root of each lane, correctly rounded.";
            F32x4Add "f32x4.add" 0xfde4 [] Simd Arch128 1 (V128 V128 -> V128) "Sum of each lane.";
            F32x4Sub "f32x4.sub" 0xfde5 [] Simd Arch128 1 (V128 V128 -> V128) "Difference of each lane.";
            F32x4Mul "f32x4.mul" 0xfde6 [] Simd Arch128 1 (V128 V128 -> V128) "Product of each lane.";
            F32x4Div "f32x4.div" 0xfde7 [] Simd Arch128 1 (V128 V128 -> V128) "Quotient of each lane.";
            F32x4Min "f32x4.min" 0xfde8 [] Simd Arch128 1 (V128 V128 -> V128) "The lesser of each lane; the default NaN when either is a NaN, -0 below +0.";
            F32x4Max "f32x4.max" 0xfde9 [] Simd Arch128 1 (V128 V128 -> V128) "The greater of each lane; the default NaN when either is a NaN, -0 below +0.";
            F32x4PMin "f32x4.pmin" 0xfdea [] Simd Arch128 1 (V128 V128 -> V128) "In each lane the second operand where it is less, else the first.";
            F32x4PMax "f32x4.pmax" 0xfdeb [] Simd Arch128 1 (V128 V128 -> V128) "In each lane the second operand where it is greater, else the first.";
            F64x2Abs "f64x2.abs" 0xfdec [] Simd Arch128 1 (V128 -> V128) "Clears the sign bit of each lane.";
            F64x2Neg "f64x2.neg" 0xfded [] Simd Arch128 1 (V128 -> V128) "Flips the sign bit of each lane.";
            F64x2Sqrt "f64x2.sqrt" 0xfdef [] Simd Arch128 1 (V128 -> V128) "Square root of each lane, correctly rounded.";
            F64x2Add "f64x2.add" 0xfdf0 [] Simd Arch128 1 (V128 V128 -> V128) "Sum of each lane.";
            F64x2Sub "f64x2.sub" 0xfdf1 [] Simd Arch128 1 (V128 V128 -> V128) "Difference of each lane.";
            F64x2Mul "f64x2.mul" 0xfdf2 [] Simd Arch128 1 (V128 V128 -> V128) "Product of each lane.";
            F64x2Div "f64x2.div" 0xfdf3 [] Simd Arch128 1 (V128 V128 -> V128) "Quotient of each lane.";
            F64x2Min "f64x2.min" 0xfdf4 [] Simd Arch128 1 (V128 V128 -> V128) "The lesser of each lane; the default NaN when either is a NaN, -0 below +0.";
            F64x2Max "f64x2.max" 0xfdf5 [] Simd Arch128 1 (V128 V128 -> V128) "The greater of each lane; the default NaN when either is a NaN, -0 below +0.";
            F64x2PMin "f64x2.pmin" 0xfdf6 [] Simd Arch128 1 (V128 V128 -> V128) "In each lane the second operand where it is less, else the first.";
            F64x2PMax "f64x2.pmax" 0xfdf7 [] Simd Arch128 1 (V128 V128 -> V128) "In each lane the second operand where it is greater, else the first.";
            I32x4TruncSatF32x4 "i32x4.trunc_sat_f32x4" 0xfdf8 [] Simd Arch128 1 (V128 -> V128) "Signed integer part of each lane, saturating; NaN gives 0.";
            I32x4TruncSatF32x4U "i32x4.trunc_sat_f32x4_u" 0xfdf9 [] Simd Arch128 1 (V128 -> V128) "Unsigned integer part of each lane, saturating; NaN gives 0.";
            F32x4ConvertI32x4 "f32x4.convert_i32x4" 0xfdfa [] Simd Arch128 1 (V128 -> V128) "Nearest floats to the signed integers.";
            F32x4ConvertI32x4U "f32x4.convert_i32x4_u" 0xfdfb [] Simd Arch128 1 (V128 -> V128) "Nearest floats to the unsigned integers.";
            I32x4TruncSatF64x2Zero "i32x4.trunc_sat_f64x2_zero" 0xfdfc [] Simd Arch128 1 (V128 -> V128) "Signed integer part of both lanes, saturating; NaN gives 0, the upper lanes are 0.";
            I32x4TruncSatF64x2UZero "i32x4.trunc_sat_f64x2_u_zero" 0xfdfd [] Simd Arch128 1 (V128 -> V128) "Unsigned integer part of both lanes, saturating; NaN gives 0, the upper lanes are 0.";
            F64x2ConvertLowI32x4 "f64x2.convert_low_i32x4" 0xfdfe [] Simd Arch128 1 (V128 -> V128) "The lower two lanes, signed, as floats.";
            F64x2ConvertLowI32x4U "f64x2.convert_low_i32x4_u" 0xfdff [] Simd Arch128 1 (V128 -> V128) "The lower two lanes, unsigned, as floats.";
            I8x16RelaxedSwizzle "i8x16.relaxed_swizzle" 0xfe00 [] Simd Arch128 1 (V128 V128 -> V128) "As `i8x16.swizzle`: 0 where the lane is over 15.";
            I32x4RelaxedTruncF32x4 "i32x4.relaxed_trunc_f32x4" 0xfe01 [] Simd Arch128 1 (V128 -> V128) "As `i32x4.trunc_sat_f32x4`.";
            I32x4RelaxedTruncF32x4U "i32x4.relaxed_trunc_f32x4_u" 0xfe02 [] Simd Arch128 1 (V128 -> V128) "As `i32x4.trunc_sat_f32x4_u`.";
            I32x4RelaxedTruncF64x2Zero "i32x4.relaxed_trunc_f64x2_zero" 0xfe03 [] Simd Arch128 1 (V128 -> V128) "As `i32x4.trunc_sat_f64x2_zero`.";
            I32x4RelaxedTruncF64x2UZero "i32x4.relaxed_trunc_f64x2_u_zero" 0xfe04 [] Simd Arch128 1 (V128 -> V128) "As `i32x4.trunc_sat_f64x2_u_zero`.";
            F32x4RelaxedMadd "f32x4.relaxed_madd" 0xfe05 [] Simd Arch128 1 (V128 V128 V128 -> V128) "`a * b + c` of each lane, rounded once.";
            F32x4RelaxedNmadd "f32x4.relaxed_nmadd" 0xfe06 [] Simd Arch128 1 (V128 V128 V128 -> V128) "`-(a * b) + c` of each lane, rounded once.";
            F64x2RelaxedMadd "f64x2.relaxed_madd" 0xfe07 [] Simd Arch128 1 (V128 V128 V128 -> V128) "`a * b + c` of each lane, rounded once.";
            F64x2RelaxedNmadd "f64x2.relaxed_nmadd" 0xfe08 [] Simd Arch128 1 (V128 V128 V128 -> V128) "`-(a * b) + c` of each lane, rounded once.";
            I8x16RelaxedLaneselect "i8x16.relaxed_laneselect" 0xfe09 [] Simd Arch128 1 (V128 V128 V128 -> V128) "As `v128.bitselect`, whatever the mask.";
            I16x8RelaxedLaneselect "i16x8.relaxed_laneselect" 0xfe0a [] Simd Arch128 1 (V128 V128 V128 -> V128) "As `v128.bitselect`, whatever the mask.";
            I32x4RelaxedLaneselect "i32x4.relaxed_laneselect" 0xfe0b [] Simd Arch128 1 (V128 V128 V128 -> V128) "As `v128.bitselect`, whatever the mask.";
            I64x2RelaxedLaneselect "i64x2.relaxed_laneselect" 0xfe0c [] Simd Arch128 1 (V128 V128 V128 -> V128) "As `v128.bitselect`, whatever the mask.";
            F32x4RelaxedMin "f32x4.relaxed_min" 0xfe0d [] Simd Arch128 1 (V128 V128 -> V128) "As `f32x4.min`.";
            F32x4RelaxedMax "f32x4.relaxed_max" 0xfe0e [] Simd Arch128 1 (V128 V128 -> V128) "As `f32x4.max`.";
            F64x2RelaxedMin "f64x2.relaxed_min" 0xfe0f [] Simd Arch128 1 (V128 V128 -> V128) "As `f64x2.min`.";
            F64x2RelaxedMax "f64x2.relaxed_max" 0xfe10 [] Simd Arch128 1 (V128 V128 -> V128) "As `f64x2.max`.";
            I16x8RelaxedQ15Mulr "i16x8.relaxed_q15mulr" 0xfe11 [] Simd Arch128 1 (V128 V128 -> V128) "As `i16x8.q15mulr_sat`.";
            I16x8RelaxedDotI8x16I7x16 "i16x8.relaxed_dot_i8x16_i7x16" 0xfe12 [] Simd Arch128 1 (V128 V128 -> V128) "Sums of the products of neighbouring lanes, both signed, wrapping.";
            I32x4RelaxedDotI8x16I7x16Add "i32x4.relaxed_dot_i8x16_i7x16_add" 0xfe13 [] Simd Arch128 1 (V128 V128 V128 -> V128) "Sums of the products of four neighbouring lanes, both signed and exact, plus the third operand, wrapping.";
        }
        vector_load {
            V128Load "v128.load" 0xfd00 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 16 bytes.";
            V128Load8x8 "v128.load8x8" 0xfd01 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 8 bytes as 8 signed integers, each extended to a lane of `i16x8`.";
            V128Load8x8U "v128.load8x8_u" 0xfd02 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 8 bytes as 8 unsigned integers, each extended to a lane of `i16x8`.";
            V128Load16x4 "v128.load16x4" 0xfd03 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 8 bytes as 4 signed integers, each extended to a lane of `i32x4`.";
            V128Load16x4U "v128.load16x4_u" 0xfd04 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 8 bytes as 4 unsigned integers, each extended to a lane of `i32x4`.";
            V128Load32x2 "v128.load32x2" 0xfd05 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 8 bytes as 2 signed integers, each extended to a lane of `i64x2`.";
            V128Load32x2U "v128.load32x2_u" 0xfd06 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 8 bytes as 2 unsigned integers, each extended to a lane of `i64x2`.";
            V128Load8Splat "v128.load8_splat" 0xfd07 [Offset] Simd Arch128 1 (I32 -> V128) "Loads a byte into every lane of that width.";
            V128Load16Splat "v128.load16_splat" 0xfd08 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 2 bytes into every lane of that width.";
            V128Load32Splat "v128.load32_splat" 0xfd09 [Offset] Simd Arch128 1 (I32 -> V128) "Loads 4 bytes into every lane of that width.";
            V128Load64Splat "v128.load64_splat" 0xfd0a [Offset] Simd Arch128 1 (I32 -> V128) "Loads 8 bytes into every lane of that width.";
            V128Load32Zero "v128.load32_zero" 0xfd5c [Offset] Simd Arch128 1 (I32 -> V128) "Loads 4 bytes into the lowest lane; the other bits are zero.";
            V128Load64Zero "v128.load64_zero" 0xfd5d [Offset] Simd Arch128 1 (I32 -> V128) "Loads 8 bytes into the lowest lane; the other bits are zero.";
        }
        vector_store {
            V128Store "v128.store" 0xfd0b [Offset] Simd Arch128 1 (I32 V128 -> ) "Stores 16 bytes.";
        }
        lane_load {
            V128Load8Lane "v128.load8_lane" 0xfd54 [Offset Lane16] Simd Arch128 1 (I32 V128 -> V128) "Loads a byte into one lane of that width.";
            V128Load16Lane "v128.load16_lane" 0xfd55 [Offset Lane8] Simd Arch128 1 (I32 V128 -> V128) "Loads 2 bytes into one lane of that width.";
            V128Load32Lane "v128.load32_lane" 0xfd56 [Offset Lane4] Simd Arch128 1 (I32 V128 -> V128) "Loads 4 bytes into one lane of that width.";
            V128Load64Lane "v128.load64_lane" 0xfd57 [Offset Lane2] Simd Arch128 1 (I32 V128 -> V128) "Loads 8 bytes into one lane of that width.";
        }
        lane_store {
            V128Store8Lane "v128.store8_lane" 0xfd58 [Offset Lane16] Simd Arch128 1 (I32 V128 -> ) "Stores a byte: one lane of that width.";
            V128Store16Lane "v128.store16_lane" 0xfd59 [Offset Lane8] Simd Arch128 1 (I32 V128 -> ) "Stores 2 bytes: one lane of that width.";
            V128Store32Lane "v128.store32_lane" 0xfd5a [Offset Lane4] Simd Arch128 1 (I32 V128 -> ) "Stores 4 bytes: one lane of that width.";
            V128Store64Lane "v128.store64_lane" 0xfd5b [Offset Lane2] Simd Arch128 1 (I32 V128 -> ) "Stores 8 bytes: one lane of that width.";
        }
        } }
    };
}
