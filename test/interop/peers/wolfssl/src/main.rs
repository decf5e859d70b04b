//! wolfSSL: certificates, plain external PSKs, raw public keys, connection IDs, cookies, the integrity-only suite.

mod ffi;

use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::fs::read_to_string;
use std::path::Path;
use std::process::ExitCode;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use contract::{
    Authentication, Endpoint, Event, Failure, Negotiated, Options, Role, decode_pem, run, unsupported,
};
use ffi::*;

fn main() -> ExitCode {
    run(|options| Ok(Box::new(Peer::open(options)?)))
}

/// Both directions of a connection's datagrams: what the I/O callbacks read and write.
#[derive(Default)]
struct Wire {
    incoming: VecDeque<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

struct Peer {
    ssl: *mut WOLFSSL,
    wire: *mut Wire,
    events: VecDeque<Event>,
    connected: bool,
    closed: bool,
    /// When wolfSSL was last given something to do: its timer counts from there.
    heard_at: Instant,
}

struct Psk {
    identity: CString,
    key: Vec<u8>,
    /// wolfSSL's name of the suite, whose hash is the PSK's.
    suite: CString,
}

static PSK: OnceLock<Psk> = OnceLock::new();

/// The standard's names and wolfSSL's.
const SUITES: [(&str, &str); 4] = [
    ("TLS_AES_128_GCM_SHA256", "TLS13-AES128-GCM-SHA256"),
    ("TLS_AES_256_GCM_SHA384", "TLS13-AES256-GCM-SHA384"),
    ("TLS_CHACHA20_POLY1305_SHA256", "TLS13-CHACHA20-POLY1305-SHA256"),
    ("TLS_SHA256_SHA256", "TLS13-SHA256-SHA256"),
];

/// The object identifier of Ed25519 keys, in DER.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

impl Peer {
    fn open(options: &Options) -> Result<Peer, Failure> {
        let client = options.role == Role::Client;
        if options.resumes() {
            return unsupported("no tickets in this program around wolfSSL");
        }
        // SAFETY: single-threaded calls on objects that live as long as the process.
        unsafe {
            check(wolfSSL_Init())?;
            let ctx = wolfSSL_CTX_new(if client {
                wolfDTLSv1_3_client_method()
            } else {
                wolfDTLSv1_3_server_method()
            });
            if let Some(suite) = &options.suite {
                check(wolfSSL_CTX_set_cipher_list(ctx, own_name(suite)?.as_ptr()))?;
            }
            let mut groups = groups(options)?;
            if !groups.is_empty() {
                check(wolfSSL_CTX_set_groups(ctx, groups.as_mut_ptr(), groups.len() as c_int))?;
            }
            authenticate(ctx, options)?;

            let ssl = wolfSSL_new(ctx);
            let wire = Box::into_raw(Box::<Wire>::default());
            wolfSSL_SSLSetIORecv(ssl, read_datagram);
            wolfSSL_SSLSetIOSend(ssl, write_datagram);
            wolfSSL_SetIOReadCtx(ssl, wire.cast());
            wolfSSL_SetIOWriteCtx(ssl, wire.cast());
            wolfSSL_dtls_set_using_nonblock(ssl, 1);
            check(wolfSSL_dtls_set_mtu(ssl, options.mtu_bytes.unwrap_or(1200) as u16))?;
            if client {
                let name = &options.name;
                check(wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, name.as_ptr().cast(), name.len() as u16))?;
                if options.authorities.is_some() {
                    check(wolfSSL_check_domain_name(ssl, CString::new(name.as_str())?.as_ptr()))?;
                }
                if options.hello_retry {
                    check(wolfSSL_NoKeyShares(ssl))?;
                } else if let Some(&first) = groups.first() {
                    check(wolfSSL_UseKeyShare(ssl, first as u16))?;
                }
            } else {
                if options.hello_retry && options.groups.iter().any(|group| group == "x25519mlkem768") {
                    return unsupported("wolfSSL's server with cookies ignores a ClientHello in fragments");
                }
                check(wolfSSL_dtls13_allow_ch_frag(ssl, 1))?;
                check(if options.hello_retry {
                    wolfSSL_send_hrr_cookie(ssl, null(), 0)
                } else {
                    wolfSSL_disable_hrr_cookie(ssl)
                })?;
            }
            if let Some(alpn) = &options.alpn {
                let name = CString::new(alpn.as_str())?.into_raw();
                check(wolfSSL_UseALPN(ssl, name, alpn.len() as c_uint, WOLFSSL_ALPN_FAILED_ON_MISMATCH))?;
            }
            if let Some(length) = options.cid_bytes {
                let mut cid: Vec<u8> = (0..length as u8).map(|byte| 0xc0 + byte).collect();
                check(wolfSSL_dtls_cid_use(ssl))?;
                check(wolfSSL_dtls_cid_set(ssl, cid.as_mut_ptr(), length as c_uint))?;
            }
            Ok(Peer {
                ssl,
                wire,
                events: VecDeque::new(),
                connected: false,
                closed: false,
                heard_at: Instant::now(),
            })
        }
    }

