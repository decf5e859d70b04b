//! The few functions of wolfSSL's `ssl.h` and `wolfio.h` that the peer calls.
#![allow(non_camel_case_types, clippy::upper_case_acronyms)]

use std::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};

macro_rules! opaque {
    ($($name:ident),*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* };
}
opaque!(WOLFSSL, WOLFSSL_CTX, WOLFSSL_METHOD);

pub const WOLFSSL_SUCCESS: c_int = 1;
pub const WOLFSSL_FILETYPE_PEM: c_int = 1;
pub const WOLFSSL_FILETYPE_ASN1: c_int = 2;
pub const WOLFSSL_VERIFY_NONE: c_int = 0;
pub const WOLFSSL_VERIFY_PEER: c_int = 1;
pub const WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT: c_int = 2;
pub const WOLFSSL_ERROR_WANT_READ: c_int = 2;
pub const WOLFSSL_ERROR_ZERO_RETURN: c_int = 6;
pub const WOLFSSL_CBIO_ERR_WANT_READ: c_int = -2;
pub const WOLFSSL_SNI_HOST_NAME: u8 = 0;
pub const WOLFSSL_ALPN_FAILED_ON_MISMATCH: u8 = 4;
pub const WOLFSSL_CERT_TYPE_RPK: c_char = 2;

pub type Receive = extern "C" fn(*mut WOLFSSL, *mut c_char, c_int, *mut c_void) -> c_int;
pub type ClientPsk = extern "C" fn(
    *mut WOLFSSL,
    *const c_char,
    *mut c_char,
    c_uint,
    *mut u8,
    c_uint,
    *mut *const c_char,
) -> c_uint;
pub type ServerPsk =
    extern "C" fn(*mut WOLFSSL, *const c_char, *mut u8, c_uint, *mut *const c_char) -> c_uint;

