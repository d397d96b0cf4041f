//! Locals nobody reads are dropped; of the others, those used most get the indices that encode in
//! one byte.

use dotvm_isa::{Op, ValType};

use crate::ir::{Func, Inst};

/// The first index that takes two bytes.
const TWO_BYTES: usize = 128;

/// What became of each local's index; `None` for those dropped.
pub(crate) type Renaming = Vec<Option<u32>>;

/// Turns writes to locals nobody reads into `pop`s; returns how many.
pub(super) fn drop_unread(func: &mut Func) -> usize {
    let mut read = vec![false; func.locals.len()];
    for inst in &func.insts {
        if let Some((Op::LocalGet, local)) = inst.local() {
            read[local as usize] = true;
        }
    }
    let mut changes = 0;
    let lost = &mut func.lost_writes;
    func.insts.retain_mut(|inst, pos| match inst.local() {
        Some((op, local)) if !read[local as usize] => {
            changes += 1;
            lost.push(pos);
            *inst = Inst::op(Op::Pop);
            op == Op::LocalSet
        }
        _ => true,
    });
    changes
}

/// Drops locals that are not used and renumbers the others; parameters stay. Returns how many
/// went, and the new indices.
pub(super) fn renumber(func: &mut Func) -> (usize, Renaming) {
    let mut uses = vec![0u32; func.locals.len()];
    for (_, local) in func.insts.iter().filter_map(|inst| inst.local()) {
        uses[local as usize] += 1;
    }
    let params = func.params as usize;
    let mut kept: Vec<usize> = (params..func.locals.len())
        .filter(|&local| uses[local] > 0)
        .collect();
    arrange(
        &mut kept,
        &func.locals,
        &uses,
        TWO_BYTES.saturating_sub(params),
    );
    let mut renaming: Renaming = vec![None; func.locals.len()];
    let order = (0..params).chain(kept.iter().copied());
    for (new, old) in order.enumerate() {
        renaming[old] = Some(new as u32);
    }
    for inst in &mut func.insts {
        if let Some((op, local)) = inst.local() {
            let new = renaming[local as usize].expect("a local in use is kept");
            *inst = Inst::op1(op, u64::from(new));
        }
    }
    let dropped = func.locals.len() - params - kept.len();
    let types: Vec<ValType> = kept.iter().map(|&local| func.locals[local]).collect();
    func.locals.truncate(params);
    func.locals.extend(types);
    (dropped, renaming)
}

/// Puts the locals with the most uses into the first `near` places. On either side of that
/// border, locals of one type stand together, because each change of type is declared.
fn arrange(kept: &mut [usize], types: &[ValType], uses: &[u32], near: usize) {
    let by_type = |&local: &usize| (types[local], local);
    if kept.len() > near {
        kept.sort_by_key(|&local| (std::cmp::Reverse(uses[local]), local));
        kept[near..].sort_by_key(by_type);
        kept[..near].sort_by_key(by_type);
    } else {
        kept.sort_by_key(by_type);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::{check_pass, parse};

    fn check(before: &str, after: Expect) {
        check_pass(
            |func, _| super::drop_unread(func) + super::renumber(func).0,
            before,
            &after,
        );
    }

    #[test]
    fn unread_locals_go() {
        check(
            "func (i32) -> (i64) i32 i64 f32 i64
                local.get 0
                local.set 1
                local.get 0
                local.tee 1
                pop
                i64.push 1
                local.tee 4
                pop
                local.get 4
                local.get 2
                i64.add
                ret",
            expect![[r#"
                func (i32) -> (i64) i64 i64
                    local.get 0
                    pop
                    local.get 0
                    pop
                    i64.push 1
                    local.tee 2
                    pop
                    local.get 2
                    local.get 1
                    i64.add
                    ret
            "#]],
        );
    }

    #[test]
    fn hot_locals_come_first() {
        let locals = "i32 ".repeat(150);
        let gets: String = (0..150).map(|i| format!("local.get {i}\n pop\n")).collect();
        let hot = "local.get 140\n pop\n".repeat(3);
        let mut func = parse(&format!("func () -> () {locals}\n{gets}{hot} ret"));
        let (dropped, renaming) = super::renumber(&mut func);
        assert_eq!(dropped, 0);
        assert!(renaming[140].unwrap() < 128);
        let mut new: Vec<u32> = renaming.into_iter().flatten().collect();
        new.sort_unstable();
        assert!(new.into_iter().eq(0..150));
    }
}
