import { expect, test } from "vitest";
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