unsafe extern "C" {
    pub fn wolfSSL_Init() -> c_int;
    pub fn wolfDTLSv1_3_client_method() -> *mut WOLFSSL_METHOD;
    pub fn wolfDTLSv1_3_server_method() -> *mut WOLFSSL_METHOD;
    pub fn wolfSSL_CTX_new(method: *mut WOLFSSL_METHOD) -> *mut WOLFSSL_CTX;
    pub fn wolfSSL_CTX_set_cipher_list(ctx: *mut WOLFSSL_CTX, list: *const c_char) -> c_int;
    pub fn wolfSSL_CTX_set_groups(ctx: *mut WOLFSSL_CTX, groups: *mut c_int, count: c_int) -> c_int;
    pub fn wolfSSL_CTX_use_certificate_chain_file(ctx: *mut WOLFSSL_CTX, file: *const c_char) -> c_int;
    pub fn wolfSSL_CTX_use_certificate_buffer(
        ctx: *mut WOLFSSL_CTX,
        der: *const u8,
        length: c_long,
        kind: c_int,
    ) -> c_int;
    pub fn wolfSSL_CTX_use_PrivateKey_file(ctx: *mut WOLFSSL_CTX, file: *const c_char, kind: c_int) -> c_int;
    pub fn wolfSSL_CTX_load_verify_locations(
        ctx: *mut WOLFSSL_CTX,
        file: *const c_char,
        directory: *const c_char,
    ) -> c_int;
    pub fn wolfSSL_CTX_set_verify(ctx: *mut WOLFSSL_CTX, mode: c_int, callback: *const c_void);
    pub fn wolfSSL_CTX_set_client_cert_type(
        ctx: *mut WOLFSSL_CTX,
        types: *const c_char,
        count: c_int,
    ) -> c_int;
    pub fn wolfSSL_CTX_set_server_cert_type(
        ctx: *mut WOLFSSL_CTX,
        types: *const c_char,
        count: c_int,
    ) -> c_int;
    pub fn wolfSSL_CTX_set_expected_rpk(ctx: *mut WOLFSSL_CTX, spki: *const u8, length: c_uint) -> c_int;
    pub fn wolfSSL_CTX_set_psk_client_tls13_callback(ctx: *mut WOLFSSL_CTX, callback: ClientPsk);
    pub fn wolfSSL_CTX_set_psk_server_tls13_callback(ctx: *mut WOLFSSL_CTX, callback: ServerPsk);
    pub fn wolfSSL_CTX_only_dhe_psk(ctx: *mut WOLFSSL_CTX) -> c_int;

    pub fn wolfSSL_new(ctx: *mut WOLFSSL_CTX) -> *mut WOLFSSL;
    pub fn wolfSSL_SSLSetIORecv(ssl: *mut WOLFSSL, callback: Receive);
    pub fn wolfSSL_SSLSetIOSend(ssl: *mut WOLFSSL, callback: Receive);
    pub fn wolfSSL_SetIOReadCtx(ssl: *mut WOLFSSL, context: *mut c_void);
    pub fn wolfSSL_SetIOWriteCtx(ssl: *mut WOLFSSL, context: *mut c_void);
    pub fn wolfSSL_dtls_set_using_nonblock(ssl: *mut WOLFSSL, nonblock: c_int);
    pub fn wolfSSL_dtls_set_mtu(ssl: *mut WOLFSSL, mtu: u16) -> c_int;
    pub fn wolfSSL_dtls13_allow_ch_frag(ssl: *mut WOLFSSL, enabled: c_int) -> c_int;
    pub fn wolfSSL_send_hrr_cookie(ssl: *mut WOLFSSL, secret: *const u8, length: c_uint) -> c_int;
    pub fn wolfSSL_disable_hrr_cookie(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_UseKeyShare(ssl: *mut WOLFSSL, group: u16) -> c_int;
    pub fn wolfSSL_NoKeyShares(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_UseSNI(ssl: *mut WOLFSSL, kind: u8, name: *const c_void, length: u16) -> c_int;
    pub fn wolfSSL_check_domain_name(ssl: *mut WOLFSSL, name: *const c_char) -> c_int;
    pub fn wolfSSL_UseALPN(ssl: *mut WOLFSSL, list: *mut c_char, length: c_uint, options: u8) -> c_int;
    pub fn wolfSSL_ALPN_GetProtocol(ssl: *mut WOLFSSL, name: *mut *mut c_char, length: *mut u16) -> c_int;
    pub fn wolfSSL_dtls_cid_use(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_dtls_cid_set(ssl: *mut WOLFSSL, cid: *mut u8, length: c_uint) -> c_int;
    pub fn wolfSSL_dtls_cid_is_enabled(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_dtls_cid_get_rx_size(ssl: *mut WOLFSSL, size: *mut c_uint) -> c_int;
    pub fn wolfSSL_dtls_cid_get_tx_size(ssl: *mut WOLFSSL, size: *mut c_uint) -> c_int;
    pub fn wolfSSL_negotiate(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_read(ssl: *mut WOLFSSL, buffer: *mut c_void, length: c_int) -> c_int;
    pub fn wolfSSL_write(ssl: *mut WOLFSSL, buffer: *const c_void, length: c_int) -> c_int;
    pub fn wolfSSL_shutdown(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_update_keys(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_get_error(ssl: *mut WOLFSSL, result: c_int) -> c_int;
    pub fn wolfSSL_ERR_error_string(error: c_ulong, buffer: *mut c_char) -> *mut c_char;
    pub fn wolfSSL_get_cipher_name(ssl: *mut WOLFSSL) -> *const c_char;
    pub fn wolfSSL_get_curve_name(ssl: *mut WOLFSSL) -> *const c_char;
    pub fn wolfSSL_dtls_get_current_timeout(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_dtls13_use_quick_timeout(ssl: *mut WOLFSSL) -> c_int;
    pub fn wolfSSL_dtls_got_timeout(ssl: *mut WOLFSSL) -> c_int;
}
