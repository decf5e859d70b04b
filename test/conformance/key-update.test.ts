/** RFC 9147 §8 and §5.8.4: key updates, and messages after the handshake. */
import { describe, expect, test } from "vitest";
import { ContentType } from "../../src/core/index.ts";
import { HandshakeType } from "../../src/tls/codepoints.ts";
import { concat, fragment, Lab, type Role } from "./scripted-peer.ts";

const { key_update, request_connection_id } = HandshakeType;
const application = ContentType.application_data;
const hello = Uint8Array.of(104, 105);

describe.each<Role>(["client", "server"])("a %s", (role) => {
  const ids = { clientId: new Uint8Array(4).fill(1), serverId: new Uint8Array(4).fill(2) };

  test("MUST acknowledge a KeyUpdate (§8)", () => {
    const lab = new Lab(role).establish();
    const number = lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
    lab.advance(1000);
    expect(lab.acknowledged()).toContainEqual(number);
  });

  test("MUST NOT use new keys before its KeyUpdate is acknowledged (§8)", () => {
    const lab = new Lab(role).establish();
    lab.subject.updateKeys();
    lab.subject.send(hello);
    const records = lab.observe();
    expect(records.map(({ epoch }) => epoch)).toEqual([3, 3]);
    lab.ack(3, [records[0]!]);
    lab.subject.send(hello);
    expect(lab.observe().map(({ epoch }) => epoch)).toEqual([4]);
  });

  test("MUST NOT use new keys before all messages in front of its KeyUpdate are acknowledged (§8)", () => {
    const lab = new Lab(role, ids).establish();
    lab.subject.requestConnectionIds(1);
    lab.subject.updateKeys();
    const [request] = lab.fragments();
    expect(request!.type).toBe(request_connection_id);
    lab.subject.send(hello);
    expect(lab.subject.writeEpoch).toBe(3);
    lab.ack(3, [request!.record]);
    const [update] = lab.fragments();
    expect(update!.type).toBe(key_update);
    expect(lab.subject.writeEpoch).toBe(3);
    lab.ack(3, [update!.record]);
    expect(lab.subject.writeEpoch).toBe(4);
  });

  test("MUST NOT send new messages in an epoch after its KeyUpdate (§8)", () => {
    const lab = new Lab(role, ids).establish();
    lab.subject.updateKeys();
    lab.subject.requestConnectionIds(2);
    lab.subject.changeConnectionId();
    lab.advance(300);
    const before = lab.fragments();
    expect(new Set(before.map(({ type }) => type))).toEqual(new Set([key_update]));
    lab.ack(3, [before[0]!.record]);
    const [next] = lab.fragments();
    expect([next!.type, next!.record.epoch]).toEqual([request_connection_id, 4]);
  });

  test("MUST end the connection with unexpected_message for a message behind a KeyUpdate in its epoch (§8)", () => {
    for (const type of [key_update, 99]) {
      const lab = new Lab(role).establish();
      lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
      lab.message(3, type, Uint8Array.of(0), lab.nextMessageSeq + 1);
      expect(lab.alerts()).toEqual(["unexpected_message"]);
    }
  });

  test("MUST end the connection with unexpected_message also for one in the same record (§8)", () => {
    const lab = new Lab(role).establish();
    const seq = lab.nextMessageSeq;
    const both = concat(
      fragment(key_update, seq, Uint8Array.of(0)),
      fragment(key_update, seq + 1, Uint8Array.of(0)),
    );
    lab.say(lab.record(3, ContentType.handshake, both));
    expect(lab.alerts()).toEqual(["unexpected_message"]);
  });

  test("retains them for however long that takes, and for one MSL from then on (§8 and §4.2.1)", () => {
    const lab = new Lab(role).establish();
    lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
    for (let i = 0; i < 10; i++) {
      lab.advance(100_000);
      lab.say(lab.record(3, application, hello));
    }
    expect(lab.data.length).toBe(10);
    lab.say(lab.record(4, application, hello));
    lab.advance(119_000);
    lab.say(lab.record(3, application, hello));
    expect(lab.data.length).toBe(12);
    lab.advance(2000);
    lab.say(lab.record(3, application, hello));
    expect(lab.data.length).toBe(12);
    expect(lab.subject.drops.no_epoch).toBe(1);
  });

  test("MUST retain the keys before an update until it has received with the new ones (§8)", () => {
    const lab = new Lab(role).establish();
    lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
    lab.advance(3000);
    lab.say(lab.record(3, application, hello));
    expect(lab.data).toEqual([hello]);
    lab.say(lab.record(4, application, hello));
    expect(lab.data).toEqual([hello, hello]);
  });

  test("answers update_requested with one KeyUpdate of its own (§8)", () => {
    const lab = new Lab(role).establish();
    lab.message(3, key_update, Uint8Array.of(1), lab.nextMessageSeq);
    lab.message(4, key_update, Uint8Array.of(1), lab.nextMessageSeq + 1);
    const answers = lab.fragments().filter(({ type }) => type === key_update);
    expect(answers.map(({ data }) => data[0])).toEqual([0]);
    lab.ack(5, [answers[0]!.record]);
    expect(lab.fragments()).toEqual([]);
  });

  test("MUST NOT request again before a KeyUpdate of the peer has come (RFC 9846 §4.7.3)", () => {
    const lab = new Lab(role).establish();
    const requests: (number | undefined)[] = [];
    for (const epoch of [3, 4]) {
      lab.subject.updateKeys(true);
      const [update] = lab.fragments();
      requests.push(update!.data[0]);
      lab.ack(3, [{ epoch, sequenceNumber: update!.record.sequenceNumber }]);
    }
    expect(requests).toEqual([1, 0]);
    lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
    lab.say(lab.record(4, application, hello));
    lab.subject.updateKeys(true);
    expect(lab.fragments().map(({ data }) => data[0])).toEqual([1]);
  });

  test("MUST answer a request that has crossed with a KeyUpdate of its own (RFC 9846 §4.7.3)", () => {
    for (const requestsToo of [false, true]) {
      const lab = new Lab(role).establish();
      lab.subject.updateKeys(requestsToo);
      const [own] = lab.fragments();
      lab.message(3, key_update, Uint8Array.of(1), lab.nextMessageSeq);
      expect(lab.fragments()).toEqual([]);
      lab.ack(4, [own!.record]);
      const [answer, ...others] = lab.fragments();
      expect([answer!.type, answer!.data[0], answer!.record.epoch]).toEqual([key_update, 0, 4]);
      lab.ack(4, [answer!.record]);
      expect([others, lab.fragments(), lab.subject.writeEpoch]).toEqual([[], [], 5]);
    }
  });

  test("a KeyUpdateRequest that is neither 0 nor 1 ends the connection with illegal_parameter", () => {
    const lab = new Lab(role).establish();
    lab.message(3, key_update, Uint8Array.of(2), lab.nextMessageSeq);
    expect(lab.alerts()).toEqual(["illegal_parameter"]);
  });

  test("MUST NOT have two KeyUpdates, or two NewConnectionIds, or two RequestConnectionIds under way (§5.8.4)", () => {
    const lab = new Lab(role, ids).establish();
    const perform = [
      () => lab.subject.updateKeys(),
      () => lab.subject.changeConnectionId(),
      () => lab.subject.requestConnectionIds(1),
    ];
    for (const each of perform) {
      each();
      each();
    }
    for (let turn = 0; turn < 6; turn++) {
      lab.advance(250);
      const sent = lab.fragments();
      const seqs = new Set(sent.map(({ messageSeq }) => messageSeq));
      expect(seqs.size).toBeLessThanOrEqual(1);
      if (sent.length > 0) lab.ack(3, [sent[0]!.record]);
    }
  });

  test("a message that only the other role sends ends the connection with unexpected_message", () => {
    const lab = new Lab(role).establish();
    lab.message(
      3,
      role === "client" ? HandshakeType.client_hello : HandshakeType.new_session_ticket,
      new Uint8Array(20),
      lab.nextMessageSeq,
    );
    expect(lab.alerts()).toEqual(["unexpected_message"]);
  });
});
