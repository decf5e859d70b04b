/** What anyone on the path can see of a DTLS 1.3 connection. It checks the peers' word without either's help. */

export interface Seen {
  helloRetry: boolean;
  cookie: boolean;
  /** From the ServerHello. */
  suite: string | null;
  group: string | null;
  toServer: Direction;
  toClient: Direction;
  /** Datagrams that are no sequence of records. */
  malformed: number;
}

export interface Direction {
  datagrams: number;
  largestDatagram: number;
  /** The two low bits of the epochs of encrypted records (RFC 9147 §4). */
  epochs: Set<number>;
  /** Encrypted records that have, and do not have, a connection ID. */
  withCid: number;
  withoutCid: number;
}

const SUITES: Record<number, string> = {
  4865: "TLS_AES_128_GCM_SHA256",
  4866: "TLS_AES_256_GCM_SHA384",
  4867: "TLS_CHACHA20_POLY1305_SHA256",
  49332: "TLS_SHA256_SHA256",
};
const GROUPS: Record<number, string> = { 23: "p256", 29: "x25519", 4588: "x25519mlkem768" };

const HANDSHAKE = 22;
const SERVER_HELLO = 2;
/** SHA-256("HelloRetryRequest"), RFC 8446 §4.1.3. */
const HELLO_RETRY = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
const COOKIE = 44;
const KEY_SHARE = 51;

const direction = (): Direction => ({
  datagrams: 0,
  largestDatagram: 0,
  epochs: new Set(),
  withCid: 0,
  withoutCid: 0,
});

export function nothingSeen(): Seen {
  return {
    helloRetry: false,
    cookie: false,
    suite: null,
    group: null,
    toServer: direction(),
    toClient: direction(),
    malformed: 0,
  };
}

/** Throws a RangeError if a record or a hello reaches beyond what holds it. */
export function observe(seen: Seen, way: "toServer" | "toClient", datagram: Buffer): void {
  const side = seen[way];
  side.datagrams++;
  side.largestDatagram = Math.max(side.largestDatagram, datagram.length);
  let at = 0;
  while (at < datagram.length) {
    const first = datagram[at]!;
    if (first >> 5 === 1) {
      // The unified header, 001CSLEE. With a connection ID of a length unknown here, the rest cannot be walked.
      side.epochs.add(first & 3);
      if (first & 0x10) {
        side.withCid++;
        return;
      }
      side.withoutCid++;
      const headerLength = 1 + (first & 8 ? 2 : 1);
      if (!(first & 4)) return;
      at += headerLength + 2 + datagram.readUInt16BE(at + headerLength);
    } else {
      const end = at + 13 + datagram.readUInt16BE(at + 11);
      if (end > datagram.length) throw new RangeError("a record beyond the end of its datagram");
      if (first === HANDSHAKE && datagram.readUInt16BE(at + 3) === 0) {
        observeHandshake(seen, datagram.subarray(at + 13, end));
      }
      at = end;
    }
  }
}

/** The handshake messages of one plaintext record; only first fragments are looked at, as far as they go. */
function observeHandshake(seen: Seen, record: Buffer): void {
  while (record.length > 12) {
    const fragmentLength = record.readUIntBE(9, 3);
    if (record[0] === SERVER_HELLO && record.readUIntBE(6, 3) === 0) {
      observeServerHello(seen, record.subarray(12, 12 + fragmentLength));
    }
    record = record.subarray(12 + fragmentLength);
  }
}

/** `body` may be the first fragment only. */
function observeServerHello(seen: Seen, body: Buffer): void {
  if (body.length < 35 || body.length < 40 + body[34]!) return;
  const isRetry = body.subarray(2, 34).toString("hex") === HELLO_RETRY;
  if (isRetry) seen.helloRetry = true;
  let at = 35 + body[34]!;
  if (!isRetry) seen.suite = SUITES[body.readUInt16BE(at)] ?? `0x${body.readUInt16BE(at).toString(16)}`;
  at += 5;
  while (at + 6 <= body.length) {
    const type = body.readUInt16BE(at);
    if (type === COOKIE) seen.cookie = true;
    if (type === KEY_SHARE && !isRetry) {
      const group = body.readUInt16BE(at + 4);
      seen.group = GROUPS[group] ?? `0x${group.toString(16)}`;
    }
    at += 4 + body.readUInt16BE(at + 2);
  }
}
