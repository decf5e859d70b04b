/**
 * What fuzzing runs on: functions of bytes that must neither throw anything but a `SealgramError`, nor hang, nor keep
 * memory. A connection is whole: input after input, with time in between, and keys where a peer would have them.
 */
import type { Bytes } from "../../src/core/bytes.ts";
import { RecordCore } from "../../src/core/index.ts";
import { readFragments } from "../../src/dtls/fragment.ts";
import { decodeSessionState } from "../../src/dtls/session-state.ts";
import { SealgramError } from "../../src/errors.ts";
import { decodeAck } from "../../src/tls/ack.ts";
import { decodeAlert } from "../../src/tls/alerts.ts";
import { ExtensionType } from "../../src/tls/codepoints.ts";
import { decodeClientHello, decodeServerHello, offeredExtensions } from "../../src/tls/hello.ts";
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeFinished,
} from "../../src/tls/messages.ts";
import {
  decodeKeyUpdate,
  decodeNewConnectionId,
  decodeNewSessionTicket,
  decodeRequestConnectionId,
} from "../../src/tls/post-handshake.ts";
import { parseImportedIdentity } from "../../src/tls/psk.ts";
import { checkClientHello } from "../../src/tls/server-choices.ts";
import { Lab, type Role } from "../conformance/scripted-peer.ts";
import { connectionInputs, messageInputs } from "./samples.ts";

export type Target = (input: Bytes) => void;

/** A peer's fault is the only thing that may be thrown. */
function tolerate(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof SealgramError)) throw error;
    if (error.code === "internal_error") throw error.cause;
  }
}

/** As if every extension had been offered. */
const everything: ReadonlySet<number> = new Set(Object.values(ExtensionType));

const decoders: readonly ((bytes: Bytes) => unknown)[] = [
  (bytes) => {
    const hello = decodeClientHello(bytes);
    checkClientHello(hello);
    offeredExtensions(hello);
  },
  (bytes) => decodeServerHello(bytes, everything),
  (bytes) => decodeEncryptedExtensions(bytes, everything),
  decodeCertificateRequest,
  (bytes) => decodeCertificate(bytes, everything),
  decodeCertificateVerify,
  decodeFinished,
  decodeNewSessionTicket,
  decodeKeyUpdate,
  decodeNewConnectionId,
  decodeRequestConnectionId,
  decodeAck,
  decodeAlert,
  parseImportedIdentity,
  decodeSessionState,
  (bytes) => [...readFragments(bytes)],
];

/** Every decoder of messages, by the first byte; behind a header with the right length as well as without. */
export const messages: Target = (input) => {
  if (input.length < 1) return;
  const decode = decoders[input[0]! % decoders.length]!;
  const rest = input.slice(1);
  tolerate(() => decode(rest));
  if (rest.length < 1) return;
  const length = rest.length - 1;
  const framed = Uint8Array.of(rest[0]!, length >> 16, length >> 8, length, ...rest.subarray(1));
  tolerate(() => decode(framed));
};

const recordCore = RecordCore.loadSync();

/** The framing of datagrams into records: it always comes to the end. */
export const records: Target = (input) => {
  if (input.length < 1) return;
  const { reader } = recordCore;
  const datagram = input.subarray(1);
  reader.begin(datagram, input[0]! % 21);
  let total = 0;
  while (reader.next()) {
    if (reader.record.length === 0) throw new Error("a record of no bytes");
    total += reader.record.length;
    reader.connectionId.slice();
    if (reader.kind === 1) reader.content.slice();
  }
  if (total > datagram.length) throw new Error("records of more bytes than the datagram has");
};

/** What a connection may hold on to, whatever it is sent. */
const MAX_SENT_DATAGRAMS = 2000;

const stages = [
  /** Nothing was said yet. */
  (lab: Lab) => lab,
  /** The first flight has been sent. */
  (lab: Lab) => {
    lab.rewrite = () => [];
    return lab.begin();
  },
  /** Both sides have the keys of the handshake. */
  (lab: Lab) => {
    lab.rewrite = (datagram) =>
      datagram[0] === 22 ? [datagram.slice(0, 13 + ((datagram[11]! << 8) | datagram[12]!))] : [];
    return lab.begin();
  },
  (lab: Lab) => lab.establish(),
] as const;

/**
 * A whole connection. The input says role and stage, then what is put before it: records in plaintext, records that
 * are protected as a peer would, raw datagrams, or time that passes.
 */
export const connection: Target = (input) => {
  if (input.length < 2) return;
  const role: Role = (input[0]! & 1) === 0 ? "client" : "server";
  const hasIds = (input[0]! & 2) !== 0;
  const stage = (input[0]! >> 2) & 3;
  const lab = new Lab(role, hasIds ? { clientId: new Uint8Array(3), serverId: new Uint8Array(5) } : {});
  stages[stage]!(lab);
  lab.isHeard = false;
  let at = 1;
  while (at + 2 <= input.length) {
    const operation = input[at]!;
    const length = input[at + 1]! === 255 ? 2000 : input[at + 1]!;
    const content = input.slice(at + 2, at + 2 + length);
    at += 2 + length;
    perform(lab, operation, content, stage);
  }
  lab.advance(1000);
  if (lab.sent.length > MAX_SENT_DATAGRAMS)
    throw new Error(`${lab.sent.length} datagrams for ${input.length} bytes`);
  const { error } = lab;
  if (error !== undefined && !(error instanceof SealgramError)) throw error;
  if (error?.code === "internal_error") throw error.cause;
  lab.subject.close();
  lab.accomplice.close();
  if (lab.subject.deadlineMs !== undefined) throw new Error("something is due after the end");
};

/** Content types of records, by bits of the operation: the sealer protects no others. */
const types = [22, 26, 21, 23, 27, 22, 26, 22];

/** The epoch that the script speaks in. */
function epochOf(lab: Lab, stage: number): number {
  const epoch = stage < 2 ? 0 : stage;
  return lab.hasKeys(epoch) ? epoch : 0;
}

function perform(lab: Lab, operation: number, content: Bytes, stage: number): void {
  const type = types[(operation >> 3) & 7]!;
  switch (operation & 7) {
    case 0:
      lab.say(content);
      return;
    case 1:
      lab.say(lab.record(0, type, content));
      return;
    case 2:
    case 3: {
      lab.say(lab.record(epochOf(lab, stage), type, content));
      return;
    }
    case 4:
      // A handshake message in turn, with a header that fits.
      if (content.length > 0) {
        const seq = stage === 3 ? lab.nextMessageSeq : stage === 2 ? 1 : 0;
        lab.message(epochOf(lab, stage), content[0]!, content.subarray(1), seq + (operation >> 6));
      }
      return;
    case 5:
      lab.advance((content[0] ?? 0) * 10);
      return;
    case 6:
      if (stage === 3 && lab.subject.state === "established") lab.subject.updateKeys((operation & 8) !== 0);
      return;
    default:
      if (stage === 3 && lab.subject.state === "established" && content.length > 0) {
        lab.subject.handleDatagram(lab.record(3, type, content), "elsewhere");
      }
  }
}

export const targets: Readonly<Record<string, Target>> = { records, messages, connection };

/** What to start from. */
export const beginnings: Readonly<Record<string, () => Bytes[]>> = {
  records: () => [
    Uint8Array.of(0, 22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 7),
    new Uint8Array(60).fill(0x2f),
  ],
  messages: messageInputs,
  connection: connectionInputs,
};
