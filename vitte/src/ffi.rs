//! Functions from outside: which types they may have, and what native ones are for C.
//!
//! A function of a library has a *prototype* (see [`dotvm::ffi`]): that which the program gives it, or the one that follows
//! from its types.

use dotvm::ffi::{NativeResult, Number, Param, ParamKind, Prototype, Signature};

/// A type of the language that functions from outside may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Crossing {
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `string`
    Str,
    /// `array<int>`, of parameters.
    Ints,
    /// `array<float>`, of parameters.
    Floats,
    /// `string?`, of results.
    OptionalStr,
}

impl Crossing {
    /// As programs write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Crossing::Int => "int",
            Crossing::Float => "float",
            Crossing::Bool => "bool",
            Crossing::Str => "string",
            Crossing::Ints => "array<int>",
            Crossing::Floats => "array<float>",
            Crossing::OptionalStr => "string?",
        }
    }

    /// Whether parameters may be of it.
    pub(crate) fn is_for_params(self) -> bool {
        self != Crossing::OptionalStr
    }

    /// Whether results may be of it.
    pub(crate) fn is_for_results(self) -> bool {
        !matches!(self, Crossing::Ints | Crossing::Floats)
    }

    /// What a parameter is without a prototype.
    fn param(self) -> ParamKind {
        let pointer = |element| ParamKind::Pointer {
            mutable: true,
            element,
            count: dotvm::ffi::Count::Fixed(0),
        };
        match self {
            Crossing::Int => ParamKind::Number(Number::I64),
            Crossing::Float => ParamKind::Number(Number::F64),
            Crossing::Bool => ParamKind::Number(Number::Bool),
            Crossing::Str | Crossing::OptionalStr => ParamKind::Text,
            Crossing::Ints => pointer(Number::U8),
            Crossing::Floats => pointer(Number::F64),
        }
    }

    /// What a result is without a prototype.
    fn result(self) -> NativeResult {
        match self {
            Crossing::Float => NativeResult::Number(Number::F64),
            Crossing::Bool => NativeResult::Number(Number::Bool),
            Crossing::Str | Crossing::OptionalStr => NativeResult::Text,
            Crossing::Int | Crossing::Ints | Crossing::Floats => NativeResult::Number(Number::I64),
        }
    }

    /// Whether a parameter may be so for C.
    fn fits(self, kind: ParamKind) -> bool {
        let is_float = |number| matches!(number, Number::F32 | Number::F64);
        match (self, kind) {
            (Crossing::Float, ParamKind::Number(number)) => is_float(number),
            (Crossing::Bool, ParamKind::Number(number)) => number == Number::Bool,
            (Crossing::Int, ParamKind::Number(number)) => {
                !is_float(number) && number != Number::Bool
            }
            (Crossing::Str, ParamKind::Text) => true,
            (
                Crossing::Str,
                ParamKind::Pointer {
                    mutable, element, ..
                },
            ) => !mutable && element.bytes() == 1,
            (Crossing::Ints, ParamKind::Pointer { element, .. }) => {
                !is_float(element) && element != Number::Bool
            }
            (Crossing::Floats, ParamKind::Pointer { element, .. }) => is_float(element),
            _ => false,
        }
    }

    /// Whether a result may be so for C.
    fn fits_result(self, result: NativeResult) -> bool {
        match result {
            NativeResult::Text => matches!(self, Crossing::Str | Crossing::OptionalStr),
            NativeResult::Number(Number::F32 | Number::F64) => self == Crossing::Float,
            NativeResult::Number(Number::Bool) => self == Crossing::Bool,
            NativeResult::Number(_) => self == Crossing::Int,
        }
    }
}

/// The prototype of a native function of these types: all that `symbol` leaves open follows from them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn prototype(
    symbol: &str,
    params: &[Crossing],
    result: Option<Crossing>,
) -> Result<Prototype, String> {
    let mut prototype = Prototype::parse(symbol).map_err(|error| error.to_string())?;
    let Some(signature) = &prototype.signature else {
        let param = |param: &Crossing| Param {
            name: None,
            kind: param.param(),
        };
        prototype.signature = Some(Signature {
            params: params.iter().map(param).collect(),
            result: result.map(Crossing::result),
        });
        return Ok(prototype);
    };
    let own = signature
        .params
        .iter()
        .filter(|param| param.kind != ParamKind::Null);
    if own.clone().count() != params.len() {
        let (has, takes) = (own.count(), params.len());
        return Err(format!(
            "the prototype has {has} parameters, the function {takes}"
        ));
    }
    for (i, (param, ty)) in own.zip(params).enumerate() {
        if !ty.fits(param.kind) {
            return Err(format!(
                "parameter {} of the prototype cannot be {}",
                i + 1,
                ty.name()
            ));
        }
    }
    match (signature.result, result) {
        (None, None) => Ok(prototype),
        (Some(given), Some(ty)) if ty.fits_result(given) => Ok(prototype),
        (_, Some(ty)) => Err(format!(
            "the result of the prototype cannot be {}",
            ty.name()
        )),
        (_, None) => Err("the prototype has a result, the function has none".to_owned()),
    }
}
