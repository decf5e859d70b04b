/** A derivation takes its time, and the event loop goes on meanwhile, whatever there is to derive with. */
import { pbkdf2Sync } from "node:crypto";
import { Crypto as PeculiarCrypto } from "@peculiar/webcrypto";
import { afterEach, expect, test, vi } from "vitest";
import { derivePbkdf2, deriveScrypt } from "../../src/crypto/password.ts";
import { encodePasswordInput } from "../../src/crypto/password-input.ts";
import { reduceScalar } from "../../src/crypto/spake2plus.ts";

const identities = { idProver: new TextEncoder().encode("alice"), idVerifier: new Uint8Array(0) };
const salt = new Uint8Array(16).fill(5);

/** How many turns the event loop makes while something is under way: timers, sockets and immediates have one each. */
async function turnsDuring<T>(action: () => T | Promise<T>): Promise<{ turns: number; result: T }> {
  let turns = 0;
  let isDone = false;
  const turn = () => {
    if (isDone) return;
    turns++;
    setTimeout(turn, 0);
  };
  // From a turn of its own.
  await new Promise((resolve) => setTimeout(resolve, 0));
  turn();
  const result = await action();
  isDone = true;
  return { turns, result };
}

const expected = (iterations: number) =>
  pbkdf2Sync(encodePasswordInput(new TextEncoder().encode("x"), identities), salt, iterations, 80, "sha256");

afterEach(() => {
  vi.unstubAllGlobals();
  vi.doUnmock("@peculiar/webcrypto");
});

test("a derivation that blocks would be noticed", async () => {
  const { turns } = await turnsDuring(() => expected(600_000));
  expect(turns).toBe(1);
});

test.each([
  ["WebCrypto", globalThis.crypto.subtle],
  ["@peculiar/webcrypto", new PeculiarCrypto().subtle as SubtleCrypto],
])("600,000 rounds by %s are computed elsewhere", async (_name, subtle) => {
  await derivePbkdf2("x", identities, { salt, iterations: 30_000 }, subtle);
  const { turns, result } = await turnsDuring(() =>
    derivePbkdf2("x", identities, { salt, iterations: 600_000 }, subtle),
  );
  expect(turns).toBeGreaterThan(20);
  expect(result.w0).toEqual(reduceScalar(expected(600_000).subarray(0, 40)));
});

test("without any WebCrypto they are computed here, in slices", async () => {
  // As in a page that is not a secure context, where the stand-in for WebCrypto cannot be had either.
  const { crypto } = globalThis;
  vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
  vi.doMock("@peculiar/webcrypto", () => {
    throw new Error("not here");
  });
  vi.resetModules();
  const { runtimeCrypto } = await import("../../src/crypto/runtime-crypto.ts");
  expect((await runtimeCrypto()).subtle).toBeUndefined();
  const { derivePbkdf2 } = await import("../../src/crypto/password.ts");
  const { turns, result } = await turnsDuring(() =>
    derivePbkdf2("x", identities, { salt, iterations: 100_000 }),
  );
  expect(turns).toBeGreaterThan(5);
  expect(result.w0).toEqual(reduceScalar(expected(100_000).subarray(0, 40)));
  expect(result.w1).toEqual(reduceScalar(expected(100_000).subarray(40)));
});

test("BoringSSL's derivation is computed in slices", async () => {
  const { turns } = await turnsDuring(() => deriveScrypt(new TextEncoder().encode("x"), identities));
  expect(turns).toBeGreaterThan(2);
});
