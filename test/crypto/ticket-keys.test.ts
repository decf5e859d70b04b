import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TicketKeys } from "../../src/crypto/ticket-keys.ts";
import { providers, toHex, utf8 } from "./providers.ts";

const nowMs = 1_770_000_000_123;
const lifetimeMs = 3_600_000;
const context = utf8("resumption");
const secret = (byte: number) => new Uint8Array(32).fill(byte);

describe.each(providers)("tickets by %s", (_name, provider) => {
  const keys = (...bytes: number[]) => new TicketKeys(provider, { secrets: bytes.map(secret), lifetimeMs });

  test("open on every server that has the secret, whatever its provider and the secret's place", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom(...providers),
        async (state, [, other]) => {
          const ticket = await keys(7, 1).seal(state, context, nowMs);
          const server = new TicketKeys(other, { secrets: [secret(9), secret(7)], lifetimeMs });
          const opened = await server.open(ticket, context, nowMs + 5);
          expect(toHex(opened!.state)).toBe(toHex(state));
          expect(opened!.ageMs).toBe(5);
          expect(ticket.length).toBe(state.length + 52);
        },
      ),
      { numRuns: 20 },
    );
  });

  test("do not open without the secret, and open until it is rotated away", async () => {
    const ring = keys(1);
    const ticket = await ring.seal(utf8("state"), context, nowMs);
    expect(await keys(2, 3).open(ticket, context, nowMs)).toBe(null);
    ring.rotate([secret(2), secret(1)]);
    expect(toHex((await ring.open(ticket, context, nowMs))!.state)).toBe(toHex(utf8("state")));
    const newer = await ring.seal(utf8("state"), context, nowMs);
    expect(toHex(newer.subarray(0, 16))).not.toBe(toHex(ticket.subarray(0, 16)));
    ring.rotate([secret(3), secret(2)]);
    expect(await ring.open(ticket, context, nowMs)).toBe(null);
    expect(await ring.open(newer, context, nowMs)).not.toBe(null);
  });

  test("no two are the same", async () => {
    const ring = keys(1);
    const [a, b] = [await ring.seal(utf8("x"), context, nowMs), await ring.seal(utf8("x"), context, nowMs)];
    expect(toHex(a)).not.toBe(toHex(b));
  });

  test("any bit changed, any cut, any longer and another context: null", async () => {
    const ring = keys(1);
    const ticket = await ring.seal(utf8("state"), context, nowMs);
    for (let i = 0; i < ticket.length; i++) {
      const changed = ticket.slice();
      changed[i]! ^= 1 << (i % 8);
      expect(await ring.open(changed, context, nowMs)).toBe(null);
      expect(await ring.open(ticket.subarray(0, i), context, nowMs)).toBe(null);
    }
    expect(await ring.open(new Uint8Array([...ticket, 0]), context, nowMs)).toBe(null);
    expect(await ring.open(ticket, utf8("cookie"), nowMs)).toBe(null);
  });

  test("open for exactly their lifetime, on a clock a minute behind too", async () => {
    const ring = keys(1);
    const ticket = await ring.seal(utf8("state"), context, nowMs);
    expect((await ring.open(ticket, context, nowMs + lifetimeMs))!.ageMs).toBe(lifetimeMs);
    expect(await ring.open(ticket, context, nowMs + lifetimeMs + 1)).toBe(null);
    expect((await ring.open(ticket, context, nowMs - 60_000))!.ageMs).toBe(0);
    expect(await ring.open(ticket, context, nowMs - 60_001)).toBe(null);
  });
});

test("callers' mistakes are RangeErrors and leave the ring as it was", async () => {
  const [, provider] = providers[0]!;
  for (const secrets of [
    [],
    [new Uint8Array(31)],
    [secret(1), new Uint8Array(33)],
    new Array(17).fill(secret(1)),
  ]) {
    expect(() => new TicketKeys(provider, { secrets, lifetimeMs })).toThrow(RangeError);
    const ring = new TicketKeys(provider, { secrets: [secret(1)], lifetimeMs });
    const ticket = await ring.seal(utf8("state"), context, nowMs);
    expect(() => ring.rotate(secrets)).toThrow(RangeError);
    expect(await ring.open(ticket, context, nowMs)).not.toBe(null);
  }
  for (const bad of [0, -1, Number.NaN, 604_800_001, Number.POSITIVE_INFINITY]) {
    expect(() => new TicketKeys(provider, { secrets: [secret(1)], lifetimeMs: bad })).toThrow(RangeError);
  }
});
