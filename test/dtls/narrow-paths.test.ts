/** Paths that take little: small datagrams (RFC 9147 §4.4), and addresses that are not proved (§5.1). */
import { describe, expect, test } from "vitest";
import { generateSigner } from "../../src/crypto/signer.ts";
import { CertificateType } from "../../src/dtls/config.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { createPair, type PairOptions } from "../sim/pair.ts";

const signer = await generateSigner("P-256");
const verifyServer = { certificateTypes: [CertificateType.X509], verify: () => signer.publicKey };
const credentials = [{ type: CertificateType.X509, certificates: [new Uint8Array(3000)], signer }];

function certified(group: (typeof NamedGroup)["x25519" | "X25519MLKEM768"], options: PairOptions = {}) {
  const groups = { groups: [group], keyShareGroups: [group] };
  return createPair({
    ...options,
    client: { psks: [], verifyServer, ...groups, ...options.client },
    server: { credentials, ...groups, ...options.server },
  });
}

test.each([300, 548, 1000])(
  "a flight that answers a hello in datagrams of %d bytes has none that are larger (§4.4)",
  async (mtuBytes) => {
    const pair = certified(NamedGroup.X25519MLKEM768, { client: { mtuBytes }, weather: { mtuBytes } });
    expect(await pair.connect(1000)).toBe(true);
    expect(pair.network.sent.every(({ bytes }) => bytes.length <= mtuBytes)).toBe(true);
  },
);

test("a datagram that may be lost for its size is not found too large while others of that size arrive (§4.4)", async () => {
  const pair = certified(NamedGroup.x25519);
  const { network } = pair;
  let lost = 0;
  // Whichever datagram has the end of the certificate in it, three times.
  network.filter = ({ from, bytes }) =>
    from !== "server" || bytes.length < 500 || bytes.length === 1200 || lost++ >= 3;
  expect(await pair.connect()).toBe(true);
  expect(lost).toBeGreaterThan(3);
  expect(pair.server.connection.maxDataBytes + pair.server.connection.dataOverhead).toBe(1200);
});

describe("an address that is not proved (§5.1)", () => {
  const serverOptions = { pathValidated: false };

  test("gets three times what came from it, to the last useful byte", async () => {
    const pair = certified(NamedGroup.x25519, { serverOptions });
    const { network, client, server } = pair;
    network.filter = ({ from }) => from === "client";
    client.connection.start();
    await pair.until(() => network.sent.some(({ from }) => from === "server"), 100);
    const allowed = 3 * network.bytesSent("client", "server");
    expect(network.bytesSent("server", "client")).toBeLessThanOrEqual(allowed);
    expect(network.bytesSent("server", "client")).toBeGreaterThan(allowed - 80);
    network.filter = undefined;
    await pair.until(() => server.connected !== undefined, 5000);
    expect(server.connected).toBeDefined();
  });

  test("does not make a handshake slow: what the client acknowledges lets the flight go on", async () => {
    const pair = certified(NamedGroup.x25519, { serverOptions });
    expect(await pair.connect()).toBe(true);
    expect(pair.network.nowMs).toBeLessThan(200);
  });
});
