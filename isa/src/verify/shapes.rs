//! Stack shapes: the types of the values on the operand stack at one point of a function.

use crate::types::ValType;

/// A stack shape: an index into the shapes of a function. Two are equal exactly where their
/// types are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape(u32);

/// All stack shapes of a function, as a tree: a node is its parent's shape with one more value on
/// top.
///
/// Every shape exists once, so that comparing two is comparing their indices, and a node has at
/// most one child a type, so that finding or adding one takes constant time.
#[derive(Clone, Debug)]
pub(super) struct Shapes {
    nodes: Vec<Node>,
    /// The most nodes there may be.
    limit: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    below: u32,
    /// Slots of all values up to this one.
    slots: u32,
    /// The child that was added last; 0 where there is none.
    child: u32,
    /// The child that was looked for last; 0 where there is none.
    recent: u32,
    /// The next child of the same parent; 0 after the last one.
    sibling: u32,
    ty: ValType,
}

/// As many shapes as most functions have.
const USUAL_SHAPES: usize = 64;

impl Shapes {
    pub(super) const EMPTY: Shape = Shape(0);

    /// Shapes for a body of that many bytes.
    ///
    /// Honest code has fewer shapes than instructions. Hostile code could have a thousand a byte
    /// (calls that return a thousand values, each time above another value), so that checking it
    /// would take thousands of times the memory of the module: that is refused.
    pub(super) fn new(body_bytes: usize) -> Shapes {
        let bottom = Node {
            below: 0,
            slots: 0,
            child: 0,
            recent: 0,
            sibling: 0,
            ty: ValType::I32,
        };
        let mut nodes = Vec::with_capacity(USUAL_SHAPES);
        nodes.push(bottom);
        Shapes {
            nodes,
            limit: (1 << 20) + body_bytes.min(1 << 28) * 4,
        }
    }

    /// Whether there are more shapes than a body of this size may have.
    #[inline]
    pub(super) fn exhausted(&self) -> bool {
        self.nodes.len() > self.limit
    }

    #[inline(always)]
    pub(super) fn push(&mut self, shape: Shape, ty: ValType) -> Shape {
        let recent = self.nodes[shape.0 as usize].recent;
        if recent != 0 && self.nodes[recent as usize].ty == ty {
            return Shape(recent);
        }
        let found = self.push_other(shape, ty);
        self.nodes[shape.0 as usize].recent = found.0;
        found
    }

    /// Where the child found last is another one, or there is none.
    #[inline(never)]
    fn push_other(&mut self, shape: Shape, ty: ValType) -> Shape {
        let Node { child, slots, .. } = self.nodes[shape.0 as usize];
        let mut at = child;
        while at != 0 {
            let node = &self.nodes[at as usize];
            if node.ty == ty {
                return Shape(at);
            }
            at = node.sibling;
        }
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            below: shape.0,
            slots: slots + ty.slots(),
            child: 0,
            recent: 0,
            sibling: child,
            ty,
        });
        self.nodes[shape.0 as usize].child = index;
        Shape(index)
    }

    #[inline]
    pub(super) fn pop(&self, shape: Shape) -> Option<(ValType, Shape)> {
        (shape != Self::EMPTY).then(|| {
            let node = &self.nodes[shape.0 as usize];
            (node.ty, Shape(node.below))
        })
    }

    #[inline]
    pub(super) fn slots(&self, shape: Shape) -> u32 {
        self.nodes[shape.0 as usize].slots
    }

    /// The types from the bottom up, for messages.
    pub(super) fn describe(&self, shape: Shape) -> String {
        let mut types = Vec::new();
        let mut at = shape;
        while let Some((ty, below)) = self.pop(at) {
            if types.len() == 8 {
                types.push("..");
                break;
            }
            types.push(ty.name());
            at = below;
        }
        types.reverse();
        format!("[{}]", types.join(" "))
    }
}
