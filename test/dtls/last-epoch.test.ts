/** Epochs have an end (RFC 9147 §8): a side that has come to it asks for no more by itself, and ignores who does. */
import { expect, test } from "vitest";
import { commonDefaults } from "../../src/dtls/config.ts";
import { Established } from "../../src/dtls/established.ts";
import type { HandshakeResult } from "../../src/dtls/handshake.ts";
import type { RecordLayer } from "../../src/dtls/record-layer.ts";
import type { Reliability } from "../../src/dtls/reliability.ts";
import { HandshakeType } from "../../src/tls/codepoints.ts";
import { encodeKeyUpdate } from "../../src/tls/post-handshake.ts";
import { CipherSuite, suiteParameters } from "../../src/tls/suites.ts";
import { core, crypto } from "../sim/pair.ts";

test("a request for new keys is ignored in the last epoch", () => {
  const secret = () => new Uint8Array(32);
  let writeEpoch = 3;
  const records = {
    installWrite: (epoch: number) => {
      writeEpoch = epoch;
    },
    installRead() {},
    retireWriteBefore() {},
    retireRead() {},
  } as unknown as RecordLayer;
  let sent = 0;
  const reliability = {
    // Acknowledged at once.
    sendLater(_: unknown, whenAcknowledged: () => void) {
      sent++;
      whenAcknowledged();
    },
    enterReadEpoch() {},
  } as unknown as Reliability;
  const quick = { ...crypto, hmac: () => new Uint8Array(32) };
  const established = new Established(
    {
      ...commonDefaults,
      core,
      crypto: quick,
      role: "client",
      psks: [],
      keyShareGroups: [],
    },
    { now: () => 0, ticket() {}, newConnectionId: secret },
    records,
    reliability,
    undefined,
    {
      suite: suiteParameters(CipherSuite.TLS_CHACHA20_POLY1305_SHA256),
      applicationSecrets: { client: secret(), server: secret() },
      clientRandom: secret(),
      exporterSecret: secret(),
    } as unknown as HandshakeResult,
    { renewConnectionIds() {} },
  );
  while (writeEpoch < 0xffff) established.updateKeys(false);
  expect(sent).toBe(0xffff - 3);
  const bytes = encodeKeyUpdate({ updateRequested: true });
  established.handleMessage({ epoch: 3, type: HandshakeType.key_update, bytes });
  established.keyWearsOut(4);
  expect([sent, writeEpoch]).toEqual([0xffff - 3, 0xffff]);
  // What the application wants is not ignored.
  expect(() => established.updateKeys(false)).toThrow("the connection has no epoch left");
  expect(sent).toBe(0xffff - 3);
});
