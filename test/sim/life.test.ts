/** Ends, restarts, silence, narrow paths and worn keys. */

import { describe, expect, test } from "vitest";
import { createNobleHashes } from "../../src/crypto/hashes.ts";
import { createProvider } from "../../src/crypto/webcrypto.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { CipherSuite } from "../../src/tls/suites.ts";
import { authentications } from "./credentials.ts";
import { clear } from "./network.ts";
import { core, createPair } from "./pair.ts";
import { live, type Scenario } from "./scenario.ts";

const calm: Partial<Scenario> = { weather: clear, steps: 6, sealedLimit: undefined };

/** A life that cannot go wrong: it has to be established, and to deliver all. */
async function liveCalmly(seed: number, fixed: Partial<Scenario>): Promise<void> {
  const outcome = await live(seed, { ...calm, ...fixed });
  expect(outcome.established, JSON.stringify(fixed)).toBe(true);
}

describe("every combination connects", () => {
  test.each(authentications)("%s, with every suite, group and pace", async (authentication) => {
    let seed = 1;
    for (const suite of Object.values(CipherSuite)) {
      for (const group of Object.values(NamedGroup)) {
        for (const pace of ["immediate", "real", "virtual"] as const) {
          await liveCalmly(seed++, { authentication, suite, group, pace, guessesWrongGroup: seed % 2 === 0 });
        }
      }
    }
  });

  test.each(authentications)(
    "%s, resumed by a ticket of another server's with the same ring",
    async (authentication) => {
      for (const suite of Object.values(CipherSuite)) {
        await liveCalmly(7, { authentication, suite, resumes: true, pace: "virtual" });
      }
    },
  );

  test("connection IDs of every length, either way", async () => {
    for (let length = 0; length <= 20; length++) {
      await liveCalmly(length, { clientIdLength: length, serverIdLength: 20 - length, pace: "immediate" });
    }
  });
});

describe("narrow paths", () => {
  test.each([296, 300, 400, 548, 576, 1000])("datagrams above %i bytes vanish", async (mtuBytes) => {
    for (const authentication of authentications) {
      for (const group of [NamedGroup.x25519, NamedGroup.X25519MLKEM768]) {
        const weather = { ...clear, mtuBytes };
        await liveCalmly(mtuBytes, { authentication, group, weather, resumes: true, pace: "immediate" });
      }
    }
  });
});

