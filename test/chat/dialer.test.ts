import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { type Connect, Dialer } from "../../src/apps/chat/client/dialer.ts";
import { formatLink, parseLink } from "../../src/apps/chat/link.ts";
import { psk } from "../../src/endpoint/auth.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { SealgramError } from "../../src/errors.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { event, Party, udp } from "./support.ts";

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

/** Dials three ways, each of which does as it is told to. */
function dialerOf(ways: Record<string, () => Promise<unknown>>) {
  const tried: string[] = [];
  const connect: Connect = (url, { onanswer }) => {
    const way = `${url}`.split(":")[0]!;
    tried.push(way);
    if (way === "ws") onanswer?.();
    return ways[way]!() as Promise<Session>;
  };
  const via = ["https://127.0.0.1:2/chat", "ws://127.0.0.1:3/chat"];
  const auth = psk({ identity: "alice", key: new Uint8Array(32) });
  const dialer = new Dialer(connect, { host: "127.0.0.1", port: 1, via }, auth, {});
  return { tried, dial: () => dialer.dial(new AbortController().signal) };
}

const silence = () => new Promise(() => {});
const failing = (code: string) => () => Promise.reject(new SealgramError(code, code));
const session = (name: string) => async () => ({ name });

test("a silent way does not keep the next one waiting; the one that has worked is the first from then on", async () => {
  const { tried, dial } = dialerOf({ udp: silence, https: failing("no_webtransport"), ws: session("ws") });
  expect(await dial()).toMatchObject({ name: "ws" });
  expect(tried.splice(0)).toEqual(["udp", "https", "ws"]);
  expect(await dial()).toMatchObject({ name: "ws" });
  expect(tried).toEqual(["ws"]);
});

test.each(["authentication_failed", "unknown_identity", "untrusted_public_key", "protocol_version"])(
  "%s is the end, whichever way says so",
  async (code) => {
    const { tried, dial } = dialerOf({ udp: silence, https: failing(code), ws: session("ws") });
    await expect(dial()).rejects.toMatchObject({ code });
    expect(tried).toEqual(["udp", "https"]);
  },
);

test.each([
  ["timeout", "no_webtransport", "gateway_unreachable", "timeout"],
  ["no_udp", "gateway_unreachable", "gateway_busy", "gateway_unreachable"],
  ["no_udp", "no_webtransport", "gateway_busy", "gateway_busy"],
  ["no_udp", "no_webtransport", "no_websocket", "no_udp"],
])("when UDP fails by %s, and the others by %s and %s, it is said to be %s", async (udp, https, ws, said) => {
  const { dial } = dialerOf({ udp: failing(udp), https: failing(https), ws: failing(ws) });
  await expect(dial()).rejects.toMatchObject({ code: said });
});

test("where UDP leads nowhere, a chat is reached through its gateway, at first and again", async () => {
  const nowhere = createSocket("udp4").bind(0, "127.0.0.1");
  onTestFinished(() => void nowhere.close());
  await once(nowhere, "listening");
  let lost = 0;
  nowhere.on("message", () => lost++);
  const party = await Party.open(udp);
  const gateway = await openGateway("http://127.0.0.1:0", { targets: { chat: party.server.url } });
  onTestFinished(() => gateway.close());
  const invitation = party.server.link({ invitation: party.server.ownerInvitation });
  const link = formatLink({
    ...parseLink(invitation),
    port: nowhere.address().port,
    via: [`${gateway.url.replace("http", "ws")}/chat`],
  });
  // Waiting for the first way to fail would take for ever.
  const timeoutMs = Number.POSITIVE_INFINITY;
  const auth = await party.chat.join(link, { name: "olga" }, { timeoutMs });
  const olga = await party.chat.connect(link, { auth, timeoutMs });
  onTestFinished(() => olga.close());
  expect(olga.user.name).toBe("olga");
  expect(lost).toBeGreaterThan(0);
  const before = lost;
  const again = event(olga, "connected");
  await party.restart();
  await again;
  expect(lost).toBe(before);
}, 30_000);
