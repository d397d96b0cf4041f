//! Pure functions of any number of operands, of any number of slots each.

use crate::bits::MAX_SLOTS;
use crate::ops::{Imm, Op};
use crate::trap::TrapCode;
use crate::types::ValType;

use super::{SlotValue, V128, Vector, wide, wide_vector};

/// A value that is an operand or a result, and how it is kept in slots. Upper bits of values narrower than
/// a slot are zero.
pub trait Operand: Copy {
    /// Its type.
    const TYPE: ValType;
    /// How many slots it has.
    const SLOTS: usize = Self::TYPE.slots() as usize;
    /// Puts its slots somewhere, one after the other.
    fn to_slots(self, put: &mut impl FnMut(u64));
    /// The value whose slots are the next ones; upper bits of values narrower than a slot are ignored.
    fn from_slots(next: &mut impl FnMut() -> u64) -> Self;
}

macro_rules! operands {
    ($($ty:ty: $val:ident;)*) => {
        $(impl Operand for $ty {
            const TYPE: ValType = ValType::$val;
            #[inline(always)]
            fn to_slots(self, put: &mut impl FnMut(u64)) {
                put(self.to_slot());
            }
            #[inline(always)]
            fn from_slots(next: &mut impl FnMut() -> u64) -> $ty {
                <$ty>::from_slot(next())
            }
        })*
    };
}
operands! { u32: I32; u64: I64; f32: F32; f64: F64; }

impl Operand for V128 {
    const TYPE: ValType = ValType::V128;
    #[inline(always)]
    fn to_slots(self, put: &mut impl FnMut(u64)) {
        <[u64; 2]>::from(self).into_iter().for_each(put);
    }
    #[inline(always)]
    fn from_slots(next: &mut impl FnMut() -> u64) -> V128 {
        [next(), next()].into()
    }
}

/// The operands of an instruction.
pub trait Operands: Copy {
    /// Their types.
    const TYPES: &'static [ValType];
    /// The operands whose slots are the next ones, one after the other.
    fn from_slots(next: &mut impl FnMut() -> u64) -> Self;
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Operand),*> Operands for ($($name,)*) {
            const TYPES: &'static [ValType] = &[$($name::TYPE),*];
            #[inline(always)]
            fn from_slots(next: &mut impl FnMut() -> u64) -> Self {
                ($($name::from_slots(next),)*)
            }
        }
    };
}
tuples! { A }
tuples! { A B }
tuples! { A B C }
tuples! { A B C D }

impl<const N: usize> Operands for [u64; N] {
    const TYPES: &'static [ValType] = &[ValType::I64; N];
    #[inline(always)]
    fn from_slots(next: &mut impl FnMut() -> u64) -> [u64; N] {
        std::array::from_fn(|_| next())
    }
}

/// The results of an instruction: one or two.
pub trait Results: Copy {
    /// Their types.
    const TYPES: &'static [ValType];
    /// Puts their slots somewhere, one after the other.
    fn to_slots(self, put: &mut impl FnMut(u64));
}

impl<T: Operand> Results for T {
    const TYPES: &'static [ValType] = &[T::TYPE];
    #[inline(always)]
    fn to_slots(self, put: &mut impl FnMut(u64)) {
        Operand::to_slots(self, put);
    }
}

impl<A: Operand, B: Operand> Results for (A, B) {
    const TYPES: &'static [ValType] = &[A::TYPE, B::TYPE];
    #[inline(always)]
    fn to_slots(self, put: &mut impl FnMut(u64)) {
        Operand::to_slots(self.0, put);
        Operand::to_slots(self.1, put);
    }
}

/// As many slots as results have together at most.
pub type ResultSlots = [u64; 2 * MAX_SLOTS];

/// The immediates of an instruction.
pub trait Immediates: Copy {
    /// What they are in the table.
    const IMMS: &'static [Imm];
    /// The immediates as [`Instr`](crate::Instr) has them.
    fn from_instr(a: u64, b: u64) -> Self;
}

impl Immediates for () {
    const IMMS: &'static [Imm] = &[];
    fn from_instr(_: u64, _: u64) {}
}