describe("ends", () => {
  test("a session that hears nothing ends when its time is up", async () => {
    const slots = core.statistics.slots;
    const pair = createPair({ client: { idleTimeoutMs: 10_000 }, server: { idleTimeoutMs: 20_000 } });
    expect(await pair.connect()).toBe(true);
    await pair.until(() => false, 5000);
    pair.network.filter = () => false;
    await pair.until(() => pair.client.isClosed && pair.server.isClosed);
    expect([pair.client.error?.code, pair.server.error?.code]).toEqual(["idle_timeout", "idle_timeout"]);
    expect(core.statistics.slots).toBe(slots);
  });

  test("a client without a server gives up, and nothing stays", async () => {
    const slots = core.statistics.slots;
    const pair = createPair({ client: { idleTimeoutMs: undefined } });
    pair.network.filter = () => false;
    pair.client.connection.start();
    await pair.until(() => pair.client.isClosed, 3_600_000);
    expect(pair.client.error?.code).toBe("timeout");
    expect(pair.client.deadlineMs).toBeUndefined();
    pair.server.connection.close();
    expect(core.statistics.slots).toBe(slots);
  });

  test.each(["client", "server"] as const)(
    "a %s that ends in the middle of the handshake tells the other",
    async (side) => {
      const slots = core.statistics.slots;
      for (let datagrams = 0; datagrams < 5; datagrams++) {
        const pair = createPair({});
        pair.client.connection.start();
        await pair.until(() => pair.network.sent.length > datagrams || pair.client.connected !== undefined);
        pair[side].connection.close();
        await pair.until(() => pair.client.isClosed && pair.server.isClosed, 2_000_000);
        expect([pair.client.isClosed, pair.server.isClosed]).toEqual([true, true]);
      }
      expect(core.statistics.slots).toBe(slots);
    },
  );

  test("closing while work is under way leaves nothing and calls nothing back", async () => {
    const provider = createProvider({ hashes: createNobleHashes() });
    for (let turns = 0; turns < 12; turns++) {
      const pair = createPair({ client: { crypto: provider }, server: { crypto: provider } });
      const slots = core.statistics.slots;
      pair.client.connection.start();
      for (let i = 0; i < turns; i++) await pair.until(() => true, 20);
      pair.client.connection.close();
      pair.server.connection.close();
      await pair.until(() => false, 1000);
      expect([pair.client.connected, pair.client.isClosed, pair.server.isClosed]).toEqual([
        undefined,
        true,
        true,
      ]);
      expect(core.statistics.slots).toBeLessThanOrEqual(slots);
    }
  });

  test("a restarted client can start again with a new connection; the old session does not answer it", async () => {
    const slots = core.statistics.slots;
    const pair = createPair({ client: { idleTimeoutMs: 30_000 }, server: { idleTimeoutMs: 30_000 } });
    expect(await pair.connect()).toBe(true);
    await pair.until(() => !pair.client.connection.isBusy && !pair.server.connection.isBusy);
    const before = pair.network.sent.length;
    // The client forgets everything and begins anew from the same address, against a session that lives.
    const again = createPair({});
    again.client.connection.start();
    for (const { bytes } of again.network.sent) pair.network.inject("client", "server", bytes);
    await pair.until(() => false, 1000);
    expect(pair.network.sent.length).toBe(before);
    expect(pair.server.isClosed).toBe(false);
    pair.client.connection.send(Uint8Array.of(1));
    await pair.until(() => pair.server.received.length > 0, 1000);
    expect(pair.server.received).toEqual([Uint8Array.of(1)]);
    for (const end of [pair.client, pair.server, again.client, again.server]) end.connection.close();
    expect(core.statistics.slots).toBe(slots);
  });

  test("a server that forgot its session leaves the client to its time-out", async () => {
    const pair = createPair({ client: { idleTimeoutMs: 5000 } });
    expect(await pair.connect()).toBe(true);
    await pair.until(() => !pair.client.connection.isBusy && !pair.server.connection.isBusy);
    const fresh = createPair({});
    pair.network.attach("server", fresh.server);
    pair.client.connection.send(Uint8Array.of(1));
    await pair.until(() => pair.client.isClosed);
    expect(pair.client.error?.code).toBe("idle_timeout");
    expect(fresh.server.isClosed).toBe(false);
    expect(fresh.network.sent).toEqual([]);
  });
});

describe("worn keys", () => {
  test("are changed under traffic in both directions, with reordering and loss, and every record is opened once", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const pair = createPair({
        seed,
        client: { keyLimits: { sealed: 256 } },
        server: { keyLimits: { sealed: 300 } },
      });
      const { client, server, network } = pair;
      expect(await pair.connect()).toBe(true);
      network.weather = { ...clear, jitterMs: 40, loss: 0.05, duplication: 0.1 };
      for (let i = 0; i < 1500; i++) {
        client.connection.send(Uint8Array.of(i >> 8, i));
        server.connection.send(Uint8Array.of(i >> 8, i));
        if (i % 4 === 0) await pair.until(() => false, 20);
      }
      await pair.until(() => false, 5000);
      expect([client.error, server.error]).toEqual([undefined, undefined]);
      for (const end of [client, server]) {
        expect(end.connection.writeEpoch).toBeGreaterThan(7);
        const numbers = end.received.map(([high, low]) => high! * 256 + low!);
        expect(new Set(numbers).size).toBe(numbers.length);
        // Whatever was not lost on the way, or waited for a key, arrives, whichever key it is under.
        expect(numbers.length).toBeGreaterThan(1500 * 0.8);
      }
    }
  });

  test("end the session when the peer never acknowledges their change", async () => {
    const pair = createPair({ client: { keyLimits: { sealed: 1024 }, idleTimeoutMs: undefined } });
    const { client, network } = pair;
    expect(await pair.connect()).toBe(true);
    await pair.until(() => !client.connection.isBusy);
    network.filter = () => false;
    for (let i = 0; i < 2000; i++) client.connection.send(Uint8Array.of(i));
    // What is left of the key is for its change.
    expect(network.sent.length).toBeLessThan(1024 - 32);
    await pair.until(() => client.isClosed, 3_600_000);
    expect(client.error?.code).toBe("timeout");
  });
});
