//! Copies of parts of arrays.

use dotvm::{TrapCode, Val};

use crate::{Random, check};

/// Short parts of arrays are copied as long ones are: within one array as well, and up to the last element.
#[test]
fn parts_of_arrays_of_bytes_are_copied() {
    let text = r#"
        .array $bytes final (mut i8)
        .export "copy" func $copy
        ; An array of so many bytes, numbered; a part of it copied to another one (or the same); a checksum of that.
        .func $copy (i32 $len, i32 $to, i32 $from, i32 $count, i32 $same) -> i64
            .local anyref $src $dst
            .local i32 $i
            .local i64 $sum
            local.get $len
            array.new_default $bytes
            local.tee $src
            local.set $dst
            local.get $len
            jz filled
        fill:
            loop
            local.get $src
            local.get $i
            local.get $i
            i32.push 7
            i32.mul
            i32.push 1
            i32.add
            array.set $bytes
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            local.get $len
            i32.lt_u
            jnz fill
        filled:
            local.get $same
            jnz ready
            local.get $len
            array.new_default $bytes
            local.set $dst
        ready:
            local.get $dst
            local.get $to
            local.get $src
            local.get $from
            local.get $count
            array.copy $bytes $bytes
            i32.push 0
            local.set $i
        next:
            loop
            local.get $i
            local.get $len
            i32.ge_u
            jnz end
            local.get $sum
            i64.push 31
            i64.mul
            local.get $dst
            local.get $i
            array.get_u $bytes
            i64.extend_i32_u
            i64.add
            local.set $sum
            local.get $i
            i32.push 1
            i32.add
            local.set $i
            jmp next
        end:
            local.get $sum
            ret
        .end
    "#;
    let mut random = Random(1);
    for _ in 0..200 {
        let len = [0, 1, 7, 8, 9, 40, 64, 65, 200, 239, 240, 241, 300][random.below(13) as usize];
        let [to, from, count] =
            [0; 3].map(|_: usize| random.below(len + 2).min(random.below(len + 2)) as usize);
        let same = random.below(3) == 0;
        let len = len as usize;
        let src: Vec<u8> = (0..len).map(|i| (i * 7 + 1) as u8).collect();
        let mut dst = if same { src.clone() } else { vec![0; len] };
        let expected = match to + count <= len && from + count <= len {
            false => TrapCode::ArrayOutOfBounds.name().to_owned(),
            true => {
                dst[to..to + count].copy_from_slice(&src[from..from + count]);
                let add = |sum: i64, byte: &u8| sum.wrapping_mul(31).wrapping_add(i64::from(*byte));
                dst.iter().fold(0, add).to_string()
            }
        };
        let args = [len, to, from, count, usize::from(same)].map(|arg| Val::I32(arg as i32));
        check(text, "copy", &args, &expected);
    }
}
