/** Long chains of certificates: large flights are sent in portions, and only what is lost again (RFC 9147 §5.8.2, §5.8.3 and §7). */
import { describe, expect, test } from "vitest";
import { generateSigner } from "../../src/crypto/signer.ts";
import { CertificateType, type Credential } from "../../src/dtls/config.ts";
import type { Datagram, Weather } from "./network.ts";
import { createPair, type Pair } from "./pair.ts";

const signer = await generateSigner("P-256");
/** A chain of so many bytes. */
const chain = (bytes: number): Credential => ({
  type: CertificateType.X509,
  certificates: [new Uint8Array(bytes)],
  signer,
});
const verifier = { certificateTypes: [CertificateType.X509], verify: () => signer.publicKey };

interface LargeOptions {
  readonly chainBytes: number;
  /** What the client shows, if anything. */
  readonly clientChainBytes?: number;
  readonly mtuBytes?: number;
  readonly weather?: Partial<Weather>;
}

function largePair({ chainBytes, clientChainBytes, mtuBytes = 1200, weather = {} }: LargeOptions): Pair {
  const isMutual = clientChainBytes !== undefined;
  return createPair({
    weather,
    client: {
      mtuBytes,
      psks: [],
      verifyServer: verifier,
      credentials: isMutual ? [chain(clientChainBytes)] : [],
    },
    server: {
      mtuBytes,
      credentials: [chain(chainBytes)],
      ...(isMutual ? { verifyClient: verifier, requireClientCertificate: true } : {}),
    },
  });
}

/** When both sides are connected, what both send until then, and the server alone. */
async function handshake(pair: Pair) {
  expect(await pair.connect()).toBe(true);
  const { network } = pair;
  return {
    ms: network.nowMs,
    datagrams: network.sent.filter(({ from }) => from === "server").length,
    bytes: network.bytesSent("server", "client") + network.bytesSent("client", "server"),
    serverBytes: network.bytesSent("server", "client"),
  };
}

/** Drops the server's datagrams of these numbers, from 0. */
function dropping(...numbers: number[]): (datagram: Datagram) => boolean {
  let count = 0;
  return ({ from }) => from !== "server" || !numbers.includes(count++);
}

describe.each([1200, 548])(
  "30 kB of certificates in datagrams of %d bytes, at a round trip of 20 ms",
  (mtuBytes) => {
    const options = { chainBytes: 30_000, mtuBytes };

    test("take a round trip and the delay of an ACK for every ten records, and are sent once", async () => {
      const { ms, bytes } = await handshake(largePair(options));
      const portions = Math.ceil(30_000 / (mtuBytes - 60) / 10);
      expect(ms).toBeLessThan(40 + portions * 30);
      expect(bytes).toBeLessThan(30_000 * 1.25);
    });

    test("take no more than a few round trips longer when any one datagram is lost", async () => {
      const before = await handshake(largePair(options));
      // The last one of all acknowledges the client's Finished.
      for (const lost of [0, 1, 9, 10, Math.floor(before.datagrams / 2), before.datagrams - 2]) {
        const pair = largePair(options);
        pair.network.filter = dropping(lost);
        const { ms, serverBytes } = await handshake(pair);
        // Without the first one nothing is measured yet, and nothing can be read: the oldest records are sent again.
        expect(ms - before.ms, `datagram ${lost}`).toBeLessThan(lost === 0 ? 500 : 100);
        expect(serverBytes - before.serverBytes, `datagram ${lost}`).toBeLessThan(
          (lost === 0 ? 3.5 : 2.5) * mtuBytes,
        );
      }
    });

    test("leave neither a longer time-out nor smaller datagrams behind when one is lost", async () => {
      const { datagrams } = await handshake(largePair(options));
      const pair = largePair(options);
      pair.network.filter = dropping(datagrams - 2);
      await handshake(pair);
      const { server, client, network, until } = pair;
      await until(() => !server.connection.isBusy && !client.connection.isBusy);
      expect(server.connection.maxDataBytes + server.connection.dataOverhead).toBe(mtuBytes);
      let update: Datagram | undefined;
      network.filter = (datagram) => {
        if (datagram.from === "client") return true;
        update ??= datagram;
        return update !== datagram;
      };
      const startMs = network.nowMs;
      server.connection.updateKeys();
      await until(() => !server.connection.isBusy);
      expect(network.nowMs - startMs).toBeLessThan(120);
    });
  },
);

test.each([
  [1200, 0],
  [1200, 10_000],
  [548, 10_000],
])(
  "a link of 64 kbit/s with a queue of 16 kB is used well: datagrams of %d bytes, %d of the client's",
  async (mtuBytes, own) => {
    const options = { chainBytes: 30_000, mtuBytes, ...(own === 0 ? {} : { clientChainBytes: own }) };
    const { bytes } = await handshake(largePair(options));
    const bytesPerMs = 8;
    const { ms } = await handshake(largePair({ ...options, weather: { bytesPerMs, queueBytes: 16_000 } }));
    expect(ms).toBeLessThan(1.5 * (40 + bytes / bytesPerMs));
  },
);
