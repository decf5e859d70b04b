use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Failure, hexadecimal, unsupported};

#[derive(Clone, Copy, PartialEq)]
pub enum Role {
    Client,
    Server,
}

#[derive(PartialEq)]
pub enum Authentication {
    /// X.509: what each side has of `certificate`, `key` and `authorities` decides who shows a chain and who checks one.
    Certificate,
    /// An external PSK as it is (RFC 8446 §4.2.11).
    Psk,
    /// An external PSK through the importer (RFC 9258), with an empty context.
    PskImported,
    /// Raw public keys (RFC 7250), on both sides, each pinned by the other.
    RawPublicKey,
    /// SPAKE2+ in the PAKE extension.
    Password,
}

/// The options of test/interop/README.md, in its order.
pub struct Options {
    pub role: Role,
    pub address: SocketAddr,
    pub authentication: Authentication,
    pub psk: Vec<u8>,
    pub identity: String,
    pub password: String,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub authorities: Option<PathBuf>,
    pub peer_key: Option<PathBuf>,
    pub name: String,
    pub verify: bool,
    pub suite: Option<String>,
    /// In order of preference; a client sends a key share for the first only.
    pub groups: Vec<String>,
    pub alpn: Option<String>,
    /// Length of the connection ID that this side wants in the records it receives.
    pub cid_bytes: Option<usize>,
    pub hello_retry: bool,
    /// Where a client keeps its session: offered if there is one, and replaced by the one that it gets.
    pub session: Option<PathBuf>,
    /// What a server seals its tickets with: 48 bytes.
    pub ticket_key: Option<Vec<u8>>,
    pub key_update: bool,
    pub mtu_bytes: Option<usize>,
    pub messages: usize,
    /// How long a client waits between an echo and its next message.
    pub interval: Duration,
    pub timeout: Duration,
}

impl Options {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, Failure> {
        let role = match arguments.next().as_deref() {
            Some("client") => Role::Client,
            Some("server") => Role::Server,
            _ => return Err("usage: peer client|server --address 127.0.0.1:PORT [options]".into()),
        };
        let mut options = Options {
            role,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            authentication: Authentication::Certificate,
            psk: Vec::new(),
            identity: "interop".into(),
            password: String::new(),
            certificate: None,
            key: None,
            authorities: None,
            peer_key: None,
            name: "localhost".into(),
            verify: false,
            suite: None,
            groups: Vec::new(),
            alpn: None,
            cid_bytes: None,
            hello_retry: false,
            session: None,
            ticket_key: None,
            key_update: false,
            mtu_bytes: None,
            messages: 4,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(10),
        };
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{option} needs a value"));
            match option.as_str() {
                "--address" => options.address = value()?.parse()?,
                "--psk" => {
                    options.psk = hexadecimal(&value()?)?;
                    if options.authentication != Authentication::PskImported {
                        options.authentication = Authentication::Psk;
                    }
                }
                "--psk-imported" => options.authentication = Authentication::PskImported,
                "--identity" => options.identity = value()?,
                "--password" => {
                    options.password = value()?;
                    options.authentication = Authentication::Password;
                }
                "--cert" => options.certificate = Some(value()?.into()),
                "--key" => options.key = Some(value()?.into()),
                "--ca" => options.authorities = Some(value()?.into()),
                "--name" => options.name = value()?,
                "--verify" => options.verify = true,
                "--rpk" => options.authentication = Authentication::RawPublicKey,
                "--peer-key" => options.peer_key = Some(value()?.into()),
                "--suite" => options.suite = Some(value()?),
                "--group" => options.groups = value()?.split(',').map(String::from).collect(),
                "--alpn" => options.alpn = Some(value()?),
                "--cid" => options.cid_bytes = Some(value()?.parse()?),
                "--hrr" => options.hello_retry = true,
                "--session" => options.session = Some(value()?.into()),
                "--ticket-key" => options.ticket_key = Some(hexadecimal(&value()?)?),
                "--key-update" => options.key_update = true,
                "--mtu" => options.mtu_bytes = Some(value()?.parse()?),
                "--messages" => options.messages = value()?.parse()?,
                "--interval" => options.interval = Duration::from_millis(value()?.parse()?),
                "--timeout" => options.timeout = Duration::from_millis(value()?.parse()?),
                _ => return unsupported(format!("unknown option {option}")),
            }
        }
        Ok(options)
    }

    pub fn resumes(&self) -> bool {
        self.session.is_some() || self.ticket_key.is_some()
    }
}
