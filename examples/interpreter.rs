//! A bytecode interpreter that runs a program: an assembler translates the text below into bytes,
//! and a stack machine executes them. The program looks for the number below the size whose Collatz
//! sequence (halve it if even, else triple it and add one) is longest, and keeps the lengths of
//! sequences it has seen in the machine's memory. A dispatch loop over bytes, a branch that is hard
//! to predict, a stack in memory: an interpreter for the interpreter. The size is the limit of the
//! search.
//!
//! test-args: 1000

/// Locals: 0 limit, 1 start, 2 current number, 3 steps, 4 best start, 5 best steps.
const PROGRAM: &str = "
        push 1      store 1
    next_start:
        load 1      load 0      less    jump_if_zero finished
        load 1      store 2
        push 0      store 3
    next_step:
        # Below the start, the rest of the sequence is known.
        load 2      load 1      less    jump_if_zero unknown
        load 2      fetch       load 3  add     store 3
        jump known
    unknown:
        load 2      push 1      equal   jump_if_zero not_one
        jump known
    not_one:
        load 3      push 1      add     store 3
        load 2      push 1      and     jump_if_zero even
        load 2      push 3      multiply        push 1  add     store 2
        jump next_step
    even:
        load 2      push 1      shift_right     store 2
        jump next_step
    known:
        load 3      load 1      keep
        load 5      load 3      less    jump_if_zero no_better
        load 1      store 4
        load 3      store 5
    no_better:
        load 1      push 1      add     store 1
        jump next_start
    finished:
        load 4      print
        load 5      print
        halt
";

fn main() {
    let limit = size_argument(3_600_000);
    let code = assemble(PROGRAM).unwrap_or_else(|error| panic!("{}", error));
    println!("{} bytes of code", code.len());
    let mut machine = Machine::new(limit);
    match machine.run(&code) {
        Ok(()) => {}
        Err(error) => {
            println!("trap: {error}");
            std::process::exit(1);
        }
    }
    println!("output: {:?}", machine.output);
    println!("{} instructions executed", machine.executed);
}

/// What may follow an opcode.
#[derive(Clone, Copy, PartialEq)]
enum Immediate {
    Nothing,
    /// A signed 32-bit number, little-endian.
    Number,
    /// The index of a local, one byte.
    Local,
    /// The offset of the target in the code, 32 bits, little-endian.
    Target,
}

/// Opcode numbers are positions in this table.
const OPCODES: [(&str, Immediate); 15] = [
    ("halt", Immediate::Nothing),
    ("push", Immediate::Number),
    ("load", Immediate::Local),
    ("store", Immediate::Local),
    ("add", Immediate::Nothing),
    ("multiply", Immediate::Nothing),
    ("and", Immediate::Nothing),
    ("shift_right", Immediate::Nothing),
    ("less", Immediate::Nothing),
    ("equal", Immediate::Nothing),
    ("jump", Immediate::Target),
    ("jump_if_zero", Immediate::Target),
    ("fetch", Immediate::Nothing),
    ("keep", Immediate::Nothing),
    ("print", Immediate::Nothing),
];

const HALT: u8 = 0;
const PUSH: u8 = 1;
const LOAD: u8 = 2;
const STORE: u8 = 3;
const ADD: u8 = 4;
const MULTIPLY: u8 = 5;
const AND: u8 = 6;
const SHIFT_RIGHT: u8 = 7;
const LESS: u8 = 8;
const EQUAL: u8 = 9;
const JUMP: u8 = 10;
const JUMP_IF_ZERO: u8 = 11;
const FETCH: u8 = 12;
const KEEP: u8 = 13;
const PRINT: u8 = 14;

/// Translates assembler text: words and labels, comments from `#` to the end of the line.
fn assemble(text: &str) -> Result<Vec<u8>, String> {
    let mut code = Vec::new();
    let mut labels: Vec<(&str, u32)> = Vec::new();
    let mut uses: Vec<(usize, &str)> = Vec::new();
    let mut words = text
        .lines()
        .flat_map(|line| line.split('#').next().unwrap_or("").split_whitespace());
    while let Some(word) = words.next() {
        if let Some(label) = word.strip_suffix(':') {
            labels.push((label, code.len() as u32));
            continue;
        }
        let (opcode, &(_, immediate)) = (0u8..)
            .zip(&OPCODES)
            .find(|(_, (name, _))| *name == word)
            .ok_or_else(|| format!("unknown word {word}"))?;
        code.push(opcode);
        if immediate == Immediate::Nothing {
            continue;
        }
        let operand = words
            .next()
            .ok_or_else(|| format!("{word} lacks its operand"))?;
        let not_a_number = |_| format!("{word} {operand}: not a number in range");
        match immediate {
            Immediate::Number => {
                let number: i32 = operand.parse().map_err(not_a_number)?;
                code.extend(number.to_le_bytes());
            }
            Immediate::Local => code.push(operand.parse().map_err(not_a_number)?),
            _ => {
                uses.push((code.len(), operand));
                code.extend([0; 4]);
            }
        }
    }
    for (at, name) in uses {
        let found = labels.iter().find(|(label, _)| *label == name);
        let (_, target) = found.ok_or_else(|| format!("unknown label {name}"))?;
        code[at..at + 4].copy_from_slice(&target.to_le_bytes());
    }
    Ok(code)
}

