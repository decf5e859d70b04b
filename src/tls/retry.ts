/** What may change between the two ClientHellos around a HelloRetryRequest (RFC 9846 §4.2.2). */
import type { Bytes } from "../core/bytes.ts";
import { ExtensionType, HandshakeType, ProtocolVersion } from "./codepoints.ts";
import { constantTimeEqual } from "./constant-time.ts";
import { clientHelloBlock, type HelloRetryRequestExtensions, type PakeParameters } from "./extensions.ts";
import { type ClientHello, randomLength } from "./hello.ts";
import type { Hashing } from "./hkdf.ts";
import { messageBody } from "./message.ts";
import { fault, Reader, Writer } from "./wire.ts";

/** Its payload is sealed anew for the second ClientHello (RFC 9849 §6.1.5). */
const encryptedClientHello = 0xfe0d;

/** What a HelloRetryRequest asks for, besides the cookie. */
export interface RetryRequest {
  /** The group of the key share that it asks for. */
  readonly selectedGroup: number | undefined;
  /** What it tells, in order to get a PAKE share. */
  readonly pakeParameters?: PakeParameters | undefined;
}

/** A request as the extensions of its HelloRetryRequest. */
export function retryExtensions({
  selectedGroup,
  pakeParameters,
}: RetryRequest): HelloRetryRequestExtensions {
  return {
    supportedVersion: ProtocolVersion.dtls1_3,
    ...(selectedGroup === undefined ? {} : { selectedGroup }),
    ...(pakeParameters === undefined ? {} : { pakeParameters }),
  };
}

const mayChange: ReadonlySet<number> = new Set([
  ExtensionType.cookie,
  ExtensionType.early_data,
  ExtensionType.padding,
  ExtensionType.pre_shared_key,
  encryptedClientHello,
]);

/**
 * A digest of everything in a ClientHello that has to stay as it is. Carried in a cookie, it lets a server
 * compare the two without keeping the first. SHA-256, whatever the suite.
 * @param clientHello a message that `decodeClientHello` takes
 * @param request of the HelloRetryRequest between the two
 */
export function retryFingerprint(
  crypto: Hashing,
  clientHello: Bytes,
  { selectedGroup, pakeParameters }: RetryRequest,
): Bytes {
  const body = messageBody(clientHello, HandshakeType.client_hello);
  const before = body.remaining;
  body.bytes(2 + randomLength);
  for (const prefix of [1, 1, 2, 1] as const) body.opaque(prefix);
  const fixed = new Reader(clientHello, clientHello.length - before).bytes(before - body.remaining);
  const kept = clientHelloBlock
    .split(body)
    .filter(
      ({ type }) =>
        !mayChange.has(type) && !(selectedGroup !== undefined && type === ExtensionType.key_share),
    )
    .sort((a, b) => a.type - b.type);
  const writer = new Writer(before).bytes(fixed);
  for (const { type, data } of kept) {
    const sharesMayChange = pakeParameters !== undefined && type === ExtensionType.pake;
    writer.u16(type).opaque(2, sharesMayChange ? pakeIdentities(data) : data);
  }
  return crypto.createHash("SHA-256").update(writer.finish()).digest();
}

/** The part of a `pake` extension in front of the shares. */
function pakeIdentities(data: Bytes): Bytes {
  const reader = new Reader(data);
  for (const prefix of [2, 2] as const) reader.opaque(prefix);
  return data.subarray(0, data.length - reader.remaining);
}

/** What the server asked for, and of whom. */
export interface RetryExpectation extends RetryRequest {
  /** The cookie that was sent. */
  readonly cookie: Uint8Array | undefined;
  /** {@link retryFingerprint} of the first ClientHello. */
  readonly fingerprint: Uint8Array;
}

/**
 * Checks the second ClientHello against the first.
 * @param fingerprint {@link retryFingerprint} of the second
 * @throws SealgramError missing_extension or illegal_parameter
 */
export function checkRetriedClientHello(
  { extensions }: ClientHello,
  fingerprint: Uint8Array,
  expected: RetryExpectation,
): void {
  const { cookie, earlyData, keyShares } = extensions;
  if (expected.cookie !== undefined && cookie === undefined) {
    throw fault("missing_extension", "missing_extension", "the second ClientHello lacks the cookie");
  }
  const sameCookie =
    cookie === undefined || (expected.cookie !== undefined && constantTimeEqual(cookie, expected.cookie));
  if (!sameCookie)
    throw fault("illegal_parameter", "invalid_cookie", "the cookie is not the one that was sent");
  if (earlyData)
    throw fault("illegal_parameter", "early_data_after_retry", "early_data after HelloRetryRequest");
  if (expected.selectedGroup !== undefined) {
    if (keyShares === undefined) {
      throw fault("missing_extension", "missing_extension", "the second ClientHello lacks key_share");
    }
    if (keyShares.length !== 1 || keyShares[0]!.group !== expected.selectedGroup) {
      throw fault(
        "illegal_parameter",
        "wrong_group",
        "the second ClientHello has not the one share asked for",
      );
    }
  }
  if (!constantTimeEqual(fingerprint, expected.fingerprint)) {
    throw fault("illegal_parameter", "changed_client_hello", "the second ClientHello is not like the first");
  }
}
