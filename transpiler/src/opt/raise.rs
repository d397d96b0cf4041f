//! Raising: functions that spell out what the machine has an instruction for.
//!
//! WebAssembly multiplies 64 bits at most, so compilers bring a function for 128-bit products
//! along: `__multi3` of their runtime library, some thirty instructions on 32-bit halves, different
//! from compiler to compiler and version to version. Here it is known by what it computes: its code
//! is followed symbolically ([`algebra`]), and where the two words that it stores are provably
//! those of the product, one wide multiplication and two narrow ones take its place. They are few
//! enough to be inlined.

mod algebra;

use algebra::{Algebra, Sum, Wide};
use dotvm_isa::{FuncType, Op, ValType};

use crate::ir::{Env, Func, Inst, Pos};

/// The most instructions of a function that is looked at; what compilers emit has half of that.
const MAX_INSTS: usize = 128;

/// Gives a function that computes a 128-bit product a short body; returns how many were changed,
/// 0 or 1.
///
/// `func(p, a0, a1, b0, b1)` stores the words of `(a0 + 2^64 a1) * (b0 + 2^64 b1)`, modulo 2^128,
/// to `p` and `p + 8`, in either order.
pub(super) fn run(func: &mut Func, env: &Env) -> usize {
    let Some(order) = product_stores(func, &env.types[func.ty as usize]) else {
        return 0;
    };
    let get = |local: u64| Inst::op1(Op::LocalGet, local);
    let set = |local: u64| Inst::op1(Op::LocalSet, local);
    let (pointer, [a0, a1, b0, b1], low, high) = (0, [1, 2, 3, 4], 5, 6);
    // Each instruction comes from the place of the store that it is for.
    let is_store = |inst: Inst| inst.opcode() == Some(Op::I64Store);
    let old = std::mem::take(&mut func.insts);
    let stores = old.located().filter(|&(inst, _)| is_store(inst));
    let places: Vec<Pos> = stores.map(|(_, pos)| pos).collect();
    let insts = &mut func.insts;
    insts.extend(&[get(a0), get(b0), Inst::op(Op::I64MulWideU)], places[0]);
    for [a, b] in [[a0, b1], [a1, b0]] {
        let product = [get(a), get(b), Inst::op(Op::I64Mul), Inst::op(Op::I64Add)];
        insts.extend(&product, places[0]);
    }
    insts.extend(&[set(high), set(low)], places[0]);
    for (offset, place) in order.into_iter().zip(places) {
        let word = if offset == 0 { low } else { high };
        let store = Inst::op1(Op::I64Store, offset);
        insts.extend(&[get(pointer), get(word), store], place);
    }
    let (ret, end) = old.located().next_back().expect("the end of a function");
    insts.push(ret, end);
    let writes = old
        .located()
        .filter(|(inst, _)| inst.written_local().is_some());
    func.lost_writes.extend(writes.map(|(_, pos)| pos));
    func.locals.truncate(func.params as usize);
    func.locals.extend([ValType::I64; 2]);
    func.max_stack = 4;
    1
}

/// The offsets of the two words in the order they are stored, where the function computes a
/// product and does nothing else.
fn product_stores(func: &Func, ty: &FuncType) -> Option<[u64; 2]> {
    let [ValType::I32 | ValType::I64, words @ ..] = &ty.params[..] else {
        return None;
    };
    if words != [ValType::I64; 4] || !ty.results.is_empty() || func.insts.len() > MAX_INSTS {
        return None;
    }
    let stores = Evaluation::new(func).run(&func.insts)?;
    let [first, second] = &stores[..] else {
        return None;
    };
    let order = [first.0, second.0];
    let (low, high) = match order {
        [0, 8] => (first.1.clone(), second.1.clone()),
        [8, 0] => (second.1.clone(), first.1.clone()),
        _ => return None,
    };
    let [a0, a1, b0, b1] = [0, 1, 2, 3].map(Algebra::parameter);
    let product = Wide {
        low: a0.times(&b0)?,
        // `a1 * b1` is beyond the product's words.
        high: a0.times(&b1)?.plus_times(&a1.times(&b0)?, 1)?,
    };
    product.equals(&Wide { low, high }).then_some(order)
}

/// A value while code is followed.
#[derive(Clone, Debug)]
enum Value {
    /// The first parameter.
    Pointer,
    /// An integer; of narrower ones the zero extension.
    Number {
        /// What it is.
        sum: Sum,
        /// The most it can be.
        most: u64,
        /// What it is the wrapping sum of.
        addends: Option<(Sum, Sum)>,
    },
}

