//! Custom sections that mean something: scripts say of some that they are invalid, which keeps no module
//! from being run.

use std::collections::HashMap;

use wasmparser::{
    BinaryReaderError, FunctionBody, KnownCustom, Operator, Parser, Payload, TypeRef,
};

/// Whether each branch hint is one of a branch.
///
/// # Errors
/// What is wrong; the module itself must be valid.
pub(super) fn check(wasm: &[u8]) -> Result<(), String> {
    hinted(wasm).map_err(|error| error.to_string())?
}

fn hinted(wasm: &[u8]) -> Result<Result<(), String>, BinaryReaderError> {
    let mut hints: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut function = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    function += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::BranchHints(section) = section.as_known() {
                    for of in section {
                        let of = of?;
                        let offsets = of.hints.into_iter().map(|hint| Ok(hint?.func_offset));
                        let offsets: Result<Vec<u32>, BinaryReaderError> = offsets.collect();
                        hints.insert(of.func, offsets?);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let branches = branches(&body)?;
                for offset in hints.remove(&function).unwrap_or_default() {
                    if !branches.contains(&(u64::from(offset))) {
                        return Ok(Err(format!(
                            "function {function} has no branch at offset {offset}, but a hint about one"
                        )));
                    }
                }
                function += 1;
            }
            _ => {}
        }
    }
    Ok(Ok(()))
}

/// Offsets of the instructions that hints are about, from the start of the body.
fn branches(body: &FunctionBody<'_>) -> Result<Vec<u64>, BinaryReaderError> {
    let mut branches = Vec::new();
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        if matches!(operator, Operator::If { .. } | Operator::BrIf { .. }) {
            branches.push(offset - body.range().start);
        }
    }
    Ok(branches)
}
