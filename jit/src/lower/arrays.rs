//! Arrays of lengths that only the program knows: making small ones, and copying a few bytes, in line.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use dotvm_isa::objects::{ARRAY_ELEMENTS_AT, ARRAY_LENGTH_AT, Kind, Storage};
use dotvm_isa::{Instr, ValType};

use super::Lowerer;
use super::objects::{MAX_INLINE_BYTES, header_flags};

/// The most bytes that are copied in line.
const MAX_COPIED_BYTES: i64 = 64;

impl Lowerer<'_, '_> {
    /// `array.new_default`.
    pub(super) fn array_new_default(&mut self, instr: &Instr) {
        let object = instr.a as u32;
        let storage = self.element_storage(object);
        if self.cold || storage.val_type().is_vector() {
            return self.libcall(instr);
        }
        let operand = self.pop();
        let len = operand.limbs[0];
        // Comparing the length first, so that the number of bytes has no overflow.
        let most = (MAX_INLINE_BYTES - ARRAY_ELEMENTS_AT) / storage.bytes();
        let is_small =
            self.b
                .ins()
                .icmp_imm_u(IntCC::UnsignedLessThanOrEqual, len, i64::from(most));
        let wide = self.b.ins().uextend(types::I64, len);
        let shift = i64::from(storage.bytes().trailing_zeros());
        let bytes = self.b.ins().ishl_imm_u(wide, shift);
        let bytes = self
            .b
            .ins()
            .iadd_imm_s(bytes, i64::from(ARRAY_ELEMENTS_AT) + 7);
        let bytes = self.b.ins().band_imm_s(bytes, -8);
        let (place, none) = self.bump(object, Kind::Array, bytes, Some(is_small));
        let flags = self.object_flags(Storage::Val(ValType::I32));
        self.b
            .ins()
            .store(flags, len, place, ARRAY_LENGTH_AT as i32);
        let first = self.b.ins().iadd_imm_s(place, i64::from(ARRAY_ELEMENTS_AT));
        let end = self.b.ins().iadd(place, bytes);
        self.each(first, end, 8, |l, at| {
            let flags = l.object_flags(Storage::Val(ValType::I64));
            let zero = l.zero(types::I64);
            l.b.ins().store(flags, zero, at, 0);
        });
        self.end_bump(instr, place, none, &[operand]);
    }

    /// Does something for each address from one to another one, in steps that lead there.
    fn each(&mut self, first: Value, end: Value, step: i64, body: impl FnOnce(&mut Self, Value)) {
        let (header, turn, after) = (
            self.create_block(self.cold),
            self.create_block(self.cold),
            self.create_block(self.cold),
        );
        let at = self.b.append_block_param(header, types::I64);
        self.b.ins().jump(header, &[BlockArg::from(first)]);
        self.b.switch_to_block(header);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, at, end);
        self.b.ins().brif(more, turn, &[], after, &[]);
        self.enter(turn);
        body(self, at);
        let next = self.b.ins().iadd_imm_s(at, step);
        self.b.ins().jump(header, &[BlockArg::from(next)]);
        self.b.seal_block(header);
        self.enter(after);
    }

    /// `array.copy`: a few bytes of one array to another one in line, where that is what it is; else the runtime does it,
    /// and knows what is wrong.
    pub(super) fn array_copy(&mut self, instr: &Instr) {
        let (to, from) = (instr.a as u32, instr.b as u32);
        let is_bytes = |l: &Self, object| l.element_storage(object) == Storage::I8;
        if self.cold || !is_bytes(self, to) || !is_bytes(self, from) {
            return self.libcall(instr);
        }
        let operands = self.stack.split_off(self.stack.len() - 5);
        let [dst, dst_index, src, src_index, count] =
            [0, 1, 2, 3, 4].map(|i: usize| operands[i].limbs[0]);
        self.check_object(dst, to);
        self.check_object(src, from);
        let (few, other, done) = (
            self.create_block(self.cold),
            self.create_block(true),
            self.create_block(self.cold),
        );
        let count = self.b.ins().uextend(types::I64, count);
        let fits = self.reaches(dst, dst_index, count);
        let also = self.reaches(src, src_index, count);
        let fits = self.b.ins().band(fits, also);
        let also = self
            .b
            .ins()
            .icmp_imm_u(IntCC::UnsignedLessThanOrEqual, count, MAX_COPIED_BYTES);
        let fits = self.b.ins().band(fits, also);
        let also = self.b.ins().icmp(IntCC::NotEqual, dst, src);
        let fits = self.b.ins().band(fits, also);
        self.b.ins().brif(fits, few, &[], other, &[]);
        self.enter(few);
        let dst_first = self.element_address(dst, dst_index);
        let src_first = self.element_address(src, src_index);
        let distance = self.b.ins().isub(src_first, dst_first);
        let words = self.b.ins().band_imm_s(count, -8);
        let middle = self.b.ins().iadd(dst_first, words);
        self.each(dst_first, middle, 8, |l, at| {
            let flags = l.unaligned_flags();
            let from = l.b.ins().iadd(at, distance);
            let word = l.b.ins().load(types::I64, flags, from, 0);
            l.b.ins().store(flags, word, at, 0);
        });
        let end = self.b.ins().iadd(dst_first, count);
        self.each(middle, end, 1, |l, at| {
            let flags = l.object_flags(Storage::I8);
            let from = l.b.ins().iadd(at, distance);
            let byte = l.b.ins().uload8(types::I32, flags, from, 0);
            l.b.ins().istore8(flags, byte, at, 0);
        });
        self.b.ins().jump(done, &[]);
        self.enter(other);
        let call = self.request.env.spaces.runtime_call(instr);
        self.mark(instr);
        self.call_libcall(call.row, &operands, call.immediate, call.result);
        self.b.ins().jump(done, &[]);
        self.enter(done);
    }

    /// Whether an array has so many elements from an index on.
    fn reaches(&mut self, reference: Value, index: Value, count: Value) -> Value {
        let at = ARRAY_LENGTH_AT as i32;
        let len = self.b.ins().load(types::I32, header_flags(), reference, at);
        let (len, index) = (
            self.b.ins().uextend(types::I64, len),
            self.b.ins().uextend(types::I64, index),
        );
        let end = self.b.ins().iadd(index, count);
        self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, len)
    }

    /// Where an element of one byte is.
    fn element_address(&mut self, reference: Value, index: Value) -> Value {
        let index = self.b.ins().uextend(types::I64, index);
        let place = self.b.ins().iadd(reference, index);
        self.b.ins().iadd_imm_s(place, i64::from(ARRAY_ELEMENTS_AT))
    }

    fn element_storage(&self, object: u32) -> Storage {
        let ty = &self.request.env.spaces.objects[object as usize].0;
        ty.fields()[0].storage
    }
}
