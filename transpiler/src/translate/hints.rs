//! Branch hints: the custom section that says which branches are usually taken.

use std::collections::HashMap;

use wasmparser::BranchHintSectionReader;

/// What the section says of one function: offsets of `if` and `br_if` from the start of the body,
/// ascending, and whether each one's condition is usually true.
pub(super) type Hints = Vec<(u32, bool)>;

/// Reads the section, by the function's index. A custom section that is malformed has no meaning: what
/// was read before is as good as any.
pub(super) fn read(section: BranchHintSectionReader<'_>) -> HashMap<u32, Hints> {
    let mut all = HashMap::new();
    for function in section.into_iter().map_while(Result::ok) {
        let hints = function.hints.into_iter().map_while(Result::ok);
        let mut hints: Hints = hints.map(|hint| (hint.func_offset, hint.taken)).collect();
        hints.sort_by_key(|&(offset, _)| offset);
        all.insert(function.func, hints);
    }
    all
}

/// What is known of the branch at that offset.
pub(super) fn at(hints: &[(u32, bool)], offset: u64) -> Option<bool> {
    let found = hints.binary_search_by_key(&offset, |&(offset, _)| u64::from(offset));
    found.ok().map(|at| hints[at].1)
}
