/**
 * Each code that `connect` fails with, or that `listen` reports, provoked from outside on real sockets of this machine.
 * The type checker finds a code of {@link ConnectErrorCode} that is missing here.
 */
import { once } from "node:events";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { generateCertificate } from "../../src/crypto/certificate-generate.ts";
import { toPem } from "../../src/crypto/key-format.ts";
import { generateSigner } from "../../src/crypto/signer.ts";
import { connectOn } from "../../src/endpoint/connect.ts";
import { connect as connectInBrowser, listen as listenInBrowser } from "../../src/endpoint/index.ts";
import {
  type ConnectErrorCode,
  type ConnectOptions,
  connect,
  type ListenOptions,
  LoginThrottle,
  MemoryRecordStore,
  password,
  psk,
  publicKey,
  register,
  type SealgramError,
} from "../../src/endpoint/node-index.ts";
import { nodePlatform } from "../../src/endpoint/node-platform.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import { type Gateway, type GatewayOptions, openGateway } from "../../src/gateway/node-index.ts";
import { nodeUdp } from "../../src/transport/node-udp.ts";
import type { WebSocketClass } from "../../src/transport/websocket.ts";
import { alice, bareSocket, dial, echoServer, failure } from "./support.ts";

/** A server that reports to this list. */
async function served(
  options: Partial<ListenOptions> = {},
): Promise<{ server: Server; reports: SealgramError[] }> {
  const reports: SealgramError[] = [];
  const server = await echoServer({ onfailure: (error) => reports.push(error), ...options });
  onTestFinished(() => server.close());
  return { server, reports };
}

async function reported(reports: readonly SealgramError[]): Promise<SealgramError> {
  await expect.poll(() => reports.length).toBeGreaterThan(0);
  return reports[0]!;
}

/** A socket that answers whatever comes with this, or not at all. */
async function answering(datagram?: Uint8Array): Promise<string> {
  const socket = await bareSocket();
  onTestFinished(() => void socket.close());
  if (datagram !== undefined) socket.on("message", (_, { port }) => socket.send(datagram, port, "127.0.0.1"));
  return `udp://127.0.0.1:${socket.address().port}`;
}

async function closedPort(): Promise<number> {
  const socket = await bareSocket();
  const { port } = socket.address();
  socket.close();
  return port;
}

async function gateway(options: Partial<GatewayOptions> = {}, url = "http://127.0.0.1:0") {
  const opened = await openGateway(url, { targets: {}, ...options });
  onTestFinished(() => opened.close());
  return opened;
}

const webSocketUrl = ({ url }: Gateway, path: string) => `${url.replace("http", "ws")}/${path}`;

const fails = (url: string, options: Partial<ConnectOptions> = {}) =>
  failure(connect(url, { auth: alice, ...options }));

/** A plaintext record of DTLS 1.2, with record sequence number 0 (RFC 6347 §4.1). */
function plaintext(type: number, content: Uint8Array): Uint8Array {
  return Uint8Array.of(
    type,
    0xfe,
    0xfd,
    ...new Array(8).fill(0),
    content.length >> 8,
    content.length,
    ...content,
  );
}

/** The ServerHello of a server that speaks DTLS 1.2 only: TLS_PSK_WITH_AES_128_CCM_8, no extensions. */
function oldServerHello(): Uint8Array {
  const body = Uint8Array.of(0xfe, 0xfd, ...new Array(32).fill(7), 0, 0xc0, 0xa8, 0);
  const { length } = body;
  return plaintext(22, Uint8Array.of(2, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length, ...body));
}

