//! Conditions on rows: tested row by row, and as ranges of keys and of indices.

use super::text::Condition;
use crate::catalog::TableDef;
use crate::error::{Error, Result};
use crate::extract::Extractor;
use crate::interval::IntervalSet;
use crate::value::{Comparison, Value};

/// What a condition is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    /// The key.
    Key,
    /// That of the index with this number in the table's definition.
    Index(usize),
}

/// A condition without negations: they are in the tests.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Test {
        field: Field,
        /// The fields for which it holds.
        set: IntervalSet,
        /// Whether it holds for rows without the field.
        missing: bool,
    },
}

/// A condition on rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Filter {
    node: Node,
    /// What the fields are.
    extractors: Vec<Extractor>,
}

/// The field of that name.
pub(super) fn field(table: &str, def: &TableDef, name: &str) -> Result<Field> {
    if name == "key" {
        return Ok(Field::Key);
    }
    let number = def.indices.iter().position(|index| index.name == name);
    number.map(Field::Index).ok_or_else(|| Error::UnknownIndex {
        table: table.to_owned(),
        index: name.to_owned(),
    })
}

impl Filter {
    /// The condition on rows of that table.
    pub(super) fn new(table: &str, def: &TableDef, condition: &Condition) -> Result<Filter> {
        Ok(Filter {
            node: node(table, def, condition, false)?,
            extractors: def
                .indices
                .iter()
                .map(|index| index.extractor.clone())
                .collect(),
        })
    }

    /// Whether it holds for a row.
    pub(crate) fn holds(&self, key: &[u8], value: &[u8]) -> bool {
        // Each field is looked for once.
        let mut fields: Vec<Option<Option<Vec<u8>>>> = vec![None; self.extractors.len()];
        self.node_holds(&self.node, key, value, &mut fields)
    }

    fn node_holds(
        &self,
        node: &Node,
        key: &[u8],
        value: &[u8],
        fields: &mut [Option<Option<Vec<u8>>>],
    ) -> bool {
        match node {
            Node::All(nodes) => nodes
                .iter()
                .all(|node| self.node_holds(node, key, value, fields)),
            Node::Any(nodes) => nodes
                .iter()
                .any(|node| self.node_holds(node, key, value, fields)),
            Node::Test {
                field: Field::Key,
                set,
                ..
            } => set.contains(key),
            Node::Test {
                field: Field::Index(number),
                set,
                missing,
            } => {
                let field = fields[*number].get_or_insert_with(|| {
                    self.extractors[*number]
                        .field(value)
                        .and_then(|field| field.encode())
                });
                field.as_ref().map_or(*missing, |field| set.contains(field))
            }
        }
    }

    /// Where in a field's order all rows are for which this holds; others may be there, too.
    pub(super) fn ranges(&self, field: Field) -> IntervalSet {
        self.node.ranges(field)
    }

    /// Whether this holds only for rows that have the field.
    pub(super) fn needs(&self, field: Field) -> bool {
        self.node.needs(field)
    }

    /// Whether being in the [ranges](Filter::ranges) of a field, and having it, is all that it asks for.
    pub(super) fn is_only_about(&self, field: Field) -> bool {
        self.node.is_only_about(field)
    }
}

impl Node {
    fn ranges(&self, of: Field) -> IntervalSet {
        match self {
            Node::All(nodes) => IntervalSet::intersection(nodes.iter().map(|node| node.ranges(of))),
            Node::Any(nodes) => IntervalSet::union(nodes.iter().map(|node| node.ranges(of))),
            Node::Test { field, set, .. } if *field == of => set.clone(),
            Node::Test { .. } => IntervalSet::all(),
        }
    }

    fn needs(&self, of: Field) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().any(|node| node.needs(of)),
            Node::Any(nodes) => nodes.iter().all(|node| node.needs(of)),
            Node::Test { field, missing, .. } => *field == of && !missing,
        }
    }

    fn is_only_about(&self, of: Field) -> bool {
        match self {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().all(|node| node.is_only_about(of)),
            Node::Test { field, missing, .. } => *field == of && !missing,
        }
    }
}

fn node(table: &str, def: &TableDef, condition: &Condition, negated: bool) -> Result<Node> {
    let nodes = |conditions: &[Condition]| -> Result<Vec<Node>> {
        conditions
            .iter()
            .map(|condition| node(table, def, condition, negated))
            .collect()
    };
    let (name, at) = match condition {
        Condition::Not(inner) => return node(table, def, inner, !negated),
        Condition::All(conditions) if negated => return Ok(Node::Any(nodes(conditions)?)),
        Condition::Any(conditions) if negated => return Ok(Node::All(nodes(conditions)?)),
        Condition::All(conditions) => return Ok(Node::All(nodes(conditions)?)),
        Condition::Any(conditions) => return Ok(Node::Any(nodes(conditions)?)),
        Condition::Exists { field, at }
        | Condition::Compare { field, at, .. }
        | Condition::In { field, at, .. } => (field, at),
    };
    let field = field(table, def, name)?;
    let fulfilling = |comparison, constant| fulfilling(def, field, *at, comparison, constant);
    let set = match condition {
        Condition::Compare {
            comparison,
            constant,
            ..
        } => fulfilling(*comparison, constant)?,
        Condition::In { constants, .. } => {
            let sets: Result<Vec<_>> = constants
                .iter()
                .map(|constant| fulfilling(Comparison::Equal, constant))
                .collect();
            IntervalSet::union(sets?)
        }
        _ => IntervalSet::all(),
    };
    Ok(match negated {
        false => Node::Test {
            field,
            set,
            missing: false,
        },
        true => Node::Test {
            field,
            set: set.complement(),
            missing: true,
        },
    })
}

/// The values of a field, or keys, for which a comparison holds.
fn fulfilling(
    def: &TableDef,
    field: Field,
    at: usize,
    comparison: Comparison,
    constant: &Value,
) -> Result<IntervalSet> {
    Ok(match (field, constant) {
        (Field::Key, Value::Text(text)) => comparison.keys(text.as_bytes()),
        (Field::Key, Value::Bytes(bytes)) => comparison.keys(bytes),
        (Field::Key, _) => {
            return Err(Error::Query {
                at,
                reason: format!("keys are compared with text or bytes, not with {constant}"),
            });
        }
        (Field::Index(number), _) => match (&def.indices[number].extractor, constant) {
            // Parts of values are bytes; text stands for its bytes.
            (Extractor::Bytes(..), Value::Text(text)) => {
                comparison.fields(&Value::Bytes(text.as_bytes().to_vec()))
            }
            _ => comparison.fields(constant),
        },
    })
}
