/** ClientHello, ServerHello and HelloRetryRequest (RFC 9846 §4.2, in the form of RFC 9147 §5.3 and §5.4). */
import type { Bytes } from "../core/bytes.ts";
import { ExtensionType, HandshakeType, ProtocolVersion } from "./codepoints.ts";
import {
  type ClientHelloExtensions,
  clientHelloBlock,
  type HelloRetryRequestExtensions,
  helloRetryRequestBlock,
  type ServerHelloExtensions,
  serverHelloBlock,
} from "./extensions.ts";
import { encodeMessage, messageBody } from "./message.ts";
import { fault, type Writer } from "./wire.ts";

export const randomLength = 32;

export interface ClientHello {
  readonly legacyVersion: number;
  readonly random: Bytes;
  readonly legacySessionId: Bytes;
  readonly legacyCookie: Bytes;
  readonly cipherSuites: readonly number[];
  readonly legacyCompressionMethods: Bytes;
  readonly extensions: ClientHelloExtensions;
}

/** What a DTLS 1.3 client decides of its ClientHello; the legacy fields follow from the version. */
export type ClientHelloParameters = Pick<ClientHello, "random" | "cipherSuites" | "extensions">;

interface ServerHelloFields {
  readonly legacySessionIdEcho: Bytes;
  readonly cipherSuite: number;
  readonly legacyCompressionMethod: number;
}

export interface ServerHello extends ServerHelloFields {
  readonly kind: "server_hello";
  readonly random: Bytes;
  readonly extensions: ServerHelloExtensions;
}

export interface HelloRetryRequest extends ServerHelloFields {
  readonly kind: "hello_retry_request";
  readonly extensions: HelloRetryRequestExtensions;
}

const nothing: Bytes = new Uint8Array(0);
const nullCompression: Bytes = new Uint8Array(1);

/** SHA-256 of "HelloRetryRequest" (RFC 9846 §4.2.3). */
const helloRetryRequestRandom: Bytes = Uint8Array.from([
  0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
  0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
]);

/** "DOWNGRD", to which a byte 01 or 00 is appended. */
const downgradeSentinel = [0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44];

function writeRandom(body: Writer, random: Bytes): Writer {
  if (random.length !== randomLength) throw new RangeError("a hello's random is of 32 bytes");
  return body.bytes(random);
}

/**
 * A ClientHello of DTLS 1.3. Binders of `preSharedKey` are computed over the result and written into it
 * afterwards: see `writeBinders`.
 */
export function encodeClientHello(hello: ClientHelloParameters): Bytes {
  return encodeMessage(
    HandshakeType.client_hello,
    (body) => {
      writeRandom(body.u16(ProtocolVersion.dtls1_2), hello.random).opaque(1, nothing).opaque(1, nothing);
      body.u16Vector(2, hello.cipherSuites).opaque(1, nullCompression);
      clientHelloBlock.write(body, hello.extensions);
    },
    512,
  );
}

/**
 * Decodes a ClientHello of any version of DTLS; `checkClientHello` then says whether it is one of DTLS 1.3.
 * @param message as the transcript has it; byte fields of the result are views of it
 */
export function decodeClientHello(message: Bytes): ClientHello {
  const body = messageBody(message, HandshakeType.client_hello);
  const fields = {
    legacyVersion: body.u16(),
    random: body.bytes(randomLength),
    legacySessionId: body.opaque(1, 0, 32),
    legacyCookie: body.opaque(1),
    cipherSuites: body.u16Vector(2),
    legacyCompressionMethods: body.opaque(1, 1),
  };
  // Before TLS 1.3 a ClientHello could end here (RFC 9846 §4.2.2).
  const raw = body.remaining === 0 ? [] : clientHelloBlock.split(body);
  body.end();
  const pskAt = raw.findIndex(({ type }) => type === ExtensionType.pre_shared_key);
  if (pskAt !== -1 && pskAt !== raw.length - 1) {
    throw fault("illegal_parameter", "psk_not_last", "pre_shared_key is not the last extension");
  }
  return { ...fields, extensions: clientHelloBlock.readRequest(raw) };
}

/** The extensions that a ClientHello asks with: what its answers may hold. */
export function offeredExtensions(hello: Pick<ClientHello, "extensions">): Set<number> {
  return clientHelloBlock.types(hello.extensions);
}

function writeServerHello(body: Writer, random: Bytes, cipherSuite: number): void {
  // "servers MUST NOT echo the legacy_session_id" (RFC 9147 §5)
  writeRandom(body.u16(ProtocolVersion.dtls1_2), random).opaque(1, nothing).u16(cipherSuite).u8(0);
}

export function encodeServerHello(hello: Pick<ServerHello, "random" | "cipherSuite" | "extensions">): Bytes {
  return encodeMessage(HandshakeType.server_hello, (body) => {
    writeServerHello(body, hello.random, hello.cipherSuite);
    serverHelloBlock.write(body, hello.extensions);
  });
}

export function encodeHelloRetryRequest(hello: Pick<HelloRetryRequest, "cipherSuite" | "extensions">): Bytes {
  return encodeMessage(HandshakeType.server_hello, (body) => {
    writeServerHello(body, helloRetryRequestRandom, hello.cipherSuite);
    helloRetryRequestBlock.write(body, hello.extensions);
  });
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The answer is one of an older version: RFC 9846 §4.2.3 tells a downgrade from an old server. */
function refuseOldVersion(random: Bytes): never {
  const end = random.subarray(24);
  if (equal(end, downgradeSentinel, 7) && end[7]! <= 1) {
    throw fault(
      "illegal_parameter",
      "downgrade",
      "the server offers DTLS 1.3, yet answers with an older version",
    );
  }
  throw fault("protocol_version", "unsupported_version", "the server does not speak DTLS 1.3");
}

/**
 * Decodes a ServerHello or HelloRetryRequest of DTLS 1.3. Byte fields are views of the message.
 * @param offered the extensions of the ClientHello that it answers
 * @throws SealgramError protocol_version if it is one of an older version
 */
export function decodeServerHello(
  message: Bytes,
  offered: ReadonlySet<number>,
): ServerHello | HelloRetryRequest {
  const body = messageBody(message, HandshakeType.server_hello);
  const legacyVersion = body.u16();
  const random = body.bytes(randomLength);
  const fields = {
    legacySessionIdEcho: body.opaque(1, 0, 32),
    cipherSuite: body.u16(),
    legacyCompressionMethod: body.u8(),
  };
  const raw = body.remaining === 0 ? [] : serverHelloBlock.split(body);
  body.end();
  const versioned = raw.some(({ type }) => type === ExtensionType.supported_versions);
  if (legacyVersion !== ProtocolVersion.dtls1_2 || !versioned) refuseOldVersion(random);
  if (equal(random, helloRetryRequestRandom, randomLength)) {
    // The cookie is the one thing that a server may send unasked (RFC 9846 §4.3).
    const allowed = new Set(offered).add(ExtensionType.cookie);
    const extensions = helloRetryRequestBlock.readResponse(raw, allowed);
    return { kind: "hello_retry_request", ...fields, extensions };
  }
  return { kind: "server_hello", random, ...fields, extensions: serverHelloBlock.readResponse(raw, offered) };
}
