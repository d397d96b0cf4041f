//! Native code as text: a row for each machine instruction.

use std::collections::{BTreeSet, HashMap};

use dotvm::NativeListing;
use iced_x86::{Code, Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, OpKind};

/// Bytes of data in a row.
const DATA_BYTES: usize = 16;

/// A row of native code.
pub(super) struct Row {
    /// Where it is in the function's code.
    pub(super) offset: u32,
    pub(super) text: String,
    /// The index of the function that it calls.
    pub(super) callee: Option<u32>,
}

/// The rows of a function. `name` knows what functions are called.
pub(super) fn rows(listing: &NativeListing, name: &dyn Fn(u32) -> String) -> Vec<Row> {
    let code = &listing.code;
    let calls: HashMap<u32, u32> = listing.calls.iter().copied().collect();
    let mut formatter = formatter();
    let mut rows = Vec::new();
    // What code loads from its own end, or between its parts, is constants and tables of jumps.
    let mut data: BTreeSet<usize> = BTreeSet::new();
    let mut at = 0;
    let mut starts = listing.starts.iter().map(|&(at, _)| at as usize).peekable();
    while at < code.len() {
        while starts.next_if(|&start| start <= at).is_some() {}
        let next = data.range(at + 1..).next().copied();
        // Constants are aligned.
        let is_filler =
            next.is_some_and(|next| code[at..next.min(code.len())].iter().all(|&it| it == 0));
        if data.contains(&at) || is_filler {
            let end = starts.peek().copied().unwrap_or(code.len());
            let end = end.min(next.unwrap_or(code.len())).min(code.len());
            for bytes in code[at..end].chunks(DATA_BYTES) {
                let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                rows.push(Row {
                    offset: at as u32,
                    text: format!("bytes {}", hex.join(" ")),
                    callee: None,
                });
                at += bytes.len();
            }
            continue;
        }
        let mut decoder = Decoder::with_ip(64, &code[at..], at as u64, DecoderOptions::NONE);
        let instruction = decoder.decode();
        let len = instruction.len().max(1);
        if let Some(target) = data_of(&instruction) {
            data.insert(target);
        }
        // The distance to a callee is the end of the instruction.
        let field = (at + len).checked_sub(4).map(|field| field as u32);
        let callee = field.and_then(|field| calls.get(&field)).copied();
        let mnemonic = match instruction.code() {
            Code::Call_rel32_64 => Some("call"),
            Code::Jmp_rel32_64 => Some("jmp"),
            _ => None,
        };
        let text = match callee.zip(mnemonic) {
            Some((callee, mnemonic)) => format!("{mnemonic} {}", name(callee)),
            None => {
                let mut text = String::new();
                formatter.format(&instruction, &mut text);
                text
            }
        };
        rows.push(Row {
            offset: at as u32,
            text,
            callee,
        });
        at += len;
    }
    rows
}

/// Where an instruction loads something of the code itself from.
fn data_of(instruction: &Instruction) -> Option<usize> {
    let has_memory = instruction.op_kinds().any(|kind| kind == OpKind::Memory);
    if !has_memory || !instruction.is_ip_rel_memory_operand() {
        return None;
    }
    usize::try_from(instruction.ip_rel_memory_address()).ok()
}

fn formatter() -> IntelFormatter {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_small_hex_numbers_in_decimal(true);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    options.set_space_after_operand_separator(true);
    options.set_space_between_memory_add_operators(true);
    formatter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_names_and_data_is_no_code() {
        // A load of what stands behind the code, a call, a return; the constant.
        let code = [
            [0x48, 0x8b, 0x05, 0x06, 0, 0, 0].as_slice(),
            &[0xe8, 0, 0, 0, 0],
            &[0xc3],
            &[1, 2, 3, 4, 5, 6, 7, 8],
        ];
        let listing = NativeListing {
            func: 0,
            code: code.concat(),
            starts: vec![(0, vec![(0, 0)]), (13, Vec::new())],
            calls: vec![(8, 5)],
            traps: Vec::new(),
        };
        let rows = rows(&listing, &|func| format!("f{func}"));
        let texts = rows
            .iter()
            .map(|row| (row.offset, row.text.as_str(), row.callee));
        let expected = [
            (0, "mov rax, [0xd]", None),
            (7, "call f5", Some(5)),
            (12, "ret", None),
            (13, "bytes 01 02 03 04 05 06 07 08", None),
        ];
        assert_eq!(texts.collect::<Vec<_>>(), expected);
    }
}
