//! Managed objects: checks of their types, fields and elements, and making small ones, in line.
//!
//! What is seldom the case is left to the runtime: objects of subtypes, old objects that something is put into,
//! and new objects that the present hole has no room for. Of a value that was looked at, the type is known ([`facts`](super::facts)).

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Value, types};
use dotvm_isa::abi::{Libcalls, VmContext, VmState};
use dotvm_isa::objects::{
    ARRAY_ELEMENTS_AT, ARRAY_LENGTH_AT, KIND_AT, Kind, STATE_AT, STATE_BARRIER, Storage,
};
use dotvm_isa::signature::VARIANT;
use dotvm_isa::{Instr, Op, TrapCode, ValType};

use super::{
    Lowerer, MAX_LIMBS, Operand, constant_flags, limb_count, limb_type, slot_bytes, trap_code,
};

/// Objects of at most so many bytes are made in line.
pub(super) const MAX_INLINE_BYTES: u32 = 256;

/// Where in a slot the bits are that addresses have, and null and numbers do not.
const ADDRESS_SHIFT: i64 = 32;

/// Flags of reads of what an object has for good, which must not be read before it is known to be one.
pub(super) fn header_flags() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly()
}

impl Lowerer<'_, '_> {
    /// Flags of accesses of what is stored in objects.
    pub(super) fn object_flags(&self, storage: Storage) -> MemFlagsData {
        let flags = MemFlagsData::new().with_notrap();
        let flags = flags.with_alias_region(Some(self.regions.objects));
        match storage.val_type().is_vector() {
            true => flags,
            false => flags.with_aligned(),
        }
    }

    /// The same of what is read without regard to what it is.
    pub(super) fn unaligned_flags(&self) -> MemFlagsData {
        let flags = MemFlagsData::new().with_notrap();
        flags.with_alias_region(Some(self.regions.objects))
    }

    /// Whether a value is known to refer to an object of that type.
    fn is_known(&self, reference: Value, object: u32) -> bool {
        let objects = &self.request.env.spaces.objects;
        let mut at = self.known_type(reference);
        while let Some(index) = at {
            if index == object {
                return true;
            }
            at = objects[index as usize].0.supertype;
        }
        false
    }

    /// Goes on only where a value refers to an object, of whatever type.
    fn check_is_object(&mut self, reference: Value) {
        let upper = self.b.ins().ushr_imm_u(reference, ADDRESS_SHIFT);
        let (object, other) = (self.create_block(self.cold), self.create_block(true));
        self.b.ins().brif(upper, object, &[], other, &[]);
        self.enter(other);
        self.b
            .ins()
            .trapz(reference, trap_code(TrapCode::NullReference));
        self.trap(TrapCode::CastFailure);
        self.enter(object);
    }

    /// Whether an object has exactly that type, as a condition.
    fn has_type(&mut self, reference: Value, object: u32) -> Value {
        let found = self.b.ins().load(types::I32, header_flags(), reference, 0);
        let wanted = self.object_id(object);
        self.b.ins().icmp(IntCC::Equal, found, wanted)
    }

    /// The engine's number of a type.
    fn object_id(&mut self, object: u32) -> Value {
        let list = self.ctx_field(offset_of!(VmContext, object_ids));
        let at = object as i32 * 4;
        self.b.ins().load(types::I32, constant_flags(), list, at)
    }

    /// Goes on only where a value refers to an object of that type.
    pub(super) fn check_object(&mut self, reference: Value, object: u32) {
        if self.is_known(reference, object) {
            return;
        }
        self.check_is_object(reference);
        let same = self.has_type(reference, object);
        if self.request.env.spaces.objects[object as usize].0.is_final {
            self.b.ins().trapz(same, trap_code(TrapCode::CastFailure));
        } else {
            let (after, other) = (self.create_block(self.cold), self.create_block(true));
            self.b.ins().brif(same, after, &[], other, &[]);
            self.enter(other);
            let operand = Operand::new(ValType::AnyRef, &[reference]);
            let row = offset_of!(Libcalls, ref_cast);
            self.call_libcall(row, &[operand], u64::from(object), None);
            self.b.ins().jump(after, &[]);
            self.enter(after);
        }
        self.learn(reference, object);
    }