/// The number of one of `N` lanes or limbs.
#[derive(Clone, Copy, Debug)]
pub struct Lane<const N: usize>(pub u8);

impl<const N: usize> Lane<N> {
    /// The number as an index.
    #[inline(always)]
    pub(super) fn index(self) -> usize {
        // The verifier has seen to it; this tells the compiler.
        usize::from(self.0) % N
    }
}

impl<const N: usize> Immediates for Lane<N> {
    const IMMS: &'static [Imm] = match N {
        2 => &[Imm::Lane2],
        4 => &[Imm::Lane4],
        8 => &[Imm::Lane8],
        16 => &[Imm::Lane16],
        32 => &[Imm::Lane32],
        64 => &[Imm::Lane64],
        _ => panic!("there is no immediate for so many lanes"),
    };
    #[inline(always)]
    fn from_instr(a: u64, _: u64) -> Lane<N> {
        Lane(a as u8)
    }
}

/// Sixteen numbers of bytes.
#[derive(Clone, Copy, Debug)]
pub struct ByteLanes(pub [u8; 16]);

impl Immediates for ByteLanes {
    const IMMS: &'static [Imm] = &[Imm::Lanes];
    #[inline(always)]
    fn from_instr(a: u64, b: u64) -> ByteLanes {
        ByteLanes((u128::from(a) | u128::from(b) << 64).to_le_bytes())
    }
}

/// An instruction of one of the groups `vector`, `wide`, `pair`, `parts` and `whole`.
pub trait Pure {
    /// Its operands; integers are unsigned.
    type Args: Operands;
    /// Its immediates.
    type Imm: Immediates;
    /// Its results' types.
    type Out: Results;
    /// The traps it may stop with.
    const TRAPS: &'static [TrapCode] = &[];
    /// Whether computing it takes so long that a call more does not matter.
    const SLOW: bool = false;
    /// Computes the results.
    ///
    /// # Errors
    /// The trap the instruction stops with.
    fn eval(args: Self::Args, imm: Self::Imm) -> Result<Self::Out, TrapCode>;
}

impl<O: Vector> Pure for O {
    type Args = O::Args;
    type Imm = O::Imm;
    type Out = O::Out;
    #[inline(always)]
    fn eval(args: O::Args, imm: O::Imm) -> Result<O::Out, TrapCode> {
        Ok(<O as Vector>::eval(args, imm))
    }
}

