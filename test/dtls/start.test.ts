import { expect, test } from "vitest";
import { commonDefaults } from "../../src/dtls/config.ts";
import { readFragments } from "../../src/dtls/fragment.ts";
import { decodeClientHello } from "../../src/tls/hello.ts";
import { CipherSuite } from "../../src/tls/suites.ts";
import { createPair, sharedPsk } from "../sim/pair.ts";

test("a client starts once; starting it again is the caller's mistake and changes nothing", async () => {
  const pair = createPair();
  pair.client.connection.start();
  expect(() => pair.client.connection.start()).toThrow(TypeError);
  await pair.until(() => pair.client.connected !== undefined && pair.server.connected !== undefined);
  expect(pair.client.error).toBeUndefined();
  expect(pair.server.connected).toBeDefined();
});

test("a plain PSK is not offered when no suite has its hash", async () => {
  const psk = { ...sharedPsk, imported: false, hash: "SHA-384" as const };
  const cipherSuites = [CipherSuite.TLS_CHACHA20_POLY1305_SHA256];
  let offered = -1;
  const pair = createPair({
    client: { psks: [psk], cipherSuites },
    server: {
      choosePsk: (identities) => {
        offered = identities.length;
        return undefined;
      },
    },
  });
  expect(await pair.connect()).toBe(false);
  expect(offered).toBe(-1);
});

test.each([
  ["its PSKs' hashes, if that is all it knows servers by", {}, [CipherSuite.TLS_AES_256_GCM_SHA384]],
  [
    "any hash, if a certificate will do",
    { verifyServer: { certificateTypes: [], verify: () => new Uint8Array(0) } },
    commonDefaults.cipherSuites,
  ],
])("a client offers suites of %s", (_what, client, cipherSuites) => {
  const psk = { ...sharedPsk, imported: false, hash: "SHA-384" as const };
  const { network, client: starting } = createPair({ client: { ...client, psks: [psk] } });
  starting.connection.start();
  const [fragment] = readFragments(network.sent[0]!.bytes.slice(13));
  const { data, type, length } = fragment!;
  const hello = decodeClientHello(Uint8Array.of(type, 0, length >> 8, length, ...data));
  expect(hello.cipherSuites).toEqual(cipherSuites);
});