    /// Reads what is stored at an address.
    fn load_stored(&mut self, base: Value, at: u32, storage: Storage, unsigned: bool) -> Operand {
        let flags = self.object_flags(storage);
        let at = at as i32;
        let ins = self.b.ins();
        let narrow = match (storage, unsigned) {
            (Storage::I8, false) => ins.sload8(types::I32, flags, base, at),
            (Storage::I8, true) => ins.uload8(types::I32, flags, base, at),
            (Storage::I16, false) => ins.sload16(types::I32, flags, base, at),
            (Storage::I16, true) => ins.uload16(types::I32, flags, base, at),
            (Storage::Val(ty), _) => return super::load_slots(&mut self.b, flags, (base, at), ty),
        };
        Operand::new(ValType::I32, &[narrow])
    }

    /// Writes a value to an address.
    fn store_stored(&mut self, base: Value, at: u32, storage: Storage, value: &Operand) {
        let flags = self.object_flags(storage);
        let mut at = at as i32;
        match storage {
            Storage::I8 => {
                self.b.ins().istore8(flags, value.limbs[0], base, at);
            }
            Storage::I16 => {
                self.b.ins().istore16(flags, value.limbs[0], base, at);
            }
            Storage::Val(_) => {
                for &limb in value.limbs() {
                    self.b.ins().store(flags, limb, base, at);
                    at += slot_bytes(self.b.func.dfg.value_type(limb)) as i32;
                }
            }
        }
    }

    /// Tells the collector that something is put into an object, where it wants to know. It does not collect then,
    /// nor does it where types are compared: what is not on the operand stack need not be found.
    fn before_store(&mut self, reference: Value, storage: Storage) {
        if !storage.is_traced() {
            return;
        }
        let flags = self.object_flags(Storage::I8);
        let at = STATE_AT as i32;
        let state = self.b.ins().uload8(types::I32, flags, reference, at);
        let old = self.b.ins().band_imm_u(state, i64::from(STATE_BARRIER));
        let (after, tell) = (self.create_block(self.cold), self.create_block(true));
        self.b.ins().brif(old, tell, &[], after, &[]);
        self.enter(tell);
        let operand = Operand::new(ValType::AnyRef, &[reference]);
        self.call_libcall(offset_of!(Libcalls, write_barrier), &[operand], 0, None);
        self.b.ins().jump(after, &[]);
        self.enter(after);
    }

    fn field(&self, instr: &Instr) -> (u32, Storage, u32) {
        let (ty, layout) = &self.request.env.spaces.objects[instr.a as usize];
        let field = instr.b as usize;
        (
            instr.a as u32,
            ty.fields()[field].storage,
            layout.offsets[field],
        )
    }

    pub(super) fn struct_get(&mut self, instr: &Instr) {
        let (object, storage, at) = self.field(instr);
        let reference = self.pop_one();
        self.check_object(reference, object);
        let unsigned = instr.op == Op::StructGetU;
        let value = self.load_stored(reference, at, storage, unsigned);
        self.stack.push(value);
    }

    pub(super) fn struct_set(&mut self, instr: &Instr) {
        let (object, storage, at) = self.field(instr);
        let (value, reference) = (self.pop(), self.pop_one());
        self.check_object(reference, object);
        self.before_store(reference, storage);
        self.store_stored(reference, at, storage, &value);
    }