    /// Works off the datagrams that have come in.
    fn pump(&mut self) -> Result<(), Failure> {
        self.heard_at = Instant::now();
        // SAFETY: `ssl` is valid, and the buffer is as long as said.
        unsafe {
            if !self.connected {
                let result = wolfSSL_negotiate(self.ssl);
                if result != WOLFSSL_SUCCESS {
                    return match wolfSSL_get_error(self.ssl, result) {
                        WOLFSSL_ERROR_WANT_READ => Ok(()),
                        error => Err(failure(error)),
                    };
                }
                self.connected = true;
                let negotiated = self.negotiated();
                self.events.push_back(Event::Connected(negotiated));
            }
            let mut buffer = vec![0u8; 1 << 14];
            while !self.closed {
                let length = wolfSSL_read(self.ssl, buffer.as_mut_ptr().cast(), buffer.len() as c_int);
                if length > 0 {
                    self.events.push_back(Event::Data(buffer[..length as usize].to_vec()));
                    continue;
                }
                match wolfSSL_get_error(self.ssl, length) {
                    WOLFSSL_ERROR_WANT_READ => break,
                    WOLFSSL_ERROR_ZERO_RETURN => {
                        self.closed = true;
                        self.events.push_back(Event::Closed);
                    }
                    error => return Err(failure(error)),
                }
            }
        }
        Ok(())
    }

