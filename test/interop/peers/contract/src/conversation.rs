//! One connection over a UDP socket: the client sends messages and waits for each to come back, the server echoes.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::events::{emit, optional, text};
use crate::{Endpoint, Event, Failure, Options, Role};

/// An echo that has not come back by then is asked for again: records of application data may be lost.
const RESEND: Duration = Duration::from_millis(500);
/// How long an end that has sent close_notify waits for the other's.
const LINGER: Duration = Duration::from_millis(1000);
/// A close_notify may be lost too: a server that has echoed and then heard nothing for so long takes it as sent.
const SILENCE: Duration = Duration::from_millis(2500);

pub fn hold(options: &Options, endpoint: Box<dyn Endpoint>) -> Result<(), Failure> {
    let server = options.role == Role::Server;
    let socket =
        if server { UdpSocket::bind(options.address)? } else { UdpSocket::bind((options.address.ip(), 0))? };
    if server {
        emit("listening", &[("port", socket.local_addr()?.port().to_string())]);
    }
    let mut conversation = Conversation {
        options,
        endpoint,
        peer: (!server).then_some(options.address),
        socket,
        deadline: Instant::now() + options.timeout,
        connected: false,
        echoed: 0,
        send_at: None,
        heard_at: None,
        closed_at: None,
    };
    let outcome = conversation.run();
    // An endpoint that gives up has an alert to send.
    conversation.flush();
    outcome
}

struct Conversation<'a> {
    options: &'a Options,
    endpoint: Box<dyn Endpoint>,
    socket: UdpSocket,
    /// A server answers the address it last heard from.
    peer: Option<SocketAddr>,
    deadline: Instant,
    connected: bool,
    echoed: usize,
    /// When the client sends the next message, or the last one again.
    send_at: Option<Instant>,
    heard_at: Option<Instant>,
    closed_at: Option<Instant>,
}

impl Conversation<'_> {
    fn run(&mut self) -> Result<(), Failure> {
        self.endpoint.start()?;
        let mut buffer = vec![0; 65_536];
        loop {
            if self.drain()? {
                emit("closed", &[]);
                return Ok(());
            }
            self.flush();
            let now = Instant::now();
            let lingered = self.closed_at.is_some_and(|at| now >= at + LINGER);
            let silent = self.echoed > 0 && self.heard_at.is_some_and(|at| now >= at + SILENCE);
            if silent && self.options.role == Role::Server {
                emit("echoed", &[("count", self.echoed.to_string())]);
            }
            if lingered || (silent && self.options.role == Role::Server) {
                emit("closed", &[]);
                return Ok(());
            }
            if now >= self.deadline {
                return Err(format!(
                    "timed out {}, {} of {} messages echoed",
                    if self.connected { "after the handshake" } else { "in the handshake" },
                    self.echoed,
                    self.options.messages
                )
                .into());
            }
            let timer = self.endpoint.timer();
            let wait = [
                timer,
                Some(self.deadline - now),
                self.send_at.map(|at| at.saturating_duration_since(now)),
                self.closed_at.map(|at| (at + LINGER).saturating_duration_since(now)),
                self.heard_at
                    .map(|at| (at + SILENCE).saturating_duration_since(now))
                    .filter(|wait| !wait.is_zero()),
            ]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(RESEND);
            self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    self.peer = Some(from);
                    self.heard_at = Some(Instant::now());
                    let received = self.endpoint.receive(&buffer[..length]);
                    // What still comes after close_notify may ask for an answer that can no longer be sent.
                    if self.closed_at.is_none() {
                        received?;
                    }
                }
                // A closed port answers with an ICMP error: the other end has gone, which matters only before close.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
            if timer.is_some_and(|timer| now.elapsed() >= timer) {
                self.endpoint.timeout()?;
            }
            if self.send_at.is_some_and(|at| Instant::now() >= at) {
                self.send_message()?;
            }
        }
    }

    fn flush(&mut self) {
        while let Some(datagram) = self.endpoint.transmit() {
            if let Some(peer) = self.peer {
                // On loopback a datagram to a port that has closed is refused; it counts as lost.
                let _ = self.socket.send_to(&datagram, peer);
            }
        }
    }

    /// Works off the endpoint's events; true once the other side has closed.
    fn drain(&mut self) -> Result<bool, Failure> {
        while let Some(event) = self.endpoint.event() {
            match event {
                Event::Connected(negotiated) => {
                    self.connected = true;
                    let cid = negotiated.cid.map_or("null".into(), |(receive, send)| {
                        format!("{{\"receive\":{receive},\"send\":{send}}}")
                    });
                    emit(
                        "connected",
                        &[
                            ("suite", optional(negotiated.suite.as_ref())),
                            ("group", optional(negotiated.group.as_ref())),
                            ("authentication", text(self.authentication())),
                            ("alpn", optional(negotiated.alpn.as_ref())),
                            ("cid", cid),
                            ("resumed", negotiated.resumed.map_or("null".into(), |resumed| resumed.to_string())),
                        ],
                    );
                    if self.options.role == Role::Client {
                        self.send_message()?;
                    }
                }
                Event::Data(data) if self.options.role == Role::Server => {
                    self.endpoint.send(&data)?;
                    // A message may be here twice if its first echo was lost: count up by its number.
                    if data == message(self.echoed) {
                        self.echoed += 1;
                        self.update_keys_half_way()?;
                    }
                }
                Event::Data(data) => {
                    if self.closed_at.is_none() && data == message(self.echoed) {
                        self.echoed += 1;
                        self.update_keys_half_way()?;
                        match self.options.interval {
                            Duration::ZERO => self.send_message()?,
                            interval => self.send_at = Some(Instant::now() + interval),
                        }
                    }
                }
                Event::Closed => {
                    if self.options.role == Role::Server {
                        emit("echoed", &[("count", self.echoed.to_string())]);
                    }
                    // Answer in kind; an endpoint that has already done so makes no second one.
                    let _ = self.endpoint.close();
                    if self.closed_at.is_none() && self.options.role == Role::Client {
                        return Err(format!("the server closed after {} echoes", self.echoed).into());
                    }
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn update_keys_half_way(&mut self) -> Result<(), Failure> {
        if self.options.key_update && self.echoed == self.options.messages / 2 {
            self.endpoint.key_update()?;
            emit("key-update", &[]);
        }
        Ok(())
    }

    /// The next message, or the end once all have been echoed.
    fn send_message(&mut self) -> Result<(), Failure> {
        if self.echoed < self.options.messages {
            self.endpoint.send(&message(self.echoed))?;
            self.send_at = Some(Instant::now() + RESEND);
        } else {
            emit("echoed", &[("count", self.echoed.to_string())]);
            self.send_at = None;
            self.endpoint.close()?;
            self.closed_at = Some(Instant::now());
        }
        Ok(())
    }

    fn authentication(&self) -> &'static str {
        use crate::Authentication::*;
        match self.options.authentication {
            Certificate => "certificate",
            Psk => "psk",
            PskImported => "psk-imported",
            RawPublicKey => "rpk",
            Password => "password",
        }
    }
}

/// Message `number`, from 0: text of increasing length.
fn message(number: usize) -> Vec<u8> {
    format!("message {number} {}", "·".repeat(number % 100)).into_bytes()
}
