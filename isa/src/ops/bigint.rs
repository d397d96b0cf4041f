//! Rows of the opcode table: big integers.
//!
//! Numbers of any size, as references to managed objects: `anyref`, as all of these are. A number that fits in 31
//! bits is one of those of `ref.i31`, and takes no memory; so each number has one form. See
//! [`crate::objects`] for how others are laid out.

/// Hands on `$before` and the rows of services, with those of big integers behind them.
#[doc(hidden)]
#[macro_export]
macro_rules! with_bigint_ops {
    ($m:ident $before:tt { $($rows:tt)* }) => {
        $crate::with_services! { $m $before {
            $($rows)*
            BigFromI32 Plain Fixed "big.from_i32" 0xe6b0 [] BigInt Arch32 5 (I32 -> AnyRef) "A signed number as a big integer.";
            BigFromI32U Plain Fixed "big.from_i32_u" 0xe6b1 [] BigInt Arch32 5 (I32 -> AnyRef) "An unsigned number as a big integer.";
            BigFromI64 Plain Fixed "big.from_i64" 0xe6b2 [] BigInt Arch32 5 (I64 -> AnyRef) "A signed number as a big integer.";
            BigFromI64U Plain Fixed "big.from_i64_u" 0xe6b3 [] BigInt Arch32 5 (I64 -> AnyRef) "An unsigned number as a big integer.";
            BigFromI128 Plain Fixed "big.from_i128" 0xe6b4 [] BigInt Arch128 5 (I128 -> AnyRef) "A signed number as a big integer.";
            BigFromI128U Plain Fixed "big.from_i128_u" 0xe6b5 [] BigInt Arch128 5 (I128 -> AnyRef) "An unsigned number as a big integer.";
            BigFromI256 Plain Fixed "big.from_i256" 0xe6b6 [] BigInt Arch256 5 (I256 -> AnyRef) "A signed number as a big integer.";
            BigFromI256U Plain Fixed "big.from_i256_u" 0xe6b7 [] BigInt Arch256 5 (I256 -> AnyRef) "An unsigned number as a big integer.";
            BigFromI512 Plain Fixed "big.from_i512" 0xe6b8 [] BigInt Arch512 5 (I512 -> AnyRef) "A signed number as a big integer.";
            BigFromI512U Plain Fixed "big.from_i512_u" 0xe6b9 [] BigInt Arch512 5 (I512 -> AnyRef) "An unsigned number as a big integer.";
            BigToI32 Plain Fixed "big.to_i32" 0xe6ba [] BigInt Arch32 5 (AnyRef -> I32) "The number as a signed one; stops with `IntegerOverflow` where it does not fit.";
            BigToI32U Plain Fixed "big.to_i32_u" 0xe6bb [] BigInt Arch32 5 (AnyRef -> I32) "The number as an unsigned one; stops with `IntegerOverflow` where it does not fit.";
            BigToI64 Plain Fixed "big.to_i64" 0xe6bc [] BigInt Arch32 5 (AnyRef -> I64) "The number as a signed one; stops with `IntegerOverflow` where it does not fit.";
            BigToI64U Plain Fixed "big.to_i64_u" 0xe6bd [] BigInt Arch32 5 (AnyRef -> I64) "The number as an unsigned one; stops with `IntegerOverflow` where it does not fit.";
            BigToI128 Plain Fixed "big.to_i128" 0xe6be [] BigInt Arch128 5 (AnyRef -> I128) "The number as a signed one; stops with `IntegerOverflow` where it does not fit.";
            BigToI128U Plain Fixed "big.to_i128_u" 0xe6bf [] BigInt Arch128 5 (AnyRef -> I128) "The number as an unsigned one; stops with `IntegerOverflow` where it does not fit.";
            BigToI256 Plain Fixed "big.to_i256" 0xe6c0 [] BigInt Arch256 5 (AnyRef -> I256) "The number as a signed one; stops with `IntegerOverflow` where it does not fit.";
            BigToI256U Plain Fixed "big.to_i256_u" 0xe6c1 [] BigInt Arch256 5 (AnyRef -> I256) "The number as an unsigned one; stops with `IntegerOverflow` where it does not fit.";
            BigToI512 Plain Fixed "big.to_i512" 0xe6c2 [] BigInt Arch512 5 (AnyRef -> I512) "The number as a signed one; stops with `IntegerOverflow` where it does not fit.";
            BigToI512U Plain Fixed "big.to_i512_u" 0xe6c3 [] BigInt Arch512 5 (AnyRef -> I512) "The number as an unsigned one; stops with `IntegerOverflow` where it does not fit.";
            BigFromBytes Memory Products "big.from_bytes" 0xe6c8 [] BigInt Arch32 20 (I32 I32 -> AnyRef) "`src len -- big`: the number of these bytes, lowest first, in two's complement.";
            BigFromBytesU Memory Products "big.from_bytes_u" 0xe6c9 [] BigInt Arch32 20 (I32 I32 -> AnyRef) "`src len -- big`: the same, without a sign.";
            BigToBytes Memory Products "big.to_bytes" 0xe6ca [] BigInt Arch32 20 (AnyRef I32 I32 -> I32) "`big dst len -- i32`: writes the number as `len` bytes where they are enough, lowest first, in two's complement; pushes how many it needs, at least 1.";
            BigToBytesU Memory Products "big.to_bytes_u" 0xe6cb [] BigInt Arch32 20 (AnyRef I32 I32 -> I32) "`big dst len -- i32`: the same of its absolute value, without a sign; 0 needs none.";
            BigFromText Memory Products "big.from_text" 0xe6cc [] BigInt Arch32 50 (I32 I32 I32 -> AnyRef) "`src len radix -- big`: the number of these digits, with a sign in front or none; null where they are no number.";
            BigToText Memory Products "big.to_text" 0xe6cd [] BigInt Arch32 50 (AnyRef I32 I32 I32 -> I32) "`big radix dst len -- i32`: writes its digits where `len` bytes are enough, lower-case, behind `-` where it is below zero; pushes how many there are.";
            BigAdd Plain Products "big.add" 0xe6d0 [] BigInt Arch32 10 (AnyRef AnyRef -> AnyRef) "The sum.";
            BigSub Plain Products "big.sub" 0xe6d1 [] BigInt Arch32 10 (AnyRef AnyRef -> AnyRef) "The difference.";
            BigMul Plain Products "big.mul" 0xe6d2 [] BigInt Arch32 10 (AnyRef AnyRef -> AnyRef) "The product.";
            BigDiv Plain Products "big.div" 0xe6d3 [] BigInt Arch32 20 (AnyRef AnyRef -> AnyRef) "The quotient, rounded towards zero. Stops with `IntegerDivideByZero` where there is none; as all that divide.";
            BigRem Plain Products "big.rem" 0xe6d4 [] BigInt Arch32 20 (AnyRef AnyRef -> AnyRef) "What `big.div` leaves: it has the sign of the dividend.";
            BigDivFloor Plain Products "big.div_floor" 0xe6d5 [] BigInt Arch32 20 (AnyRef AnyRef -> AnyRef) "The quotient, rounded down.";
            BigRemFloor Plain Products "big.rem_floor" 0xe6d6 [] BigInt Arch32 20 (AnyRef AnyRef -> AnyRef) "What `big.div_floor` leaves: it has the sign of the divisor.";
            BigNeg Plain Products "big.neg" 0xe6d7 [] BigInt Arch32 10 (AnyRef -> AnyRef) "The number with the other sign.";
            BigAbs Plain Products "big.abs" 0xe6d8 [] BigInt Arch32 10 (AnyRef -> AnyRef) "The absolute value.";
            BigSign Plain Fixed "big.sign" 0xe6d9 [] BigInt Arch32 5 (AnyRef -> I32) "-1, 0 or 1.";
            BigCmp Plain Products "big.cmp" 0xe6da [] BigInt Arch32 5 (AnyRef AnyRef -> I32) "-1 where the first is less, 0 where both are equal, else 1.";
            BigEq Plain Products "big.eq" 0xe6db [] BigInt Arch32 5 (AnyRef AnyRef -> I32) "1 where both are equal, else 0.";
            BigGcd Plain Products "big.gcd" 0xe6e0 [] BigInt Arch32 50 (AnyRef AnyRef -> AnyRef) "The greatest common divisor, not below 0.";
            BigLcm Plain Products "big.lcm" 0xe6e1 [] BigInt Arch32 50 (AnyRef AnyRef -> AnyRef) "The least common multiple, not below 0.";
            BigPow Plain Products "big.pow" 0xe6e2 [] BigInt Arch32 50 (AnyRef I32 -> AnyRef) "`base exponent -- big`: the power; the exponent is unsigned.";
            BigPowMod Plain Products "big.powmod" 0xe6e3 [] BigInt Arch32 100 (AnyRef AnyRef AnyRef -> AnyRef) "`base exponent modulus -- big`: the power modulo the absolute value of a number, not below 0. Stops with `InvalidArgument` where the exponent is below 0.";
            BigInvMod Plain Products "big.invmod" 0xe6e4 [] BigInt Arch32 100 (AnyRef AnyRef -> AnyRef) "`a modulus -- big`: what makes 1 of `a` when multiplied modulo the absolute value of a number; null where nothing does.";
            BigSqrt Plain Products "big.sqrt" 0xe6e5 [] BigInt Arch32 50 (AnyRef -> AnyRef) "The square root, rounded down. Stops with `InvalidArgument` where the number is below 0.";
            BigRoot Plain Products "big.root" 0xe6e6 [] BigInt Arch32 50 (AnyRef I32 -> AnyRef) "`a n -- big`: the n-th root, rounded towards zero. Stops with `InvalidArgument` where n is 0, or even and `a` is below 0.";
            BigIsPrime Plain Products "big.is_prime" 0xe6e7 [] BigInt Arch32 100 (AnyRef -> I32) "1 where it is a prime by the test of Baillie, Pomerance, Selfridge and Wagstaff, else 0. No composite number is known that passes it, and there is none below 2^64.";
            BigAnd Plain Products "big.and" 0xe6f0 [] BigInt Arch32 10 (AnyRef AnyRef -> AnyRef) "Bits that both have; numbers below 0 are in two's complement, without an end.";
            BigOr Plain Products "big.or" 0xe6f1 [] BigInt Arch32 10 (AnyRef AnyRef -> AnyRef) "Bits that either has.";
            BigXor Plain Products "big.xor" 0xe6f2 [] BigInt Arch32 10 (AnyRef AnyRef -> AnyRef) "Bits that one has.";
            BigNot Plain Products "big.not" 0xe6f3 [] BigInt Arch32 10 (AnyRef -> AnyRef) "All bits the other way: -1 minus the number.";
            BigShl Plain Products "big.shl" 0xe6f4 [] BigInt Arch32 10 (AnyRef I32 -> AnyRef) "The number times two to the power of an unsigned count.";
            BigShr Plain Products "big.shr" 0xe6f5 [] BigInt Arch32 10 (AnyRef I32 -> AnyRef) "The number divided by two to the power of an unsigned count, rounded down.";
            BigBits Plain Fixed "big.bits" 0xe6f6 [] BigInt Arch32 5 (AnyRef -> I32) "Bits of its absolute value, without leading zeros.";
            BigOnes Plain Products "big.ones" 0xe6f7 [] BigInt Arch32 5 (AnyRef -> I32) "How many bits of its absolute value are 1.";
            BigBit Plain Products "big.bit" 0xe6f8 [] BigInt Arch32 5 (AnyRef I32 -> I32) "`a i -- i32`: bit i of the number in two's complement.";
            BigZeros Plain Products "big.zeros" 0xe6f9 [] BigInt Arch32 5 (AnyRef -> I32) "How many zeros it ends with, in binary; -1 for 0.";
        } }
    };
}
