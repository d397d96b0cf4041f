//! From a program's arguments to those of a native function, and back.

use dotvm_isa::{FuncType, TrapCode, ValType};
use dotvm_jit::{NativeType, Scalar};

use super::prototype::{Count, NativeResult, Number, ParamKind, Prototype, Signature};
use crate::error::{Error, Result, Trap};

/// How a program of that type calls a function.
#[derive(Clone, Debug)]
pub(super) struct Conversion {
    symbol: String,
    signature: Signature,
    /// For each parameter of the function that one of the program's, by its position and type.
    from: Vec<Option<(usize, ValType)>>,
    /// The type of the result for the program; a text's length.
    result: Option<ValType>,
    /// Where a text is put, the parameters behind the others: its address and the room there.
    room: Option<(usize, usize)>,
}

/// The type of a number without prototype.
fn number_of(ty: ValType) -> Option<Number> {
    match ty {
        ValType::I32 => Some(Number::I32),
        ValType::I64 => Some(Number::I64),
        ValType::F32 => Some(Number::F32),
        ValType::F64 => Some(Number::F64),
        _ => None,
    }
}

fn is_integer(ty: ValType) -> bool {
    matches!(ty, ValType::I32 | ValType::I64)
}

fn is_float(ty: ValType) -> bool {
    matches!(ty, ValType::F32 | ValType::F64)
}

/// What the types of a program say.
fn signature_of(ty: &FuncType) -> Result<Signature, String> {
    let number = |&ty: &ValType| {
        number_of(ty).ok_or_else(|| format!("native functions do not know {}", ty.name()))
    };
    let param = |ty| {
        number(ty).map(|number| super::Param {
            name: None,
            kind: ParamKind::Number(number),
        })
    };
    if ty.results.len() > 1 {
        return Err("native functions have one result".to_owned());
    }
    Ok(Signature {
        params: ty.params.iter().map(param).collect::<Result<_, _>>()?,
        result: ty
            .results
            .first()
            .map(number)
            .transpose()?
            .map(NativeResult::Number),
    })
}

impl Conversion {
    /// How a function is called by what the program takes it for.
    ///
    /// # Errors
    /// Where these do not fit together.
    pub(super) fn new(prototype: Prototype, ty: &FuncType) -> Result<Conversion, String> {
        let Prototype { symbol, signature } = prototype;
        let signature = signature.map_or_else(|| signature_of(ty), Ok)?;
        let mut types = ty.params.iter().copied().enumerate();
        let mut from = Vec::with_capacity(signature.params.len());
        for (i, param) in signature.params.iter().enumerate() {
            if param.kind == ParamKind::Null {
                from.push(None);
                continue;
            }
            let named = param.name.as_ref().map(|name| format!(" (`{name}`)"));
            let what = format!(
                "parameter {}{} of `{symbol}`",
                i + 1,
                named.unwrap_or_default()
            );
            let Some((at, ty)) = types.next() else {
                return Err(format!("{what} is missing in the import's type"));
            };
            let (fits, wanted) = match param.kind {
                ParamKind::Number(Number::F32 | Number::F64) => (is_float(ty), "f32 or f64"),
                ParamKind::Number(_) => (is_integer(ty), "i32 or i64"),
                _ => (is_integer(ty), "an address, i32 or i64"),
            };
            if !fits {
                return Err(format!(
                    "{what} is {wanted}, but {} in the import's type",
                    ty.name()
                ));
            }
            from.push(Some((at, ty)));
        }
        let result = match (signature.result, &*ty.results) {
            (None, []) => None,
            (Some(result), &[ty]) => {
                let fits = match result {
                    NativeResult::Number(Number::F32) => is_float(ty),
                    NativeResult::Number(Number::F64) => ty == ValType::F64,
                    NativeResult::Number(Number::I64 | Number::U64) => ty == ValType::I64,
                    NativeResult::Number(_) | NativeResult::Text => is_integer(ty),
                };
                if !fits {
                    return Err(format!(
                        "`{symbol}` does not give {}, as the import's type has it",
                        ty.name()
                    ));
                }
                Some(ty)
            }
            _ => {
                return Err(format!(
                    "the result of `{symbol}` is not that of the import's type"
                ));
            }
        };
        let mut room = None;
        if signature.result == Some(NativeResult::Text) {
            let (at, room_at) = (types.next(), types.next());
            match (at, room_at) {
                (Some((at, ty)), Some((room_at, room_ty)))
                    if is_integer(ty) && is_integer(room_ty) =>
                {
                    room = Some((at, room_at));
                }
                _ => {
                    return Err(format!(
                        "behind the parameters of `{symbol}` the import's type has no address and length of a buffer"
                    ));
                }
            }
        }
        if let Some((_, ty)) = types.next() {
            return Err(format!(
                "`{symbol}` has no parameter for {} of the import's type",
                ty.name()
            ));
        }
        Ok(Conversion {
            symbol,
            signature,
            from,
            result,
            room,
        })
    }

