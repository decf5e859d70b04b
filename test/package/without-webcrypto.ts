// A program for a runtime that has no WebCrypto: runs handshakes of every kind, and those suites of test/runtime that it
// is given, on what takes its place. Events go to standard output as those of test/runtime/main.ts do.

Reflect.deleteProperty(globalThis, "crypto");
if (globalThis.crypto !== undefined) throw new Error("there is a WebCrypto still");

const { runtimeCrypto } = await import("../../src/crypto/runtime-crypto.ts");
const harness: typeof import("../runtime/harness.ts") = await import("../runtime/harness.ts");
const { run, registered, test, equal } = harness;
for (const suite of process.argv.slice(2)) await import(suite);
const suites = registered().length;

const { RecordCore } = await import("../../src/core/index.ts");
const { webCryptoAes } = await import("../../src/core/webcrypto-aes.ts");
const { createCoreHashes } = await import("../../src/crypto/core-hashes.ts");
const { createProvider } = await import("../../src/crypto/webcrypto.ts");
const { nodeUdp } = await import("../../src/transport/node-udp.ts");
const { connectOn } = await import("../../src/endpoint/connect.ts");
const { listenOn } = await import("../../src/endpoint/listen.ts");
const { sharing } = await import("../../src/endpoint/platform.ts");
const { certificate, psk, publicKey } = await import("../../src/endpoint/auth.ts");
const { generatePkcs8, generateSigner } = await import("../../src/crypto/signer.ts");
const { generateCertificate } = await import("../../src/crypto/certificate-generate.ts");
const { createCertificateVerifier } = await import("../../src/crypto/certificate.ts");
const { password } = await import("../../src/login/password.ts");
const { register } = await import("../../src/login/record.ts");
const { MemoryRecordStore } = await import("../../src/login/store.ts");
const portableEntry = await import("../../src/endpoint/index.ts");
const { nobleReference } = await import("../runtime/references.ts");
const { recordSockets } = await import("../runtime/sockets.node.ts");

const crypto = await runtimeCrypto();
const core = await RecordCore.load(undefined, { aes: webCryptoAes(crypto.subtle) });
/** The portable platform, with sockets. */
const platform = sharing(async () => ({
  core,
  crypto: createProvider({ crypto, hashes: createCoreHashes(core) }),
  udp: nodeUdp,
}));
const endpoint = {
  connect: connectOn.bind(undefined, platform) as typeof portableEntry.connect,
  listen: listenOn.bind(undefined, platform) as typeof portableEntry.listen,
};

type Auth = Parameters<typeof endpoint.connect>[1]["auth"];

async function certificates(): Promise<[Auth, Auth]> {
  const now = Date.now();
  const validity = { notBeforeMs: now - 60_000, notAfterMs: now + 60_000 };
  const authority = await generateCertificate({ subject: "authority", authority: {}, ...validity });
  const leaf = await generateCertificate({
    subject: "server",
    names: ["server.example"],
    issuer: authority,
    ...validity,
  });
  const verifier = createCertificateVerifier({ trustAnchors: [authority.certificate] });
  return [
    certificate({ chain: [leaf.certificate], key: leaf.privateKey }),
    certificate({ verifier, serverName: "server.example" }),
  ];
}

async function publicKeys(algorithm: "Ed25519" | "P-256"): Promise<[Auth, Auth]> {
  const [server, client] = [await generateSigner(algorithm), await generateSigner(algorithm)];
  return [
    publicKey({ key: server, trusted: [client.publicKey] }),
    publicKey({ key: client, trusted: [server.publicKey] }),
  ];
}

async function passwords(): Promise<[Auth, Auth]> {
  const alice = { identity: "alice", password: "correct horse" };
  const record = await register({ ...alice, iterations: 30_000 });
  return [password(new MemoryRecordStore([record])), password(alice)];
}

const ways: Record<string, () => Promise<[Auth, Auth]>> = {
  "pre-shared key": async () => {
    const key = psk({ identity: "alice", key: crypto.getRandomValues(new Uint8Array(32)) });
    return [key, key];
  },
  password: passwords,
  "public keys of Ed25519": () => publicKeys("Ed25519"),
  "public keys of P-256": () => publicKeys("P-256"),
  certificates,
};

for (const [name, auths] of Object.entries(ways)) {
  for (const [suite, groups] of [
    ["TLS_CHACHA20_POLY1305_SHA256", [0x001d]],
    ["TLS_AES_128_GCM_SHA256", [0x0017]],
    ["TLS_AES_256_GCM_SHA384", [0x11ec]],
  ] as const) {
    test(`without WebCrypto: ${name}, ${suite}`, async () => {
      const [ofServer, ofClient] = await auths();
      const options = { cipherSuites: [suite], groups };
      const server = await endpoint.listen("udp://127.0.0.1:0", {
        auth: ofServer,
        ...options,
        onsession: (session) => {
          session.ondatagram = (datagram) => void session.sendDatagram(datagram);
        },
      });
      try {
        const session = await endpoint.connect(server.url, { auth: ofClient, ...options });
        equal(session.handshake.cipherSuite, suite);
        const echo = new Promise<string>((resolve) => {
          session.ondatagram = (datagram) => resolve(new TextDecoder().decode(datagram));
        });
        session.sendDatagram(new TextEncoder().encode(name));
        equal(await echo, name);
        session.close();
      } finally {
        await server.close();
      }
    });
  }
}

test("without WebCrypto: the entry point and the keys stand on the fallback", async () => {
  harness.ok(suites > 0, "there are suites");
  harness.ok(globalThis.crypto === undefined, "nobody puts a WebCrypto in place");
  equal(crypto.constructor.name, "Crypto");
  for (const algorithm of ["Ed25519", "P-256", "P-384", "RSA"] as const) {
    harness.ok((await generatePkcs8(algorithm)).length > 40, algorithm);
  }
  const auth = psk({ identity: "alice", key: new Uint8Array(32) });
  // It gets as far as the sockets that it lacks.
  const error = await portableEntry.connect("udp://127.0.0.1:1", { auth }).catch((reason) => reason);
  equal(error.code, "no_udp");
});

await run(
  {
    runtime: "node",
    references: [nobleReference],
    aesBackends: { "@peculiar/webcrypto": webCryptoAes(crypto.subtle) },
    endpoint,
    carriers: nodeUdp,
    udp: "connected",
    systemSockets: recordSockets("node"),
  },
  (event) => console.log(`@test ${JSON.stringify(event)}`),
);