impl Value {
    /// A number of 64 bits at most.
    fn number(sum: Sum, most: u128) -> Value {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let addends = None;
        Value::Number { sum, most, addends }
    }

    fn constant(n: u64) -> Value {
        Value::number(Sum::number(n), u128::from(n))
    }
}

/// Code without jumps, followed symbolically.
struct Evaluation {
    algebra: Algebra,
    locals: Vec<Value>,
    stack: Vec<Value>,
    /// What was stored to which offset from the pointer, in order.
    stores: Vec<(u64, Sum)>,
}

impl Evaluation {
    /// At the entry of a function whose parameters are a pointer and four words.
    fn new(func: &Func) -> Evaluation {
        let word = |index| Value::number(Algebra::parameter(index), u128::from(u64::MAX));
        let mut locals = vec![Value::Pointer];
        locals.extend((0..4).map(word));
        locals.resize(func.locals.len(), Value::constant(0));
        Evaluation {
            algebra: Algebra::default(),
            locals,
            stack: Vec::new(),
            stores: Vec::new(),
        }
    }

    /// What the code stores; `None` where it does anything else, or nothing is known of a value.
    fn run(mut self, insts: &[Inst]) -> Option<Vec<(u64, Sum)>> {
        let (&last, insts) = insts.split_last()?;
        if last.opcode() != Some(Op::Ret) {
            return None;
        }
        for &inst in insts {
            self.step(inst)?;
        }
        Some(self.stores)
    }

    fn step(&mut self, inst: Inst) -> Option<()> {
        let Inst::Op {
            op,
            a,
            b: 0,
            memory: 0,
        } = inst
        else {
            return None;
        };
        let value = match op {
            Op::LocalGet => self.locals[a as usize].clone(),
            Op::LocalSet | Op::LocalTee => {
                let value = self.stack.pop()?;
                self.locals[a as usize] = value.clone();
                if op == Op::LocalSet {
                    return Some(());
                }
                value
            }
            Op::I64Push => Value::constant(a),
            // Numbers are zero-extended already.
            Op::I64ExtendI32U => return Some(()),
            Op::I64Store => {
                let (Value::Number { sum, .. }, Value::Pointer) =
                    (self.stack.pop()?, self.stack.pop()?)
                else {
                    return None;
                };
                self.stores.push((a, sum));
                return Some(());
            }
            _ => {
                let (b, a) = (self.stack.pop()?, self.stack.pop()?);
                self.binary(op, &a, &b)?
            }
        };
        self.stack.push(value);
        Some(())
    }

    fn binary(&mut self, op: Op, left: &Value, right: &Value) -> Option<Value> {
        let Value::Number {
            sum: a,
            most: most_a,
            ..
        } = left
        else {
            return None;
        };
        let Value::Number {
            sum: b,
            most: most_b,
            ..
        } = right
        else {
            return None;
        };
        let (most_a, most_b) = (u128::from(*most_a), u128::from(*most_b));
        let number = |sum: &Sum| sum.as_number().and_then(|n| u64::try_from(n).ok());
        match op {
            Op::I64Add => {
                let value = self.wrap(&a.plus_times(b, 1)?, most_a + most_b)?;
                Some(match value {
                    Value::Number { sum, most, .. } => {
                        let addends = Some((a.clone(), b.clone()));
                        Value::Number { sum, most, addends }
                    }
                    pointer @ Value::Pointer => pointer,
                })
            }
            Op::I64Mul => self.wrap(&a.times(b)?, most_a * most_b),
            Op::I64Shl => {
                let count = number(b)? % 64;
                let factor = 1 << count;
                self.wrap(&Sum::default().plus_times(a, factor)?, most_a << count)
            }
            Op::I64ShrU => {
                let count = (number(b)? % 64) as u32;
                Some(Value::number(
                    self.algebra.quotient(a, count)?,
                    most_a >> count,
                ))
            }
            Op::I64And => {
                let (value, mask, most) = match (number(a), number(b)) {
                    (_, Some(mask)) => (a, mask, most_a),
                    (Some(mask), None) => (b, mask, most_b),
                    (None, None) => return None,
                };
                let bits = mask.trailing_ones();
                if bits == 0 || bits == 64 || mask >> bits != 0 {
                    return None;
                }
                let above = self.algebra.quotient(value, bits)?;
                let rest = value.plus_times(&above, -(1 << bits))?;
                Some(Value::number(rest, most.min(u128::from(mask))))
            }
            Op::I64Or | Op::I64Xor => {
                // Without a bit in common, it is their sum.
                let bits = |most: u128| u128::BITS - most.leading_zeros();
                let disjoint = a.is_multiple(bits(most_b)) || b.is_multiple(bits(most_a));
                let sum = a.plus_times(b, 1)?;
                disjoint.then(|| Value::number(sum, most_a + most_b))
            }
            Op::I64LtU => self.carry(left, b),
            Op::I64GtU => self.carry(right, a),
            _ => None,
        }
    }

