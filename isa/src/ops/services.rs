//! Services: instructions that the runtime executes with state of its own.
//!
//! Cryptography, databases and what else works on handles and buffers rather than on values, and big integers, which
//! are managed objects. Their prefix is 0xe6. Every
//! tier calls the runtime for them, through one row of the [table](crate::abi::Libcalls) with the number of
//! the service. Rows start with whether they access memory 0 and with the [`Rate`]; signatures are
//! fixed, with at most eight slots of operands and at most one result. Addresses and lengths are `i32`.
//! Areas have files of their own, each of which hands its rows on to the next one; the last hands the group to
//! whoever asked.

use crate::types::ValType;

use super::{Op, Sig};

/// Hands `$($before)*` and then the group of services to the macro `$m`.
#[doc(hidden)]
#[macro_export]
macro_rules! with_service_ops {
    ($m:ident $before:tt) => {
        $crate::with_crypto_ops! { $m $before {} }
    };
}

/// What ends the chain of areas.
#[doc(hidden)]
#[macro_export]
macro_rules! with_services {
    ($m:ident { $($before:tt)* } { $($rows:tt)* }) => {
        $m! {
        $($before)*
        service { $($rows)* }
        }
    };
}

/// What fuel an instruction of a service costs besides that of its row. It is taken when the operands have been
/// checked, before anything is done, and in every tier the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rate {
    /// Nothing.
    Fixed,
    /// For the bytes that it reads and writes.
    Bytes,
    /// For the rows that it looks at, besides bytes.
    Rows,
    /// For each round of the derivation of a key, of each block of the result. As many bytes of a salt, or of a
    /// secret, as a block has count as one more.
    Rounds,
    /// For each KiB of memory that it fills in each pass.
    Blocks,
    /// For products of two limbs of 64 bits each that it takes about, by the sizes of its operands.
    Products,
}

impl Rate {
    /// Bytes that a row counts as, besides its own.
    pub const ROW_BYTES: u64 = 64;

    /// How many units cost one of fuel.
    pub const fn units(self) -> u64 {
        match self {
            Rate::Fixed => u64::MAX,
            Rate::Bytes | Rate::Rows | Rate::Products => 8,
            Rate::Rounds | Rate::Blocks => 1,
        }
    }

    /// Fuel for so many units.
    pub const fn fuel(self, units: u64) -> u64 {
        match self {
            Rate::Fixed => 0,
            Rate::Bytes | Rate::Rows | Rate::Products => units.div_ceil(self.units()),
            Rate::Rounds => units.saturating_mul(200),
            Rate::Blocks => units.saturating_mul(1_000),
        }
    }

    /// What is added to the row's fuel, in words; nothing where nothing is.
    pub const fn doc(self) -> &'static str {
        match self {
            Rate::Fixed => "",
            Rate::Bytes => " + 1 for 8 bytes",
            Rate::Rows => " + 1 for 8 bytes + 8 a row",
            Rate::Rounds => " + 200 a round",
            Rate::Blocks => " + 1000 a KiB",
            Rate::Products => " + 1 for 8 products",
        }
    }
}

macro_rules! accesses {
    (Memory) => {
        true
    };
    (Plain) => {
        false
    };
}

macro_rules! services {
    (
        unary $g01:tt binary $g02:tt load $g03:tt store $g04:tt other $g05:tt vector $g06:tt vector_load $g07:tt
        vector_store $g08:tt lane_load $g09:tt lane_store $g10:tt wide $g11:tt pair $g12:tt wide_load $g13:tt
        wide_store $g14:tt parts $g15:tt whole $g16:tt parts_load $g17:tt parts_store $g18:tt gather $g19:tt
        service {
            $($op:ident $uses:ident $rate:ident $mnemonic:literal $code:literal [] $category:ident $arch:ident
            $fuel:literal $sig:tt $doc:literal;)*
        }
    ) => {
        /// An instruction of the group `service`: what the runtime is asked for.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Service {
            $(#[doc = $doc] $op,)*
        }

        impl Service {
            /// Every service, by its number.
            pub const ALL: &'static [Service] = &[$(Service::$op),*];

            /// The service that the instruction is.
            pub const fn of(op: Op) -> Option<Service> {
                match op {
                    $(Op::$op => Some(Service::$op),)*
                    _ => None,
                }
            }

            /// The instruction.
            pub const fn op(self) -> Op {
                match self {
                    $(Service::$op => Op::$op,)*
                }
            }

            /// Whether it reads or writes memory 0, which must have addresses of 32 bits then.
            pub const fn uses_memory(self) -> bool {
                match self {
                    $(Service::$op => accesses!($uses),)*
                }
            }

            /// What it costs besides the fuel of its row.
            pub const fn rate(self) -> Rate {
                match self {
                    $(Service::$op => Rate::$rate,)*
                }
            }
        }
    };
}
crate::for_each_op!(services);

impl Service {
    /// Types of its operands and of its result.
    pub fn signature(self) -> (&'static [ValType], Option<ValType>) {
        match self.op().info().sig {
            Sig::Fixed(params, results) => (params, results.first().copied()),
            Sig::Poly => unreachable!("signatures of services are fixed"),
        }
    }

    /// Slots that its operands are in and its result is put in.
    pub fn slots(self) -> usize {
        let (params, result) = self.signature();
        let slots = params.iter().map(|ty| ty.slots() as usize).sum::<usize>();
        slots.max(result.map_or(0, |ty| ty.slots() as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::Service;
    use crate::ops::{Group, OPS, Sig};

    #[test]
    fn services_are_numbered_and_have_few_operands() {
        for (i, &service) in Service::ALL.iter().enumerate() {
            assert_eq!(service as usize, i);
            assert_eq!(Service::of(service.op()), Some(service));
            let info = service.op().info();
            let Sig::Fixed(params, results) = info.sig else {
                panic!("{}", info.mnemonic);
            };
            let slots = params.iter().map(|ty| ty.slots()).sum::<u32>();
            assert!(slots <= 8 && results.len() <= 1, "{}", info.mnemonic);
            assert_eq!(info.code >> 8, 0xe6, "{}", info.mnemonic);
        }
        let rows = OPS.iter().filter(|info| info.group == Group::Service);
        assert_eq!(rows.count(), Service::ALL.len());
    }
}
