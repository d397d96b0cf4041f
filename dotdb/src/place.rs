//! Where a database is: a file, or a server at a URL.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::database::{Database, Options};
use crate::error::{Error, Result};

/// What URLs of databases start with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where a database is: a file, or `postgres://user:password@host:port/database`. It is shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    text: PathBuf,
}

impl Place {
    /// The place of that name: a path, or a URL.
    pub fn new(text: impl Into<PathBuf>) -> Place {
        Place { text: text.into() }
    }

    /// Whether it is a server.
    pub fn is_server(&self) -> bool {
        let text = self.text.as_os_str().as_encoded_bytes();
        SCHEMES
            .iter()
            .any(|scheme| text.starts_with(scheme.as_bytes()))
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self.is_server() {
            true => None,
            false => Some(&self.text),
        }
    }

    /// Opens the database, or makes one where there is none.
    ///
    /// # Errors
    /// Those of [`Database::open`], and those of servers.
    pub fn open(&self, options: Options) -> Result<Database> {
        match self.is_server() {
            true => open_server(self.text.as_os_str(), options, true),
            false => Database::open(&self.text, options),
        }
    }

    /// Opens a database that is there.
    ///
    /// # Errors
    /// The same, and where there is none.
    pub fn open_existing(&self, options: Options) -> Result<Database> {
        if self.is_server() {
            return open_server(self.text.as_os_str(), options, false);
        }
        let metadata = std::fs::metadata(&self.text)?;
        if metadata.is_file() && metadata.len() == 0 {
            // Opening it would make it a database.
            return Err(Error::NotADatabase);
        }
        Database::open(&self.text, options)
    }
}

#[cfg(feature = "postgres")]
fn open_server(url: &OsStr, options: Options, create: bool) -> Result<Database> {
    use crate::engine::postgres::Postgres;
    let url = url.to_str().ok_or(Error::Url)?;
    let engine = Postgres::open(url, options.connect, create)?;
    Database::on(std::sync::Arc::new(engine), options)
}

#[cfg(not(feature = "postgres"))]
fn open_server(_: &OsStr, _: Options, _: bool) -> Result<Database> {
    let reason = "there is no engine for servers in this build (feature `postgres`)";
    Err(Error::Unreachable(reason.to_owned()))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_server() {
            return self.text.display().fmt(f);
        }
        let text = self.text.to_string_lossy();
        let (scheme, rest) = text.split_once("://").unwrap_or(("postgres", ""));
        // Nothing between the user's name and the last `@` is shown, and no parameters. Where a `?` could be part of
        // the one or the other, it is where the password ends that is not known: then the server is not shown.
        let (credentials, server) = rest.rsplit_once('@').unwrap_or(("", rest));
        let user = credentials
            .split([':', '/', '?', '#'])
            .next()
            .unwrap_or_default();
        let server = match credentials.contains(['?', '#']) {
            true => "\u{2026}",
            false => server.split(['?', '#']).next().unwrap_or_default(),
        };
        match user.is_empty() {
            true => write!(f, "{scheme}://{server}"),
            false => write!(f, "{scheme}://{user}@{server}"),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shown_without_passwords() {
        for (text, shown) in [
            ("bank.db", "bank.db"),
            ("a/postgres://u:p@h", "a/postgres://u:p@h"),
            ("postgres://u:secret@h:5433/d", "postgres://u@h:5433/d"),
            (
                "postgresql://u:secret@h/d?sslmode=disable",
                "postgresql://u@h/d",
            ),
            ("postgres://u:sec@ret@h/d", "postgres://u@h/d"),
            ("postgres://u:sec/re?t@h/d", "postgres://u@…"),
            ("postgres://h/d?user=u&password=secret", "postgres://h/d"),
            ("postgres://h/d?password=se@cret", "postgres://h@…"),
            ("postgres://u:p@h/d?password=se@cret", "postgres://u@…"),
            ("postgres://u@h", "postgres://u@h"),
            ("postgres://", "postgres://"),
        ] {
            let place = Place::new(text);
            assert_eq!(place.to_string(), shown);
            assert_eq!(format!("{place:?}"), format!("Place({shown})"));
        }
    }
}