const LOCALS: usize = 8;
const STACK_MAX: usize = 64;

struct Machine {
    locals: [i64; LOCALS],
    memory: Vec<i32>,
    output: Vec<i64>,
    executed: u64,
}

impl Machine {
    /// A machine with the limit in local 0 and as many words of memory.
    fn new(limit: u32) -> Machine {
        let mut locals = [0; LOCALS];
        locals[0] = i64::from(limit);
        Machine {
            locals,
            memory: vec![0; limit as usize],
            output: Vec::new(),
            executed: 0,
        }
    }

    /// Executes code from its start until `halt`.
    fn run(&mut self, code: &[u8]) -> Result<(), String> {
        let mut stack = Stack {
            values: [0; STACK_MAX],
            depth: 0,
        };
        let mut at = 0;
        loop {
            self.executed += 1;
            let opcode = *code.get(at).ok_or("the code ends without halt")?;
            at += 1;
            match opcode {
                HALT => return Ok(()),
                PUSH => {
                    stack.push(i64::from(word(code, at)?))?;
                    at += 4;
                }
                LOAD => {
                    stack.push(self.locals[local(code, at)?])?;
                    at += 1;
                }
                STORE => {
                    self.locals[local(code, at)?] = stack.pop()?;
                    at += 1;
                }
                ADD => stack.binary(i64::wrapping_add)?,
                MULTIPLY => stack.binary(i64::wrapping_mul)?,
                AND => stack.binary(|a, b| a & b)?,
                SHIFT_RIGHT => stack.binary(|a, b| a >> (b & 63))?,
                LESS => stack.binary(|a, b| i64::from(a < b))?,
                EQUAL => stack.binary(|a, b| i64::from(a == b))?,
                JUMP => at = word(code, at)? as usize,
                JUMP_IF_ZERO => {
                    let target = word(code, at)? as usize;
                    at = if stack.pop()? == 0 { target } else { at + 4 };
                }
                FETCH => {
                    let address = stack.pop()? as usize;
                    let value = self.memory.get(address).ok_or("fetch outside of memory")?;
                    stack.push(i64::from(*value))?;
                }
                KEEP => {
                    let address = stack.pop()? as usize;
                    let value = stack.pop()? as i32;
                    *self
                        .memory
                        .get_mut(address)
                        .ok_or("keep outside of memory")? = value;
                }
                PRINT => self.output.push(stack.pop()?),
                _ => return Err(format!("unknown opcode {opcode}")),
            }
        }
    }
}

struct Stack {
    values: [i64; STACK_MAX],
    depth: usize,
}

impl Stack {
    fn push(&mut self, value: i64) -> Result<(), &'static str> {
        *self.values.get_mut(self.depth).ok_or("stack overflow")? = value;
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) -> Result<i64, &'static str> {
        self.depth = self.depth.checked_sub(1).ok_or("stack underflow")?;
        Ok(self.values[self.depth])
    }

    /// Replaces the two topmost values by a function of them.
    fn binary(&mut self, function: impl Fn(i64, i64) -> i64) -> Result<(), &'static str> {
        let right = self.pop()?;
        let left = self.pop()?;
        self.push(function(left, right))
    }
}

/// The 32-bit immediate at an offset.
fn word(code: &[u8], at: usize) -> Result<i32, &'static str> {
    match code.get(at..at + 4) {
        Some(bytes) => Ok(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        None => Err("the code ends within an instruction"),
    }
}

/// The index of a local at an offset.
fn local(code: &[u8], at: usize) -> Result<usize, &'static str> {
    match code.get(at) {
        Some(&index) if usize::from(index) < LOCALS => Ok(usize::from(index)),
        _ => Err("no such local"),
    }
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
