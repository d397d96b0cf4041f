//! Reference types, as declarations have them.
//!
//! A [value type](ValType) says what a slot holds: a reference to a function, a host object, an exception or
//! a managed object, or null. WebAssembly's types may say more, that a reference is never null, or is to functions of one
//! type. That is kept in declarations only, where it decides what can be linked with what: no code
//! relies on it, since whoever calls through a reference looks at it first.

use std::fmt;

use crate::types::ValType;

/// What a reference may refer to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HeapType {
    /// Any function.
    Func,
    /// Any host object.
    Extern,
    /// Any exception.
    Exn,
    /// Any managed object, and numbers of 31 bits.
    Any,
    /// No function.
    NoFunc,
    /// No host object.
    NoExtern,
    /// No exception.
    NoExn,
    /// No managed object, and no number.
    NoAny,
    /// Functions of one type: its index in a module, or where modules meet, its number in the engine.
    Type(u32),
}

/// A reference type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RefType {
    /// What it may refer to.
    pub heap: HeapType,
    /// Whether it may be null.
    pub nullable: bool,
}

impl RefType {
    /// A reference type.
    pub const fn new(nullable: bool, heap: HeapType) -> RefType {
        RefType { heap, nullable }
    }

    /// All that a value of that type may be; `None` where it is no reference type.
    pub const fn of(ty: ValType) -> Option<RefType> {
        match ty {
            ValType::FuncRef => Some(RefType::new(true, HeapType::Func)),
            ValType::ExternRef => Some(RefType::new(true, HeapType::Extern)),
            ValType::ExnRef => Some(RefType::new(true, HeapType::Exn)),
            ValType::AnyRef => Some(RefType::new(true, HeapType::Any)),
            _ => None,
        }
    }

    /// The type of values of this type.
    pub const fn val_type(self) -> ValType {
        match self.heap {
            HeapType::Func | HeapType::NoFunc | HeapType::Type(_) => ValType::FuncRef,
            HeapType::Extern | HeapType::NoExtern => ValType::ExternRef,
            HeapType::Exn | HeapType::NoExn => ValType::ExnRef,
            HeapType::Any | HeapType::NoAny => ValType::AnyRef,
        }
    }

    /// This, where it says more than the type of its values.
    pub fn narrow(self) -> Option<RefType> {
        (RefType::of(self.val_type()) != Some(self)).then_some(self)
    }

    /// Whether every value of this type is one of `other`, if both name types by the same numbers.
    pub fn is_subtype_of(self, other: RefType) -> bool {
        use HeapType as H;
        let heap = match (self.heap, other.heap) {
            (H::NoFunc | H::Type(_), H::Func) | (H::NoFunc, H::Type(_)) => true,
            (H::NoExtern, H::Extern) | (H::NoExn, H::Exn) | (H::NoAny, H::Any) => true,
            (a, b) => a == b,
        };
        heap && (other.nullable || !self.nullable)
    }

    /// The same with other numbers of types.
    pub fn renumbered(self, number: impl FnOnce(u32) -> u32) -> RefType {
        let heap = match self.heap {
            HeapType::Type(index) => HeapType::Type(number(index)),
            heap => heap,
        };
        RefType { heap, ..self }
    }

    /// The number of the type that it names.
    pub fn type_index(self) -> Option<u32> {
        match self.heap {
            HeapType::Type(index) => Some(index),
            _ => None,
        }
    }
}

/// As in assembler text: `(ref null 3)`.
impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.nullable { "(ref null " } else { "(ref " })?;
        match self.heap {
            HeapType::Type(index) => write!(f, "{index})"),
            heap => write!(f, "{})", heap.name()),
        }
    }
}

impl HeapType {
    /// Those that are no type of functions.
    pub const ABSTRACT: [HeapType; 8] = [
        HeapType::Func,
        HeapType::Extern,
        HeapType::NoFunc,
        HeapType::NoExtern,
        HeapType::Exn,
        HeapType::NoExn,
        HeapType::Any,
        HeapType::NoAny,
    ];

    /// The name in assembler text; that of a type is its number.
    pub const fn name(self) -> &'static str {
        match self {
            HeapType::Func => "func",
            HeapType::Extern => "extern",
            HeapType::NoFunc => "nofunc",
            HeapType::NoExtern => "noextern",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
            HeapType::Any => "any",
            HeapType::NoAny => "none",
            HeapType::Type(_) => "type",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtypes() {
        let all = HeapType::ABSTRACT
            .into_iter()
            .chain([1, 2].map(HeapType::Type));
        let all = all.flat_map(|heap| [false, true].map(|nullable| RefType::new(nullable, heap)));
        let all: Vec<RefType> = all.collect();
        let of = |ty: RefType| {
            let others = all
                .iter()
                .filter(|&&other| other != ty && ty.is_subtype_of(other));
            others.map(|other| format!(" {other}")).collect::<String>()
        };
        let lines: String = all.iter().map(|&ty| format!("{ty}:{}\n", of(ty))).collect();
        expect_test::expect![[r#"
            (ref func): (ref null func)
            (ref null func):
            (ref extern): (ref null extern)
            (ref null extern):
            (ref nofunc): (ref func) (ref null func) (ref null nofunc) (ref 1) (ref null 1) (ref 2) (ref null 2)
            (ref null nofunc): (ref null func) (ref null 1) (ref null 2)
            (ref noextern): (ref extern) (ref null extern) (ref null noextern)
            (ref null noextern): (ref null extern)
            (ref exn): (ref null exn)
            (ref null exn):
            (ref noexn): (ref exn) (ref null exn) (ref null noexn)
            (ref null noexn): (ref null exn)
            (ref any): (ref null any)
            (ref null any):
            (ref none): (ref any) (ref null any) (ref null none)
            (ref null none): (ref null any)
            (ref 1): (ref func) (ref null func) (ref null 1)
            (ref null 1): (ref null func)
            (ref 2): (ref func) (ref null func) (ref null 2)
            (ref null 2): (ref null func)
        "#]].assert_eq(&lines);
    }

    #[test]
    fn narrow_types_say_more_than_their_values_types() {
        for ty in ValType::REFERENCES {
            let wide = RefType::of(ty).unwrap();
            assert_eq!((wide.val_type(), wide.narrow()), (ty, None));
            let strict = RefType {
                nullable: false,
                ..wide
            };
            assert_eq!((strict.val_type(), strict.narrow()), (ty, Some(strict)));
        }
    }
}
