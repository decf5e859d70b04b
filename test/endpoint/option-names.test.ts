import { expect, test } from "vitest";
import { openChat } from "../../src/apps/chat/server/node-index.ts";
import {
  certificate,
  connect,
  gatewayHashes,
  LoginThrottle,
  listen,
  MemoryRecordStore,
  password,
  psk,
  publicKey,
  register,
} from "../../src/endpoint/node-index.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { mostSimilar } from "../../src/similar.ts";
import { alice, dial, echoServer, key, utf8 } from "./support.ts";

// An option that is not known is refused by its name, before anything has happened; `undefined` is the default.

const url = "udp://127.0.0.1:0";
const wrong = (options: object) => options as never;

test.each<[string, () => unknown]>([
  [
    "connect has no option timeout; there are ",
    () => connect("udp://127.0.0.1:1", wrong({ auth: alice, timeout: 1 })),
  ],
  [
    "streams has no option keepAlive; there are ",
    () => connect("udp://127.0.0.1:1", { auth: alice, streams: wrong({ keepAlive: 1 }) }),
  ],
  ["listen has no option onSession; there are ", () => listen(url, wrong({ auth: alice, onSession() {} }))],
  [
    "limits has no option session; there are ",
    () => listen(url, { auth: alice, limits: wrong({ session: 1 }) }),
  ],
  ["tickets has no option lifetime", () => listen(url, { auth: alice, tickets: wrong({ lifetime: 1 }) })],
  ["psk has no option indentity; there are ", () => psk(wrong({ indentity: "alice", key }))],
  ["password has no option user", () => password(wrong({ user: "alice", password: "x" }))],
  [
    "password has no option endSession; there are ",
    () => password(new MemoryRecordStore([]), wrong({ endSession: true })),
  ],
  ["publicKey has no option trust", () => publicKey(wrong({ trust: [] }))],
  ["certificate has no option chains; there are ", () => certificate(wrong({ chains: [] }))],
  ["register has no option rounds", () => register(wrong({ password: "x", rounds: 1 }))],
  ["LoginThrottle has no option maxDelay; there are ", () => new LoginThrottle(wrong({ maxDelay: 1 }))],
  [
    "gatewayHashes has no option timeoutMs",
    () => gatewayHashes("http://127.0.0.1:1", wrong({ timeoutMs: 1 })),
  ],
  [
    "openGateway has no option target; there are ",
    () => openGateway("http://127.0.0.1:0", wrong({ target: {} })),
  ],
  [
    "limits has no option client; there are ",
    () => openGateway("http://127.0.0.1:0", { targets: {}, limits: wrong({ client: 1 }) }),
  ],
  ["openChat has no option retention", () => openChat(wrong({ folder: "/nowhere", url, retention: 1 }))],
])("%s", async (message, call) => {
  const error = await (async () => call())().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toContain(message);
});

test("undefined stands for the default, limits included", async () => {
  const server = await echoServer({
    ...{ onfailure: undefined, tickets: undefined, signal: undefined, handshakeTimeoutMs: undefined },
    limits: { sessions: undefined },
  });
  const session = await dial(server, {
    ticket: undefined,
    timeoutMs: undefined,
    streams: { log: undefined },
  });
  await session.ready;
  await expect(session.request(utf8("x"), wrong({ timeoutMs: 1 }))).rejects.toThrow("request has no option");
  await expect(session.createBidirectionalStream(wrong({ order: 1 }))).rejects.toThrow("has no option order");
  session.close();
  await server.close();
});

test.each([
  ["conect", "connect"],
  ["cnonect", "connect"],
  ["char", "chat"],
  ["keepAlive", "keepAliveMs"],
  ["TIMEOUTMS", "timeoutMs"],
  ["nothing", undefined],
  ["x", undefined],
])("%s: did you mean %s?", (name, meant) => {
  expect(mostSimilar(name, ["connect", "chat", "serve", "keepAliveMs", "timeoutMs"])).toBe(meant);
});