    /// Where an element is, less the place of the first one; traps where there is no such element.
    fn element_place(&mut self, reference: Value, object: u32, index: Value) -> (Value, Storage) {
        self.check_object(reference, object);
        let at = ARRAY_LENGTH_AT as i32;
        let len = self.b.ins().load(types::I32, header_flags(), reference, at);
        let outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.b
            .ins()
            .trapnz(outside, trap_code(TrapCode::ArrayOutOfBounds));
        let ty = &self.request.env.spaces.objects[object as usize].0;
        let storage = ty.fields()[0].storage;
        let index = self.b.ins().uextend(types::I64, index);
        let shift = i64::from(storage.bytes().trailing_zeros());
        let offset = self.b.ins().ishl_imm_u(index, shift);
        (self.b.ins().iadd(reference, offset), storage)
    }

    pub(super) fn array_get(&mut self, instr: &Instr) {
        let (index, reference) = (self.pop_one(), self.pop_one());
        let (place, storage) = self.element_place(reference, instr.a as u32, index);
        let unsigned = instr.op == Op::ArrayGetU;
        let value = self.load_stored(place, ARRAY_ELEMENTS_AT, storage, unsigned);
        self.stack.push(value);
    }

    pub(super) fn array_set(&mut self, instr: &Instr) {
        let value = self.pop();
        let (index, reference) = (self.pop_one(), self.pop_one());
        self.check_object(reference, instr.a as u32);
        let ty = &self.request.env.spaces.objects[instr.a as usize].0;
        let storage = ty.fields()[0].storage;
        self.before_store(reference, storage);
        // Addresses inside of objects do not outlive calls.
        let (place, storage) = self.element_place(reference, instr.a as u32, index);
        self.store_stored(place, ARRAY_ELEMENTS_AT, storage, &value);
    }

    pub(super) fn array_len(&mut self) {
        let reference = self.pop_one();
        let objects = &self.request.env.spaces.objects;
        let known = self.known_type(reference);
        if known.is_none_or(|object| objects[object as usize].0.element().is_none()) {
            self.check_is_object(reference);
            let at = KIND_AT as i32;
            let kind = self
                .b
                .ins()
                .uload8(types::I32, header_flags(), reference, at);
            let array = i64::from(Kind::Array as u8);
            let is_array = self.b.ins().icmp_imm_s(IntCC::Equal, kind, array);
            self.b
                .ins()
                .trapz(is_array, trap_code(TrapCode::CastFailure));
        }
        let at = ARRAY_LENGTH_AT as i32;
        let len = self.b.ins().load(types::I32, header_flags(), reference, at);
        self.push(ValType::I32, len);
    }

