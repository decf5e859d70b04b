import { Duplex } from "node:stream";
import { TLSSocket, connect as tlsConnect } from "node:tls";
import { createCertificateVerifier } from "../src/crypto/certificate.ts";
import { generateCertificate } from "../src/crypto/certificate-generate.ts";
import { toPem } from "../src/crypto/key-format.ts";
import { nodeSigner } from "../src/crypto/node.ts";
import { CertificateType, type ClientConfig, type ServerConfig } from "../src/dtls/config.ts";
import { connect, pskClient, pskServer } from "./connection-pair.ts";
import type { Context, Figures, Group } from "./harness.ts";

// Whole handshakes, both ends in this process: microseconds of CPU time, all threads together.

interface Handshake {
  readonly name: string;
  run(): Promise<void>;
}

const handshake: Group = {
  everyRuntime: false,
  async run({ quick }: Context): Promise<Figures> {
    const { certificate, privateKey } = await generateCertificate({
      subject: "localhost",
      names: ["localhost"],
      algorithm: "P-256",
      notBeforeMs: Date.now() - 60_000,
      notAfterMs: Date.now() + 3_600_000,
    });
    const cases: Handshake[] = [
      { name: "psk_x25519_us", run: () => ours(pskClient, pskServer) },
      { name: "raw_public_key_p256_us", run: rawPublicKeyHandshake(privateKey) },
      { name: "certificate_p256_us", run: certificateHandshake(certificate, privateKey) },
      { name: "node_tls13_certificate_p256_us", run: nodeTls(certificate, privateKey) },
    ];
    return Object.fromEntries(await medians(cases, quick ? 5 : 15, quick ? 30 : 100));
  },
};

export default handshake;

async function ours(client: ClientConfig, server: ServerConfig): Promise<void> {
  const pair = await connect(client, server);
  pair.client.connection.close();
  pair.server.takeAll();
  if (pair.server.connection.state !== "closed") throw new Error("close_notify did not arrive");
}

function rawPublicKeyHandshake(privateKey: Uint8Array): () => Promise<void> {
  const signer = nodeSigner(privateKey);
  const certificateTypes = [CertificateType.RawPublicKey];
  const verifyServer = {
    certificateTypes,
    verify: (shown: readonly Uint8Array<ArrayBuffer>[]) => {
      if (Buffer.compare(shown[0]!, signer.publicKey) !== 0) throw new Error("not the pinned key");
      return shown[0]!;
    },
  };
  const credential = { type: CertificateType.RawPublicKey, certificates: [signer.publicKey], signer };
  return () => ours({ ...pskClient, psks: [], verifyServer }, { ...pskServer, credentials: [credential] });
}

function certificateHandshake(certificate: Uint8Array, privateKey: Uint8Array): () => Promise<void> {
  const verifier = createCertificateVerifier({ trustAnchors: [certificate] });
  const verifyServer = {
    certificateTypes: [CertificateType.X509],
    verify: (certificates: readonly Uint8Array<ArrayBuffer>[]) =>
      verifier.verify({ certificates, peer: "server" as const, name: "localhost", nowMs: Date.now() }),
  };
  const credential = {
    type: CertificateType.X509,
    certificates: [certificate],
    signer: nodeSigner(privateKey),
  };
  return () => ours({ ...pskClient, psks: [], verifyServer }, { ...pskServer, credentials: [credential] });
}

/** TLS 1.3 of this runtime, over a pair of streams in memory: OpenSSL, for scale. */
function nodeTls(certificate: Uint8Array, privateKey: Uint8Array): () => Promise<void> {
  const cert = toPem("CERTIFICATE", certificate);
  const key = toPem("PRIVATE KEY", privateKey);
  return () =>
    new Promise((resolve, reject) => {
      const [near, far] = streamPair();
      const server = new TLSSocket(far, { isServer: true, cert, key });
      const client = tlsConnect({ socket: near, ca: cert, servername: "localhost", minVersion: "TLSv1.3" });
      server.on("error", reject);
      client.on("error", reject);
      client.once("secureConnect", () => {
        client.destroy();
        server.destroy();
        resolve();
      });
    });
}

function streamPair(): [Duplex, Duplex] {
  const end = (other: () => Duplex) =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        other().push(chunk);
        done();
      },
    });
  const near: Duplex = end(() => far);
  const far: Duplex = end(() => near);
  return [near, far];
}

/** Median CPU time of each, in rounds that take all in turn. */
async function medians(
  cases: readonly Handshake[],
  rounds: number,
  count: number,
): Promise<[string, number][]> {
  for (const { run } of cases) for (let i = 0; i < 3 * count; i++) await run();
  const times = cases.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { run }] of cases.entries()) {
      const before = process.cpuUsage();
      for (let n = 0; n < count; n++) await run();
      const { user, system } = process.cpuUsage(before);
      times[i]!.push((user + system) / count);
    }
  }
  return cases.map(({ name }, i) => {
    const sorted = times[i]!.sort((a, b) => a - b);
    return [name, Math.round(sorted[sorted.length >> 1]!)];
  });
}
