/** Nodes that share one password, and are client or server as it comes. */
import { expect, onTestFinished, test, vi } from "vitest";
import { LoginThrottle, password } from "../../src/login/index.ts";
import { failure } from "../endpoint/support.ts";
import { grounds, inMemory, serve } from "./support.ts";

const shared = { password: "of all nodes" };

test.each(grounds)(
  "every node connects to every other, with one password() for both (%s)",
  async (_name, open) => {
    const ground = open();
    const nodes = await Promise.all(
      Array.from({ length: 2 }, async () => {
        const auth = password(shared);
        return { auth, ...(await serve(ground, { auth })) };
      }),
    );
    for (const from of nodes) {
      for (const to of nodes) {
        if (from === to) continue;
        const session = await ground.connect(to.server.url, { auth: from.auth, timeoutMs: 60_000 });
        expect(session.peer).toEqual({ kind: "password", identity: "" });
      }
    }
    for (const { server, sessions } of nodes) {
      await expect.poll(() => sessions.length).toBe(1);
      for (const { peer } of sessions) expect(peer).toEqual({ kind: "password", identity: "" });
      expect(server.closeSessionsOf({ kind: "password", identity: "" })).toBe(1);
    }
  },
);

test("guesses at one node are slowed down, and keep no node from others", async () => {
  const ground = inMemory();
  const node = async () => {
    const throttle = new LoginThrottle({ placeFailures: 5, firstDelayMs: 600_000 });
    const auth = password(shared, { throttle });
    return { auth, ...(await serve(ground, { auth })) };
  };
  const [one, other] = await Promise.all([node(), node()]);
  const guess = password({ password: "of no node" });
  for (let i = 0; i < 7; i++) {
    const error = await failure(ground.connect(one!.server.url, { auth: guess, timeoutMs: 60_000 }));
    expect(error.code).toBe(i < 5 ? "authentication_failed" : "login_throttled");
  }
  const late = ["login_throttled", "login_throttled"];
  // A client's word that the password is wrong, in the clear, is reported once nothing else comes of it.
  await expect
    .poll(() => one!.failures.toSorted())
    .toEqual([...new Array(5).fill("authentication_failed"), ...late]);
  (await ground.connect(other!.server.url, { auth: one!.auth, timeoutMs: 60_000 })).close();
});

test("the node's own record, and the key for another's, are derived once", async () => {
  const spy = vi.spyOn(globalThis.crypto.subtle, "deriveBits");
  onTestFinished(() => spy.mockRestore());
  const derivations = () =>
    spy.mock.calls.filter(([algorithm]) => (algorithm as Algorithm).name === "PBKDF2").length;
  const ground = inMemory();
  const [auth, other] = [password(shared), password(shared)];
  expect(derivations()).toBe(0);
  const servers = [await serve(ground, { auth }), await serve(ground, { auth })];
  expect(derivations()).toBe(1);
  for (const { server } of [...servers, ...servers]) {
    (await ground.connect(server.url, { auth: other })).close();
  }
  expect(derivations()).toBe(2);
});
