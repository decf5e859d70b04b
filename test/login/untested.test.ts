/** Logins that never came to their end: what counts, and what their users are told. */
import { expect, test } from "vitest";
import { LoginThrottle, MemoryRecordStore, password } from "../../src/login/index.ts";
import { failure } from "../endpoint/support.ts";
import { alice, type Ground, inMemory, quickRecord, serve } from "./support.ts";

const record = await quickRecord(alice);
const auth = password(alice);

/** Begins a login, and gives it up as soon as the server has answered the client's share. */
async function giveUp(ground: ReturnType<typeof inMemory>, url: string): Promise<void> {
  const stop = new AbortController();
  const port = Number(new URL(url.replace("udp:", "http:")).port);
  let answers = 0;
  ground.network.filter = (datagram, from, to) => {
    // The first is a HelloRetryRequest.
    if (from.port === port && ++answers > 1) stop.abort(new Error("given up"));
    return [{ datagram, from, to }].filter(() => !stop.signal.aborted);
  };
  await expect(ground.connect(url, { auth, signal: stop.signal })).rejects.toThrow("given up");
  ground.network.filter = undefined;
}

test("given up ten times with the right password: the next is told to wait, and the one after that is let in", async () => {
  const ground = inMemory();
  let nowMs = 0;
  const throttle = new LoginThrottle({ now: () => nowMs });
  const { server } = await serve(ground, { auth: password(new MemoryRecordStore([record]), { throttle }) });
  for (let i = 0; i < 10; i++) await giveUp(ground, server.url);
  const error = await failure(ground.connect(server.url, { auth }));
  expect(error).toMatchObject({
    code: "login_throttled",
    message: expect.stringContaining("says nothing of the password"),
  });
  nowMs = 1_000;
  (await ground.connect(server.url, { auth })).close();
});

async function twice(ground: Ground, url: string, code: string, options = {}): Promise<void> {
  for (let i = 0; i < 2; i++) {
    expect((await failure(ground.connect(url, { auth, ...options }))).code).toBe(code);
  }
}

const impatient = () => new LoginThrottle({ placeFailures: 1, firstDelayMs: 3_600_000 });

test("a look-up that fails is not the client's failure", async () => {
  const ground = inMemory();
  let gets = 0;
  let isBroken = true;
  const store = {
    // The first of a login tells its salt.
    get: () => {
      if (isBroken && ++gets % 2 === 0) throw new Error("no database");
      return record;
    },
  };
  const { server } = await serve(ground, { auth: password(store, { throttle: impatient() }) });
  await twice(ground, server.url, "alert_internal_error");
  isBroken = false;
  (await ground.connect(server.url, { auth })).close();
});

test("a client without a common protocol is told so before its login counts", async () => {
  const ground = inMemory();
  const { server } = await serve(ground, {
    auth: password(new MemoryRecordStore([record]), { throttle: impatient() }),
    applicationProtocols: ["one"],
  });
  const other = { applicationProtocols: ["other"] };
  await twice(ground, server.url, "no_application_protocol", other);
  (await ground.connect(server.url, { auth, applicationProtocols: ["one"] })).close();
});
