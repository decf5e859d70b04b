import { createContext, runInContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { bytesOf } from "../../src/core/bytes.ts";
import { RecordCore } from "../../src/core/index.ts";
import { createCertificateVerifier } from "../../src/crypto/certificate.ts";
import { generateCertificate } from "../../src/crypto/certificate-generate.ts";
import { createCoreHashes } from "../../src/crypto/core-hashes.ts";
import { createNodeProvider } from "../../src/crypto/node.ts";
import { nodeSigner } from "../../src/crypto/node-index.ts";
import { generatePkcs8, signerFromPkcs8 } from "../../src/crypto/signer.ts";
import { TicketKeys } from "../../src/crypto/ticket-keys.ts";
import { certificate, connect, exportPsk, listen, psk, publicKey } from "../../src/endpoint/node-index.ts";
import { alice, ask, dial, echoServer, key, text, utf8 } from "./support.ts";

// Bytes of another realm, as jest, node:vm and iframes have them, and other views than Uint8Array.

const realm = createContext({});

/** The same bytes as each kind that an application may have. */
function kindsOf(bytes: Uint8Array): Record<string, Uint8Array> {
  const { Uint8Array: Foreign, DataView: ForeignView } = runInContext(
    "({ Uint8Array, DataView })",
    realm,
  ) as {
    Uint8Array: Uint8ArrayConstructor;
    DataView: DataViewConstructor;
  };
  const foreign = new Foreign(bytes);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const kinds = {
    foreign,
    "foreign view": new ForeignView(new Foreign([0, ...bytes, 0]).buffer, 1, bytes.length),
    view: new DataView(bytes.slice().buffer),
    "whole buffer": bytes.slice().buffer,
    "foreign buffer": foreign.buffer,
    shared,
  };
  return kinds as unknown as Record<string, Uint8Array>;
}

const kinds = Object.keys(kindsOf(new Uint8Array(1)));
const as = (kind: string, bytes: Uint8Array): Uint8Array => kindsOf(bytes)[kind]!;

test("what is taken for another realm's is", () => {
  expect(as("foreign", key) instanceof Uint8Array).toBe(false);
  expect(text(bytesOf(as("foreign view", utf8("hello")), "a text"))).toBe("hello");
});

test.each(kinds)("keys, datagrams, requests, streams and contexts: %s", async (kind) => {
  const auth = psk({ identity: "alice", key: as(kind, key), context: as(kind, utf8("uses")) });
  const server = await listen("udp://127.0.0.1:0", {
    auth: psk(() => ({ key: as(kind, key), context: as(kind, utf8("uses")) })),
    tickets: { secrets: [as(kind, new Uint8Array(32))] },
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(as(kind, datagram));
      session.onrequest = (request) => as(kind, request);
    },
  });
  onTestFinished(() => server.close());
  const session = await connect(server.url, { auth });
  expect(text(await ask(session, as(kind, utf8("datagram"))))).toBe("datagram");
  expect(text(await session.request(as(kind, utf8("request"))))).toBe("request");
  expect(exportPsk(session, as(kind, utf8("use")))).toEqual(exportPsk(session, utf8("use")));
  const writer = session.datagrams.writable.getWriter();
  await writer.write(as(kind, utf8("written")));
  const { writable, readable } = await session.createBidirectionalStream();
  const out = writable.getWriter();
  await out.write(as(kind, utf8("stream")));
  await out.close();
  const reader = readable.getReader();
  expect(text((await reader.read()).value!)).toBe("stream");
});

test.each(kinds)("a look-up that answers a bare key, without streams: %s", async (kind) => {
  const server = await echoServer({ auth: psk(() => as(kind, key)), streams: false });
  onTestFinished(() => server.close());
  const session = await dial(server, { streams: false });
  expect(text(await ask(session, as(kind, utf8("datagram"))))).toBe("datagram");
});

test.each(kinds)("public and private keys, certificates: %s", async (kind) => {
  const pkcs8 = await generatePkcs8("P-256");
  const { publicKey: spki } = await signerFromPkcs8(pkcs8);
  expect(nodeSigner(as(kind, pkcs8)).publicKey).toEqual(spki);
  const chain = await generateCertificate({
    subject: "localhost",
    names: ["localhost"],
    notBeforeMs: Date.now() - 1000,
    notAfterMs: Date.now() + 86_400_000,
  });
  const ways = [
    {
      server: publicKey({ key: as(kind, pkcs8) }),
      client: publicKey({ trusted: [as(kind, spki)] }),
    },
    {
      server: certificate({ chain: [as(kind, chain.certificate)], key: as(kind, chain.privateKey) }),
      client: certificate({
        verifier: createCertificateVerifier({ trustAnchors: [as(kind, chain.certificate)] }),
        serverName: "localhost",
      }),
    },
  ];
  for (const { server: auth, client } of ways) {
    const server = await echoServer({ auth });
    const session = await connect(server.url, { auth: client });
    session.close();
    await server.close();
  }
});

const detached = new Uint8Array(32);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const wrong: [string, unknown][] = [
  ["a string", "0123456789abcdef0123456789abcdef"],
  ["a number", 32],
  ["an array", [...key]],
  ["nothing", undefined],
  ["null", null],
  ["what is detached", detached],
  ["a detached buffer", detached.buffer],
  ["shared memory as a whole", new SharedArrayBuffer(32)],
];

test.each(wrong)("%s is not taken for bytes", async (_name, value) => {
  const bytes = value as Uint8Array;
  const provider = createNodeProvider(createCoreHashes(await RecordCore.load()));
  const server = await echoServer();
  onTestFinished(() => server.close());
  const session = await dial(server);
  const clear = /is a Uint8Array, or another view of memory that is not detached/;
  expect(() => psk({ identity: "alice", key: bytes })).toThrow(clear);
  expect(() => session.sendDatagram(bytes)).toThrow(clear);
  expect(() => session.exportKeyingMaterial("EXPERIMENTAL x", bytes, 1)).toThrow(clear);
  expect(() => new TicketKeys(provider, { secrets: [bytes], lifetimeMs: 1 })).toThrow(clear);
  await expect(session.request(bytes)).rejects.toThrow(clear);
  await expect(session.datagrams.writable.getWriter().write(bytes)).rejects.toThrow(clear);
  if (typeof value === "string") return;
  expect(() => certificate({ chain: [bytes], key: new Uint8Array(1) })).toThrow(clear);
  expect(() => publicKey({ trusted: [bytes] })).toThrow(clear);
  expect(() => createCertificateVerifier({ trustAnchors: [bytes] })).toThrow(clear);
  expect(() => nodeSigner(bytes)).toThrow(/unusable private key|is a Uint8Array/);
});

test("keys are copied: what becomes of the application's memory is its own business", async () => {
  const own = key.slice();
  const auth = psk({ identity: "alice", key: own });
  own.fill(0);
  const server = await echoServer({ auth: alice });
  onTestFinished(() => server.close());
  (await connect(server.url, { auth })).close();
});
