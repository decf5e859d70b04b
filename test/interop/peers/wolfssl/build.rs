const OPTIONS: &[&str] = &[
    "WOLFSSL_EXAMPLES=no",
    "WOLFSSL_CRYPT_TESTS=no",
    "WOLFSSL_OLD_TLS=no",
    "WOLFSSL_DTLS=yes",
    "WOLFSSL_DTLS13=yes",
    "WOLFSSL_DTLS_CID=yes",
    "WOLFSSL_DTLS_CH_FRAG=yes",
    "WOLFSSL_DTLS_MTU=yes",
    "WOLFSSL_HRR_COOKIE=yes",
    "WOLFSSL_PSK=yes",
    "WOLFSSL_ALPN=yes",
    "WOLFSSL_SNI=yes",
    "WOLFSSL_SESSION_TICKET=yes",
    "WOLFSSL_CURVE25519=yes",
    "WOLFSSL_ED25519=yes",
    "WOLFSSL_MLKEM=yes",
    "WOLFSSL_NULL_CIPHER=yes",
    "CMAKE_C_FLAGS=-O1 -DHAVE_RPK -DDTLS_CID_MAX_SIZE=20",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let source = vendored::source("wolfssl-sys").join("wolfssl-src");
    let build = vendored::cmake(&source, OPTIONS, &["wolfssl"]);
    println!("cargo::rustc-link-search=native={}", build.display());
    println!("cargo::rustc-link-lib=static=wolfssl");
    println!("cargo::rustc-link-lib=m");
}
