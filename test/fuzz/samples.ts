/** Well-formed messages, which fuzzing starts from and which tests deform. */
import type { Bytes } from "../../src/core/bytes.ts";
import { HandshakeType } from "../../src/tls/codepoints.ts";
import { encodeNewConnectionId } from "../../src/tls/post-handshake.ts";
import { concat, Lab } from "../conformance/scripted-peer.ts";

export interface Sample {
  readonly name: string;
  readonly type: number;
  readonly body: Bytes;
}

/** Messages that are protected, by their HandshakeType. */
export const protectedMessages: readonly Sample[] = [
  {
    name: "EncryptedExtensions",
    type: HandshakeType.encrypted_extensions,
    body: Uint8Array.of(0, 9, 0, 16, 0, 5, 0, 3, 2, 104, 50),
  },
  {
    name: "CertificateRequest",
    type: HandshakeType.certificate_request,
    body: Uint8Array.of(0, 0, 8, 0, 13, 0, 4, 0, 2, 8, 7),
  },
  {
    name: "Certificate",
    type: HandshakeType.certificate,
    body: Uint8Array.of(0, 0, 0, 10, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0),
  },
  {
    name: "CertificateVerify",
    type: HandshakeType.certificate_verify,
    body: Uint8Array.of(8, 7, 0, 4, 1, 2, 3, 4),
  },
  { name: "Finished", type: HandshakeType.finished, body: new Uint8Array(32) },
  {
    name: "NewSessionTicket",
    type: HandshakeType.new_session_ticket,
    body: Uint8Array.of(0, 0, 1, 0, 9, 9, 9, 9, 1, 7, 0, 3, 1, 2, 3, 0, 0),
  },
  { name: "KeyUpdate", type: HandshakeType.key_update, body: Uint8Array.of(0) },
  { name: "RequestConnectionId", type: HandshakeType.request_connection_id, body: Uint8Array.of(2) },
  {
    name: "NewConnectionId",
    type: HandshakeType.new_connection_id,
    body: encodeNewConnectionId({
      cids: [new Uint8Array(4).fill(5), new Uint8Array(4)],
      usage: "immediate",
    }).slice(4),
  },
];

/** The first message of either side, as a handshake has it. */
export function hellos(): Sample[] {
  const clientId = new Uint8Array(2);
  const serverId = new Uint8Array(3);
  return (["client", "server"] as const).map((role) => {
    const [first] = new Lab(role, { clientId, serverId }).begin().fragments();
    return { name: role, type: first!.type, body: first!.data };
  });
}

/** Where the fuzzing of messages begins: the index of a decoder, and a message for it. */
export function messageInputs(): Bytes[] {
  return [...hellos(), ...protectedMessages].flatMap(({ type, body }) =>
    Array.from({ length: 16 }, (_, decoder) => concat(Uint8Array.of(decoder, type), body)),
  );
}

/** Where the fuzzing of connections begins: each message at each stage before either role. */
export function connectionInputs(): Bytes[] {
  const inputs: Bytes[] = [];
  for (let setting = 0; setting < 16; setting++) {
    for (const { type, body } of [...hellos(), ...protectedMessages]) {
      if (body.length > 254) continue;
      inputs.push(concat(Uint8Array.of(setting, 4, body.length + 1, type), body, Uint8Array.of(5, 1, 50)));
    }
    inputs.push(
      Uint8Array.of(setting, 2 | (1 << 3), 18, 0, 16, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0),
    );
    inputs.push(Uint8Array.of(setting, 6, 0, 5, 1, 50, 2 | (2 << 3), 2, 1, 0));
    inputs.push(Uint8Array.of(setting, 7 | (3 << 3), 3, 1, 2, 3, 2 | (4 << 3), 9, 0, 1, 2, 3, 4, 5, 6, 7, 8));
  }
  return inputs;
}
