//! The few functions of BoringSSL's `ssl.h`, `bio.h`, `evp.h` and `x509.h` that the peer calls.
#![allow(non_camel_case_types, clippy::upper_case_acronyms)]

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

macro_rules! opaque {
    ($($name:ident),*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* };
}
opaque!(SSL, SSL_CTX, SSL_METHOD, SSL_CIPHER, SSL_CREDENTIAL, SSL_SESSION, BIO, BIO_METHOD, EVP_PKEY, EVP_MD);

#[repr(C)]
pub struct timeval {
    pub seconds: i64,
    pub microseconds: i64,
}

pub const DTLS1_3_VERSION: u16 = 0xfefc;
pub const SSL_FILETYPE_PEM: c_int = 1;
pub const SSL_VERIFY_NONE: c_int = 0;
pub const SSL_VERIFY_PEER: c_int = 1;
pub const SSL_VERIFY_FAIL_IF_NO_PEER_CERT: c_int = 2;
pub const SSL_OP_NO_QUERY_MTU: u32 = 0x1000;
pub const SSL_ERROR_WANT_READ: c_int = 2;
pub const SSL_ERROR_ZERO_RETURN: c_int = 6;
pub const SSL_SESS_CACHE_CLIENT: c_int = 1;
pub const SSL_KEY_UPDATE_REQUESTED: c_int = 1;
pub const SSL_TLSEXT_ERR_OK: c_int = 0;
pub const SSL_TLSEXT_ERR_ALERT_FATAL: c_int = 2;
pub const TLSEXT_CERT_TYPE_RPK: u8 = 2;
pub const SSL_COMPLIANCE_POLICY_CNSA_202407: c_int = 4;
pub const BIO_CTRL_FLUSH: c_int = 11;

pub type AlpnSelect =
    extern "C" fn(*mut SSL, *mut *const u8, *mut u8, *const u8, c_uint, *mut c_void) -> c_int;
pub type CustomVerify = extern "C" fn(*mut SSL, *mut u8) -> c_int;

