//! The error of everything that reads a module: what is wrong, and where.

use std::fmt;

/// Where in a module a fault lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the 16-byte header.
    Header,
    /// In the named section (`code`, `data` or `debug`).
    Section(&'static str),
    /// In the body of the function with this index; the offset counts from the body's start.
    Function(u32),
}

/// A module that is malformed or fails verification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed(Box<Detail>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Detail {
    place: Place,
    offset: u64,
    reason: String,
}

impl Malformed {
    /// A fault at `offset` bytes from the start of the file (or, for [`Place::Function`], of the
    /// function's body).
    #[cold]
    pub fn new(place: Place, offset: u64, reason: impl Into<String>) -> Malformed {
        Malformed(Box::new(Detail {
            place,
            offset,
            reason: reason.into(),
        }))
    }

    /// Where the fault lies.
    pub fn place(&self) -> Place {
        self.0.place
    }

    /// Offset in bytes; see [`Malformed::new`] for what it counts from.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// What is wrong.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail {
            place,
            offset,
            reason,
        } = &*self.0;
        match place {
            Place::Header => write!(f, "header, offset {offset:#x}: {reason}"),
            Place::Section(name) => write!(f, "{name} section, offset {offset:#x}: {reason}"),
            Place::Function(index) => write!(f, "function {index}, offset {offset:#x}: {reason}"),
        }
    }
}

impl std::error::Error for Malformed {}
