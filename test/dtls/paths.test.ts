/** What moves a connection to another address, message by message (RFC 9853): an authenticated peer may lie about where it is. */
import { expect, test } from "vitest";
import { createNodeProvider } from "../../src/crypto/node.ts";
import { encodeRoutability, type PathState, type RoutabilityMessage } from "../../src/dtls/path.ts";
import { Paths } from "../../src/dtls/paths.ts";

const crypto = createNodeProvider();

class Host {
  nowMs = 0;
  moves = 0;
  readonly sent: { readonly message: RoutabilityMessage; readonly to: PathState["path"] }[] = [];
  readonly paths: Paths = new Paths(
    {
      now: () => this.nowMs,
      random: (length) => crypto.random(length),
      rttMs: () => undefined,
      sendRoutability: (message, { path }) => this.sent.push({ message, to: path }),
      sendConnectionId: () => {},
      moved: () => {
        this.moves++;
      },
    },
    "home",
    true,
  );

  /** With a check under way of where the peer says that it is. */
  static checking(): { host: Host; challenge: RoutabilityMessage } {
    const host = new Host();
    host.paths.checkOthers();
    host.paths.authenticated("elsewhere", true, 100);
    const [{ message, to }] = host.sent as [Host["sent"][0]];
    expect([message.type, to]).toEqual(["path_challenge", "elsewhere"]);
    return { host, challenge: message };
  }

  answer(message: RoutabilityMessage, from: string): void {
    this.paths.handleMessage(encodeRoutability(message), from);
  }

  get place(): PathState["path"] {
    return this.paths.current.path;
  }
}

test("the answer to the challenge, from where that was sent to, moves it", () => {
  const { host, challenge } = Host.checking();
  host.answer({ ...challenge, type: "path_response" }, "elsewhere");
  expect([host.place, host.moves, host.paths.current.isValidated]).toEqual(["elsewhere", 1, true]);
  expect(host.paths.deadlineMs).toBeUndefined();
});

test("the answer to an earlier challenge of the check is as good", () => {
  const { host, challenge } = Host.checking();
  host.nowMs = host.paths.deadlineMs!;
  host.paths.handleTimeout();
  host.answer({ ...challenge, type: "path_response" }, "elsewhere");
  expect(host.place).toBe("elsewhere");
});

test.each(["home", "a third place"])("the right answer from %s does not", (from) => {
  const { host, challenge } = Host.checking();
  host.answer({ ...challenge, type: "path_response" }, from);
  expect([host.place, host.moves]).toEqual(["home", 0]);
});

test("no other cookie than the challenge's does, from there or anywhere", () => {
  const { host, challenge } = Host.checking();
  for (let bit = 0; bit < 64; bit++) {
    const cookie = challenge.cookie.slice();
    cookie[bit >> 3]! ^= 1 << (bit & 7);
    host.answer({ type: "path_response", cookie }, "elsewhere");
  }
  expect([host.place, host.moves]).toEqual(["home", 0]);
});

test.each(["path_challenge", "path_drop"] as const)("a %s with the right cookie does not", (type) => {
  const { host, challenge } = Host.checking();
  host.answer({ ...challenge, type }, "elsewhere");
  expect([host.place, host.moves]).toEqual(["home", 0]);
});

test("an answer that comes once the check was given up does not, nor one to nothing", () => {
  const { host, challenge } = Host.checking();
  while (host.paths.deadlineMs !== undefined) {
    host.nowMs = host.paths.deadlineMs;
    host.paths.handleTimeout();
  }
  host.answer({ ...challenge, type: "path_response" }, "elsewhere");
  new Host().answer({ ...challenge, type: "path_response" }, "elsewhere");
  expect([host.place, host.moves]).toEqual(["home", 0]);
});

test("challenges are three at most, and no two are alike", () => {
  const cookies = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { host } = Host.checking();
    while (host.paths.deadlineMs !== undefined) {
      host.nowMs = host.paths.deadlineMs;
      host.paths.handleTimeout();
    }
    expect(host.sent).toHaveLength(3);
    for (const { message } of host.sent) cookies.add(message.cookie.join());
  }
  expect(cookies.size).toBe(60);
});
