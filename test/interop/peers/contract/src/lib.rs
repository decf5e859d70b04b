//! The command-line contract of test/interop/README.md, once for every Rust peer: the options, the UDP socket,
//! the echo conversation and the event lines. A peer brings only an [`Endpoint`].

mod conversation;
mod events;
mod options;
mod pem;

use std::process::ExitCode;
use std::time::Duration;

pub use options::{Authentication, Options, Role};
pub use pem::{decode_pem, hexadecimal};

/// Why a peer could not do what was asked.
pub enum Failure {
    /// The implementation does not have the feature: exit status 89, "not supported" in the table.
    Unsupported(String),
    /// Anything else: exit status 1, a failed row.
    Error(String),
}

impl<T: std::fmt::Display> From<T> for Failure {
    fn from(error: T) -> Self {
        Failure::Error(error.to_string())
    }
}

pub fn unsupported<T>(reason: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Unsupported(reason.into()))
}

/// What an endpoint knows about its connection; `None` where its interface does not tell.
#[derive(Default)]
pub struct Negotiated {
    pub suite: Option<String>,
    pub group: Option<String>,
    pub alpn: Option<String>,
    /// Lengths of the connection IDs in received and in sent records.
    pub cid: Option<(usize, usize)>,
    pub resumed: Option<bool>,
}

pub enum Event {
    Connected(Negotiated),
    Data(Vec<u8>),
    Closed,
}

/// A DTLS 1.3 endpoint without a socket: datagrams and time in; datagrams, events and a timer out.
pub trait Endpoint {
    /// A client's first flight; nothing for a server.
    fn start(&mut self) -> Result<(), Failure>;
    fn receive(&mut self, datagram: &[u8]) -> Result<(), Failure>;
    /// How long until [`Endpoint::timeout`] is due.
    fn timer(&mut self) -> Option<Duration>;
    fn timeout(&mut self) -> Result<(), Failure>;
    /// The next datagram to send.
    fn transmit(&mut self) -> Option<Vec<u8>>;
    fn event(&mut self) -> Option<Event>;
    fn send(&mut self, data: &[u8]) -> Result<(), Failure>;
    /// Sends a KeyUpdate (RFC 9147 §8), asking the other side to follow.
    fn key_update(&mut self) -> Result<(), Failure>;
    /// Sends close_notify.
    fn close(&mut self) -> Result<(), Failure>;
}

/// The whole `main` of a peer.
pub fn run(open: impl FnOnce(&Options) -> Result<Box<dyn Endpoint>, Failure>) -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1)).and_then(|options| {
        let endpoint = open(&options)?;
        conversation::hold(&options, endpoint)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unsupported(reason)) => {
            events::emit("unsupported", &[("reason", events::text(&reason))]);
            ExitCode::from(89)
        }
        Err(Failure::Error(message)) => {
            events::emit("error", &[("message", events::text(&message))]);
            ExitCode::FAILURE
        }
    }
}