    /// The type of the native function.
    pub(super) fn native_type(&self) -> NativeType {
        let param = |kind: ParamKind| match kind {
            ParamKind::Number(number) => number.scalar(),
            ParamKind::Text | ParamKind::Null | ParamKind::Pointer { .. } => Scalar::I64,
        };
        NativeType {
            params: self
                .signature
                .params
                .iter()
                .map(|p| param(p.kind))
                .collect(),
            result: self.signature.result.map(|result| match result {
                NativeResult::Number(number) => number.scalar(),
                NativeResult::Text => Scalar::I64,
            }),
        }
    }

    /// The arguments for the native function, with a place for its result; pointers are addresses in the process, of
    /// bytes of the program's memory that the function may use as its prototype says.
    ///
    /// # Errors
    /// Traps, where numbers do not fit or pointers point elsewhere.
    pub(super) fn arguments(&self, slots: &[u64], memory: &mut [u8]) -> Result<Vec<u64>> {
        let base = memory.as_mut_ptr().expose_provenance() as u64;
        let mut args = Vec::with_capacity(self.from.len().max(1));
        for (i, from) in self.from.iter().enumerate() {
            let Some((at, ty)) = *from else {
                args.push(0);
                continue;
            };
            let slot = slots[at];
            args.push(match self.signature.params[i].kind {
                ParamKind::Number(number) => self.number(i, number, slot, ty)?,
                ParamKind::Text => {
                    let address = address(slot, ty);
                    let from = usize::try_from(address)
                        .ok()
                        .and_then(|at| memory.get(at..));
                    if !from.is_some_and(|bytes| bytes.contains(&0)) {
                        let reason =
                            format!("no text that ends with a zero byte is at address {address}");
                        return Err(self.trap(i, TrapCode::MemoryOutOfBounds, reason));
                    }
                    base + address
                }
                ParamKind::Pointer { element, count, .. } => {
                    let address = address(slot, ty);
                    let count = self.count(count, slots, memory)?;
                    self.check_pointer(i, element, address, count, memory)?;
                    base + address
                }
                ParamKind::Null => 0,
            });
        }
        if args.is_empty() {
            args.push(0);
        }
        Ok(args)
    }

    /// A number as native code takes it.
    fn number(&self, param: usize, number: Number, slot: u64, ty: ValType) -> Result<u64> {
        let Some(_) = number.range() else {
            return Ok(match (number, ty) {
                (Number::F32, ValType::F64) => u64::from((f64::from_bits(slot) as f32).to_bits()),
                (Number::F64, ValType::F32) => f64::from(f32::from_bits(slot as u32)).to_bits(),
                _ => slot,
            });
        };
        self.integer(number, slot, ty).ok_or_else(|| {
            let shown = match ty {
                ValType::I32 => i64::from(slot as i32),
                _ => slot.cast_signed(),
            };
            let reason = format!("{shown} is no {}", number.name());
            self.trap(param, TrapCode::IntegerOverflow, reason)
        })
    }

    /// An integer as native code takes it, where the type has it.
    fn integer(&self, number: Number, slot: u64, ty: ValType) -> Option<u64> {
        let (signed, unsigned) = match ty {
            ValType::I32 => (i64::from(slot as i32), u64::from(slot as u32)),
            _ => (slot.cast_signed(), slot),
        };
        // What has as many bits is what it is; the sign is the function's to see.
        let bits = if ty == ValType::I32 { 4 } else { 8 };
        let is_signed = number.range()?.0 < 0;
        match number {
            Number::Bool => Some(u64::from(unsigned != 0)),
            _ if number.bytes() >= bits => Some(if is_signed {
                signed.cast_unsigned()
            } else {
                unsigned
            }),
            _ => {
                let (least, greatest) = number.range()?;
                let value = i128::from(signed);
                (least <= value && value <= greatest).then_some(signed.cast_unsigned())
            }
        }
    }

