//! A Merkle tree: leaves and inner nodes are SHA-256 digests, told apart by a byte in front. It prints the root, and
//! proves for some leaves that they belong to it; a proof is the digests beside the way up. The size is the number of
//! leaves in thousands.
//!
//! test-args: 2

use dotvm_sdk::crypto::{equal, Hash, Hasher};

type Node = [u8; 32];

fn main() {
    let leaves = 1000 * size_argument(400) + 37;
    let levels = tree(leaves);
    let root = levels[levels.len() - 1][0];
    println!("{} leaves, {} levels: {}", leaves, levels.len(), hex(&root));
    let mut proved = 0;
    let mut refused = 0;
    for leaf in (0..leaves).step_by(leaves / 100) {
        let proof = proof(&levels, leaf);
        if verify(&root, leaf, leaves, &record(leaf), &proof) {
            proved += 1;
        }
        if !verify(&root, leaf, leaves, &record(leaf + 1), &proof) {
            refused += 1;
        }
    }
    println!("{} leaves proved, {} others refused", proved, refused);
}

/// What a leaf stands for.
fn record(leaf: usize) -> String {
    format!("{{\"account\":{},\"balance\":{}}}", leaf, leaf as u64 * 2_654_435_761 % 1_000_003)
}

fn digest(parts: &[&[u8]]) -> Node {
    let mut hasher = Hasher::new(Hash::Sha256);
    parts.iter().for_each(|part| hasher.update(part));
    let mut node = [0; 32];
    node.copy_from_slice(hasher.finish().as_bytes());
    node
}

fn leaf_node(record: &str) -> Node {
    digest(&[&[0], record.as_bytes()])
}

/// The node above two; without a right one, the left one goes up as it is.
fn inner_node(left: &Node, right: Option<&Node>) -> Node {
    match right {
        Some(right) => digest(&[&[1], left, right]),
        None => *left,
    }
}

/// All levels, that of the leaves first.
fn tree(leaves: usize) -> Vec<Vec<Node>> {
    let mut levels = vec![(0..leaves).map(|leaf| leaf_node(&record(leaf))).collect::<Vec<_>>()];
    while levels[levels.len() - 1].len() > 1 {
        let below = &levels[levels.len() - 1];
        let level = below.chunks(2).map(|pair| inner_node(&pair[0], pair.get(1))).collect();
        levels.push(level);
    }
    levels
}

/// The nodes beside the way from a leaf to the root.
fn proof(levels: &[Vec<Node>], leaf: usize) -> Vec<Node> {
    let beside = |(height, level): (usize, &Vec<Node>)| level.get(leaf >> height ^ 1).copied();
    levels[..levels.len() - 1].iter().enumerate().filter_map(beside).collect()
}

/// Whether a record is that leaf of the tree with this root.
fn verify(root: &Node, leaf: usize, leaves: usize, record: &str, proof: &[Node]) -> bool {
    let mut node = leaf_node(record);
    let (mut at, mut width) = (leaf, leaves);
    let mut proof = proof.iter();
    while width > 1 {
        if at ^ 1 < width {
            let beside = match proof.next() {
                Some(beside) => beside,
                None => return false,
            };
            node = match at % 2 {
                0 => inner_node(&node, Some(beside)),
                _ => inner_node(beside, Some(&node)),
            };
        }
        at /= 2;
        width = (width + 1) / 2;
    }
    proof.next().is_none() && equal(&node, root)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{:02x}", byte)).collect()
}

fn size_argument(default: usize) -> usize {
    match std::env::args().nth(1) {
        Some(text) => text.parse().expect("a size"),
        None => default,
    }
}
