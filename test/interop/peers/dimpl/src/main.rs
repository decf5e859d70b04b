//! dimpl 0.9 (DTLS 1.3 for WebRTC): certificates on both sides, no PSK, no connection IDs, no ALPN.

use std::collections::VecDeque;
use std::fs::read_to_string;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::{
    Authentication, Endpoint, Event, Failure, Negotiated, Options, Role, decode_pem, run, unsupported,
};
use dimpl::crypto::Dtls13CipherSuite;
use dimpl::{Config, Dtls, DtlsCertificate, NamedGroup, Output};

fn main() -> ExitCode {
    run(|options| Ok(Box::new(Peer::open(options)?)))
}

struct Peer {
    dtls: Dtls,
    outgoing: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
    wake_at: Option<Instant>,
    pinned: Option<Vec<u8>>,
}

impl Peer {
    fn open(options: &Options) -> Result<Peer, Failure> {
        if options.authentication != Authentication::Certificate {
            return unsupported("dimpl authenticates DTLS 1.3 by certificate only");
        }
        if options.alpn.is_some() {
            return unsupported("dimpl has no ALPN");
        }
        if options.resumes() {
            return unsupported("dimpl has no tickets");
        }
        if options.cid_bytes.is_some() {
            return unsupported("dimpl has no connection IDs");
        }
        let client = options.role == Role::Client;
        if client && options.hello_retry {
            return unsupported("dimpl's client always sends a key share");
        }
        let mut config = Config::builder()
            .require_client_certificate(options.verify)
            .use_server_cookie(options.hello_retry)
            .flight_start_rto(Duration::from_millis(400))
            .flight_retries(8);
        if let Some(mtu_bytes) = options.mtu_bytes {
            config = config.mtu(mtu_bytes);
        }
        if options.key_update {
            // The only way to a KeyUpdate: a limit on records under one key. Two thirds of the messages: one update.
            config = config.aead_encryption_limit((options.messages as u64 * 2 / 3).max(1));
        }
        if let Some(suite) = &options.suite {
            config = config.dtls13_cipher_suites(&[match suite.as_str() {
                "TLS_AES_128_GCM_SHA256" => Dtls13CipherSuite::AES_128_GCM_SHA256,
                "TLS_AES_256_GCM_SHA384" => Dtls13CipherSuite::AES_256_GCM_SHA384,
                "TLS_CHACHA20_POLY1305_SHA256" => Dtls13CipherSuite::CHACHA20_POLY1305_SHA256,
                other => return unsupported(format!("dimpl has no {other}")),
            }]);
        }
        if !options.groups.is_empty() {
            let mut groups = Vec::new();
            for group in &options.groups {
                groups.push(match group.as_str() {
                    "x25519" => NamedGroup::X25519,
                    "p256" => NamedGroup::Secp256r1,
                    other => return unsupported(format!("dimpl has no group {other}")),
                });
            }
            config = config.kx_groups(&groups);
        }
        let (Some(certificate), Some(key)) = (&options.certificate, &options.key) else {
            return unsupported("dimpl always has a certificate of its own");
        };
        let certificate = DtlsCertificate {
            certificate: decode_pem(&read_to_string(certificate)?)?,
            private_key: decode_pem(&read_to_string(key)?)?,
        };
        if !is_ecdsa(&certificate.private_key) {
            return unsupported("dimpl signs with ECDSA only");
        }
        // dimpl leaves the judgement of a certificate to its caller, who pins a fingerprint in WebRTC: so do we.
        let pinned = match &options.peer_key {
            Some(path) => Some(decode_pem(&read_to_string(path)?)?),
            None => None,
        };
        if pinned.as_ref().is_some_and(|key| !is_ecdsa(key)) {
            return unsupported("dimpl checks ECDSA signatures only");
        }
        let mut dtls = Dtls::new_13(Arc::new(config.build()?), certificate, Instant::now());
        dtls.set_active(client);
        Ok(Peer { dtls, outgoing: VecDeque::new(), events: VecDeque::new(), wake_at: None, pinned })
    }

    fn poll(&mut self) -> Result<(), Failure> {
        let mut buffer = vec![0; 4096];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => self.outgoing.push_back(datagram.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    self.wake_at = Some(at);
                    return Ok(());
                }
                Output::Connected => self.events.push_back(Event::Connected(Negotiated::default())),
                Output::PeerCert(certificate) => {
                    // The pinned key is a SubjectPublicKeyInfo, which stands in the certificate byte for byte.
                    if let Some(key) = &self.pinned
                        && !certificate.windows(key.len()).any(|window| window == key)
                    {
                        return Err("the peer's certificate has another key".into());
                    }
                }
                Output::ApplicationData(data) => self.events.push_back(Event::Data(data.to_vec())),
                Output::CloseNotify => self.events.push_back(Event::Closed),
                _ => {}
            }
        }
    }
}

/// Whether a key, private or public, in DER names P-256 or P-384.
fn is_ecdsa(key: &[u8]) -> bool {
    const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    [P256, P384].iter().any(|curve| key.windows(curve.len()).any(|window| window == *curve))
}

impl Endpoint for Peer {
    fn start(&mut self) -> Result<(), Failure> {
        self.timeout()
    }

    fn receive(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        self.dtls.handle_timeout(Instant::now())?;
        self.poll()?;
        self.dtls.handle_packet(datagram)?;
        self.poll()
    }

    fn timer(&mut self) -> Option<Duration> {
        self.wake_at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn timeout(&mut self) -> Result<(), Failure> {
        self.dtls.handle_timeout(Instant::now())?;
        self.poll()
    }

    fn transmit(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn send(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.dtls.send_application_data(data)?;
        self.poll()
    }

    fn key_update(&mut self) -> Result<(), Failure> {
        // The limit that `open` set does it.
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        self.dtls.close()?;
        self.poll()
    }
}
