//! The same loops as bytecode of the EVM, in revm.

use anyhow::{Context as _, Result, bail};
use revm::bytecode::{Bytecode, opcode::OpCode};
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::database::{BENCH_CALLER, BENCH_TARGET, BenchmarkDB};
use revm::primitives::{Bytes, TxKind, U256, hardfork::SpecId};
use revm::{Context, ExecuteEvm, MainBuilder, MainContext};

/// A loop in the EVM. Each run is a transaction that calls it; the number of steps is its input.
pub struct Evm {
    code: Vec<u8>,
}

impl Evm {
    /// The loop whose steps are these instructions, on `m y n x`.
    pub fn new(step: &str, [x, y, m]: [[u64; 4]; 3]) -> Result<Evm> {
        let mut code = Vec::new();
        for operand in [m, y] {
            push_word(&mut code, operand);
        }
        assemble(&mut code, "push0 calldataload")?;
        push_word(&mut code, x);
        let start = u8::try_from(code.len())?;
        assemble(&mut code, "jumpdest")?;
        assemble(&mut code, step)?;
        assemble(&mut code, "swap1 push1 1 swap1 sub swap1 dup2")?;
        assemble(&mut code, &format!("push1 {start:x} jumpi"))?;
        assemble(&mut code, "push0 mstore push1 20 push0 return")?;
        Ok(Evm { code })
    }

    /// Takes so many steps; returns what is left in x.
    pub fn run(&mut self, steps: u64) -> Result<[u64; 4]> {
        let code = Bytecode::new_raw(Bytes::from(self.code.clone()));
        let mut evm = Context::mainnet()
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::CANCUN);
                cfg.tx_gas_limit_cap = Some(u64::MAX);
            })
            .modify_block_chained(|block| block.gas_limit = u64::MAX)
            .with_db(BenchmarkDB::new_bytecode(code))
            .build_mainnet();
        let input = U256::from(steps).to_be_bytes::<32>();
        let transaction = TxEnv::builder()
            .caller(BENCH_CALLER)
            .kind(TxKind::Call(BENCH_TARGET))
            .gas_limit(u64::MAX / 2)
            .data(Bytes::copy_from_slice(&input))
            .build_fill();
        match evm.transact_one(transaction)? {
            ExecutionResult::Success { output, .. } => {
                Ok(*U256::from_be_slice(output.data()).as_limbs())
            }
            failed => bail!("revm: {failed:?}"),
        }
    }
}

fn push_word(code: &mut Vec<u8>, limbs: [u64; 4]) {
    code.push(OpCode::PUSH32.get());
    code.extend(U256::from_limbs(limbs).to_be_bytes::<32>());
}

/// Appends instructions by their names. What is pushed is a number in hexadecimal.
fn assemble(code: &mut Vec<u8>, text: &str) -> Result<()> {
    let mut words = text.split_whitespace();
    while let Some(name) = words.next() {
        let name = name.to_uppercase();
        let op = (0..=u8::MAX).filter_map(OpCode::new);
        let op = op
            .into_iter()
            .find(|op| op.as_str() == name)
            .with_context(|| format!("there is no instruction {name}"))?;
        code.push(op.get());
        let bytes = usize::from(op.info().immediate_size());
        if bytes > 0 {
            let number = words.next().context("a number is missing")?;
            let number = u128::from_str_radix(number, 16)?.to_be_bytes();
            code.extend(&number[number.len() - bytes..]);
        }
    }
    Ok(())
}