    /// How many elements there must be.
    fn count(&self, count: Count, slots: &[u64], memory: &[u8]) -> Result<u64> {
        let (param, value) = match count {
            Count::Fixed(count) => return Ok(count),
            Count::Param(param) => (param, None),
            Count::Pointee(param) => (param, Some(param)),
        };
        let Some((at, ty)) = self.from[param] else {
            return Ok(0);
        };
        let kind = self.signature.params[param].kind;
        let number = match (kind, value) {
            (ParamKind::Number(number), _) => self.number(param, number, slots[at], ty)?,
            (ParamKind::Pointer { element, .. }, _) => {
                let address = address(slots[at], ty);
                self.check_pointer(param, element, address, 1, memory)?;
                let bytes = &memory[address as usize..][..element.bytes() as usize];
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                let value = u64::from_le_bytes(word);
                let unused = 64 - 8 * element.bytes() as u32;
                match element.range() {
                    Some((least, _)) if least < 0 => {
                        ((value << unused).cast_signed() >> unused).cast_unsigned()
                    }
                    _ => value,
                }
            }
            _ => 0,
        };
        let element = match kind {
            ParamKind::Number(number)
            | ParamKind::Pointer {
                element: number, ..
            } => number,
            _ => Number::U64,
        };
        let is_signed = element.range().is_some_and(|range| range.0 < 0);
        if is_signed && number.cast_signed() < 0 {
            let reason = format!("{} is no number of elements", number.cast_signed());
            return Err(self.trap(param, TrapCode::MemoryOutOfBounds, reason));
        }
        Ok(number)
    }

    fn check_pointer(
        &self,
        param: usize,
        element: Number,
        address: u64,
        count: u64,
        memory: &[u8],
    ) -> Result<()> {
        let bytes = count.checked_mul(element.bytes());
        let end = bytes.and_then(|bytes| address.checked_add(bytes));
        let name = element.name();
        if end.is_none_or(|end| end > memory.len() as u64) {
            let reason = format!("{count} of {name} from address {address} on are not in memory");
            return Err(self.trap(param, TrapCode::MemoryOutOfBounds, reason));
        }
        if !address.is_multiple_of(element.bytes()) {
            let reason = format!(
                "address {address} is none of {name}, which are aligned to {} bytes",
                element.bytes()
            );
            return Err(self.trap(param, TrapCode::MemoryOutOfBounds, reason));
        }
        Ok(())
    }

    /// The result of the native function as the program takes it, where it is a number.
    pub(super) fn number_result(&self, slot: u64) -> Option<u64> {
        let Some(NativeResult::Number(number)) = self.signature.result else {
            return None;
        };
        let ty = self.result?;
        Some(match (number, ty) {
            (Number::F32, ValType::F64) => f64::from(f32::from_bits(slot as u32)).to_bits(),
            (Number::Bool, _) => u64::from(slot & 0xff != 0),
            (_, ValType::I32) => u64::from(slot as u32),
            _ => slot,
        })
    }

    /// Whether the result is text.
    pub(super) fn gives_text(&self) -> bool {
        self.signature.result == Some(NativeResult::Text)
    }

    /// Puts the text that a function gave to where the program wants it; its length, or -1 for null.
    ///
    /// # Errors
    /// A trap, where there is not enough room.
    pub(super) fn text_result(
        &self,
        text: Option<&[u8]>,
        slots: &[u64],
        memory: &mut [u8],
    ) -> Result<u64> {
        let length = match (text, self.room) {
            (Some(text), Some((at, room_at))) => {
                // Of either type; upper bits of narrow ones are zero.
                let (at, room) = (slots[at], slots[room_at]);
                let place = usize::try_from(at).ok().and_then(|at| memory.get_mut(at..));
                let place = place.and_then(|place| place.get_mut(..text.len()));
                match place.filter(|place| place.len() as u64 <= room) {
                    Some(place) => place.copy_from_slice(text),
                    None => {
                        let reason = format!(
                            "`{}` gives {} bytes of text, for which there is no room",
                            self.symbol,
                            text.len()
                        );
                        return Err(Trap::with_detail(TrapCode::MemoryOutOfBounds, reason).into());
                    }
                }
                text.len() as i64
            }
            _ => -1,
        };
        Ok(match self.result {
            Some(ValType::I32) => u64::from(length as u32),
            _ => length.cast_unsigned(),
        })
    }

    fn trap(&self, param: usize, code: TrapCode, reason: String) -> Error {
        let name = self.signature.params[param].name.as_ref();
        let name = name.map_or(String::new(), |name| format!(" (`{name}`)"));
        let detail = format!(
            "argument {}{name} of `{}`: {reason}",
            param + 1,
            self.symbol
        );
        Trap::with_detail(code, detail).into()
    }
}

/// An address in a slot.
fn address(slot: u64, ty: ValType) -> u64 {
    match ty {
        ValType::I32 => u64::from(slot as u32),
        _ => slot,
    }
}
