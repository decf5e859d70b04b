// Where things lie in linear memory. Everything is static: the stub runtime's heap is never used.

/** A whole datagram, copied in to be opened in place. The largest UDP payload is 65,535 bytes. */
export const IN_SIZE: i32 = 65_535;
/** One record under construction: header (25), content (2^14), type, padding and tag (2^8 in all, RFC 8446 §5.2). */
export const OUT_SIZE: i32 = 32 + 16_384 + 256;
/** Keys on their way into a slot, messages on their way into a hash. */
export const STAGING_SIZE: i32 = 16_384;

/** The kernels may read past the data, and when sealing write past it, by up to this much. */
const SLACK: i32 = 256;

export const IN: usize = memory.data(IN_SIZE + 1 + SLACK, 64);
export const OUT: usize = memory.data(OUT_SIZE + SLACK, 64);
export const STAGING: usize = memory.data(STAGING_SIZE + SLACK, 64);

/** What `frame` and `open` report beyond their return value; read by the host as 32-bit words. */
export const RESULT: usize = memory.data(32, 16);
export const RESULT_KIND: usize = 0; // FrameKind of the framed record
export const RESULT_EPOCH: usize = 4; // its epoch, or the low two bits of it in a DTLSCiphertext
export const RESULT_TYPE: usize = 8; // its content type
export const RESULT_START: usize = 12; // where its content starts
export const RESULT_LENGTH: usize = 16; // how long its content is
export const RESULT_HEADER: usize = 20; // length of its header
export const RESULT_SEQUENCE: usize = 24; // its sequence number, as f64: 48 bits at most

/** The header before record number encryption: the additional data of the AEAD (RFC 9147 §4). */
export const HEADER: usize = memory.data(64, 16);
/** The per-record nonce, 12 bytes, or 32 for TLS_SHA256_SHA256. */
export const NONCE: usize = memory.data(64, 16);
/** The mask of record number encryption: one ChaCha20 block. */
export const MASK: usize = memory.data(64, 16);
