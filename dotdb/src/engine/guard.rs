//! Panics of the storage library on damaged files, turned into errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is where a panic is about to become an error: a panic hook needs to say nothing.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Runs `f`; a panic becomes an error. Whatever `f` was working on must not be used after that.
pub(crate) fn guard<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|panic| {
        let reason = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::Corrupt(reason.unwrap_or("unknown").to_owned()))
    })
}

/// Runs code of others inside of [`guard`], whose panics are theirs: to be gone on with outside.
pub(crate) fn unguarded(f: impl FnOnce()) -> Result<(), Box<dyn Any + Send>> {
    let outer = GUARDED.replace(false);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(outer);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_errors() {
        let error = guard(|| -> Result { panic!("page {}", 7) }).unwrap_err();
        assert_eq!(error.to_string(), "the database is damaged: page 7");
        assert!(!is_guarded());
        assert!(guard(|| Ok(is_guarded())).unwrap());
    }
}
