//! What the machine's instructions do.

pub(crate) mod bigint;
pub(crate) mod crypto;
#[cfg(any(dotvm = "i128", dotvm = "i256", dotvm = "i512"))]
mod imports;
#[cfg(any(dotvm = "i128", dotvm = "i256", dotvm = "i512"))]
pub(crate) mod words;
