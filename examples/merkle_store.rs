//! A Merkle tree that is kept in a database: nodes by level and place, so that a new leaf or a changed one writes the
//! digests above it only, in one transaction. It prints roots, proves leaves, and rolls a change back. The size is the
//! number of leaves in hundreds.
//!
//! test-args: 2

use dotvm_sdk::crypto::{equal, Hash, Hasher};
use dotvm_sdk::db::{self, Table};

type Node = [u8; 32];

struct Tree {
    /// Digests by level, from the leaves up, and place.
    nodes: Table<(u8, u32), Node>,
    /// What the leaves are of.
    records: Table<u32, String>,
}

impl Tree {
    fn open() -> Tree {
        Tree {
            nodes: Table::open("nodes"),
            records: Table::open("records"),
        }
    }

    fn leaves(&self) -> u32 {
        self.records.len() as u32
    }

    /// Sets a record and the digests above it.
    fn set(&self, place: u32, record: &str) {
        self.records.insert(&place, &record.to_owned());
        let (mut place, mut level) = (place, 0);
        self.nodes.insert(&(0, place), &leaf(record));
        while self.nodes.contains(&(level, place ^ 1)) || place > 0 {
            let digest = match (self.nodes.get(&(level, place & !1)), self.nodes.get(&(level, place | 1))) {
                (Some(left), Some(right)) => inner(&left, &right),
                // Without a sibling, the digest itself goes up.
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => unreachable!("the node was written"),
            };
            level += 1;
            place /= 2;
            self.nodes.insert(&(level, place), &digest);
        }
    }

    fn push(&self, record: &str) {
        let done: Result<(), ()> = db::transaction(|| {
            self.set(self.leaves(), record);
            Ok(())
        });
        done.expect("nothing is refused");
    }

    fn root(&self) -> Option<Node> {
        let (_, root) = self.nodes.range_back(..).next()?;
        Some(root)
    }

    /// The digests beside the way up; none where there is no sibling.
    fn proof(&self, place: u32) -> Vec<Option<Node>> {
        let (mut place, mut level, mut nodes) = (place, 0, self.leaves());
        let mut proof = Vec::new();
        while nodes > 1 {
            proof.push(self.nodes.get(&(level, place ^ 1)));
            level += 1;
            place /= 2;
            nodes = (nodes + 1) / 2;
        }
        proof
    }
}

fn leaf(record: &str) -> Node {
    digest(0, &[record.as_bytes()])
}

fn inner(left: &Node, right: &Node) -> Node {
    digest(1, &[left, right])
}

fn digest(kind: u8, parts: &[&[u8]]) -> Node {
    let mut hasher = Hasher::new(Hash::Sha256);
    hasher.update(&[kind]);
    parts.iter().for_each(|part| hasher.update(part));
    let mut node = [0; 32];
    node.copy_from_slice(hasher.finish().as_bytes());
    node
}

fn verify(root: &Node, record: &str, place: u32, proof: &[Option<Node>]) -> bool {
    let mut node = leaf(record);
    let mut place = place;
    for sibling in proof {
        node = match sibling {
            Some(sibling) if place % 2 == 0 => inner(&node, sibling),
            Some(sibling) => inner(sibling, &node),
            None => node,
        };
        place /= 2;
    }
    equal(root, &node)
}

fn hex(node: &Node) -> String {
    node[..8].iter().map(|byte| format!("{:02x}", byte)).collect()
}

fn main() {
    let leaves = 100 * size_argument(10) as u32 + 7;
    let tree = Tree::open();
    println!("empty: {:?}", tree.root());
    for place in 0..leaves {
        tree.push(&format!("record {}", place));
        if place < 5 || place + 1 == leaves {
            println!("{:4} leaves: {}", place + 1, hex(&tree.root().expect("a root")));
        }
    }
    let root = tree.root().expect("a root");
    let (mut proved, mut refused) = (0, 0);
    for place in (0..leaves).step_by(9) {
        let (record, proof) = (format!("record {}", place), tree.proof(place));
        proved += u32::from(verify(&root, &record, place, &proof));
        refused += u32::from(!verify(&root, "another record", place, &proof));
        refused += u32::from(!verify(&root, &record, place ^ 1, &proof));
    }
    println!("{} proved, {} refused", proved, refused);

    let changed: Result<(), Node> = db::transaction(|| {
        tree.set(3, "another record");
        Err(tree.root().expect("a root"))
    });
    let other = changed.expect_err("it is rolled back");
    println!("with another record: {}, rolled back: {}", hex(&other), tree.root() == Some(root));
    tree.set(3, "another record");
    println!("kept: {}, {}", tree.root() == Some(other), tree.records.get(&3).unwrap_or_default());
    println!("{} nodes of {} leaves", tree.nodes.len(), tree.leaves());
}

/// The first argument, or the default.
fn size_argument(default: usize) -> usize {
    std::env::args()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .unwrap_or(default)
}
