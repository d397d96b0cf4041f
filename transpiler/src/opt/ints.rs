//! Integer instructions by meaning and width, so that rules are written once for both widths.

use dotvm_isa::Op;

/// Width of an integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    /// 32 bits.
    W32,
    /// 64 bits.
    W64,
}

impl Width {
    /// Number of bits.
    pub(super) fn bits(self) -> u64 {
        match self {
            Width::W32 => 32,
            Width::W64 => 64,
        }
    }

    /// All bits set.
    pub(super) fn ones(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }
}

macro_rules! ints {
    ($($name:ident $narrow:ident $wide:ident,)*) => {
        /// What an integer instruction does.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Int {
            $($name,)*
        }

        impl Int {
            /// The integer instruction that `op` is.
            pub(super) fn of(op: Op) -> Option<(Int, Width)> {
                Some(match op {
                    $(Op::$narrow => (Int::$name, Width::W32), Op::$wide => (Int::$name, Width::W64),)*
                    _ => return None,
                })
            }

            /// The instruction of that width.
            pub(super) fn op(self, width: Width) -> Op {
                match (self, width) {
                    $((Int::$name, Width::W32) => Op::$narrow, (Int::$name, Width::W64) => Op::$wide,)*
                }
            }
        }
    };
}

ints! {
    Eqz I32Eqz I64Eqz, Neg I32Neg I64Neg, Not I32Not I64Not,
    Clz I32Clz I64Clz, Ctz I32Ctz I64Ctz, Popcnt I32Popcnt I64Popcnt,
    Eq I32Eq I64Eq, Ne I32Ne I64Ne, Lt I32Lt I64Lt, LtU I32LtU I64LtU, Gt I32Gt I64Gt,
    GtU I32GtU I64GtU, Le I32Le I64Le, LeU I32LeU I64LeU, Ge I32Ge I64Ge, GeU I32GeU I64GeU,
    Add I32Add I64Add, Sub I32Sub I64Sub, Mul I32Mul I64Mul, Div I32Div I64Div,
    DivU I32DivU I64DivU, Mod I32Mod I64Mod, ModU I32ModU I64ModU, And I32And I64And,
    Or I32Or I64Or, Xor I32Xor I64Xor, Shl I32Shl I64Shl, Shr I32Shr I64Shr,
    ShrU I32ShrU I64ShrU, Rotl I32Rotl I64Rotl, Rotr I32Rotr I64Rotr,
}

impl Int {
    /// The comparison that is true when this one is false.
    pub(super) fn inverse(self) -> Option<Int> {
        Some(match self {
            Int::Eq => Int::Ne,
            Int::Ne => Int::Eq,
            Int::Lt => Int::Ge,
            Int::Ge => Int::Lt,
            Int::Gt => Int::Le,
            Int::Le => Int::Gt,
            Int::LtU => Int::GeU,
            Int::GeU => Int::LtU,
            Int::GtU => Int::LeU,
            Int::LeU => Int::GtU,
            _ => return None,
        })
    }

    /// The instruction that gives the same with its operands exchanged.
    pub(super) fn exchanged(self) -> Option<Int> {
        Some(match self {
            Int::Lt => Int::Gt,
            Int::Gt => Int::Lt,
            Int::Le => Int::Ge,
            Int::Ge => Int::Le,
            Int::LtU => Int::GtU,
            Int::GtU => Int::LtU,
            Int::LeU => Int::GeU,
            Int::GeU => Int::LeU,
            Int::Eq | Int::Ne | Int::Add | Int::Mul | Int::And | Int::Or | Int::Xor => self,
            _ => return None,
        })
    }

    /// Whether it compares two values.
    pub(super) fn is_comparison(self) -> bool {
        self.inverse().is_some()
    }
}

/// The float comparison that gives the same with its operands exchanged.
pub(super) fn exchanged_float(op: Op) -> Option<Op> {
    Some(match op {
        Op::F32Eq | Op::F32Ne | Op::F64Eq | Op::F64Ne => op,
        Op::F32Lt => Op::F32Gt,
        Op::F32Gt => Op::F32Lt,
        Op::F32Le => Op::F32Ge,
        Op::F32Ge => Op::F32Le,
        Op::F64Lt => Op::F64Gt,
        Op::F64Gt => Op::F64Lt,
        Op::F64Le => Op::F64Ge,
        Op::F64Ge => Op::F64Le,
        _ => return None,
    })
}

/// The float comparison that is true exactly when this one is false. Only equality has one: an
/// ordering is false for NaNs, and so is its opposite.
pub(super) fn inverse_float(op: Op) -> Option<Op> {
    Some(match op {
        Op::F32Eq => Op::F32Ne,
        Op::F32Ne => Op::F32Eq,
        Op::F64Eq => Op::F64Ne,
        Op::F64Ne => Op::F64Eq,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::eval_binary;

    #[test]
    fn inverses_and_exchanges_hold() {
        let samples = [
            0,
            1,
            2,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            1 << 63,
            u64::MAX,
        ];
        for info in dotvm_isa::ops::OPS {
            let Some((int, width)) = Int::of(info.op) else {
                continue;
            };
            assert_eq!(int.op(width), info.op);
            for a in samples.map(|a| a & width.ones()) {
                for b in samples.map(|b| b & width.ones()) {
                    let result = eval_binary(info.op, a, b);
                    if let Some(inverse) = int.inverse() {
                        let inverse = eval_binary(inverse.op(width), a, b);
                        assert_eq!(inverse.map(|bit| bit ^ 1), result, "{info:?}");
                    }
                    if let Some(exchanged) = int.exchanged() {
                        assert_eq!(eval_binary(exchanged.op(width), b, a), result, "{info:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn floats_too() {
        let samples = [0.0, -0.0, 1.5, -2.0, f64::INFINITY, f64::NAN];
        for info in dotvm_isa::ops::OPS {
            let bits = |x: f64| match info.mnemonic.starts_with("f32") {
                true => u64::from((x as f32).to_bits()),
                false => x.to_bits(),
            };
            for a in samples.map(bits) {
                for b in samples.map(bits) {
                    let result = eval_binary(info.op, a, b);
                    if let Some(exchanged) = exchanged_float(info.op) {
                        assert_eq!(eval_binary(exchanged, b, a), result, "{info:?}");
                    }
                    if let Some(inverse) = inverse_float(info.op) {
                        assert_eq!(eval_binary(inverse, a, b).map(|bit| bit ^ 1), result);
                    }
                }
            }
        }
    }
}
