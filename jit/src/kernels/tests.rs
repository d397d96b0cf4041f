//! Which loops have kernels, and what these are like.

use dotvm_isa::instr::InstrReader;
use dotvm_isa::ops::{Imm, OPS, OpInfo, Sig};
use dotvm_isa::text::assemble;
use dotvm_isa::{Arch, ValType};
use expect_test::{Expect, expect};

use super::{Kernel, Source, Unchecked};
use crate::analysis::Analysis;
use crate::lower::GUARD_BYTES;

/// The kernel of the first loop of a module's first function.
fn kernel(text: &str) -> Option<Kernel> {
    let (module, _) = assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let env = dotvm_isa::verify::verify_module(&module).expect("declarations");
    let analysis = Analysis::new(&module, &env, 0).expect("a function");
    let reader = InstrReader::new(module.body(0), 0);
    let source = Source {
        constants: &|instr| reader.constant(instr),
        unchecked: &Unchecked::of(env.spaces.memories.first(), GUARD_BYTES),
        two_carries: true,
        double_shifts: false,
    };
    let header = *analysis.loops.keys().next()?;
    Kernel::of(&analysis, header, &source)
}

/// A loop around an instruction.
fn around(op: &OpInfo) -> String {
    let Sig::Fixed(params, results) = op.sig else {
        unreachable!("instructions on vectors and words have fixed signatures");
    };
    let mut text = ".arch arch512\n.memory 1\n.func $f\n .local i32 $n\n".to_owned();
    for (i, ty) in params.iter().chain(results).enumerate() {
        text += &format!(" .local {ty} $v{i}\n");
    }
    text += "again:\n loop\n";
    for i in 0..params.len() {
        text += &format!(" local.get $v{i}\n");
    }
    let imm = match op.imms {
        [] | [Imm::Offset] => "",
        _ => " 0",
    };
    text += &format!(" {}{imm}\n", op.mnemonic);
    for i in (params.len()..params.len() + results.len()).rev() {
        text += &format!(" local.set $v{i}\n");
    }
    text + " local.get $n\n i32.push 1\n i32.sub\n local.tee $n\n jnz again\n ret\n.end\n"
}

/// The instructions on a type of values that loops with kernels must not have.
fn unknown(ty: ValType, first_arch: Arch) -> Vec<&'static str> {
    let of_type = |op: &&OpInfo| match op.sig {
        Sig::Fixed(params, results) => {
            op.first_arch == first_arch && params.iter().chain(results).any(|&it| it == ty)
        }
        Sig::Poly => false,
    };
    let all = OPS.iter().filter(of_type);
    let unknown = all.filter(|op| kernel(&around(op)).is_none());
    unknown.map(|op| op.mnemonic).collect()
}

#[track_caller]
fn check_unknown(vector: ValType, first_arch: Arch, expected: &Expect) {
    let unknown = unknown(vector, first_arch);
    let text: String = unknown.iter().map(|name| format!("{name}\n")).collect();
    expected.assert_eq(&text);
}

/// What is computed by functions, and products that need more registers than there are.
#[test]
fn unknown_instructions_on_words() {
    let text: String = [
        (ValType::I128, Arch::Arch128),
        (ValType::I256, Arch::Arch256),
        (ValType::I512, Arch::Arch512),
    ]
    .into_iter()
    .map(|(word, arch)| unknown(word, arch).join(" ") + "\n")
    .collect();
    expect![[r#"
        i128.div i128.div_u i128.mod i128.mod_u i128.exp i128.isqrt i128.gcd i128.addmod i128.mulmod i128.powmod i128.invmod f32.convert_i128 f32.convert_i128_u f64.convert_i128 f64.convert_i128_u i128.trunc_f32 i128.trunc_f32_u i128.trunc_f64 i128.trunc_f64_u i128.trunc_sat_f32 i128.trunc_sat_f32_u i128.trunc_sat_f64 i128.trunc_sat_f64_u i128.mul_overflow i128.mul_overflow_u i128.mul_wide i128.divmod i128.divmod_u big.from_i128 big.from_i128_u big.to_i128 big.to_i128_u
        i256.div i256.div_u i256.mod i256.mod_u i256.exp i256.isqrt i256.gcd i256.addmod i256.mulmod i256.powmod i256.invmod f32.convert_i256 f32.convert_i256_u f64.convert_i256 f64.convert_i256_u i256.trunc_f32 i256.trunc_f32_u i256.trunc_f64 i256.trunc_f64_u i256.trunc_sat_f32 i256.trunc_sat_f32_u i256.trunc_sat_f64 i256.trunc_sat_f64_u i256.mul_overflow i256.mul_overflow_u i256.mul_wide i256.divmod i256.divmod_u big.from_i256 big.from_i256_u big.to_i256 big.to_i256_u
        i512.div i512.div_u i512.mod i512.mod_u i512.exp i512.isqrt i512.gcd i512.addmod i512.mulmod i512.powmod i512.invmod f32.convert_i512 f32.convert_i512_u f64.convert_i512 f64.convert_i512_u i512.trunc_f32 i512.trunc_f32_u i512.trunc_f64 i512.trunc_f64_u i512.trunc_sat_f32 i512.trunc_sat_f32_u i512.trunc_sat_f64 i512.trunc_sat_f64_u i512.mul_overflow i512.mul_overflow_u i512.mul_wide i512.mul_wide_u i512.divmod i512.divmod_u big.from_i512 big.from_i512_u big.to_i512 big.to_i512_u
    "#]].assert_eq(&text);
}

/// Instructions that loops with kernels must not have. (Of shifts, only those by constants are known.)
#[test]
fn unknown_instructions() {
    check_unknown(
        ValType::V256,
        Arch::Arch256,
        &expect![[r#"
        i8x32.replace_lane
        i16x16.replace_lane
        i32x8.replace_lane
        i64x4.replace_lane
        f32x8.replace_lane
        f64x4.replace_lane
        f32x8.demote_f64x4_zero
        i8x32.shl
        i8x32.shr
        i8x32.shr_u
        i32x8.extadd_pairwise_i16x16_u
        i64x4.shr
        i32x8.trunc_sat_f32x8
        i32x8.trunc_sat_f32x8_u
        f32x8.convert_i32x8_u
        i32x8.trunc_sat_f64x4_zero
        i32x8.trunc_sat_f64x4_u_zero
        f64x4.convert_low_i32x8_u
        i8x32.shuffle
        i8x32.swizzle
        v256.from_parts
        v128.part_v256
        v256.from_limbs
        i32x8.shuffle
        i32x8.gather
        i64x4.gather
    "#]],
    );
    check_unknown(
        ValType::V512,
        Arch::Arch512,
        &expect![[r#"
        i8x64.replace_lane
        i16x32.replace_lane
        i32x16.replace_lane
        i64x8.replace_lane
        f32x16.replace_lane
        f64x8.replace_lane
        f32x16.demote_f64x8_zero
        i8x64.shl
        i8x64.shr
        i8x64.shr_u
        i32x16.extadd_pairwise_i16x32_u
        i64x8.shr
        i32x16.trunc_sat_f32x16
        i32x16.trunc_sat_f32x16_u
        f32x16.convert_i32x16_u
        i32x16.trunc_sat_f64x8_zero
        i32x16.trunc_sat_f64x8_u_zero
        f64x8.convert_low_i32x16_u
        i8x64.shuffle
        i8x64.swizzle
        v512.from_parts
        v256.part_v512
        v512.from_limbs
        i32x16.shuffle
        i32x16.gather
        i64x8.gather
    "#]],
    );
}