    /// The low 64 bits of a sum that is not negative and not more than `most`.
    fn wrap(&mut self, sum: &Sum, most: u128) -> Option<Value> {
        if u64::try_from(most).is_ok() {
            return Some(Value::number(sum.clone(), most));
        }
        let carry = self.algebra.quotient(sum, 64)?;
        Some(Value::number(sum.plus_times(&carry, -(1 << 64))?, most))
    }

    /// Whether a wrapping sum is less than one of its addends, which is to say: the carry.
    fn carry(&mut self, sum: &Value, addend: &Sum) -> Option<Value> {
        let Value::Number {
            addends: Some((a, b)),
            ..
        } = sum
        else {
            return None;
        };
        if addend != a && addend != b {
            return None;
        }
        let carry = self.algebra.quotient(&a.plus_times(b, 1)?, 64)?;
        Some(Value::number(carry, 1))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use expect_test::expect;

    use super::super::testing::{changes, check_pass, parse_all};
    use super::run;
    use crate::ir::{Func, Inst, eval_binary, eval_unary};
    use dotvm_isa::{Op, ops::Group};

    /// `__multi3` as rustc 1.63 brings it: carries by comparison.
    pub(in crate::opt) const BY_COMPARISON: &str = "\
func (i32 i64 i64 i64 i64) -> () i64 i64 i64 i64 i64 i64
    local.get 0
    local.get 3
    i64.push 4294967295
    i64.and
    local.tee 5
    local.get 1
    i64.push 4294967295
    i64.and
    local.tee 6
    i64.mul
    local.tee 7
    local.get 5
    local.get 1
    i64.push 32
    i64.shr_u
    local.tee 8
    i64.mul
    local.tee 9
    local.get 3
    i64.push 32
    i64.shr_u
    local.tee 10
    local.get 6
    i64.mul
    i64.add
    local.tee 5
    i64.push 32
    i64.shl
    i64.add
    local.tee 6
    i64.store 0
    local.get 0
    local.get 10
    local.get 8
    i64.mul
    local.get 5
    local.get 9
    i64.lt_u
    i64.extend_i32_u
    i64.push 32
    i64.shl
    local.get 5
    i64.push 32
    i64.shr_u
    i64.or
    i64.add
    local.get 6
    local.get 7
    i64.lt_u
    i64.extend_i32_u
    i64.add
    local.get 4
    local.get 1
    i64.mul
    local.get 3
    local.get 2
    i64.mul
    i64.add
    i64.add
    i64.store 8
    ret
";

    /// The same function in C, as compiler-rt has it, by clang 14: no sum that overflows.
    const BY_HALVES: &str = "\
func (i32 i64 i64 i64 i64) -> () i64
    local.get 0
    local.get 1
    local.get 4
    i64.mul
    local.get 2
    local.get 3
    i64.mul
    i64.add
    local.get 3
    i64.push 32
    i64.shr_u
    local.tee 4
    local.get 1
    i64.push 32
    i64.shr_u
    local.tee 2
    i64.mul
    i64.add
    local.get 3
    i64.push 4294967295
    i64.and
    local.tee 3
    local.get 1
    i64.push 4294967295
    i64.and
    local.tee 1
    i64.mul
    local.tee 5
    i64.push 32
    i64.shr_u
    local.get 2
    local.get 3
    i64.mul
    i64.add
    local.tee 3
    i64.push 32
    i64.shr_u
    i64.add
    local.get 1
    local.get 4
    i64.mul
    local.get 3
    i64.push 4294967295
    i64.and
    i64.add
    local.tee 3
    i64.push 32
    i64.shr_u
    i64.add
    i64.store 8
    local.get 0
    local.get 5
    i64.push 4294967295
    i64.and
    local.get 3
    i64.push 32
    i64.shl
    i64.or
    i64.store 0
    ret
";

    #[test]
    fn products_by_comparison() {
        check_pass(
            run,
            BY_COMPARISON,
            &expect![[r#"
            func (i32 i64 i64 i64 i64) -> () i64 i64
                local.get 1
                local.get 3
                i64.mul_wide_u
                local.get 1
                local.get 4
                i64.mul
                i64.add
                local.get 2
                local.get 3
                i64.mul
                i64.add
                local.set 6
                local.set 5
                local.get 0
                local.get 5
                i64.store 0
                local.get 0
                local.get 6
                i64.store 8
                ret
        "#]],
        );
    }

    #[test]
    fn products_by_halves() {
        check_pass(
            run,
            BY_HALVES,
            &expect![[r#"
            func (i32 i64 i64 i64 i64) -> () i64 i64
                local.get 1
                local.get 3
                i64.mul_wide_u
                local.get 1
                local.get 4
                i64.mul
                i64.add
                local.get 2
                local.get 3
                i64.mul
                i64.add
                local.set 6
                local.set 5
                local.get 0
                local.get 6
                i64.store 8
                local.get 0
                local.get 5
                i64.store 0
                ret
        "#]],
        );
    }

    /// The words that straight code stores to offsets 0 and 8, in the order it does; `None` where it
    /// does anything else.
    fn execute(func: &Func, words: [u64; 4]) -> Option<Vec<(u64, u64)>> {
        let mut locals = vec![0];
        locals.extend(words);
        locals.resize(func.locals.len(), 0);
        let mut stack = Vec::new();
        let mut stores = Vec::new();
        for &inst in &func.insts {
            let Inst::Op { op, a, .. } = inst else {
                return None;
            };
            match (op, op.info().group) {
                (Op::Ret, _) => return Some(stores),
                (Op::LocalGet, _) => stack.push(locals[a as usize]),
                (Op::LocalSet, _) => locals[a as usize] = stack.pop()?,
                (Op::LocalTee, _) => locals[a as usize] = *stack.last()?,
                (Op::I64Push, _) => stack.push(a),
                (Op::I64Store, _) => {
                    let (value, pointer) = (stack.pop()?, stack.pop()?);
                    stores.push((pointer.wrapping_add(a), value));
                }
                (_, Group::Unary) => {
                    let a = stack.pop()?;
                    stack.push(eval_unary(op, a)?);
                }
                (_, Group::Binary) => {
                    let (b, a) = (stack.pop()?, stack.pop()?);
                    stack.push(eval_binary(op, a, b)?);
                }
                _ => return None,
            }
        }
        None
    }

    /// What the function has to store, in ascending order of the offsets.
    fn product([a0, a1, b0, b1]: [u64; 4]) -> [(u64, u64); 2] {
        let wide = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
        let product = wide(a0, a1).wrapping_mul(wide(b0, b1));
        [(0, product as u64), (8, (product >> 64) as u64)]
    }

    /// Words with many bits, few bits, and at the borders of halves, the same ones every time.
    fn words() -> impl Iterator<Item = [u64; 4]> {
        let corners = [
            0,
            1,
            u64::MAX,
            u64::MAX << 32,
            u64::MAX >> 32,
            1 << 63,
            1 << 32,
        ];
        let mut state = 1u64;
        let mut next = move || {
            // A linear congruential generator; Knuth, MMIX.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            match state >> 61 {
                0..3 => corners[(state >> 32) as usize % corners.len()],
                _ => state ^ state >> 29,
            }
        };
        (0..200).map(move |_| std::array::from_fn(|_| next()))
    }

    /// Every function that differs in one instruction either is not taken for a product, or is one.
    #[test]
    fn nothing_else_is_taken_for_a_product() {
        let mut accepted = 0;
        for text in [BY_COMPARISON, BY_HALVES] {
            let (funcs, env) = parse_all(text);
            for at in 0..funcs[0].insts.len() {
                for inst in changes(funcs[0].insts[at], funcs[0].locals.len()) {
                    let mut changed = funcs[0].clone();
                    changed.insts[at] = inst;
                    if run(&mut changed.clone(), &env) == 0 {
                        continue;
                    }
                    accepted += 1;
                    for words in words() {
                        let mut stores = execute(&changed, words).expect("straight code");
                        stores.sort_unstable();
                        assert_eq!(stores, product(words), "{inst:?} at {at}: {words:x?}");
                    }
                }
            }
        }
        // Such as factors exchanged, or a sum's other addend compared.
        assert!(accepted > 0, "some changes change nothing");
    }
}
