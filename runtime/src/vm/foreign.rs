//! Native libraries: which of them programs may use, finding their functions, calling these.
//!
//! What makes it sound is one promise, that of [`Libraries::allow`].

use std::collections::{BTreeSet, HashMap};
use std::error::Error as _;
use std::ffi::{CStr, CString, c_char, c_void};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dotvm_jit::{Compiler, NativeType, Thunk};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// The native libraries that programs may use: none, until some are allowed. Copies are the same.
#[derive(Clone, Default)]
pub struct Libraries(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Each has the promise of [`Libraries::allow`].
    allowed: BTreeSet<String>,
    loaded: HashMap<String, Arc<Library>>,
    compiler: Option<Compiler>,
    /// One for each type of functions.
    thunks: HashMap<NativeType, Arc<Thunk>>,
}

impl fmt::Debug for Libraries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Libraries")
            .field(&self.state().allowed)
            .finish()
    }
}

impl Libraries {
    /// No library.
    pub fn new() -> Libraries {
        Libraries::default()
    }

    /// Allows programs to use the library that they call by this name: one that the system looks for, as `libm.so.6`, or
    /// a path. It is loaded when a program uses it.
    ///
    /// # Safety
    /// Programs call any function of the library, as of whatever type they say it is, with any arguments. So loading and
    /// unloading it, and all that the programs do with it, must be sound: who allows it trusts both as native code.
    pub unsafe fn allow(&mut self, name: impl Into<String>) {
        self.state().allowed.insert(name.into());
    }

    /// Whether programs may use it.
    pub fn is_allowed(&self, name: &str) -> bool {
        self.state().allowed.contains(name)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one insertion: what a thread that panicked left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a function of a library that is allowed.
    ///
    /// # Errors
    /// Where it is not allowed, or there is no such function.
    pub(crate) fn func(
        &self,
        library: &str,
        symbol: &str,
        ty: &NativeType,
    ) -> Result<NativeFunc, String> {
        let mut state = self.state();
        let loaded = state.library(library)?;
        let name = CString::new(symbol).map_err(|_| "there is a zero byte in the name")?;
        // SAFETY: nothing is done with what is there but to take its address.
        let found = unsafe { loaded.get::<*const c_void>(name.as_bytes_with_nul()) };
        let target = found
            .map_err(|error| reason(&error))?
            .into_raw()
            .cast_const();
        if target.is_null() || !is_code(target.addr()) {
            return Err(format!("`{symbol}` is no function"));
        }
        Ok(NativeFunc {
            target,
            thunk: state.thunk(ty)?,
            _library: loaded,
        })
    }
}

impl State {
    fn library(&mut self, name: &str) -> Result<Arc<Library>, String> {
        if name.is_empty() {
            return Err("no library is named".to_owned());
        }
        if !self.allowed.contains(name) {
            return Err(format!("the library is not allowed: --allow-ffi {name}"));
        }
        if let Some(loaded) = self.loaded.get(name) {
            return Ok(Arc::clone(loaded));
        }
        // SAFETY: it was allowed, which whoever did that promised is sound.
        let loaded = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) };
        let loaded = Arc::new(loaded.map_err(|error| reason(&error))?);
        self.loaded.insert(name.to_owned(), Arc::clone(&loaded));
        Ok(loaded)
    }

    fn thunk(&mut self, ty: &NativeType) -> Result<Arc<Thunk>, String> {
        if let Some(thunk) = self.thunks.get(ty) {
            return Ok(Arc::clone(thunk));
        }
        let no_code = |bailout| format!("there is no code to call it: {bailout}");
        let compiler = match &self.compiler {
            Some(compiler) => compiler,
            None => self.compiler.insert(Compiler::new().map_err(no_code)?),
        };
        let thunk = Arc::new(Thunk::new(compiler, ty).map_err(no_code)?);
        self.thunks.insert(ty.clone(), Arc::clone(&thunk));
        Ok(thunk)
    }
}

/// What the system says.
fn reason(error: &libloading::Error) -> String {
    // The error itself only names the function that failed.
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

/// Whether there is something to be executed at an address. Where the system does not say so, there may be.
fn is_code(address: usize) -> bool {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return true;
    };
    maps.lines().any(|line| {
        let mut words = line.split(' ');
        let (range, access) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let bounds = range.split_once('-').and_then(|(from, to)| {
            let number = |text| usize::from_str_radix(text, 16).ok();
            Some(number(from)?..number(to)?)
        });
        access.contains('x') && bounds.is_some_and(|bounds| bounds.contains(&address))
    })
}

/// A function of a library.
pub(crate) struct NativeFunc {
    target: *const c_void,
    thunk: Arc<Thunk>,
    /// Keeps the function where it is.
    _library: Arc<Library>,
}

impl fmt::Debug for NativeFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NativeFunc").field(self.thunk.ty()).finish()
    }
}

// SAFETY: the address of code, which is there as long as the library is loaded.
unsafe impl Send for NativeFunc {}
// SAFETY: as above.
unsafe impl Sync for NativeFunc {}

impl NativeFunc {
    /// Calls it: arguments are in slots, and the result comes to the first one. Pointers among the arguments are
    /// addresses in the process.
    ///
    /// # Panics
    /// Where there are fewer slots than arguments, or none for the result.
    pub(crate) fn call(&self, slots: &mut [u64]) {
        // SAFETY: the library is allowed: calling its functions so, with any arguments, was promised to be sound.
        unsafe { self.thunk.call(self.target, slots) };
    }

    /// The text at an address that the function gave, without the zero byte at its end; nothing for null.
    pub(crate) fn text(&self, address: u64) -> Option<Vec<u8>> {
        let text = std::ptr::with_exposed_provenance::<c_char>(address as usize);
        if text.is_null() {
            return None;
        }
        // SAFETY: the program takes the result of the function for text, which was promised to be sound with the library.
        Some(unsafe { CStr::from_ptr(text) }.to_bytes().to_vec())
    }
}