macro_rules! eval {
    (
        unary $unary:tt binary $binary:tt load $load:tt store $store:tt other $other:tt
        vector { $($v:ident $vm:literal $vc:literal [$($vi:ident)*] $vcat:ident $va:ident $vf:literal ($($vp:ident)* -> $($vr:ident)*) $vd:literal;)* }
        vector_load $vector_load:tt vector_store $vector_store:tt lane_load $lane_load:tt lane_store $lane_store:tt
        wide { $($w:ident $wk:ident $wu:ident $wm:literal $wc:literal [$($wi:ident)*] $wcat:ident $wa:ident $wf:literal ($($wp:ident)* -> $($wr:ident)*) $wd:literal;)* }
        pair { $($p:ident $pk:ident $pu:ident $pm:literal $pc:literal [$($pi:ident)*] $pcat:ident $pa:ident $pf:literal ($($pp:ident)* -> $($pr:ident)*) $pd:literal;)* }
        wide_load $wide_load:tt wide_store $wide_store:tt
        parts { $($e:ident $ew:ident $ek:ident $eu:ident $em:literal $ec:literal [$($ei:ident)*] $ecat:ident $ea:ident $ef:literal ($($ep:ident)* -> $($er:ident)*) $ed:literal;)* }
        whole { $($h:ident $hk:ident $hu:ident $hm:literal $hc:literal [$($hi:ident)*] $hcat:ident $ha:ident $hf:literal ($($hp:ident)* -> $($hr:ident)*) $hd:literal;)* }
        $($rest:tt)*
    ) => {
        /// Computes an instruction of the groups of [`Pure`] ones on operands, in slots one after
        /// the other, and immediates as [`Instr`](crate::Instr) has them; returns the results in the same
        /// way. `None` where `op` is of another group.
        pub fn eval_pure(op: Op, args: &[u64], a: u64, b: u64) -> Option<Result<ResultSlots, TrapCode>> {
            fn on_slots<O: Pure>(args: &[u64], a: u64, b: u64) -> Result<ResultSlots, TrapCode> {
                let mut args = args.iter().copied();
                let args = O::Args::from_slots(&mut || args.next().expect("as many as types have"));
                let results = O::eval(args, O::Imm::from_instr(a, b))?;
                let mut slots = ResultSlots::default();
                let mut rest = slots.iter_mut();
                results.to_slots(&mut |slot| *rest.next().expect("there are enough") = slot);
                Ok(slots)
            }
            Some(match op {
                $(Op::$v => on_slots::<super::$v>(args, a, b),)*
                $(Op::$w => on_slots::<wide::$wk<wide::$wu>>(args, a, b),)*
                $(Op::$p => on_slots::<wide::$pk<wide::$pu>>(args, a, b),)*
                $(Op::$e => on_slots::<wide_vector::$ew<super::$ek, wide_vector::$eu>>(args, a, b),)*
                $(Op::$h => on_slots::<wide_vector::$hk<wide_vector::$hu>>(args, a, b),)*
                _ => return None,
            })
        }

        /// The traps that an instruction of these groups may stop with.
        pub fn traps(op: Op) -> &'static [TrapCode] {
            match op {
                $(Op::$v => <super::$v as Pure>::TRAPS,)*
                $(Op::$w => <wide::$wk<wide::$wu> as Pure>::TRAPS,)*
                $(Op::$p => <wide::$pk<wide::$pu> as Pure>::TRAPS,)*
                $(Op::$e => <wide_vector::$ew<super::$ek, wide_vector::$eu> as Pure>::TRAPS,)*
                $(Op::$h => <wide_vector::$hk<wide_vector::$hu> as Pure>::TRAPS,)*
                _ => &[],
            }
        }

        /// Whether an instruction of these groups is computed where its operands are known: not where it takes
        /// long, or compilers would.
        pub fn is_folded(op: Op) -> bool {
            fn quick<O: Pure>() -> bool {
                !O::SLOW
            }
            match op {
                $(Op::$v => quick::<super::$v>(),)*
                $(Op::$w => quick::<wide::$wk<wide::$wu>>(),)*
                $(Op::$p => quick::<wide::$pk<wide::$pu>>(),)*
                $(Op::$e => quick::<wide_vector::$ew<super::$ek, wide_vector::$eu>>(),)*
                $(Op::$h => quick::<wide_vector::$hk<wide_vector::$hu>>(),)*
                _ => false,
            }
        }

        #[cfg(test)]
        mod types_agree_with_the_table {
            use super::*;

            fn check<O: Pure>(name: &str, args: &[ValType], imms: &[Imm], results: &[ValType]) {
                assert_eq!(O::Args::TYPES, args, "{name}");
                assert_eq!(O::Imm::IMMS, imms, "{name}");
                assert_eq!(O::Out::TYPES, results, "{name}");
            }

            #[test]
            fn of_every_pure_instruction() {
                use ValType::*;
                $(check::<super::super::$v>($vm, &[$($vp),*], &[$(Imm::$vi),*], &[$($vr),*]);)*
                $(check::<wide::$wk<wide::$wu>>($wm, &[$($wp),*], &[$(Imm::$wi),*], &[$($wr),*]);)*
                $(check::<wide::$pk<wide::$pu>>($pm, &[$($pp),*], &[$(Imm::$pi),*], &[$($pr),*]);)*
                $(check::<wide_vector::$ew<super::super::$ek, wide_vector::$eu>>($em, &[$($ep),*], &[$(Imm::$ei),*], &[$($er),*]);)*
                $(check::<wide_vector::$hk<wide_vector::$hu>>($hm, &[$($hp),*], &[$(Imm::$hi),*], &[$($hr),*]);)*
            }
        }
    };
}
crate::for_each_op!(eval);
