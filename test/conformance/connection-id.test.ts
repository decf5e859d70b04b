/** RFC 9147 §9: connection IDs after the handshake; §11: addresses. */
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { ContentType } from "../../src/core/index.ts";
import { HandshakeType } from "../../src/tls/codepoints.ts";
import { encodeNewConnectionId } from "../../src/tls/post-handshake.ts";
import { Lab, type LabOptions, type Role } from "./scripted-peer.ts";

const { new_connection_id, request_connection_id } = HandshakeType;
const application = ContentType.application_data;
const hello = Uint8Array.of(104, 105);
const id = (length: number, fill: number): Bytes => new Uint8Array(length).fill(fill);

const bodyOf = (cids: readonly Bytes[], usage: "immediate" | "spare") =>
  encodeNewConnectionId({ cids, usage }).subarray(4);

describe.each<Role>(["client", "server"])("a %s", (role) => {
  const ids: LabOptions = { clientId: id(4, 1), serverId: id(4, 2) };
  /** Only one side receives connection IDs: the one under test, or the script. */
  const oneWay = (isReceiver: boolean): LabOptions => {
    const isClient = (role === "client") === isReceiver;
    return { clientId: id(isClient ? 4 : 0, 1), serverId: id(isClient ? 0 : 4, 2) };
  };
  const sentId = (lab: Lab): Bytes => {
    lab.subject.send(hello);
    const { raw } = lab.observe().at(-1)!;
    return raw.slice(1, 5);
  };

  test("MUST use one of the new IDs for all records if they are cid_immediate (§9)", () => {
    const lab = new Lab(role, ids).establish();
    lab.message(3, new_connection_id, bodyOf([id(4, 7), id(4, 8)], "immediate"), lab.nextMessageSeq);
    lab.advance(1000);
    lab.subject.send(hello);
    const records = lab.observe();
    expect(records.length).toBeGreaterThan(1);
    for (const { raw } of records) expect(raw.slice(1, 5)).toEqual(id(4, 7));
  });

  test("goes on with its ID if the new ones are cid_spare (§9)", () => {
    const lab = new Lab(role, ids).establish();
    const before = sentId(lab);
    lab.message(3, new_connection_id, bodyOf([id(4, 7)], "spare"), lab.nextMessageSeq);
    expect(sentId(lab)).toEqual(before);
  });

  test("takes as many spare IDs as a message may hold, and keeps few (§9)", () => {
    const lab = new Lab(role, ids).establish();
    const many = Array.from({ length: 3000 }, (_, i) => id(4, i));
    lab.message(3, new_connection_id, bodyOf(many, "spare"), lab.nextMessageSeq);
    expect(lab.isClosed).toBe(false);
    lab.subject.send(hello);
  });

  test("records under every ID that it issued are received (§9)", () => {
    const lab = new Lab(role, ids).establish();
    lab.message(3, request_connection_id, Uint8Array.of(2), lab.nextMessageSeq);
    const [answer] = lab.fragments();
    expect(answer!.type).toBe(new_connection_id);
    const issued = [answer!.data.slice(3, 7), answer!.data.slice(8, 12)];
    for (const each of issued)
      lab.say(lab.record(3, application, hello, each), lab.record(3, application, hello, each));
    expect(lab.data.length).toBe(4);
  });

  test("answers a request with at most as many spare IDs (§9)", () => {
    for (const count of [0, 1, 3, 255]) {
      const lab = new Lab(role, ids).establish();
      lab.message(3, request_connection_id, Uint8Array.of(count), lab.nextMessageSeq);
      const [answer] = lab.fragments();
      expect(answer!.type).toBe(new_connection_id);
      expect(answer!.data.at(-1)).toBe(1);
      expect((answer!.data.length - 3) / 5).toBeLessThanOrEqual(count);
    }
  });

  test("ends the connection with too_many_cids_requested before requests fill its memory (§9)", () => {
    const lab = new Lab(role, ids).establish();
    for (let i = 0; i < 100 && !lab.isClosed; i++) {
      lab.message(3, request_connection_id, Uint8Array.of(1), lab.nextMessageSeq + i);
    }
    expect(lab.alerts()).toEqual(["too_many_cids_requested"]);
  });

  test("MUST NOT have more than one NewConnectionId outstanding (§9)", () => {
    const lab = new Lab(role, ids).establish();
    lab.message(3, request_connection_id, Uint8Array.of(1), lab.nextMessageSeq);
    lab.message(3, request_connection_id, Uint8Array.of(1), lab.nextMessageSeq + 1);
    lab.subject.changeConnectionId();
    lab.advance(300);
    expect(new Set(lab.fragments().map(({ messageSeq }) => messageSeq)).size).toBe(1);
  });

  test("MUST NOT send RequestConnectionId while one is unfulfilled (§9)", () => {
    const lab = new Lab(role, ids).establish();
    expect(lab.subject.requestConnectionIds(2)).toBe(true);
    expect(lab.subject.requestConnectionIds(2)).toBe(false);
    const [request] = lab.fragments();
    lab.ack(3, [request!.record]);
    expect(lab.subject.requestConnectionIds(2)).toBe(false);
    lab.message(3, new_connection_id, bodyOf([id(4, 7)], "spare"), lab.nextMessageSeq);
    expect(lab.subject.requestConnectionIds(2)).toBe(true);
  });

  test("MUST NOT request again, and moves all the same, while the peer leaves a request unanswered (§9)", () => {
    const lab = new Lab(role, ids).establish();
    const moves = [request_connection_id, HandshakeType.key_update, HandshakeType.key_update].map(
      (expected) => {
        lab.subject.changePath();
        const [message, ...others] = lab.fragments();
        // Something that is sent until it is acknowledged shows the peer the new address.
        expect([message!.type, others]).toEqual([expected, []]);
        lab.ack(3, [message!.record]);
        return message!.record.raw.slice(1, 5);
      },
    );
    expect(moves).toEqual([id(4, role === "client" ? 2 : 1), moves[0], moves[0]]);
    expect(lab.isClosed).toBe(false);
  });

  test("SHOULD use a new ID on a new path, in the order that they came in (§9)", () => {
    const lab = new Lab(role, ids).establish();
    lab.message(3, new_connection_id, bodyOf([id(4, 7), id(4, 8)], "spare"), lab.nextMessageSeq);
    expect(sentId(lab)).not.toEqual(id(4, 7));
    for (const fill of [7, 8]) {
      lab.subject.changePath();
      expect(sentId(lab)).toEqual(id(4, fill));
    }
  });

  test("retires IDs that the peer MUST NOT use any more, and only then (§9)", () => {
    const lab = new Lab(role, ids).establish();
    const numbers: number[] = [];
    let epoch3 = lab.nextMessageSeq;
    for (let i = 0; i < 40; i++) {
      lab.message(3, request_connection_id, Uint8Array.of(2), epoch3++);
      const [answer] = lab.fragments();
      expect(answer!.type).toBe(new_connection_id);
      numbers.push(answer!.data.at(-1)!);
      lab.ack(3, [answer!.record]);
    }
    expect(lab.issued - lab.retired.length).toBeLessThanOrEqual(24);
    // In the order of issue, and none of what was issued by the last two messages of immediate use.
    expect(lab.retired.slice(1).map((each) => each[0])).toEqual(
      Array.from({ length: lab.retired.length - 1 }, (_, i) => (0xc0 + i) & 255),
    );
    expect(numbers.filter((usage) => usage === 0).length).toBeGreaterThan(5);
    const newest = new Uint8Array(4).fill((0xc0 + lab.issued - 1) & 255);
    lab.say(lab.record(3, application, hello, newest), lab.record(3, application, hello, newest));
    expect(lab.data.length).toBe(2);
  });

  test("MUST send neither message if connection IDs were not negotiated (§9)", () => {
    const lab = new Lab(role).establish();
    expect(lab.subject.requestConnectionIds(1)).toBe(false);
    expect(lab.subject.changeConnectionId()).toBe(false);
    expect(lab.observe()).toEqual([]);
  });

  test("MUST NOT send NewConnectionId if it receives an empty ID, nor RequestConnectionId if it sends one (§9)", () => {
    const receiver = new Lab(role, oneWay(true)).establish();
    expect(receiver.subject.requestConnectionIds(1)).toBe(false);
    expect(receiver.subject.changeConnectionId()).toBe(true);
    const sender = new Lab(role, oneWay(false)).establish();
    expect(sender.subject.changeConnectionId()).toBe(false);
    expect(sender.subject.requestConnectionIds(1)).toBe(true);
  });

  test("MUST end the connection with unexpected_message for either message if none was negotiated (§9)", () => {
    for (const [type, body] of [
      [new_connection_id, bodyOf([id(4, 7)], "spare")],
      [request_connection_id, Uint8Array.of(1)],
    ] as const) {
      const lab = new Lab(role).establish();
      lab.message(3, type, body, lab.nextMessageSeq);
      expect(lab.alerts()).toEqual(["unexpected_message"]);
    }
  });

  test("MUST end it so too for NewConnectionId of one that receives none, and for requests by it of one (§9)", () => {
    // The script receives an empty ID: it may not send NewConnectionId.
    const sender = new Lab(role, oneWay(true)).establish();
    sender.message(3, new_connection_id, bodyOf([id(4, 7)], "spare"), sender.nextMessageSeq);
    expect(sender.alerts()).toEqual(["unexpected_message"]);
    // The script sends an empty ID: it may not ask for others.
    const receiver = new Lab(role, oneWay(false)).establish();
    receiver.message(3, request_connection_id, Uint8Array.of(1), receiver.nextMessageSeq);
    expect(receiver.alerts()).toEqual(["unexpected_message"]);
  });

  test.each([undefined, ids])(
    "MUST NOT send to another address because records come from it (§11)",
    (options) => {
      const lab = new Lab(role, options).establish();
      const from = lab.sent.length;
      lab.subject.handleDatagram(lab.record(3, application, hello), "elsewhere");
      lab.subject.send(hello);
      lab.advance(5000);
      lab.subject.send(hello);
      expect(lab.data).toEqual([hello]);
      expect(lab.subject.path).toBe("peer");
      const elsewhere = lab.sent.slice(from).filter((_, i) => lab.sentTo[from + i] !== "peer");
      // A challenge is all that goes there, and no more than three times what came.
      const bytes = elsewhere.reduce((sum, { length }) => sum + length, 0);
      expect(bytes).toBeLessThanOrEqual(3 * (hello.length + 5 + 17 + (options === undefined ? 0 : 4)));
      const types = new Set(
        lab
          .observe()
          .filter(({ datagram }) => lab.sentTo[datagram] !== "peer")
          .map(({ type }) => type),
      );
      expect([...types]).toEqual(options === undefined ? [] : [ContentType.return_routability_check]);
    },
  );

  test("takes return_routability_check only if it was negotiated (RFC 9853 §4)", () => {
    const challenge = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8);
    const without = new Lab(role).establish();
    without.say(without.record(3, ContentType.return_routability_check, challenge));
    expect(without.alerts()).toEqual(["unexpected_message"]);
    const lab = new Lab(role, ids).establish();
    lab.say(lab.record(3, ContentType.return_routability_check, challenge));
    const answers = lab.observe().filter(({ type }) => type === ContentType.return_routability_check);
    expect(answers.map(({ content }) => [...content])).toEqual([[1, 1, 2, 3, 4, 5, 6, 7, 8]]);
  });
});

test("a server sends at most three times what it received before the address is validated (§5.1)", () => {
  const lab = new Lab("server", { pathValidated: false, server: { mtuBytes: 150 } });
  let received = 0;
  lab.rewrite = (datagram) => {
    received += datagram.length;
    return [datagram];
  };
  lab.isHeard = false;
  lab.begin();
  lab.advance(120_000);
  const sent = lab.sent.reduce((sum, { length }) => sum + length, 0);
  expect(sent).toBeGreaterThan(0);
  expect(sent).toBeLessThanOrEqual(3 * received);
});
