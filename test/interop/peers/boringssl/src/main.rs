//! BoringSSL: certificates, imported PSKs (no other), raw public keys, SPAKE2+; no connection IDs, no cookies.

mod ffi;

use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_void};
use std::fs::{read, read_to_string, write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::time::Duration;

use contract::{
    Authentication, Endpoint, Event, Failure, Negotiated, Options, Role, decode_pem, run, unsupported,
};
use ffi::*;

fn main() -> ExitCode {
    run(|options| Ok(Box::new(Peer::open(options)?)))
}

/// Both directions of a connection's datagrams: what the BIO reads and writes.
#[derive(Default)]
struct Wire {
    incoming: VecDeque<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

struct Peer {
    ssl: *mut SSL,
    wire: *mut Wire,
    events: VecDeque<Event>,
    connected: bool,
    closed: bool,
    suite: Option<String>,
}

/// The pinned public key, for the callback that checks raw public keys.
static PINNED: OnceLock<usize> = OnceLock::new();
/// The protocol name that a server accepts, with its length in front.
static ALPN: OnceLock<Vec<u8>> = OnceLock::new();

/// Where a client's sessions go.
static SESSION_FILE: OnceLock<PathBuf> = OnceLock::new();

/// BoringSSL's own list (ECDSA, RSA-PSS, and PKCS #1 for certificates), and Ed25519, which it leaves out unless asked.
const SCHEMES: [u16; 8] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0807];

impl Peer {
    fn open(options: &Options) -> Result<Peer, Failure> {
        let client = options.role == Role::Client;
        if options.cid_bytes.is_some() {
            return unsupported("BoringSSL has no connection IDs");
        }
        if options.hello_retry && !client {
            return unsupported("BoringSSL's server sends no cookies");
        }
        if client && options.session.is_some() && options.authentication == Authentication::RawPublicKey {
            return unsupported("BoringSSL's client wants server_certificate_type selected even to resume");
        }
        // SAFETY: single-threaded calls on objects that live as long as the process; pointers are checked below.
        unsafe {
            let ctx = SSL_CTX_new(DTLS_method());
            check(SSL_CTX_set_min_proto_version(ctx, DTLS1_3_VERSION))?;
            check(SSL_CTX_set_max_proto_version(ctx, DTLS1_3_VERSION))?;
            SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
            configure_suite(ctx, options)?;
            let groups = groups(options)?;
            if !groups.is_empty() {
                check(SSL_CTX_set1_group_ids(ctx, groups.as_ptr(), groups.len()))?;
            }
            check(SSL_CTX_set_verify_algorithm_prefs(ctx, SCHEMES.as_ptr(), SCHEMES.len()))?;
            authenticate(ctx, options)?;
            if let Some(key) = &options.ticket_key {
                check(SSL_CTX_set_tlsext_ticket_keys(ctx, key.as_ptr().cast(), key.len()))?;
            }
            SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
            SSL_CTX_sess_set_new_cb(ctx, keep_session);
            if let Some(alpn) = &options.alpn {
                let protocol = ALPN.get_or_init(|| [&[alpn.len() as u8], alpn.as_bytes()].concat());
                if SSL_CTX_set_alpn_protos(ctx, protocol.as_ptr(), protocol.len()) != 0 {
                    return Err(last_error());
                }
                SSL_CTX_set_alpn_select_cb(ctx, select_alpn, null_mut());
            }

            let ssl = SSL_new(ctx);
            if client {
                SSL_set_connect_state(ssl);
                let name = CString::new(options.name.as_str())?;
                check(SSL_set_tlsext_host_name(ssl, name.as_ptr()))?;
                check(SSL_set1_host(ssl, name.as_ptr()))?;
                if let Some(file) = &options.session {
                    SESSION_FILE.get_or_init(|| file.clone());
                    if let Ok(bytes) = read(file) {
                        let session = SSL_SESSION_from_bytes(bytes.as_ptr(), bytes.len(), ctx);
                        if session.is_null() {
                            return Err(last_error());
                        }
                        check(SSL_set_session(ssl, session))?;
                    }
                }
                if options.hello_retry {
                    check(SSL_set1_client_key_shares(ssl, null(), 0))?;
                } else if let Some(first) = groups.first() {
                    check(SSL_set1_client_key_shares(ssl, first, 1))?;
                }
            } else {
                SSL_set_accept_state(ssl);
            }
            check(SSL_set_mtu(ssl, options.mtu_bytes.unwrap_or(1200) as c_uint))?;
            DTLSv1_set_initial_timeout_duration(ssl, 400);
            let wire = Box::into_raw(Box::<Wire>::default());
            let bio = datagram_bio(wire);
            SSL_set_bio(ssl, bio, bio);
            Ok(Peer {
                ssl,
                wire,
                events: VecDeque::new(),
                connected: false,
                closed: false,
                suite: options.suite.clone(),
            })
        }
    }

    /// Works off the datagrams that have come in.
    fn pump(&mut self) -> Result<(), Failure> {
        // SAFETY: `ssl` is valid, and the buffer is as long as said.
        unsafe {
            if !self.connected {
                ERR_clear_error();
                let result = SSL_do_handshake(self.ssl);
                if result <= 0 {
                    return match SSL_get_error(self.ssl, result) {
                        SSL_ERROR_WANT_READ => Ok(()),
                        _ => Err(last_error()),
                    };
                }
                self.connected = true;
                let negotiated = self.negotiated()?;
                self.events.push_back(Event::Connected(negotiated));
            }
            let mut buffer = vec![0u8; 1 << 14];
            while !self.closed {
                ERR_clear_error();
                let length = SSL_read(self.ssl, buffer.as_mut_ptr().cast(), buffer.len() as c_int);
                if length > 0 {
                    self.events.push_back(Event::Data(buffer[..length as usize].to_vec()));
                    continue;
                }
                match SSL_get_error(self.ssl, length) {
                    SSL_ERROR_WANT_READ => break,
                    SSL_ERROR_ZERO_RETURN => {
                        self.closed = true;
                        self.events.push_back(Event::Closed);
                    }
                    _ => return Err(last_error()),
                }
            }
        }
        Ok(())
    }

    fn negotiated(&self) -> Result<Negotiated, Failure> {
        // SAFETY: the handshake is done, so there is a cipher; its name is static.
        unsafe {
            let suite = CStr::from_ptr(SSL_CIPHER_standard_name(SSL_get_current_cipher(self.ssl)));
            let suite = suite.to_string_lossy().into_owned();
            if self.suite.as_ref().is_some_and(|wanted| *wanted != suite) {
                return unsupported("BoringSSL chooses the cipher suite itself");
            }
            let group = match SSL_get_group_id(self.ssl) {
                0 => None,
                0x0017 => Some("p256".into()),
                0x001d => Some("x25519".into()),
                0x11ec => Some("x25519mlkem768".into()),
                other => Some(format!("0x{other:04x}")),
            };
            let (mut alpn, mut length) = (null(), 0);
            SSL_get0_alpn_selected(self.ssl, &mut alpn, &mut length);
            let alpn = (length > 0).then(|| {
                String::from_utf8_lossy(std::slice::from_raw_parts(alpn, length as usize)).into_owned()
            });
            let resumed = Some(SSL_session_reused(self.ssl) == 1);
            Ok(Negotiated { suite: Some(suite), group, alpn, cid: None, resumed })
        }
    }
}

impl Endpoint for Peer {
    fn start(&mut self) -> Result<(), Failure> {
        self.pump()
    }

    fn receive(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        // SAFETY: only this thread touches the wire, and no reference to it outlives this call.
        unsafe { (*self.wire).incoming.push_back(datagram.to_vec()) };
        self.pump()
    }

    fn timer(&mut self) -> Option<Duration> {
        let mut time = timeval { seconds: 0, microseconds: 0 };
        // SAFETY: `time` has the layout of struct timeval.
        let running = unsafe { DTLSv1_get_timeout(self.ssl, &mut time) } == 1;
        running.then(|| Duration::from_micros((time.seconds * 1_000_000 + time.microseconds) as u64))
    }

    fn timeout(&mut self) -> Result<(), Failure> {
        // SAFETY: `ssl` is valid.
        if unsafe { DTLSv1_handle_timeout(self.ssl) } < 0 {
            return Err(last_error());
        }
        self.pump()
    }

    fn transmit(&mut self) -> Option<Vec<u8>> {
        // SAFETY: as in `receive`.
        unsafe { (*self.wire).outgoing.pop_front() }
    }

    fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn send(&mut self, data: &[u8]) -> Result<(), Failure> {
        // SAFETY: the slice is valid for its length.
        check(unsafe { SSL_write(self.ssl, data.as_ptr().cast(), data.len() as c_int) })
    }

    fn key_update(&mut self) -> Result<(), Failure> {
        // SAFETY: `ssl` is valid.
        check(unsafe { SSL_key_update(self.ssl, SSL_KEY_UPDATE_REQUESTED) })
    }

    fn close(&mut self) -> Result<(), Failure> {
        // SAFETY: `ssl` is valid. 0 means that the peer has not closed yet.
        if unsafe { SSL_shutdown(self.ssl) } < 0 {
            return Err(last_error());
        }
        Ok(())
    }
}

/// TLS 1.3 suites cannot be chosen in BoringSSL, though a policy puts AES-256 first; for the rest, the outcome is checked.
unsafe fn configure_suite(ctx: *mut SSL_CTX, options: &Options) -> Result<(), Failure> {
    match options.suite.as_deref() {
        Some("TLS_AES_256_GCM_SHA384") => {
            check(unsafe { SSL_CTX_set_compliance_policy(ctx, SSL_COMPLIANCE_POLICY_CNSA_202407) })
        }
        None | Some("TLS_AES_128_GCM_SHA256" | "TLS_CHACHA20_POLY1305_SHA256") => Ok(()),
        Some(other) => unsupported(format!("BoringSSL has no {other}")),
    }
}

fn groups(options: &Options) -> Result<Vec<u16>, Failure> {
    let number = |name: &String| match name.as_str() {
        "p256" => Ok(0x0017),
        "x25519" => Ok(0x001d),
        "x25519mlkem768" => Ok(0x11ec),
        other => unsupported(format!("BoringSSL has no group {other}")),
    };
    options.groups.iter().map(number).collect()
}

unsafe fn authenticate(ctx: *mut SSL_CTX, options: &Options) -> Result<(), Failure> {
    let client = options.role == Role::Client;
    let (identity, name) = (options.identity.as_bytes(), options.name.as_bytes());
    unsafe {
        match options.authentication {
            Authentication::Psk => unsupported("BoringSSL takes external PSKs through the importer only"),
            Authentication::PskImported => add(
                ctx,
                SSL_CREDENTIAL_new_pre_shared_key(
                    options.psk.as_ptr(),
                    options.psk.len(),
                    identity.as_ptr(),
                    identity.len(),
                    EVP_sha256(),
                    null(),
                    0,
                ),
            ),
            Authentication::Password => {
                let (mut w0, mut w1, mut record) = ([0u8; 32], [0u8; 32], [0u8; 65]);
                check(SSL_spake2plusv1_register(
                    w0.as_mut_ptr(),
                    w1.as_mut_ptr(),
                    record.as_mut_ptr(),
                    options.password.as_ptr(),
                    options.password.len(),
                    identity.as_ptr(),
                    identity.len(),
                    name.as_ptr(),
                    name.len(),
                ))?;
                add(
                    ctx,
                    if client {
                        SSL_CREDENTIAL_new_spake2plusv1_client(
                            null(),
                            0,
                            identity.as_ptr(),
                            identity.len(),
                            name.as_ptr(),
                            name.len(),
                            1,
                            w0.as_ptr(),
                            w0.len(),
                            w1.as_ptr(),
                            w1.len(),
                        )
                    } else {
                        SSL_CREDENTIAL_new_spake2plusv1_server(
                            null(),
                            0,
                            identity.as_ptr(),
                            identity.len(),
                            name.as_ptr(),
                            name.len(),
                            1,
                            w0.as_ptr(),
                            w0.len(),
                            record.as_ptr(),
                            record.len(),
                        )
                    },
                )
            }
            Authentication::RawPublicKey => {
                let key = options.key.as_deref().ok_or("--rpk needs --key")?;
                let pinned = options.peer_key.as_deref().ok_or("--rpk needs --peer-key")?;
                let pinned = read_key(pinned, d2i_PUBKEY)? as usize;
                PINNED.get_or_init(|| pinned);
                add(ctx, SSL_CREDENTIAL_new_raw_public_key(read_key(key, d2i_AutoPrivateKey)?))?;
                check(SSL_CTX_set1_accepted_peer_cert_types(ctx, &TLSEXT_CERT_TYPE_RPK, 1))?;
                SSL_CTX_set_custom_verify(
                    ctx,
                    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                    verify_pinned,
                );
                Ok(())
            }
            Authentication::Certificate => {
                if let (Some(certificate), Some(key)) = (&options.certificate, &options.key) {
                    check(SSL_CTX_use_certificate_chain_file(ctx, path(certificate)?.as_ptr()))?;
                    check(SSL_CTX_use_PrivateKey_file(ctx, path(key)?.as_ptr(), SSL_FILETYPE_PEM))?;
                }
                let mode = match &options.authorities {
                    Some(authorities) => {
                        check(SSL_CTX_load_verify_locations(ctx, path(authorities)?.as_ptr(), null()))?;
                        match client || options.verify {
                            true => SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                            false => SSL_VERIFY_NONE,
                        }
                    }
                    None => SSL_VERIFY_NONE,
                };
                SSL_CTX_set_verify(ctx, mode, null());
                Ok(())
            }
        }
    }
}

unsafe fn add(ctx: *mut SSL_CTX, credential: *mut SSL_CREDENTIAL) -> Result<(), Failure> {
    if credential.is_null() {
        return Err(last_error());
    }
    check(unsafe { SSL_CTX_add1_credential(ctx, credential) })
}

type Decode = unsafe extern "C" fn(*mut *mut EVP_PKEY, *mut *const u8, c_long) -> *mut EVP_PKEY;

fn read_key(path: &Path, decode: Decode) -> Result<*mut EVP_PKEY, Failure> {
    let der = decode_pem(&read_to_string(path)?)?;
    // SAFETY: the input pointer is valid for the length given.
    let key = unsafe { decode(null_mut(), &mut der.as_ptr(), der.len() as c_long) };
    if key.is_null() { Err(last_error()) } else { Ok(key) }
}

fn path(path: &Path) -> Result<CString, Failure> {
    Ok(CString::new(path.to_str().ok_or("a path that is not UTF-8")?)?)
}

extern "C" fn keep_session(_ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int {
    if let Some(file) = SESSION_FILE.get() {
        let (mut bytes, mut length) = (null_mut(), 0);
        // SAFETY: on success the bytes are as long as said, and nobody frees them.
        unsafe {
            if SSL_SESSION_to_bytes(session, &mut bytes, &mut length) == 1 {
                let _ = write(file, std::slice::from_raw_parts(bytes, length));
            }
        }
    }
    0
}

extern "C" fn verify_pinned(ssl: *mut SSL, _alert: *mut u8) -> c_int {
    let pinned = PINNED.get().map_or(null(), |&key| key as *const EVP_PKEY);
    // SAFETY: both keys outlive the call.
    let same = unsafe {
        let presented = SSL_get0_peer_rpk(ssl);
        !presented.is_null() && !pinned.is_null() && EVP_PKEY_cmp(presented, pinned) == 1
    };
    if same { 0 } else { 1 }
}

extern "C" fn select_alpn(
    _ssl: *mut SSL,
    out: *mut *const u8,
    out_length: *mut u8,
    offered: *const u8,
    length: c_uint,
    _: *mut c_void,
) -> c_int {
    let ours = ALPN.get().unwrap();
    // SAFETY: BoringSSL hands over a valid, well-formed list and out-parameters.
    unsafe {
        let mut offered = std::slice::from_raw_parts(offered, length as usize);
        while let Some((&size, rest)) = offered.split_first() {
            let (name, rest) = rest.split_at(size as usize);
            if name == &ours[1..] {
                *out = ours[1..].as_ptr();
                *out_length = size;
                return SSL_TLSEXT_ERR_OK;
            }
            offered = rest;
        }
    }
    SSL_TLSEXT_ERR_ALERT_FATAL
}

unsafe fn datagram_bio(wire: *mut Wire) -> *mut BIO {
    unsafe {
        let method = BIO_meth_new(0, c"datagrams".as_ptr());
        BIO_meth_set_read(method, read_datagram);
        BIO_meth_set_write(method, write_datagram);
        BIO_meth_set_ctrl(method, control);
        let bio = BIO_new(method);
        BIO_set_data(bio, wire.cast());
        BIO_set_init(bio, 1);
        bio
    }
}

extern "C" fn read_datagram(bio: *mut BIO, buffer: *mut c_char, length: c_int) -> c_int {
    // SAFETY: the BIO's data is the Wire that `open` put there; the buffer has `length` bytes.
    unsafe {
        BIO_clear_retry_flags(bio);
        let wire = &mut *BIO_get_data(bio).cast::<Wire>();
        let Some(datagram) = wire.incoming.pop_front() else {
            BIO_set_retry_read(bio);
            return -1;
        };
        let size = datagram.len().min(length as usize);
        buffer.cast::<u8>().copy_from_nonoverlapping(datagram.as_ptr(), size);
        size as c_int
    }
}

extern "C" fn write_datagram(bio: *mut BIO, buffer: *const c_char, length: c_int) -> c_int {
    // SAFETY: as above.
    unsafe {
        let wire = &mut *BIO_get_data(bio).cast::<Wire>();
        wire.outgoing.push_back(std::slice::from_raw_parts(buffer.cast(), length as usize).to_vec());
    }
    length
}

extern "C" fn control(_bio: *mut BIO, command: c_int, _: c_long, _: *mut c_void) -> c_long {
    (command == BIO_CTRL_FLUSH).into()
}

fn check(result: c_int) -> Result<(), Failure> {
    if result > 0 { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> Failure {
    let mut buffer = [0 as c_char; 256];
    // SAFETY: the buffer is NUL-terminated by the call.
    let text = unsafe {
        ERR_error_string_n(ERR_get_error(), buffer.as_mut_ptr(), buffer.len());
        CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned()
    };
    Failure::Error(text)
}
