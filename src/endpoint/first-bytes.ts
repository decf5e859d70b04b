/** What a datagram is, as far as its first bytes tell: enough to know who should look at it. */

/** Whether it begins with a DTLSCiphertext (RFC 9147 §4: 001 in the highest bits). */
export function isProtected(datagram: Uint8Array): boolean {
  return (datagram[0]! & 0xe0) === 0x20;
}

/** Whether its first record, a DTLSCiphertext, has a connection ID: the C bit. */
export function namesConnectionId(datagram: Uint8Array): boolean {
  return (datagram[0]! & 0x10) !== 0;
}

/** What an unprotected datagram has to do with a ClientHello. */
export const HelloKind = {
  not_dtls: 0,
  /** Some other DTLSPlaintext. */
  other: 1,
  /** A ClientHello, or a part of one. */
  client_hello: 2,
} as const;
export type HelloKind = (typeof HelloKind)[keyof typeof HelloKind];

const ALERT = 21;
const HANDSHAKE = 22;
const ACK = 26;
const CLIENT_HELLO = 1;
/** DTLSPlaintext's header, and then that of a handshake message (RFC 9147 §4 and §5.2). */
const RECORD_HEADER = 13;
const MESSAGE_HEADER = 12;

export function helloKind(datagram: Uint8Array): HelloKind {
  const [type] = datagram;
  const isDtls = type === HANDSHAKE || type === ALERT || type === ACK;
  if (!isDtls || datagram.length < RECORD_HEADER) return HelloKind.not_dtls;
  if (type !== HANDSHAKE || datagram.length < RECORD_HEADER + MESSAGE_HEADER) return HelloKind.other;
  return datagram[RECORD_HEADER] === CLIENT_HELLO ? HelloKind.client_hello : HelloKind.other;
}
