//! Loads and stores.

use std::marker::PhantomData;

use ruint::Uint;

use super::Word;
use super::word::limbs;
use crate::semantics::{LoadOp, StoreOp};

/// Declares a load and a store, both with what makes the word of the bytes in memory, taken as
/// little-endian, or the other way round.
macro_rules! accesses {
    ($($load:ident $store:ident |$word:ident| $convert:expr;)*) => {
        $(
            #[doc = concat!("The operation `", stringify!($load), "`; see the opcode table.")]
            #[derive(Clone, Copy, Debug)]
            pub struct $load<W>(PhantomData<W>);

            impl<const BITS: usize, const LIMBS: usize> LoadOp for $load<Uint<BITS, LIMBS>>
            where
                Uint<BITS, LIMBS>: Word,
            {
                type Bytes = [u64; LIMBS];
                type Out = Uint<BITS, LIMBS>;
                const WIDTH: usize = LIMBS * 8;
                #[inline(always)]
                fn value(bytes: [u64; LIMBS]) -> Uint<BITS, LIMBS> {
                    let $word: Uint<BITS, LIMBS> = limbs(|i| u64::from_le(bytes[i]));
                    $convert
                }
            }

            #[doc = concat!("The operation `", stringify!($store), "`; see the opcode table.")]
            #[derive(Clone, Copy, Debug)]
            pub struct $store<W>(PhantomData<W>);

            impl<const BITS: usize, const LIMBS: usize> StoreOp for $store<Uint<BITS, LIMBS>>
            where
                Uint<BITS, LIMBS>: Word,
            {
                type Bytes = [u64; LIMBS];
                type In = Uint<BITS, LIMBS>;
                const WIDTH: usize = LIMBS * 8;
                #[inline(always)]
                fn bytes($word: Uint<BITS, LIMBS>) -> [u64; LIMBS] {
                    let word = $convert;
                    let bytes: Uint<BITS, LIMBS> = limbs(|i| word.limb_at(i).to_le());
                    *bytes.as_limbs()
                }
            }
        )*
    };
}

accesses! {
    Load Store |word| word;
    LoadBe StoreBe |word| Word::swap_bytes(word);
}
