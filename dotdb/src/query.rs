//! Queries: rows of a table by their keys and indexed fields.
//!
//! ```text
//! TABLE [where CONDITION] [order by FIELD [asc|desc]] [limit N]
//!
//! CONDITION   COMPARISON, `not` CONDITION, CONDITION `and` CONDITION, CONDITION `or` CONDITION, (CONDITION)
//! COMPARISON  FIELD = != < <= > >= CONSTANT      FIELD `prefix` CONSTANT      FIELD `exists`
//!             FIELD `between` CONSTANT `and` CONSTANT      FIELD `in` (CONSTANT, …)
//! FIELD       `key`, or the name of an index
//! CONSTANT    12  -0.5  'text'  "text"  x'00ff'  true  false  null  $1
//! ```
//!
//! Values of different kinds are neither less nor more than each other; numbers are one kind. Comparing a field that
//! a row does not have is false. Ordering by a field leaves out rows that do not have it.

mod filter;
mod plan;
mod text;

pub(crate) use filter::Filter;

use crate::error::Result;
use crate::session::{Cursor, Session};
use crate::value::Value;

impl Session {
    /// The rows that a query asks for (see the [chapter](https://github.com/dotlanth/dotvm/blob/main/docs/dotdb.md)
    /// on the database). `$1` in its text is the first of the parameters.
    ///
    /// # Errors
    /// [`Query`](crate::Error::Query), [`UnknownTable`](crate::Error::UnknownTable),
    /// [`UnknownIndex`](crate::Error::UnknownIndex), [`Limit`](crate::Error::Limit) where there is too much to sort,
    /// and those of reading.
    pub fn query(&mut self, text: &str, parameters: &[Value]) -> Result<Cursor> {
        let query = text::parse(text, parameters)?;
        self.hold(|session| plan::plan(session, query)?.start(session))
    }

    /// How a query would be answered, as text.
    ///
    /// # Errors
    /// Those of [`Session::query`].
    pub fn explain(&mut self, text: &str, parameters: &[Value]) -> Result<String> {
        let query = text::parse(text, parameters)?;
        Ok(self.hold(|session| plan::plan(session, query))?.to_string())
    }
}
