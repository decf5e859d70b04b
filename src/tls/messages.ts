/**
 * The messages between ServerHello and the end of the handshake (RFC 9846 §4.4 and §4.5). What decoding gives
 * are views of the message.
 */
import type { Bytes } from "../core/bytes.ts";
import { HandshakeType } from "./codepoints.ts";
import {
  type CertificateRequestExtensions,
  certificateEntryBlock,
  certificateRequestBlock,
  type EncryptedExtensionsExtensions,
  encryptedExtensionsBlock,
} from "./extensions.ts";
import { encodeMessage, messageBody } from "./message.ts";

/** @param extensions as the server has negotiated them */
export function encodeEncryptedExtensions(extensions: EncryptedExtensionsExtensions): Bytes {
  return encodeMessage(HandshakeType.encrypted_extensions, (body) =>
    encryptedExtensionsBlock.write(body, extensions),
  );
}

/** @param offered the extensions of the ClientHello that is answered */
export function decodeEncryptedExtensions(
  message: Bytes,
  offered: ReadonlySet<number>,
): EncryptedExtensionsExtensions {
  const body = messageBody(message, HandshakeType.encrypted_extensions);
  const raw = encryptedExtensionsBlock.split(body);
  body.end();
  return encryptedExtensionsBlock.readResponse(raw, offered);
}

/** RFC 9846 §4.4.2 */
export interface CertificateRequest {
  /** Of zero length in the handshake. */
  readonly context: Bytes;
  readonly extensions: CertificateRequestExtensions;
}

export function encodeCertificateRequest({ context, extensions }: CertificateRequest): Bytes {
  return encodeMessage(HandshakeType.certificate_request, (body) =>
    certificateRequestBlock.write(body.opaque(1, context), extensions),
  );
}

export function decodeCertificateRequest(message: Bytes): CertificateRequest {
  const body = messageBody(message, HandshakeType.certificate_request);
  const context = body.opaque(1);
  const raw = certificateRequestBlock.split(body);
  body.end();
  return { context, extensions: certificateRequestBlock.readRequest(raw) };
}

/** RFC 9846 §4.5.1 */
export interface Certificate {
  /** That of the CertificateRequest which is answered, else of zero length. */
  readonly context: Bytes;
  /** DER certificates, the sender's own first; or at most one DER SubjectPublicKeyInfo, if raw public keys were negotiated. */
  readonly certificates: readonly Bytes[];
}

export function encodeCertificate({ context, certificates }: Certificate): Bytes {
  const length = certificates.reduce((sum, { length }) => sum + length + 5, 16);
  return encodeMessage(
    HandshakeType.certificate,
    (body) =>
      body.opaque(1, context).vector(3, (list) => {
        for (const certificate of certificates) {
          certificateEntryBlock.write(list.opaque(3, certificate), {});
        }
      }),
    length,
  );
}

/** @param offered the extensions of the ClientHello or CertificateRequest that is answered */
export function decodeCertificate(message: Bytes, offered: ReadonlySet<number>): Certificate {
  const body = messageBody(message, HandshakeType.certificate);
  const context = body.opaque(1);
  const list = body.vector(3);
  body.end();
  const certificates: Bytes[] = [];
  while (list.remaining > 0) {
    certificates.push(list.opaque(3, 1));
    certificateEntryBlock.readResponse(certificateEntryBlock.split(list), offered);
  }
  return { context, certificates };
}

/** RFC 9846 §4.5.2 */
export interface CertificateVerify {
  readonly algorithm: number;
  readonly signature: Bytes;
}

export function encodeCertificateVerify({ algorithm, signature }: CertificateVerify): Bytes {
  return encodeMessage(HandshakeType.certificate_verify, (body) => body.u16(algorithm).opaque(2, signature));
}

export function decodeCertificateVerify(message: Bytes): CertificateVerify {
  const body = messageBody(message, HandshakeType.certificate_verify);
  const fields = { algorithm: body.u16(), signature: body.opaque(2) };
  body.end();
  return fields;
}

/** @param verifyData as long as the hash (RFC 9846 §4.5.3) */
export function encodeFinished(verifyData: Bytes): Bytes {
  return encodeMessage(HandshakeType.finished, (body) => body.bytes(verifyData), 64);
}

/** verify_data, of whatever length it came with: to be compared with what was expected. */
export function decodeFinished(message: Bytes): Bytes {
  return messageBody(message, HandshakeType.finished).rest();
}
