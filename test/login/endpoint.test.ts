import { expect, onTestFinished, test } from "vitest";
import { connect, listen } from "../../src/endpoint/node-index.ts";
import { MemoryRecordStore, type PasswordOptions, password, register } from "../../src/login/index.ts";
import { failure } from "../endpoint/support.ts";

const alice: PasswordOptions = { identity: "alice", password: "correct horse" };
const store = new MemoryRecordStore([await register(alice)]);

async function serve() {
  const failures: string[] = [];
  const peers: unknown[] = [];
  const server = await listen("udp://127.0.0.1:0", {
    auth: password(store),
    onsession: (session) => {
      peers.push(session.peer);
    },
    onfailure: ({ code }) => failures.push(code),
  });
  onTestFinished(() => server.close());
  return { server, failures, peers };
}

test("a password of 600,000 rounds opens a session, without holding up the event loop", async () => {
  const { server, peers } = await serve();
  let longestMs = 0;
  let lastMs = performance.now();
  const ticker = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
  }, 1);
  const startMs = performance.now();
  const session = await connect(server.url, { auth: password(alice) });
  const tookMs = performance.now() - startMs;
  clearInterval(ticker);
  onTestFinished(() => session.close());
  expect(session.peer).toEqual({ kind: "password", identity: "" });
  await expect.poll(() => peers).toEqual([{ kind: "password", identity: "alice" }]);
  // The derivation is most of it, and it is done elsewhere.
  expect(longestMs).toBeLessThan(tookMs / 2);
});

test("a wrong password and an unknown user fail alike", async () => {
  const { server, failures } = await serve();
  for (const change of [{ password: "wrong" }, { identity: "carol" }]) {
    const error = await failure(connect(server.url, { auth: password({ ...alice, ...change }) }));
    expect(error.code).toBe("authentication_failed");
  }
  await expect.poll(() => failures).toEqual(["authentication_failed", "authentication_failed"]);
});