unsafe extern "C" {
    pub fn DTLS_method() -> *const SSL_METHOD;
    pub fn SSL_CTX_new(method: *const SSL_METHOD) -> *mut SSL_CTX;
    pub fn SSL_CTX_set_min_proto_version(ctx: *mut SSL_CTX, version: u16) -> c_int;
    pub fn SSL_CTX_set_max_proto_version(ctx: *mut SSL_CTX, version: u16) -> c_int;
    pub fn SSL_CTX_set_options(ctx: *mut SSL_CTX, options: u32) -> u32;
    pub fn SSL_CTX_set_compliance_policy(ctx: *mut SSL_CTX, policy: c_int) -> c_int;
    pub fn SSL_CTX_use_certificate_chain_file(ctx: *mut SSL_CTX, file: *const c_char) -> c_int;
    pub fn SSL_CTX_use_PrivateKey_file(ctx: *mut SSL_CTX, file: *const c_char, kind: c_int) -> c_int;
    pub fn SSL_CTX_load_verify_locations(
        ctx: *mut SSL_CTX,
        file: *const c_char,
        directory: *const c_char,
    ) -> c_int;
    pub fn SSL_CTX_set_verify(ctx: *mut SSL_CTX, mode: c_int, callback: *const c_void);
    pub fn SSL_CTX_set_custom_verify(ctx: *mut SSL_CTX, mode: c_int, callback: CustomVerify);
    pub fn SSL_CTX_set_verify_algorithm_prefs(ctx: *mut SSL_CTX, schemes: *const u16, count: usize) -> c_int;
    pub fn SSL_CTX_set1_accepted_peer_cert_types(ctx: *mut SSL_CTX, values: *const u8, count: usize)
    -> c_int;
    pub fn SSL_CTX_set1_group_ids(ctx: *mut SSL_CTX, groups: *const u16, count: usize) -> c_int;
    pub fn SSL_CTX_set_alpn_protos(ctx: *mut SSL_CTX, protocols: *const u8, length: usize) -> c_int;
    pub fn SSL_CTX_set_alpn_select_cb(ctx: *mut SSL_CTX, callback: AlpnSelect, argument: *mut c_void);
    pub fn SSL_CTX_add1_credential(ctx: *mut SSL_CTX, credential: *const SSL_CREDENTIAL) -> c_int;
    pub fn SSL_CREDENTIAL_new_raw_public_key(key: *const EVP_PKEY) -> *mut SSL_CREDENTIAL;
    pub fn SSL_CREDENTIAL_new_pre_shared_key(
        key: *const u8,
        key_length: usize,
        identity: *const u8,
        identity_length: usize,
        digest: *const EVP_MD,
        context: *const u8,
        context_length: usize,
    ) -> *mut SSL_CREDENTIAL;
    pub fn SSL_spake2plusv1_register(
        w0: *mut u8,
        w1: *mut u8,
        record: *mut u8,
        password: *const u8,
        password_length: usize,
        client: *const u8,
        client_length: usize,
        server: *const u8,
        server_length: usize,
    ) -> c_int;
    pub fn SSL_CREDENTIAL_new_spake2plusv1_client(
        context: *const u8,
        context_length: usize,
        client: *const u8,
        client_length: usize,
        server: *const u8,
        server_length: usize,
        error_limit: u32,
        w0: *const u8,
        w0_length: usize,
        w1: *const u8,
        w1_length: usize,
    ) -> *mut SSL_CREDENTIAL;
    pub fn SSL_CREDENTIAL_new_spake2plusv1_server(
        context: *const u8,
        context_length: usize,
        client: *const u8,
        client_length: usize,
        server: *const u8,
        server_length: usize,
        rate_limit: u32,
        w0: *const u8,
        w0_length: usize,
        record: *const u8,
        record_length: usize,
    ) -> *mut SSL_CREDENTIAL;

    pub fn SSL_CTX_set_tlsext_ticket_keys(ctx: *mut SSL_CTX, keys: *const c_void, length: usize) -> c_int;
    pub fn SSL_CTX_set_session_cache_mode(ctx: *mut SSL_CTX, mode: c_int) -> c_int;
    pub fn SSL_CTX_sess_set_new_cb(
        ctx: *mut SSL_CTX,
        callback: extern "C" fn(*mut SSL, *mut SSL_SESSION) -> c_int,
    );
    pub fn SSL_SESSION_to_bytes(session: *const SSL_SESSION, out: *mut *mut u8, length: *mut usize) -> c_int;
    pub fn SSL_SESSION_from_bytes(bytes: *const u8, length: usize, ctx: *const SSL_CTX) -> *mut SSL_SESSION;
    pub fn SSL_set_session(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int;
    pub fn SSL_session_reused(ssl: *const SSL) -> c_int;

    pub fn SSL_new(ctx: *mut SSL_CTX) -> *mut SSL;
    pub fn SSL_set_connect_state(ssl: *mut SSL);
    pub fn SSL_set_accept_state(ssl: *mut SSL);
    pub fn SSL_set_bio(ssl: *mut SSL, read: *mut BIO, write: *mut BIO);
    pub fn SSL_set_mtu(ssl: *mut SSL, mtu: c_uint) -> c_int;
    pub fn SSL_set1_host(ssl: *mut SSL, name: *const c_char) -> c_int;
    pub fn SSL_set_tlsext_host_name(ssl: *mut SSL, name: *const c_char) -> c_int;
    pub fn SSL_set1_client_key_shares(ssl: *mut SSL, groups: *const u16, count: usize) -> c_int;
    pub fn SSL_do_handshake(ssl: *mut SSL) -> c_int;
    pub fn SSL_read(ssl: *mut SSL, buffer: *mut c_void, length: c_int) -> c_int;
    pub fn SSL_write(ssl: *mut SSL, buffer: *const c_void, length: c_int) -> c_int;
    pub fn SSL_shutdown(ssl: *mut SSL) -> c_int;
    pub fn SSL_key_update(ssl: *mut SSL, request: c_int) -> c_int;
    pub fn SSL_get_error(ssl: *const SSL, result: c_int) -> c_int;
    pub fn SSL_get_current_cipher(ssl: *const SSL) -> *const SSL_CIPHER;
    pub fn SSL_CIPHER_standard_name(cipher: *const SSL_CIPHER) -> *const c_char;
    pub fn SSL_get_group_id(ssl: *const SSL) -> u16;
    pub fn SSL_get0_alpn_selected(ssl: *const SSL, name: *mut *const u8, length: *mut c_uint);
    pub fn SSL_get0_peer_rpk(ssl: *const SSL) -> *mut EVP_PKEY;
    pub fn DTLSv1_get_timeout(ssl: *const SSL, out: *mut timeval) -> c_int;
    pub fn DTLSv1_handle_timeout(ssl: *mut SSL) -> c_int;
    pub fn DTLSv1_set_initial_timeout_duration(ssl: *mut SSL, milliseconds: u32);

    pub fn BIO_meth_new(kind: c_int, name: *const c_char) -> *mut BIO_METHOD;
    pub fn BIO_meth_set_read(
        method: *mut BIO_METHOD,
        read: extern "C" fn(*mut BIO, *mut c_char, c_int) -> c_int,
    ) -> c_int;
    pub fn BIO_meth_set_write(
        method: *mut BIO_METHOD,
        write: extern "C" fn(*mut BIO, *const c_char, c_int) -> c_int,
    ) -> c_int;
    pub fn BIO_meth_set_ctrl(
        method: *mut BIO_METHOD,
        control: extern "C" fn(*mut BIO, c_int, c_long, *mut c_void) -> c_long,
    ) -> c_int;
    pub fn BIO_new(method: *const BIO_METHOD) -> *mut BIO;
    pub fn BIO_set_init(bio: *mut BIO, init: c_int);
    pub fn BIO_set_data(bio: *mut BIO, data: *mut c_void);
    pub fn BIO_get_data(bio: *mut BIO) -> *mut c_void;
    pub fn BIO_set_retry_read(bio: *mut BIO);
    pub fn BIO_clear_retry_flags(bio: *mut BIO);

    pub fn d2i_PUBKEY(out: *mut *mut EVP_PKEY, input: *mut *const u8, length: c_long) -> *mut EVP_PKEY;
    pub fn d2i_AutoPrivateKey(
        out: *mut *mut EVP_PKEY,
        input: *mut *const u8,
        length: c_long,
    ) -> *mut EVP_PKEY;
    pub fn EVP_PKEY_cmp(a: *const EVP_PKEY, b: *const EVP_PKEY) -> c_int;
    pub fn EVP_sha256() -> *const EVP_MD;
    pub fn ERR_get_error() -> u32;
    pub fn ERR_clear_error();
    pub fn ERR_error_string_n(error: u32, buffer: *mut c_char, length: usize) -> *mut c_char;
}
