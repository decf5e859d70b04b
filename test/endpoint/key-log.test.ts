import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { nodePlatform } from "../../src/endpoint/node-platform.ts";
import { nodeUdp } from "../../src/transport/node-udp.ts";
import { ask, dial, echoServer, text, utf8 } from "./support.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sealgram-keylog-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** The platform that finds this in the environment. */
async function platformWith(file: string) {
  const before = process.env.SSLKEYLOGFILE;
  process.env.SSLKEYLOGFILE = file;
  try {
    return await nodePlatform(nodeUdp);
  } finally {
    if (before === undefined) delete process.env.SSLKEYLOGFILE;
    else process.env.SSLKEYLOGFILE = before;
  }
}

test("what a key log throws is reported as uncaught, and both sides have their session", async () => {
  const uncaught: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  // Each side's five secrets of the handshake and one of the new keys: one that comes after the test would fail the next.
  const all = new Promise<void>((resolve) => {
    process.on("uncaughtException", (error) => {
      if (uncaught.push(error) === 12) resolve();
    });
  });
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
  const fault = new Error("the application's");
  const keyLog = () => {
    throw fault;
  };
  const server = await echoServer({ keyLog });
  onTestFinished(() => server.close());
  const session = await dial(server, { keyLog });
  expect(text(await ask(session, utf8("hello")))).toBe("hello");
  session.updateKeys();
  expect(text(await ask(session, utf8("under new keys")))).toBe("under new keys");
  await all;
  expect(new Set(uncaught)).toEqual(new Set([fault]));
});

test("a file that SSLKEYLOGFILE names and that cannot be written is warned of once", async () => {
  const path = join(folder(), "no/such/folder");
  const { keyLog } = await platformWith(path);
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on("warning", warned);
  onTestFinished(() => void process.off("warning", warned));
  const first = once(process, "warning");
  keyLog!("one");
  keyLog!("two");
  await first;
  // Those come in order: what there was of the second line would be here.
  const last = once(process, "warning");
  process.emitWarning("the last");
  await last;
  expect(warnings).toHaveLength(2);
  expect(warnings[0]!.message).toContain("SSLKEYLOGFILE");
  expect(warnings[0]!.message).toContain("ENOENT");
});

test("lines are appended to a file that only its owner can read", async () => {
  const path = join(folder(), "keys.log");
  for (const line of ["one", "two"]) (await platformWith(path)).keyLog!(line);
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
