//! Builds, walks and drops binary trees of boxed nodes: one tall tree that stays, and many short
//! ones that go at once. Adapted from Boehm's garbage collector benchmark, as in the Computer
//! Language Benchmarks Game. Nearly all time goes to the allocator and to pointer chasing. The size
//! is the depth of the tallest tree.
//!
//! test-args: 8

const MIN_DEPTH: u32 = 4;

fn main() {
    let max_depth = size_argument(18).max(MIN_DEPTH + 2);
    let stretch = Tree::complete(max_depth + 1);
    println!(
        "a tree of depth {} has {} nodes",
        max_depth + 1,
        stretch.count()
    );
    drop(stretch);

    let long_lived = Tree::complete(max_depth);
    for depth in (MIN_DEPTH..=max_depth).step_by(2) {
        // About the same number of nodes for every depth.
        let trees = 1u32 << (max_depth - depth + MIN_DEPTH);
        let nodes: u32 = (0..trees).map(|_| Tree::complete(depth).count()).sum();
        println!("{trees} trees of depth {depth} have {nodes} nodes");
    }
    println!(
        "the long-lived tree of depth {max_depth} has {} nodes",
        long_lived.count()
    );
}

/// A node with its two subtrees, or none.
struct Tree {
    children: Option<(Box<Tree>, Box<Tree>)>,
}

impl Tree {
    /// A tree in which all leaves have the same depth.
    fn complete(depth: u32) -> Tree {
        let subtree = || Box::new(Tree::complete(depth - 1));
        Tree {
            children: if depth == 0 {
                None
            } else {
                Some((subtree(), subtree()))
            },
        }
    }

    fn count(&self) -> u32 {
        match &self.children {
            None => 1,
            Some((left, right)) => 1 + left.count() + right.count(),
        }
    }
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    let size = match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    };
    // Node counts must fit 32 bits, and so must the memory of a 32-bit machine.
    if size > 22 {
        eprintln!("the size must be at most 22");
        std::process::exit(2);
    }
    size
}
