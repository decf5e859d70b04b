import type { Env } from "./env.ts";

// The runtime suite's whole test framework: what a suite needs to run unchanged in Node, Deno, Bun and a browser.

/** A test ends well unless it throws, or its promise rejects. */
export type TestFunction = (env: Env) => void | Promise<void>;

export interface Test {
  readonly name: string;
  readonly fn: TestFunction;
}

/** What a run tells its runner, in this order for each test, and once at the end. */
export type Event =
  | { readonly type: "start"; readonly name: string }
  | { readonly type: "passed"; readonly name: string; readonly ms: number }
  | { readonly type: "failed"; readonly name: string; readonly ms: number; readonly error: string }
  | { readonly type: "end"; readonly passed: number; readonly failed: number };

const registry = new Map<string, Test>();

/** Registers a test. Names are unique over all suites, so start them with what they are about. */
export function test(name: string, fn: TestFunction): void {
  if (registry.has(name)) throw new RangeError(`two tests are named "${name}"`);
  registry.set(name, { name, fn });
}

/** The tests registered so far. */
export function registered(): readonly Test[] {
  return [...registry.values()];
}

/** Runs every registered test, one after the other. */
export async function run(env: Env, report: (event: Event) => void): Promise<void> {
  let passed = 0;
  let failed = 0;
  for (const { name, fn } of registered()) {
    report({ type: "start", name });
    const start = performance.now();
    try {
      await fn(env);
      passed++;
      report({ type: "passed", name, ms: performance.now() - start });
    } catch (error) {
      failed++;
      report({ type: "failed", name, ms: performance.now() - start, error: describe(error) });
    }
  }
  report({ type: "end", passed, failed });
}

export class AssertionError extends Error {
  override readonly name: string = "AssertionError";
}

export function fail(message: string): never {
  throw new AssertionError(message);
}

export function ok(value: unknown, message = "a true value was expected"): asserts value {
  if (!value) fail(`${message}: got ${show(value)}`);
}

/** Same value, as `Object.is` sees it. */
export function equal(actual: unknown, expected: unknown, message = "values differ"): void {
  if (!Object.is(actual, expected)) fail(`${message}: got ${show(actual)}, expected ${show(expected)}`);
}

export function bytesEqual(actual: Uint8Array, expected: Uint8Array, message = "bytes differ"): void {
  const length = Math.min(actual.length, expected.length);
  let at = 0;
  while (at < length && actual[at] === expected[at]) at++;
  if (at === length && actual.length === expected.length) return;
  fail(`${message} from byte ${at}:\n  got      ${excerpt(actual, at)}\n  expected ${excerpt(expected, at)}`);
}

type ErrorClass = abstract new (...parameters: never[]) => Error;

/** The error that `fn` throws, which must be of class `expected`. */
export function throws<E extends ErrorClass>(fn: () => unknown, expected: E): InstanceType<E> {
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    return ofClass(error, expected);
  }
  return fail(`a ${expected.name} was expected, but ${show(result)} came back`);
}

/** The error that a promise rejects with, which must be of class `expected`. */
export async function rejects<E extends ErrorClass>(
  promise: Promise<unknown>,
  expected: E,
): Promise<InstanceType<E>> {
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    return ofClass(error, expected);
  }
  return fail(`a rejection with ${expected.name} was expected, but ${show(result)} came back`);
}

function ofClass<E extends ErrorClass>(error: unknown, expected: E): InstanceType<E> {
  if (error instanceof expected) return error as InstanceType<E>;
  return fail(`a ${expected.name} was expected, but this came: ${describe(error)}`);
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const digits = hex.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new RangeError("not hexadecimal");
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Up to 48 bytes around `at`, and the whole length. */
function excerpt(bytes: Uint8Array, at: number): string {
  const from = Math.max(0, at - 16);
  const part = bytes.subarray(from, from + 48);
  const before = from > 0 ? "…" : "";
  const after = from + 48 < bytes.length ? "…" : "";
  return `${before}${toHex(part)}${after} (${bytes.length} bytes)`;
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return excerpt(value, 0);
  if (value instanceof Error) return describe(value);
  if (typeof value === "string") return JSON.stringify(value);
  return Object.is(value, -0) ? "-0" : String(value);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}: ${String(error)}`;
  const stack = error.stack ?? "";
  // Engines disagree on whether the stack starts with the message.
  return stack.includes(error.message) ? stack : `${error.name}: ${error.message}\n${stack}`;
}
