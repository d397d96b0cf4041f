//! Giving things to a program before it starts.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

use super::ctx::{Strings, WasiCtx};
use super::descriptor::{Descriptor, Descriptors, Kind};
use super::host::{Host, SystemHost};
use super::stdio::{InputStream, OutputStream};
use super::types::{FdFlags, Rights};

/// How many descriptors a program may have open if nothing else is said.
const OPEN_FILES_MAX: usize = 1024;

/// Puts together what a program is given. It starts with nothing: no arguments, no environment,
/// no directories, empty input, output that goes nowhere.
///
/// ```
/// use dotvm::wasi::WasiCtxBuilder;
///
/// let mut builder = WasiCtxBuilder::new();
/// builder.inherit_stdio().args(["program", "--verbose"])?.env("LANG", "C")?;
/// builder.preopened_dir(std::env::temp_dir(), "/tmp")?;
/// let ctx = builder.build();
/// # assert_eq!(ctx.open_descriptors(), 4);
/// # Ok::<(), dotvm::wasi::WasiError>(())
/// ```
pub struct WasiCtxBuilder {
    host: Box<dyn Host>,
    arguments: Strings,
    environment: Vec<(Vec<u8>, Vec<u8>)>,
    stdin: InputStream,
    stdout: OutputStream,
    stderr: OutputStream,
    directories: Vec<(Dir, String, Access)>,
    sockets: Vec<OwnedFd>,
    open_files_max: usize,
}

/// What a program may do with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    ReadOnly,
    ReadWrite,
}

impl Default for WasiCtxBuilder {
    fn default() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }
}

impl WasiCtxBuilder {
    /// Nothing yet, on the operating system.
    pub fn new() -> WasiCtxBuilder {
        WasiCtxBuilder::with_host(SystemHost::new())
    }

    /// Nothing yet, on another host.
    pub fn with_host(host: impl Host + 'static) -> WasiCtxBuilder {
        WasiCtxBuilder {
            host: Box::new(host),
            arguments: Strings::default(),
            environment: Vec::new(),
            stdin: InputStream::Null,
            stdout: OutputStream::Null,
            stderr: OutputStream::Null,
            directories: Vec::new(),
            sockets: Vec::new(),
            open_files_max: OPEN_FILES_MAX,
        }
    }

    /// Adds an argument. By convention the first is the program's name.
    ///
    /// # Errors
    ///
    /// Where it contains a NUL byte, or all together have more than 4 GiB.
    pub fn arg(&mut self, argument: impl AsRef<[u8]>) -> Result<&mut Self, WasiError> {
        let argument = argument.as_ref();
        check_nul("program argument", argument)?;
        if !self.arguments.push(&[argument]) {
            return Err(WasiError::TooLong("program arguments"));
        }
        Ok(self)
    }

    /// Adds arguments.
    ///
    /// # Errors
    ///
    /// As [`WasiCtxBuilder::arg`].
    pub fn args(
        &mut self,
        arguments: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<&mut Self, WasiError> {
        for argument in arguments {
            self.arg(argument)?;
        }
        Ok(self)
    }

    /// Sets an environment variable, in place of an earlier one of that name.
    ///
    /// # Errors
    ///
    /// Where the name is empty or contains `=`, or name or value contain a NUL byte.
    pub fn env(
        &mut self,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<&mut Self, WasiError> {
        let (name, value) = (name.as_ref(), value.as_ref());
        check_nul("name of environment variable", name)?;
        check_nul("value of environment variable", value)?;
        if name.is_empty() || name.contains(&b'=') {
            return Err(WasiError::VariableName(lossy(name)));
        }
        match self.environment.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value.to_vec(),
            None => self.environment.push((name.to_vec(), value.to_vec())),
        }
        Ok(self)
    }

    /// Gives the program the environment variables of the host, except where one of that name
    /// has been set already.
    pub fn inherit_env(&mut self) -> &mut Self {
        let given = self.environment.len();
        for (name, value) in self.host.environment() {
            let name = name.into_encoded_bytes();
            // The variables of an operating system differ from each other.
            let is_given = self.environment[..given]
                .iter()
                .any(|(known, _)| *known == name);
            if !is_given {
                self.environment.push((name, value.into_encoded_bytes()));
            }
        }
        self
    }

    /// Gives the program the standard streams of this process.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.stdin(InputStream::Inherit)
            .stdout(OutputStream::InheritStdout)
            .stderr(OutputStream::InheritStderr)
    }

    /// Sets where standard input comes from.
    pub fn stdin(&mut self, input: impl Into<InputStream>) -> &mut Self {
        self.stdin = input.into();
        self
    }

    /// Sets where standard output goes.
    pub fn stdout(&mut self, output: impl Into<OutputStream>) -> &mut Self {
        self.stdout = output.into();
        self
    }

    /// Sets where standard error goes.
    pub fn stderr(&mut self, output: impl Into<OutputStream>) -> &mut Self {
        self.stderr = output.into();
        self
    }

    /// Gives the program the directory `host_path` and everything in it, under the name
    /// `guest_path`. Directories are numbered from 3 in the order they are given.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be opened, or `guest_path` is empty or has a NUL byte.
    pub fn preopened_dir(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl Into<String>,
    ) -> Result<&mut Self, WasiError> {
        self.add_directory(host_path.as_ref(), guest_path.into(), Access::ReadWrite)
    }

