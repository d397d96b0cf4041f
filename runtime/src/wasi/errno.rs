//! Error numbers of WASI preview 1, and how host errors become one of them.

use std::io;

/// Declares [`Errno`] from one table: number, variant, POSIX name, the host errors it stands for.
macro_rules! errnos {
    ($(
        $(#[doc = $doc:literal])+
        $number:literal $variant:ident $name:literal [$($host:ident)*]
    )*) => {
        /// An error number of WASI preview 1, as the program sees it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Errno {
            $( $(#[doc = $doc])+ $variant = $number, )*
        }

        impl Errno {
            /// Every error number, in numeric order.
            pub const ALL: &'static [Errno] = &[$(Errno::$variant),*];

            /// The POSIX spelling, such as `"ENOENT"`.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Errno::$variant => $name, )*
                }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $( Errno::$variant => concat!($($doc),+).trim_ascii(), )*
                }
            }

            /// The number for a host error; [`Errno::Io`] for one WASI has no word for.
            fn from_host(error: rustix::io::Errno) -> Errno {
                match error {
                    $( $( rustix::io::Errno::$host => Errno::$variant, )* )*
                    _ => Errno::Io,
                }
            }
        }
    };
}

errnos! {
    /// No error: the call did what was asked.
    0 Success "ESUCCESS" []
    /// The argument list is too long.
    1 TooBig "E2BIG" [TOOBIG]
    /// Permission denied by the host's file permissions.
    2 Acces "EACCES" [ACCESS]
    /// The address is in use.
    3 AddrInUse "EADDRINUSE" [ADDRINUSE]
    /// The address is not available.
    4 AddrNotAvail "EADDRNOTAVAIL" [ADDRNOTAVAIL]
    /// The address family is not supported.
    5 AfNoSupport "EAFNOSUPPORT" [AFNOSUPPORT]
    /// The operation would block a non-blocking descriptor.
    6 Again "EAGAIN" [AGAIN]
    /// A connection is already being made.
    7 Already "EALREADY" [ALREADY]
    /// Not an open descriptor, or not one for this kind of operation.
    8 Badf "EBADF" [BADF]
    /// Bad message.
    9 BadMsg "EBADMSG" [BADMSG]
    /// The device or resource is busy.
    10 Busy "EBUSY" [BUSY]
    /// The operation was canceled.
    11 Canceled "ECANCELED" [CANCELED]
    /// No child processes.
    12 Child "ECHILD" [CHILD]
    /// The connection was aborted.
    13 ConnAborted "ECONNABORTED" [CONNABORTED]
    /// The connection was refused.
    14 ConnRefused "ECONNREFUSED" [CONNREFUSED]
    /// The connection was reset.
    15 ConnReset "ECONNRESET" [CONNRESET]
    /// A deadlock would follow.
    16 Deadlk "EDEADLK" [DEADLK]
    /// A destination address is required.
    17 DestAddrReq "EDESTADDRREQ" [DESTADDRREQ]
    /// A mathematical argument is out of the function's domain.
    18 Dom "EDOM" [DOM]
    /// The disk quota is used up.
    19 Dquot "EDQUOT" [DQUOT]
    /// The file exists.
    20 Exist "EEXIST" [EXIST]
    /// Bad address.
    21 Fault "EFAULT" [FAULT]
    /// The file would become too large.
    22 Fbig "EFBIG" [FBIG]
    /// The host is unreachable.
    23 HostUnreach "EHOSTUNREACH" [HOSTUNREACH]
    /// The identifier was removed.
    24 Idrm "EIDRM" [IDRM]
    /// A string is not UTF-8.
    25 Ilseq "EILSEQ" [ILSEQ]
    /// The operation is in progress.
    26 InProgress "EINPROGRESS" [INPROGRESS]
    /// The call was interrupted.
    27 Intr "EINTR" [INTR]
    /// An argument has no meaning.
    28 Inval "EINVAL" [INVAL]
    /// Input or output failed.
    29 Io "EIO" [IO]
    /// The socket is connected.
    30 IsConn "EISCONN" [ISCONN]
    /// It is a directory.
    31 IsDir "EISDIR" [ISDIR]
    /// Too many symbolic links on the way, or one where none may be followed.
    32 Loop "ELOOP" [LOOP]
    /// Too many open descriptors in this program.
    33 Mfile "EMFILE" [MFILE]
    /// Too many hard links.
    34 Mlink "EMLINK" [MLINK]
    /// The message is too large.
    35 MsgSize "EMSGSIZE" [MSGSIZE]
    /// A multi-hop was attempted.
    36 MultiHop "EMULTIHOP" [MULTIHOP]
    /// The name is too long.
    37 NameTooLong "ENAMETOOLONG" [NAMETOOLONG]
    /// The network is down.
    38 NetDown "ENETDOWN" [NETDOWN]
    /// The network aborted the connection.
    39 NetReset "ENETRESET" [NETRESET]
    /// The network is unreachable.
    40 NetUnreach "ENETUNREACH" [NETUNREACH]
    /// Too many open files in the system.
    41 Nfile "ENFILE" [NFILE]
    /// No buffer space is available.
    42 NoBufs "ENOBUFS" [NOBUFS]
    /// No such device.
    43 NoDev "ENODEV" [NODEV]
    /// No such file or directory.
    44 NoEnt "ENOENT" [NOENT]
    /// Not an executable format.
    45 NoExec "ENOEXEC" [NOEXEC]
    /// No locks are available.
    46 NoLck "ENOLCK" [NOLCK]
    /// The link was severed.
    47 NoLink "ENOLINK" [NOLINK]
    /// Not enough memory.
    48 NoMem "ENOMEM" [NOMEM]
    /// No message of the desired type.
    49 NoMsg "ENOMSG" [NOMSG]
    /// The protocol is not available.
    50 NoProtoOpt "ENOPROTOOPT" [NOPROTOOPT]
    /// No space is left on the device.
    51 NoSpc "ENOSPC" [NOSPC]
    /// The function is not implemented by the host.
    52 NoSys "ENOSYS" [NOSYS]
    /// The socket is not connected.
    53 NotConn "ENOTCONN" [NOTCONN]
    /// Not a directory.
    54 NotDir "ENOTDIR" [NOTDIR]
    /// The directory is not empty.
    55 NotEmpty "ENOTEMPTY" [NOTEMPTY]
    /// The state is not recoverable.
    56 NotRecoverable "ENOTRECOVERABLE" [NOTRECOVERABLE]
    /// Not a socket.
    57 NotSock "ENOTSOCK" [NOTSOCK]
    /// Not supported by this kind of file.
    58 NotSup "ENOTSUP" [NOTSUP]
    /// Inappropriate control operation.
    59 NoTty "ENOTTY" [NOTTY]
    /// No such device or address.
    60 Nxio "ENXIO" [NXIO]
    /// The value does not fit its type.
    61 Overflow "EOVERFLOW" [OVERFLOW]
    /// The previous owner died.
    62 OwnerDead "EOWNERDEAD" [OWNERDEAD]
    /// Not permitted; also what a path that leads out of its directory gets.
    63 Perm "EPERM" [PERM]
    /// Nobody reads the other end of the pipe.
    64 Pipe "EPIPE" [PIPE]
    /// Protocol error.
    65 Proto "EPROTO" [PROTO]
    /// The protocol is not supported.
    66 ProtoNoSupport "EPROTONOSUPPORT" [PROTONOSUPPORT]
    /// The protocol is of the wrong type for the socket.
    67 Prototype "EPROTOTYPE" [PROTOTYPE]
    /// The result is too large.
    68 Range "ERANGE" [RANGE]
    /// The file system is read-only.
    69 Rofs "EROFS" [ROFS]
    /// The descriptor has no position to move.
    70 Spipe "ESPIPE" [SPIPE]
    /// No such process.
    71 Srch "ESRCH" [SRCH]
    /// The file handle is stale.
    72 Stale "ESTALE" [STALE]
    /// The connection timed out.
    73 TimedOut "ETIMEDOUT" [TIMEDOUT]
    /// The file is a program being run.
    74 TxtBsy "ETXTBSY" [TXTBSY]
    /// The two names are on different file systems.
    75 Xdev "EXDEV" [XDEV]
    /// The descriptor lacks the right to do this.
    76 NotCapable "ENOTCAPABLE" []
}

impl Errno {
    /// The number a WASI function returns to the program.
    pub const fn raw(self) -> u16 {
        self as u16
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Errno {
        Errno::from_host(error)
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        if let Some(host) = rustix::io::Errno::from_io_error(&error) {
            return Errno::from_host(host);
        }
        // Errors made by libraries rather than the kernel. The path sandbox reports an attempt to
        // leave it as `PermissionDenied` without a number.
        match error.kind() {
            io::ErrorKind::NotFound => Errno::NoEnt,
            io::ErrorKind::PermissionDenied => Errno::Perm,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::BrokenPipe => Errno::Pipe,
            io::ErrorKind::TimedOut => Errno::TimedOut,
            io::ErrorKind::Unsupported => Errno::NotSup,
            io::ErrorKind::OutOfMemory => Errno::NoMem,
            _ => Errno::Io,
        }
    }
}
