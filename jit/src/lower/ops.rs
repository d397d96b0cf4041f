//! Which method lowers each instruction that has a rule of its own.

use dotvm_isa::Instr;

use super::{LowerOther, Lowerer};
use crate::bailout::Bailout;

type Done = Result<(), Bailout>;

macro_rules! rules {
    ($($name:ident |$l:ident, $instr:ident| $body:expr;)*) => {
        impl LowerOther for Lowerer<'_, '_> {
            $(fn $name(&mut self, $instr: &Instr) -> Done {
                let $l = self;
                #[allow(clippy::unit_arg, reason = "most rules cannot fail")]
                Ok($body)
            })*
        }
    };
}

rules! {
    trap |l, _instr| l.unreachable();
    nop |_l, _instr| ();
    cold |_l, _instr| ();
    loop_header |l, _instr| l.look_at_header();
    jmp |l, instr| l.jump(instr.a as u32, instr.offset);
    jz |l, instr| l.jump_if(instr, false);
    jnz |l, instr| l.jump_if(instr, true);
    br_table |l, instr| l.jump_table(instr)?;
    try_region |_l, _instr| ();
    end_try |_l, _instr| ();
    throw |l, instr| l.throw(instr.a as u32);
    throw_ref |l, _instr| l.throw_ref();
    call |l, instr| l.call(instr)?;
    call_indirect |l, instr| l.call_indirect(instr);
    call_ref |l, instr| l.call_indirect(instr);
    ret |l, _instr| l.ret();
    halt |l, _instr| l.halt();
    ret_call |l, instr| l.tail_call(instr);
    ret_call_indirect |l, instr| l.tail_call_indirect(instr);
    ret_call_ref |l, instr| l.tail_call_indirect(instr);
    select |l, _instr| l.select();
    pop |l, _instr| l.drop_top();
    dup |l, _instr| l.rearrange(1, &[0, 0]);
    swap |l, _instr| l.rearrange(2, &[1, 0]);
    rot |l, _instr| l.rearrange(3, &[1, 2, 0]);
    over |l, _instr| l.rearrange(2, &[0, 1, 0]);
    nip |l, _instr| l.rearrange(2, &[1]);
    tuck |l, _instr| l.rearrange(2, &[1, 0, 1]);
    pick |l, instr| l.pick(instr.a as usize);
    slide |l, instr| l.slide(instr.a as usize, instr.b as usize);
    local_get |l, instr| l.local_get(instr.a as usize);
    local_set |l, instr| l.local_set(instr.a as usize);
    local_tee |l, instr| l.local_tee(instr.a as usize);
    global_get |l, instr| l.global_get(instr.a as u32);
    global_set |l, instr| l.global_set(instr.a as u32);
    i32_push |l, instr| l.i32_push(instr.a);
    i64_push |l, instr| l.i64_push(instr.a);
    f32_push |l, instr| l.f32_push(instr.a);
    f64_push |l, instr| l.f64_push(instr.a);
    i128_push |l, instr| l.wide_push(instr);
    i256_push |l, instr| l.wide_push(instr);
    i512_push |l, instr| l.wide_push(instr);
    v128_push |l, instr| l.v128_push(instr.vector());
    v256_push |l, instr| l.wide_vector_push(instr);
    v512_push |l, instr| l.wide_vector_push(instr);
    memory_size |l, instr| l.memory_size(instr.a as u16);
    memory_grow |l, instr| l.libcall(instr);
    ref_null |l, instr| l.ref_null(instr.a as u8);
    ref_is_null |l, _instr| l.ref_is_null();
    ref_as_non_null |l, _instr| l.ref_as_non_null();
    ref_func |l, instr| l.libcall(instr);
    memory_init |l, instr| l.libcall(instr);
    data_drop |l, instr| l.libcall(instr);
    memory_copy |l, instr| l.libcall(instr);
    memory_fill |l, instr| l.libcall(instr);
    table_init |l, instr| l.libcall(instr);
    elem_drop |l, instr| l.libcall(instr);
    table_copy |l, instr| l.libcall(instr);
    table_grow |l, instr| l.libcall(instr);
    table_size |l, instr| l.table_size(instr.a as u32);
    table_fill |l, instr| l.libcall(instr);
    table_get |l, instr| l.table_get(instr.a as u32);
    table_set |l, instr| l.table_set(instr.a as u32);
    alloc |l, instr| l.libcall(instr);
    free |l, instr| l.libcall(instr);
    struct_new |l, instr| l.struct_new(instr);
    struct_new_default |l, instr| l.struct_new(instr);
    struct_get |l, instr| l.struct_get(instr);
    struct_get_u |l, instr| l.struct_get(instr);
    struct_set |l, instr| l.struct_set(instr);
    array_new |l, instr| l.libcall(instr);
    array_new_default |l, instr| l.array_new_default(instr);
    array_new_fixed |l, instr| l.array_new_fixed(instr);
    array_new_data |l, instr| l.libcall(instr);
    array_get |l, instr| l.array_get(instr);
    array_get_u |l, instr| l.array_get(instr);
    array_set |l, instr| l.array_set(instr);
    array_len |l, _instr| l.array_len();
    array_fill |l, instr| l.libcall(instr);
    array_copy |l, instr| l.array_copy(instr);
    ref_test |l, instr| l.ref_test(instr);
    ref_test_null |l, instr| l.ref_test(instr);
    ref_cast |l, instr| l.ref_cast(instr);
    ref_cast_null |l, instr| l.ref_cast(instr);
    ref_kind |l, instr| l.libcall(instr);
    ref_i31 |l, _instr| l.ref_i31();
    i31_get |l, instr| l.i31_get(instr);
    i31_get_u |l, instr| l.i31_get(instr);
    ref_eq |l, _instr| l.ref_eq();
}
