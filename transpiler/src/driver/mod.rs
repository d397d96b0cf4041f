//! stub
use std::path::Path;
use crate::Error;
/// x
#[derive(Debug)] pub struct DriverOptions;
/// x
#[derive(Debug)] pub struct Progress;
/// x
pub fn load_wasm(_: &Path, _: &DriverOptions) -> Result<Vec<u8>, Error> { unimplemented!() }
