//! Where clients come to: a port of this machine, or a socket in the file system.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where clients come.
pub(super) enum Listener {
    Tcp(TcpListener),
    /// And the socket's file.
    Unix(UnixListener, PathBuf),
}

/// A client, or a program that one goes to.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Why nobody listens at an address.
pub(super) enum Unbound {
    /// It makes no sense.
    Wrong(&'static str),
    /// It is not to be had.
    Failed(String),
}

/// Whether there is the socket of a program that is gone: one that was ended by a signal leaves it.
fn is_left(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).is_err_and(refused)
}

impl Listener {
    /// Listens at a port of this machine; 0 is any.
    ///
    /// # Errors
    /// Where it is not to be had.
    pub(super) fn bind_port(port: u16) -> io::Result<Listener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(Listener::Tcp)
    }

    /// Listens at `PORT`, `HOST:PORT` of this machine, or a path with a `/`, where a socket is made that only this
    /// user can open.
    ///
    /// # Errors
    /// What is wrong with the address, or why it is not to be had.
    pub(super) fn bind(address: &str) -> Result<Listener, Unbound> {
        let fail = |error: io::Error| Unbound::Failed(error.to_string());
        if address.contains('/') {
            let path = PathBuf::from(address);
            let bound = UnixListener::bind(&path).or_else(|error| match is_left(&path) {
                true => fs::remove_file(&path).and_then(|()| UnixListener::bind(&path)),
                false => Err(error),
            });
            let listener = bound.map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => Unbound::Failed("there is a file already".to_owned()),
                _ => fail(error),
            })?;
            let private = fs::set_permissions(&path, Permissions::from_mode(0o600));
            return private
                .map(|()| Listener::Unix(listener, path))
                .map_err(fail);
        }
        let wrong = || Unbound::Wrong("it is no port, HOST:PORT, or path with a `/`");
        if let Ok(port) = address.parse() {
            return Listener::bind_port(port).map_err(fail);
        }
        if !address.contains(':') {
            return Err(wrong());
        }
        let found: Vec<SocketAddr> = address.to_socket_addrs().map_err(|_| wrong())?.collect();
        if found.is_empty() || !found.iter().all(|it| it.ip().is_loopback()) {
            return Err(Unbound::Wrong(
                "whoever debugs a program can do with it what they like, so only addresses of this \
                 machine are listened at: localhost:PORT",
            ));
        }
        TcpListener::bind(&found[..])
            .map(Listener::Tcp)
            .map_err(fail)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the system does not say.
    pub(super) fn place(&self) -> io::Result<String> {
        match self {
            Listener::Tcp(listener) => Ok(listener.local_addr()?.to_string()),
            Listener::Unix(_, path) => Ok(path.display().to_string()),
        }
    }

    /// The socket's file, where there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Listener::Tcp(_) => None,
            Listener::Unix(_, path) => Some(path),
        }
    }

    /// Waits for the next client.
    ///
    /// # Errors
    /// Where it has gone again, or the system has no more file descriptors.
    pub(super) fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                // Messages are small, and somebody waits for each.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Listener::Unix(listener, _) => Ok(Stream::Unix(listener.accept()?.0)),
        }
    }
}

impl Stream {
    /// Goes to a port.
    ///
    /// # Errors
    /// Where nobody is there within `patience`.
    pub(super) fn to_port(host: &str, port: u16, patience: Duration) -> io::Result<Stream> {
        let mut last = io::ErrorKind::NotFound.into();
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Stream::Tcp(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Goes to a socket.
    ///
    /// # Errors
    /// Where nobody is there.
    pub(super) fn to_socket(path: &Path) -> io::Result<Stream> {
        UnixStream::connect(path).map(Stream::Unix)
    }

    /// Another handle of the same stream.
    ///
    /// # Errors
    /// Where the system has no more file descriptors.
    pub(super) fn try_clone(&self) -> io::Result<Stream> {
        match self {
            Stream::Tcp(stream) => stream.try_clone().map(Stream::Tcp),
            Stream::Unix(stream) => stream.try_clone().map(Stream::Unix),
        }
    }

    /// How long reading waits; `None` is for ever.
    ///
    /// # Errors
    /// Where the system cannot.
    pub(super) fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_read_timeout(patience),
            Stream::Unix(stream) => stream.set_read_timeout(patience),
        }
    }

    /// Closes it for all handles.
    pub(super) fn shutdown(&self) {
        // Whoever has gone has closed it before.
        let _ = match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    /// Whether who is at the other end of a socket in the file system is this process's user, or root. Of ports
    /// the system does not say.
    pub(super) fn is_own_users(&self) -> bool {
        let Stream::Unix(stream) = self else {
            return true;
        };
        let peer = rustix::net::sockopt::socket_peercred(stream);
        peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid() || peer.uid.is_root())
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => Read::read(&mut &*stream, buffer),
            Stream::Unix(stream) => Read::read(&mut &*stream, buffer),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.flush(),
            Stream::Unix(stream) => stream.flush(),
        }
    }
}