    fn negotiated(&self) -> Negotiated {
        // SAFETY: the handshake is done; the names are static strings, the ALPN lives as long as `ssl`.
        unsafe {
            let name = text(wolfSSL_get_cipher_name(self.ssl)).unwrap_or_default();
            let suite = SUITES
                .iter()
                .find(|(_, own)| *own == name)
                .map_or(name.clone(), |(standard, _)| (*standard).into());
            let group = text(wolfSSL_get_curve_name(self.ssl)).map(|name| match name.as_str() {
                "SECP256R1" => "p256".into(),
                other => other.to_lowercase().replace('_', ""),
            });
            let (mut alpn, mut length) = (null_mut(), 0);
            let has_alpn = wolfSSL_ALPN_GetProtocol(self.ssl, &mut alpn, &mut length) == WOLFSSL_SUCCESS;
            let cid = (wolfSSL_dtls_cid_is_enabled(self.ssl) == 1).then(|| {
                let (mut receive, mut send) = (0, 0);
                wolfSSL_dtls_cid_get_rx_size(self.ssl, &mut receive);
                wolfSSL_dtls_cid_get_tx_size(self.ssl, &mut send);
                (receive as usize, send as usize)
            });
            Negotiated { suite: Some(suite), group, alpn: has_alpn.then(|| text(alpn)).flatten(), cid, resumed: None }
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
        // SAFETY: `ssl` is valid.
        let due = unsafe {
            let whole = Duration::from_secs(wolfSSL_dtls_get_current_timeout(self.ssl) as u64);
            if wolfSSL_dtls13_use_quick_timeout(self.ssl) == 1 { whole / 4 } else { whole }
        };
        Some(due.saturating_sub(self.heard_at.elapsed()))
    }

    fn timeout(&mut self) -> Result<(), Failure> {
        // SAFETY: `ssl` is valid.
        let result = unsafe { wolfSSL_dtls_got_timeout(self.ssl) };
        // SAFETY: as above.
        if result != WOLFSSL_SUCCESS
            && unsafe { wolfSSL_get_error(self.ssl, result) } != WOLFSSL_ERROR_WANT_READ
        {
            return Err("wolfSSL gave up retransmitting".into());
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
        let result = unsafe { wolfSSL_write(self.ssl, data.as_ptr().cast(), data.len() as c_int) };
        if result <= 0 {
            // SAFETY: `ssl` is valid.
            return Err(failure(unsafe { wolfSSL_get_error(self.ssl, result) }));
        }
        Ok(())
    }

    fn key_update(&mut self) -> Result<(), Failure> {
        // SAFETY: `ssl` is valid.
        check(unsafe { wolfSSL_update_keys(self.ssl) })
    }

    fn close(&mut self) -> Result<(), Failure> {
        // SAFETY: `ssl` is valid. The result only says whether the peer has closed too.
        unsafe { wolfSSL_shutdown(self.ssl) };
        Ok(())
    }
}

fn own_name(suite: &str) -> Result<CString, Failure> {
    match SUITES.iter().find(|(standard, _)| *standard == suite) {
        Some((_, own)) => Ok(CString::new(*own)?),
        None => unsupported(format!("wolfSSL has no {suite}")),
    }
}

fn groups(options: &Options) -> Result<Vec<c_int>, Failure> {
    let number = |name: &String| match name.as_str() {
        "p256" => Ok(0x0017),
        "x25519" => Ok(0x001d),
        "x25519mlkem768" => Ok(0x11ec),
        other => unsupported(format!("wolfSSL has no group {other}")),
    };
    options.groups.iter().map(number).collect()
}

unsafe fn authenticate(ctx: *mut WOLFSSL_CTX, options: &Options) -> Result<(), Failure> {
    let client = options.role == Role::Client;
    const MUST_VERIFY: c_int = WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    unsafe {
        match options.authentication {
            Authentication::PskImported => return unsupported("wolfSSL has no PSK importer"),
            Authentication::Password => return unsupported("wolfSSL has no PAKE"),
            Authentication::Psk => {
                let suite = own_name(options.suite.as_deref().unwrap_or("TLS_AES_128_GCM_SHA256"))?;
                if client {
                    // It takes no other suite from a server than the one its PSK is for, whatever it offers.
                    check(wolfSSL_CTX_set_cipher_list(ctx, suite.as_ptr()))?;
                }
                let identity = CString::new(options.identity.as_str())?;
                PSK.get_or_init(|| Psk { identity, key: options.psk.clone(), suite });
                check_zero(wolfSSL_CTX_only_dhe_psk(ctx))?;
                wolfSSL_CTX_set_psk_client_tls13_callback(ctx, client_psk);
                wolfSSL_CTX_set_psk_server_tls13_callback(ctx, server_psk);
            }
            Authentication::RawPublicKey => {
                let own = options.certificate.as_deref().ok_or("--rpk needs --cert: the public key")?;
                let pinned = options.peer_key.as_deref().ok_or("--rpk needs --peer-key")?;
                let own = decode_pem(&read_to_string(own)?)?;
                if own.windows(ED25519.len()).any(|window| window == ED25519) {
                    return unsupported("wolfSSL fails to parse an Ed25519 raw public key of its own");
                }
                let pinned = decode_pem(&read_to_string(pinned)?)?;
                check(wolfSSL_CTX_set_client_cert_type(ctx, &WOLFSSL_CERT_TYPE_RPK, 1))?;
                check(wolfSSL_CTX_set_server_cert_type(ctx, &WOLFSSL_CERT_TYPE_RPK, 1))?;
                check(wolfSSL_CTX_use_certificate_buffer(
                    ctx,
                    own.as_ptr(),
                    own.len() as i64,
                    WOLFSSL_FILETYPE_ASN1,
                ))?;
                use_key(ctx, options.key.as_deref().ok_or("--rpk needs --key")?)?;
                check(wolfSSL_CTX_set_expected_rpk(ctx, pinned.as_ptr(), pinned.len() as c_uint))?;
                wolfSSL_CTX_set_verify(ctx, MUST_VERIFY, null());
            }
            Authentication::Certificate => {
                if let (Some(certificate), Some(key)) = (&options.certificate, &options.key) {
                    check(wolfSSL_CTX_use_certificate_chain_file(ctx, path(certificate)?.as_ptr()))?;
                    use_key(ctx, key)?;
                }
                if let Some(authorities) = &options.authorities {
                    check(wolfSSL_CTX_load_verify_locations(ctx, path(authorities)?.as_ptr(), null()))?;
                }
                let verify = options.authorities.is_some() && (client || options.verify);
                wolfSSL_CTX_set_verify(ctx, if verify { MUST_VERIFY } else { WOLFSSL_VERIFY_NONE }, null());
            }
        }
    }
    Ok(())
}

unsafe fn use_key(ctx: *mut WOLFSSL_CTX, key: &Path) -> Result<(), Failure> {
    check(unsafe { wolfSSL_CTX_use_PrivateKey_file(ctx, path(key)?.as_ptr(), WOLFSSL_FILETYPE_PEM) })
}

fn path(path: &Path) -> Result<CString, Failure> {
    Ok(CString::new(path.to_str().ok_or("a path that is not UTF-8")?)?)
}

extern "C" fn client_psk(
    ssl: *mut WOLFSSL,
    _hint: *const c_char,
    identity: *mut c_char,
    identity_length: c_uint,
    key: *mut u8,
    key_length: c_uint,
    suite: *mut *const c_char,
) -> c_uint {
    let psk = PSK.get().unwrap();
    let bytes = psk.identity.as_bytes_with_nul();
    if bytes.len() > identity_length as usize {
        return 0;
    }
    // SAFETY: wolfSSL's buffer has room for `identity_length` bytes.
    unsafe { identity.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    server_psk(ssl, psk.identity.as_ptr(), key, key_length, suite)
}

extern "C" fn server_psk(
    _ssl: *mut WOLFSSL,
    identity: *const c_char,
    key: *mut u8,
    key_length: c_uint,
    suite: *mut *const c_char,
) -> c_uint {
    let psk = PSK.get().unwrap();
    // SAFETY: wolfSSL hands over a string and a buffer with room for `key_length` bytes.
    unsafe {
        if CStr::from_ptr(identity) != psk.identity.as_c_str() || psk.key.len() > key_length as usize {
            return 0;
        }
        key.copy_from_nonoverlapping(psk.key.as_ptr(), psk.key.len());
        *suite = psk.suite.as_ptr();
    }
    psk.key.len() as c_uint
}

extern "C" fn read_datagram(
    _ssl: *mut WOLFSSL,
    buffer: *mut c_char,
    length: c_int,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the context is the Wire that `open` gave; the buffer has `length` bytes.
    unsafe {
        let wire = &mut *context.cast::<Wire>();
        let Some(datagram) = wire.incoming.pop_front() else {
            return WOLFSSL_CBIO_ERR_WANT_READ;
        };
        let size = datagram.len().min(length as usize);
        buffer.cast::<u8>().copy_from_nonoverlapping(datagram.as_ptr(), size);
        size as c_int
    }
}

extern "C" fn write_datagram(
    _ssl: *mut WOLFSSL,
    buffer: *mut c_char,
    length: c_int,
    context: *mut c_void,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        let wire = &mut *context.cast::<Wire>();
        wire.outgoing.push_back(std::slice::from_raw_parts(buffer.cast(), length as usize).to_vec());
    }
    length
}

unsafe fn text(value: *const c_char) -> Option<String> {
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned())
}

fn check(result: c_int) -> Result<(), Failure> {
    if result == WOLFSSL_SUCCESS { Ok(()) } else { Err(failure(result)) }
}

/// For the few functions whose success is 0.
fn check_zero(result: c_int) -> Result<(), Failure> {
    if result == 0 { Ok(()) } else { Err(failure(result)) }
}

fn failure(error: c_int) -> Failure {
    let mut buffer = [0 as c_char; 256];
    // SAFETY: wolfSSL writes at most 80 bytes.
    let text = unsafe {
        wolfSSL_ERR_error_string(error.unsigned_abs() as c_ulong, buffer.as_mut_ptr());
        CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned()
    };
    Failure::Error(format!("{error}: {text}"))
}
