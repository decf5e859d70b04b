import { expect, test } from "vitest";
import { type Connect, Dialer } from "../../src/apps/chat/client/dialer.ts";
import { psk } from "../../src/endpoint/auth.ts";
import { SealgramError } from "../../src/errors.ts";

test("hashes of certificates go to the gateways of WebTransport, and to no other way", async () => {
  const asked: (readonly [string, boolean])[] = [];
  const connect: Connect = async (url, options) => {
    asked.push([`${url}`, "serverCertificateHashes" in options]);
    throw new SealgramError("unreachable", "nobody is there");
  };
  const via = ["https://127.0.0.1:2/chat", "ws://127.0.0.1:3/chat"];
  const auth = psk({ identity: "alice", key: new Uint8Array(32) });
  const dialer = new Dialer(connect, { host: "127.0.0.1", port: 1, via }, auth, {
    serverCertificateHashes: () => [],
  });
  await expect(dialer.dial(new AbortController().signal)).rejects.toMatchObject({ code: "unreachable" });
  expect(asked).toEqual([
    ["udp://127.0.0.1:1", false],
    ["https://127.0.0.1:2/chat", true],
    ["ws://127.0.0.1:3/chat", false],
  ]);
});