const provoked: Readonly<Record<ConnectErrorCode, () => Promise<SealgramError>>> = {
  refused: async () => fails(`udp://127.0.0.1:${await closedPort()}`, { timeoutMs: 60_000 }),

  timeout: async () => fails(await answering(), { timeoutMs: 50 }),

  unreachable: () => fails("udp://does-not-exist.invalid:1"),

  authentication_failed: async () => {
    const { server, reports } = await served();
    const ofClient = await failure(
      dial(server, { auth: psk({ identity: "alice", key: new Uint8Array(32) }) }),
    );
    expect(await reported(reports)).toMatchObject({ code: "authentication_failed" });
    return ofClient;
  },

  login_throttled: async () => {
    const throttle = new LoginThrottle({ placeFailures: 1, firstDelayMs: 600_000 });
    const store = new MemoryRecordStore([
      await register({ identity: "alice", password: "right", iterations: 30_000 }),
    ]);
    const { server, reports } = await served({ auth: password(store, { throttle }) });
    const auth = password({ identity: "alice", password: "wrong" });
    expect(await failure(dial(server, { auth }))).toMatchObject({ code: "authentication_failed" });
    await reported(reports);
    reports.length = 0;
    const ofClient = await failure(dial(server, { auth }));
    expect(await reported(reports)).toMatchObject({ code: "login_throttled" });
    return ofClient;
  },

  unknown_identity: async () => {
    const { server } = await served({ auth: publicKey({ key: await generateSigner("Ed25519") }) });
    return failure(dial(server));
  },

  untrusted_public_key: async () => {
    const [own, other] = await Promise.all([generateSigner("Ed25519"), generateSigner("Ed25519")]);
    const { server } = await served({ auth: publicKey({ key: own }) });
    return failure(dial(server, { auth: publicKey({ trusted: [other.publicKey] }) }));
  },

  credential_rejected: async () => {
    const [own, known, unknown] = await Promise.all([1, 2, 3].map(() => generateSigner("Ed25519")));
    const { server, reports } = await served({ auth: publicKey({ key: own!, trusted: [known!.publicKey] }) });
    const ofClient = await failure(
      dial(server, { auth: publicKey({ key: unknown!, trusted: [own!.publicKey] }) }),
    );
    expect(await reported(reports)).toMatchObject({ code: "untrusted_public_key" });
    return ofClient;
  },

  protocol_version: async () => {
    const alert = plaintext(21, Uint8Array.of(2, 70));
    expect(await fails(await answering(alert))).toMatchObject({ code: "protocol_version" });
    return fails(await answering(oldServerHello()));
  },

  no_common_parameters: async () => {
    const { server } = await served({ cipherSuites: ["TLS_AES_128_GCM_SHA256"] });
    return failure(dial(server, { cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256"] }));
  },

  no_application_protocol: async () => {
    const { server } = await served({ applicationProtocols: ["chess/1"] });
    return failure(dial(server, { applicationProtocols: ["go/1"] }));
  },

  failed_look_up: async () => {
    const get = () => Promise.reject(new Error("no database"));
    const { server, reports } = await served({ auth: password({ get }) });
    const auth = password({ identity: "alice", password: "right" });
    expect(await failure(dial(server, { auth, timeoutMs: 300 }))).toMatchObject({ code: "timeout" });
    return reported(reports);
  },

  internal_error: async () => {
    const { server, reports } = await served({ auth: psk(() => Promise.reject(new Error("no database"))) });
    expect(await failure(dial(server))).toMatchObject({ code: "alert_internal_error" });
    return reported(reports);
  },

  closed: async () => {
    // Either side leaves while the server looks for the key.
    const abort = new AbortController();
    let leave = () => abort.abort(new Error("changed my mind"));
    const auth = psk(async () => {
      leave();
      return await new Promise<undefined>(() => {});
    });
    const { server, reports } = await served({ auth });
    await expect(dial(server, { signal: abort.signal })).rejects.toThrow("changed my mind");
    expect(await reported(reports)).toMatchObject({ code: "closed" });
    leave = () => void server.close();
    return failure(dial(server));
  },

  gateway_unreachable: () => fails("ws://127.0.0.1:9/game"),

  untrusted_gateway: async () => {
    const nowMs = Date.now();
    const { certificate, privateKey } = await generateCertificate({
      subject: "gateway",
      names: ["localhost"],
      notBeforeMs: nowMs - 1000,
      notAfterMs: nowMs + 3_600_000,
    });
    const tls = { cert: toPem("CERTIFICATE", certificate), key: toPem("PRIVATE KEY", privateKey) };
    return fails(webSocketUrl(await gateway({ tls }, "https://127.0.0.1:0"), "game"));
  },

  gateway_refused: async () => {
    const opened = await gateway({ origins: ["https://app.example"] });
    // As a page would: it cannot but say where it is from.
    const webSocket = class extends WebSocket {
      constructor(url: string) {
        super(url, { origin: "https://evil.example" });
      }
    } as unknown as WebSocketClass;
    const platform = sharing(async () => ({
      ...(await nodePlatform(nodeUdp, false)),
      webSocket: async () => webSocket,
    }));
    return failure(connectOn(platform, webSocketUrl(opened, "game"), { auth: alice }));
  },

  unknown_target: async () => fails(webSocketUrl(await gateway(), "game")),

  gateway_busy: async () => {
    const { server } = await served();
    const opened = await gateway({ targets: { game: server.url }, limits: { clientsPerAddress: 1 } });
    const session = await connect(webSocketUrl(opened, "game"), { auth: alice });
    onTestFinished(() => session.close());
    return fails(webSocketUrl(opened, "game"));
  },

  gateway_closed: async () => {
    const silent = await bareSocket();
    onTestFinished(() => void silent.close());
    const opened = await gateway({ targets: { game: `udp://127.0.0.1:${silent.address().port}` } });
    const failing = fails(webSocketUrl(opened, "game"));
    await once(silent, "message");
    await opened.close();
    return failing;
  },

  no_udp: async () => {
    const listening = await failure(listenInBrowser("udp://127.0.0.1:0", { auth: alice }));
    expect(listening.code).toBe("no_udp");
    return failure(connectInBrowser("udp://127.0.0.1:1", { auth: alice }));
  },

  no_websocket: async () => {
    vi.stubGlobal("WebSocket", undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    return failure(connectInBrowser("wss://127.0.0.1:1/game", { auth: alice }));
  },

  no_webtransport: () => fails("https://127.0.0.1:9/game"),

  no_webassembly: async () => {
    const { connect } = await freshModule();
    vi.stubGlobal("WebAssembly", undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    const failing = await rejection(connect("udp://127.0.0.1:1", { auth: alice }));
    vi.unstubAllGlobals();
    // What failed once is tried again.
    expect(await rejection(connect("udp://127.0.0.1:1", { auth: alice }))).toMatchObject({ code: "no_udp" });
    return failing;
  },

  module_unavailable: async () => {
    vi.doMock("../../src/endpoint/streams-link.ts", () => Promise.reject(new TypeError("no import() here")));
    onTestFinished(() => void vi.doUnmock("../../src/endpoint/streams-link.ts"));
    const { connect } = await freshModule();
    return rejection(connect("udp://127.0.0.1:1", { auth: alice }));
  },
};

/** The portable entry point, of which nothing is loaded yet. */
async function freshModule(): Promise<typeof import("../../src/endpoint/index.ts")> {
  vi.resetModules();
  return import("../../src/endpoint/index.ts");
}

/** Of modules that have another SealgramError than those of this file. */
function rejection(promise: Promise<unknown>): Promise<SealgramError> {
  return promise.then(
    () => Promise.reject(new Error("it has not failed")),
    (error) => error as SealgramError,
  );
}

test.each(Object.entries(provoked))("%s", async (code, provoke) => {
  const error = await provoke();
  expect(error).toMatchObject({ name: "SealgramError", code });
  expect(error.message).not.toBe("");
});
