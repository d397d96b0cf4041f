//! Rows of the opcode table: managed objects.
//!
//! They are of the group `other`. Codes are those of WebAssembly behind another prefix, 0xe7, where it has
//! the instruction. What reads part of a number extends its sign, or not with `_u`.

/// Adds the rows of managed objects to the group `other`, the last of the groups so far, and hands them all
/// on to the macro `$m`.
#[doc(hidden)]
#[macro_export]
macro_rules! with_object_ops {
    ($m:ident {
        unary $unary:tt
        binary $binary:tt
        load $load:tt
        store $store:tt
        other { $($other:tt)* }
    }) => {
        $crate::with_simd_ops! { $m {
        unary $unary
        binary $binary
        load $load
        store $store
        other {
            $($other)*
            StructNew struct_new "struct.new" 0xe700 [Object] Object Arch32 1 poly "`fields.. -- ref`: makes a struct of these fields.";
            StructNewDefault struct_new_default "struct.new_default" 0xe701 [Object] Object Arch32 1 poly "Makes a struct whose fields are zero or null.";
            StructGet struct_get "struct.get" 0xe702 [Object Count] Object Arch32 1 poly "Pops a reference; pushes that field. Stops with `NullReference` or `CastFailure` where it is to no struct of that type.";
            StructGetU struct_get_u "struct.get_u" 0xe704 [Object Count] Object Arch32 1 poly "The same for a field of 8 or 16 bits, zero-extended.";
            StructSet struct_set "struct.set" 0xe705 [Object Count] Object Arch32 1 poly "`ref value --`: changes a field.";
            ArrayNew array_new "array.new" 0xe706 [Object] Object Arch32 1 poly "`value n -- ref`: makes an array of n elements of that value.";
            ArrayNewDefault array_new_default "array.new_default" 0xe707 [Object] Object Arch32 1 poly "`n -- ref`: makes an array of n elements that are zero or null.";
            ArrayNewFixed array_new_fixed "array.new_fixed" 0xe708 [Object Count] Object Arch32 1 poly "`elements.. -- ref`: makes an array of that many elements.";
            ArrayNewData array_new_data "array.new_data" 0xe709 [Object Data] Object Arch32 1 poly "`start n -- ref`: makes an array of n numbers from the bytes of a data segment, from byte `start` on.";
            ArrayGet array_get "array.get" 0xe70b [Object] Object Arch32 1 poly "`ref index -- value`: pushes an element; stops with `ArrayOutOfBounds` where there is no such element.";
            ArrayGetU array_get_u "array.get_u" 0xe70d [Object] Object Arch32 1 poly "The same for elements of 8 or 16 bits, zero-extended.";
            ArraySet array_set "array.set" 0xe70e [Object] Object Arch32 1 poly "`ref index value --`: changes an element.";
            ArrayLen array_len "array.len" 0xe70f [] Object Arch32 1 (AnyRef -> I32) "Pops a reference to an array of any type; pushes how many elements it has.";
            ArrayFill array_fill "array.fill" 0xe710 [Object] Object Arch32 1 poly "`ref index value n --`: changes n elements.";
            ArrayCopy array_copy "array.copy" 0xe711 [Object Object] Object Arch32 1 poly "`dst dst_index src src_index n --`: copies elements between arrays (first the destination's type), overlap allowed.";
            RefTest ref_test "ref.test" 0xe714 [Object] Object Arch32 1 (AnyRef -> I32) "1 when it refers to an object of that type or a subtype, else 0.";
            RefTestNull ref_test_null "ref.test_null" 0xe715 [Object] Object Arch32 1 (AnyRef -> I32) "The same, and 1 when it is null.";
            RefCast ref_cast "ref.cast" 0xe716 [Object] Object Arch32 1 (AnyRef -> AnyRef) "Stops with `CastFailure` when it refers to no object of that type or a subtype; leaves it there.";
            RefCastNull ref_cast_null "ref.cast_null" 0xe717 [Object] Object Arch32 1 (AnyRef -> AnyRef) "The same, but null is left there as well.";
            RefKind ref_kind "ref.kind" 0xe718 [] Object Arch32 1 (AnyRef -> I32) "What it refers to: 0 nothing, it is null; 1 a number of 31 bits; 2 a struct; 3 an array; 4 an object of the host; 5 a big integer of more than 31 bits.";
            RefEq ref_eq "ref.eq" 0xe719 [] Object Arch32 1 (AnyRef AnyRef -> I32) "1 when both are the same object, the same number or null, else 0.";
            RefI31 ref_i31 "ref.i31" 0xe71c [] Object Arch32 1 (I32 -> AnyRef) "The low 31 bits as a reference, which takes no memory.";
            I31Get i31_get "i31.get" 0xe71d [] Object Arch32 1 (AnyRef -> I32) "The number of 31 bits that it is, sign-extended. Stops with `NullReference` or `CastFailure` where it is none.";
            I31GetU i31_get_u "i31.get_u" 0xe71e [] Object Arch32 1 (AnyRef -> I32) "The same, zero-extended.";
        }
        } }
    };
}
