import { describe, expect, test } from "vitest";
import { createNobleHashes } from "../../src/crypto/hashes.ts";
import { generateSigner } from "../../src/crypto/signer.ts";
import { createProvider } from "../../src/crypto/webcrypto.ts";
import { CertificateType } from "../../src/dtls/config.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { clear } from "./network.ts";
import { createPair, crypto as nodeCrypto } from "./pair.ts";

const nothing = new Uint8Array(0);

describe.each([
  ["node:crypto", nodeCrypto],
  ["WebCrypto", createProvider({ hashes: createNobleHashes() })],
])("with %s", (_name, crypto) => {
  test.each([0, 0.1, 0.3])("a PSK handshake, data, key updates and close with %d loss", async (loss) => {
    for (let seed = 1; seed <= (loss === 0 ? 1 : 20); seed++) {
      const pair = createPair({
        seed,
        weather: { loss, jitterMs: loss * 100 },
        client: { crypto },
        server: { crypto },
      });
      const { client, server } = pair;
      expect(await pair.connect(), `seed ${seed}`).toBe(true);
      pair.network.weather = clear;
      client.connection.send(Uint8Array.of(1, 2, 3));
      server.connection.send(Uint8Array.of(4, 5));
      await pair.until(() => client.received.length > 0 && server.received.length > 0);
      expect(server.received).toEqual([Uint8Array.of(1, 2, 3)]);
      expect(client.received).toEqual([Uint8Array.of(4, 5)]);

      await pair.until(() => !client.connection.isBusy && !server.connection.isBusy);
      client.connection.updateKeys(true);
      await pair.until(() => client.connection.writeEpoch === 4 && server.connection.writeEpoch === 4);
      expect([client.connection.writeEpoch, server.connection.writeEpoch]).toEqual([4, 4]);
      client.connection.send(Uint8Array.of(9));
      await pair.until(() => server.received.length > 1);
      expect(server.received[1]).toEqual(Uint8Array.of(9));
      expect(client.connection.exportKeyingMaterial("EXPORTER-test", nothing, 20)).toEqual(
        server.connection.exportKeyingMaterial("EXPORTER-test", nothing, 20),
      );

      client.connection.close();
      await pair.until(() => server.isClosed);
      expect(server.isClosed).toBe(true);
      expect(server.error).toBeUndefined();
    }
  });
});

test.each(["Ed25519", "P-256"] as const)("raw public keys on both sides (%s)", async (algorithm) => {
  const [clientKey, serverKey] = [await generateSigner(algorithm), await generateSigner(algorithm)];
  const pinned = (publicKey: Uint8Array<ArrayBuffer>) => ({
    certificateTypes: [CertificateType.RawPublicKey],
    verify: (shown: readonly Uint8Array[]) => {
      expect(shown).toEqual([publicKey]);
      return publicKey;
    },
  });
  const credential = (signer: typeof clientKey) => ({
    type: CertificateType.RawPublicKey,
    certificates: [signer.publicKey],
    signer,
  });
  const pair = createPair({
    client: {
      psks: [],
      keyShareGroups: [NamedGroup.secp256r1],
      verifyServer: pinned(serverKey.publicKey),
      credentials: [credential(clientKey)],
    },
    server: {
      groups: [NamedGroup.x25519],
      verifyClient: pinned(clientKey.publicKey),
      requireClientCertificate: true,
      credentials: [credential(serverKey)],
    },
  });
  expect(await pair.connect()).toBe(true);
  expect(pair.client.connected?.usedHelloRetryRequest).toBe(true);
  expect(pair.client.connected?.peer).toEqual({ kind: "raw_public_key", publicKey: serverKey.publicKey });
  expect(pair.server.connected?.peer).toEqual({ kind: "raw_public_key", publicKey: clientKey.publicKey });
});