    /// Starts to make an object of so many bytes in line: goes on in a block where there is room, and a condition holds if
    /// there is one, with the object's address; returns the block for what is left to the runtime, too.
    pub(super) fn bump(
        &mut self,
        object: u32,
        kind: Kind,
        bytes: Value,
        condition: Option<Value>,
    ) -> (Value, Block) {
        let state = self.state();
        let flags = self.state_flags();
        let next_at = offset_of!(VmState, objects_next) as i32;
        let end_at = offset_of!(VmState, objects_end) as i32;
        let place = self.b.ins().load(types::I64, flags, state, next_at);
        let end = self.b.ins().load(types::I64, flags, state, end_at);
        let next = self.b.ins().iadd(place, bytes);
        let mut fits = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, next, end);
        if let Some(condition) = condition {
            fits = self.b.ins().band(fits, condition);
        }
        let (room, none) = (self.create_block(self.cold), self.create_block(true));
        self.b.ins().brif(fits, room, &[], none, &[]);
        self.enter(room);
        self.b.ins().store(flags, next, state, next_at);
        let id = self.object_id(object);
        let id = self.b.ins().uextend(types::I64, id);
        let kind = (kind as i64) << (KIND_AT * 8);
        let header = self.b.ins().bor_imm_s(id, kind);
        let flags = self.object_flags(Storage::I8);
        self.b.ins().store(flags, header, place, 0);
        (place, none)
    }

    /// Ends what [`Lowerer::bump`] began: where there was no room, the runtime makes the object.
    pub(super) fn end_bump(
        &mut self,
        instr: &Instr,
        place: Value,
        none: Block,
        operands: &[Operand],
    ) {
        let after = self.create_block(self.cold);
        let made = self.b.append_block_param(after, types::I64);
        self.b.ins().jump(after, &[BlockArg::from(place)]);
        self.enter(none);
        let call = self.request.env.spaces.runtime_call(instr);
        self.call_libcall(call.row, operands, call.immediate, call.result);
        let slow = self.pop_one();
        self.b.ins().jump(after, &[BlockArg::from(slow)]);
        self.enter(after);
        self.learn(made, instr.a as u32);
        self.push(ValType::AnyRef, made);
    }

    pub(super) fn struct_new(&mut self, instr: &Instr) {
        let request = self.request;
        let (ty, layout) = &request.env.spaces.objects[instr.a as usize];
        if layout.bytes > MAX_INLINE_BYTES || self.cold {
            return self.libcall(instr);
        }
        let operands = match instr.op {
            Op::StructNew => self.stack.split_off(self.stack.len() - ty.fields().len()),
            _ => Vec::new(),
        };
        let bytes = self.b.ins().iconst(types::I64, i64::from(layout.bytes));
        let (place, none) = self.bump(instr.a as u32, Kind::Struct, bytes, None);
        for (i, (field, &at)) in ty.fields().iter().zip(&layout.offsets).enumerate() {
            let zero;
            let value = match operands.get(i) {
                Some(value) => value,
                None => {
                    zero = self.default_value(field.storage.val_type());
                    &zero
                }
            };
            self.store_stored(place, at, field.storage, value);
        }
        self.end_bump(instr, place, none, &operands);
    }

    /// Zero or null.
    fn default_value(&mut self, ty: ValType) -> Operand {
        let mut limbs = [Value::from_u32(0); MAX_LIMBS];
        for limb in &mut limbs[..limb_count(ty)] {
            *limb = self.zero(limb_type(ty));
        }
        Operand { ty, limbs }
    }

    /// `array.new_fixed` of a few elements.
    pub(super) fn array_new_fixed(&mut self, instr: &Instr) {
        let request = self.request;
        let ty = &request.env.spaces.objects[instr.a as usize].0;
        let storage = ty.fields()[0].storage;
        let count = instr.b as u32;
        let bytes = u64::from(storage.bytes()) * instr.b + u64::from(ARRAY_ELEMENTS_AT);
        let bytes = bytes.next_multiple_of(8);
        if bytes > u64::from(MAX_INLINE_BYTES) || self.cold {
            return self.libcall(instr);
        }
        let operands = self.stack.split_off(self.stack.len() - count as usize);
        let bytes = self.b.ins().iconst(types::I64, bytes as i64);
        let (place, none) = self.bump(instr.a as u32, Kind::Array, bytes, None);
        let len = self.b.ins().iconst(types::I32, i64::from(count));
        let flags = self.object_flags(Storage::Val(ValType::I32));
        let at = ARRAY_LENGTH_AT as i32;
        self.b.ins().store(flags, len, place, at);
        for (i, value) in operands.iter().enumerate() {
            let at = ARRAY_ELEMENTS_AT + i as u32 * storage.bytes();
            self.store_stored(place, at, storage, value);
        }
        self.end_bump(instr, place, none, &operands);
    }

    /// `ref.test` and `ref.test_null`.
    pub(super) fn ref_test(&mut self, instr: &Instr) {
        let object = instr.a as u32;
        let reference = self.pop_one();
        if self.is_known(reference, object) {
            let one = self.b.ins().iconst(types::I32, 1);
            return self.push(ValType::I32, one);
        }
        let done = self.create_block(self.cold);
        let result = self.b.append_block_param(done, types::I32);
        let upper = self.b.ins().ushr_imm_u(reference, ADDRESS_SHIFT);
        let (is_object, other) = (self.create_block(self.cold), self.create_block(true));
        self.b.ins().brif(upper, is_object, &[], other, &[]);
        self.enter(other);
        let passes = match instr.op {
            Op::RefTestNull => {
                let is_null = self.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
                self.b.ins().uextend(types::I32, is_null)
            }
            _ => self.b.ins().iconst(types::I32, 0),
        };
        self.b.ins().jump(done, &[BlockArg::from(passes)]);
        self.enter(is_object);
        let same = self.has_type(reference, object);
        let same_bits = self.b.ins().uextend(types::I32, same);
        if self.request.env.spaces.objects[object as usize].0.is_final {
            self.b.ins().jump(done, &[BlockArg::from(same_bits)]);
        } else {
            let slow = self.create_block(false);
            let args = [BlockArg::from(same_bits)];
            self.b.ins().brif(same, done, &args, slow, &[]);
            self.enter(slow);
            let operand = Operand::new(ValType::AnyRef, &[reference]);
            let row = offset_of!(Libcalls, ref_test);
            let ty = Some(ValType::I32);
            self.call_libcall(row, &[operand], u64::from(object), ty);
            let found = self.pop_one();
            self.b.ins().jump(done, &[BlockArg::from(found)]);
        }
        self.enter(done);
        self.push(ValType::I32, result);
    }

    /// `ref.cast` and `ref.cast_null`: the value stays where it is.
    pub(super) fn ref_cast(&mut self, instr: &Instr) {
        let object = instr.a as u32;
        let reference = self.stack.last().expect("verified").limbs[0];
        if self.is_known(reference, object) {
            return;
        }
        if instr.op == Op::RefCast {
            // Null is an object of no type here, not the lack of one.
            self.b
                .ins()
                .trapz(reference, trap_code(TrapCode::CastFailure));
            return self.check_object(reference, object);
        }
        let operand = Operand::new(ValType::AnyRef, &[reference]);
        let (after, some) = (self.create_block(self.cold), self.create_block(self.cold));
        self.b.ins().brif(reference, some, &[], after, &[]);
        self.enter(some);
        let upper = self.b.ins().ushr_imm_u(reference, ADDRESS_SHIFT);
        self.b.ins().trapz(upper, trap_code(TrapCode::CastFailure));
        let same = self.has_type(reference, object);
        let other = self.create_block(true);
        self.b.ins().brif(same, after, &[], other, &[]);
        self.enter(other);
        let row = offset_of!(Libcalls, ref_cast);
        self.call_libcall(row, &[operand], u64::from(object) | VARIANT, None);
        self.b.ins().jump(after, &[]);
        self.enter(after);
    }

    pub(super) fn ref_i31(&mut self) {
        let number = self.pop_one();
        let twice = self.b.ins().ishl_imm_u(number, 1);
        let odd = self.b.ins().bor_imm_s(twice, 1);
        let reference = self.b.ins().uextend(types::I64, odd);
        self.push(ValType::AnyRef, reference);
    }

    /// `i31.get` and `i31.get_u`.
    pub(super) fn i31_get(&mut self, instr: &Instr) {
        let reference = self.pop_one();
        let bits = self.b.ins().ireduce(types::I32, reference);
        let upper = self.b.ins().ushr_imm_u(reference, ADDRESS_SHIFT);
        let trap = trap_code(TrapCode::CastFailure);
        self.b.ins().trapnz(upper, trap);
        let trap = trap_code(TrapCode::NullReference);
        self.b.ins().trapz(bits, trap);
        let number = match instr.op {
            Op::I31Get => self.b.ins().sshr_imm_u(bits, 1),
            _ => self.b.ins().ushr_imm_u(bits, 1),
        };
        self.push(ValType::I32, number);
    }
}
