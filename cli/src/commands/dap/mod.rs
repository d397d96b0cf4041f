//! `dotvm dap`: the debugger behind the Debug Adapter Protocol, for editors.
//!
//! A *session* (`session.rs`) is a client: a thread reads its requests. Each run of a program has a thread of its
//! own (`guest.rs`); where the program stops, the machine's debugger calls [`front::Front`] there, which does what
//! the client asks until that lets the program go on. In between is a [`link::Link`]. So values are only ever
//! touched by the thread that runs the program.

mod breakpoints;
mod code;
mod front;
mod guest;
mod launch;
mod link;
mod listen;
mod output;
mod remote;
mod session;
mod sources;
mod transport;
mod values;
mod wire;

use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use listen::Desk;
pub(crate) use listen::Listening;
use transport::{Listener, Stream};
use wire::Client;

use crate::args::Dap;
use crate::failure::{Failure, Result};

/// The most clients at a time.
const MAX_SESSIONS: usize = 32;

/// Serves the client at standard input and output, or those that come to a port.
///
/// # Errors
/// Where the port is not to be had, or what comes from standard input is not the protocol.
pub(crate) fn dap(args: &Dap) -> Result<u8> {
    match args.port {
        Some(port) => listen(port),
        None => {
            let client = Client::new(std::io::stdout());
            serve(std::io::stdin(), client, None).map_err(Failure::new)?;
            Ok(0)
        }
    }
}

/// Serves a client until it goes: one that starts programs, or that comes to the program of `desk`.
///
/// # Errors
/// Where what it sends is not the protocol.
fn serve(
    input: impl Read,
    client: Client,
    desk: Option<Arc<Desk>>,
) -> std::result::Result<(), String> {
    session::Session::new(client, desk).run(&mut BufReader::new(input))
}

/// Serves whoever comes to a port of this machine, for ever.
fn listen(port: u16) -> Result<u8> {
    let fail = |error: std::io::Error| Failure::new(format_args!("port {port}: {error}"));
    let listener = Listener::bind_port(port).map_err(fail)?;
    let address = listener.place().map_err(fail)?;
    crate::output::print(&format!("listening on {address}\n"))?;
    serve_all(&listener, None)
}

/// Serves whoever comes, for ever.
fn serve_all(listener: &Listener, desk: Option<&Arc<Desk>>) -> ! {
    let sessions = Arc::new(AtomicUsize::new(0));
    let send_away = |reason: &str| {
        crate::output::say(&format!("a client was sent away: {reason}\n"));
    };
    loop {
        // A client that is gone before anybody has looked is no reason to stop.
        let Ok(stream) = listener.accept() else {
            // Such as where there are no more file descriptors: until some are free again.
            thread::sleep(std::time::Duration::from_millis(100));
            continue;
        };
        if !stream.is_own_users() {
            send_away("it is another user's");
            continue;
        }
        if sessions.fetch_add(1, Ordering::SeqCst) >= MAX_SESSIONS {
            sessions.fetch_sub(1, Ordering::SeqCst);
            send_away(&format!("there are {MAX_SESSIONS}"));
            continue;
        }
        let count = Arc::clone(&sessions);
        let desk = desk.cloned();
        let session = move || {
            if let Err(reason) = serve_stream(&stream, desk) {
                send_away(&reason);
            }
            count.fetch_sub(1, Ordering::SeqCst);
        };
        let thread = thread::Builder::new().name("dotvm-session".into());
        if thread.spawn(session).is_err() {
            // The client finds nobody there; those who are have what they need.
            sessions.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn serve_stream(stream: &Stream, desk: Option<Arc<Desk>>) -> std::result::Result<(), String> {
    let reason = |error: std::io::Error| error.to_string();
    let client = Client::new(stream.try_clone().map_err(reason)?);
    let served = serve(stream, client, desk);
    // Threads of a program that does not end keep it open otherwise.
    stream.shutdown();
    served
}