    /// Likewise, to be read only. What would change it, or something in it, fails with
    /// `ENOTCAPABLE`.
    ///
    /// # Errors
    ///
    /// As [`WasiCtxBuilder::preopened_dir`].
    pub fn preopened_dir_read_only(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl Into<String>,
    ) -> Result<&mut Self, WasiError> {
        self.add_directory(host_path.as_ref(), guest_path.into(), Access::ReadOnly)
    }

    fn add_directory(
        &mut self,
        host: &Path,
        guest: String,
        access: Access,
    ) -> Result<&mut Self, WasiError> {
        check_nul("directory name", guest.as_bytes())?;
        if guest.is_empty() {
            return Err(WasiError::DirectoryName(host.to_owned()));
        }
        match self.host.open_dir(host) {
            Ok(dir) => self.directories.push((dir, guest, access)),
            Err(source) => {
                return Err(WasiError::Directory {
                    host: host.to_owned(),
                    guest,
                    source,
                });
            }
        }
        Ok(self)
    }

    /// Gives the program a socket of this process, connected (to send and receive on) or
    /// listening (to accept on). Sockets are numbered after the directories, in the order they
    /// are given. The socket is made non-blocking, and so is every other handle of it.
    ///
    /// # Errors
    ///
    /// Where it is no socket that can be made non-blocking.
    pub fn socket(&mut self, socket: impl Into<OwnedFd>) -> Result<&mut Self, WasiError> {
        let socket = socket.into();
        match rustix::io::ioctl_fionbio(&socket, true) {
            Ok(()) => self.sockets.push(socket),
            Err(error) => return Err(WasiError::Socket(error.into())),
        }
        Ok(self)
    }

    /// Limits how many descriptors the program may have open, counting those it starts with.
    /// One more fails with `EMFILE`. 1024 if nothing is said.
    pub fn open_files_max(&mut self, open_files_max: usize) -> &mut Self {
        self.open_files_max = open_files_max;
        self
    }

    /// Takes what has been put together, and leaves the builder as new.
    pub fn build(&mut self) -> WasiCtx {
        let this = std::mem::take(self);
        let mut environment = Strings::default();
        for (name, value) in &this.environment {
            // More than 4 GiB: a program that small cannot hold what is left out here.
            let _fits = environment.push(&[name, b"=", value]);
        }
        let streams = [
            Descriptor::stream(Kind::Input(this.stdin), Rights::FD_READ),
            Descriptor::stream(Kind::Output(this.stdout), Rights::FD_WRITE),
            Descriptor::stream(Kind::Output(this.stderr), Rights::FD_WRITE),
        ];
        let directories = this.directories.into_iter().map(|(dir, name, access)| {
            let (directory, file) = match access {
                Access::ReadWrite => (Rights::DIRECTORY, Rights::FILE),
                Access::ReadOnly => (Rights::DIRECTORY_READ_ONLY, Rights::FILE_READ_ONLY),
            };
            Descriptor::directory(dir, Some(name), directory, directory.with(file))
        });
        let sockets = this.sockets.into_iter().map(|socket| Descriptor {
            kind: Kind::Socket(socket),
            rights: Rights::SOCKET.with(Rights::SOCK_ACCEPT),
            inheriting: Rights::SOCKET,
            flags: FdFlags::NONE,
        });

        let mut descriptors = Descriptors::new(this.open_files_max);
        for descriptor in streams.into_iter().chain(directories).chain(sockets) {
            // Two billion of them cannot be open in this process.
            let _number = descriptors.insert(descriptor);
        }
        WasiCtx::new(this.arguments, environment, descriptors, this.host)
    }
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtxBuilder")
            .field("arguments", &self.arguments)
            .field("environment", &self.environment)
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("directories", &self.directories)
            .field("sockets", &self.sockets)
            .field("open_files_max", &self.open_files_max)
            .finish_non_exhaustive()
    }
}

fn check_nul(what: &'static str, bytes: &[u8]) -> Result<(), WasiError> {
    if bytes.contains(&0) {
        Err(WasiError::Nul {
            what,
            text: lossy(bytes),
        })
    } else {
        Ok(())
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Why something cannot be given to a program.
#[derive(Debug)]
#[non_exhaustive]
pub enum WasiError {
    /// A text with a NUL byte, which would end it too early.
    Nul {
        /// What the text was to be.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// No name for an environment variable: empty, or with `=` in it.
    VariableName(String),
    /// The program would not find this directory: its name there is empty.
    DirectoryName(PathBuf),
    /// More than 4 GiB of something.
    TooLong(&'static str),
    /// A directory that cannot be opened.
    Directory {
        /// Its path on the host.
        host: PathBuf,
        /// What it was to be called in the program.
        guest: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A socket that cannot be used.
    Socket(io::Error),
}

impl fmt::Display for WasiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WasiError::Nul { what, text } => write!(f, "{what} {text:?} contains a NUL byte"),
            WasiError::VariableName(name) => {
                write!(f, "{name:?} is no name for an environment variable")
            }
            WasiError::DirectoryName(host) => {
                write!(
                    f,
                    "directory {} has an empty name in the program",
                    host.display()
                )
            }
            WasiError::TooLong(what) => write!(f, "{what} have more than 4 GiB"),
            WasiError::Directory {
                host,
                guest,
                source,
            } => {
                let host = host.display();
                write!(
                    f,
                    "cannot open directory {host} (to be {guest} in the program): {source}"
                )
            }
            WasiError::Socket(source) => write!(f, "cannot use socket: {source}"),
        }
    }
}

impl std::error::Error for WasiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WasiError::Directory { source, .. } | WasiError::Socket(source) => Some(source),
            _ => None,
        }
    }
}
