//! DotDB: the database that DotVM programs live on.
//!
//! Tables map keys to values, both bytes, in the order of the keys. A [`Session`] reads and writes them in
//! transactions that nest, declares secondary indices, and answers queries. What stores the bytes is
//! an [`Engine`](engine::Engine): a file or memory, by redb, or a PostgreSQL server (feature `postgres`).
//!
//! ```
//! use dotvm_dotdb::{Database, Direction, Interval, Options};
//!
//! fn main() -> dotvm_dotdb::Result<()> {
//!     let database = Database::in_memory(Options::default())?;
//!     let mut session = database.session();
//!     let accounts = session.create_table("accounts")?;
//!     session.create_index(accounts, "holder", "json holder")?;
//!     session.begin()?;
//!     session.put(accounts, b"1", br#"{"holder": "ann", "balance": 7}"#)?;
//!     session.put(accounts, b"2", br#"{"holder": "bob", "balance": 9}"#)?;
//!     session.commit()?;
//!
//!     let mut rows = session.query("accounts where holder = 'bob'", &[])?;
//!     let (key, _value) = rows.next(&mut session)?.expect("a row");
//!     assert_eq!(key, b"2");
//!     let mut all = session.scan(accounts, Interval::all(), Direction::Backward)?;
//!     assert_eq!(all.next(&mut session)?.expect("a row").0, b"2");
//!     Ok(())
//! }
//! ```

mod catalog;
mod database;
pub mod engine;
mod error;
mod extract;
mod interval;
mod limits;
mod place;
mod query;
mod rows;
mod session;
mod value;

pub use database::{Database, Options};
pub use engine::guard::is_guarded;
pub use error::{Error, Result};
pub use interval::Interval;
pub use limits::Limits;
pub use place::Place;
pub use redb::StorageBackend;
pub use session::{Change, Cursor, Direction, IndexInfo, Session, TableId, TableInfo};
pub use value::Value;
