/** Connections of Deno's QUIC that break, on a Deno that is none: what tells of it may reject anywhere, at any time. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { serveDenoWebTransport } from "../../src/gateway/deno-webtransport.ts";
import type { GatewayCore, WebTransportServer } from "../../src/gateway/gateway.ts";
import { defaultLimits } from "../../src/gateway/options.ts";
import { until } from "./world.ts";

const states = ["accepting", "upgrading", "getting ready", "in the session", "being ended"] as const;
type State = (typeof states)[number];

const timedOut = () => Promise.reject(new Error("timed out"));

/** A connection that is lost in this state: all that it promises rejects. */
class Lost {
  readonly remoteAddr: { readonly hostname: string };
  readonly #state: State;
  closes = 0;

  constructor(state: State, hostname: string) {
    this.#state = state;
    this.remoteAddr = { hostname };
  }

  get closed(): Promise<unknown> {
    return timedOut();
  }

  close(): void {
    this.closes++;
    throw new Error("Bad resource ID");
  }

  async accept(): Promise<this> {
    if (this.#state === "accepting") throw new Error("timed out");
    return this;
  }

  refuse(): void {
    this.close();
  }

  async upgrade(): Promise<object> {
    if (this.#state === "upgrading") throw new Error("timed out");
    const start = (controller: { error(error: unknown): void }) => controller.error(new Error("timed out"));
    return {
      url: `https://gateway.example/${this.#state}`,
      ready: this.#state === "getting ready" ? timedOut() : Promise.resolve(),
      closed: timedOut(),
      datagrams: { readable: new ReadableStream({ start }), writable: new WritableStream({ start }) },
      createUnidirectionalStream: timedOut,
    };
  }
}

class FakeDeno {
  readonly waiting: Lost[] = [];
  wake: () => void = () => {};

  readonly come = (state: State, hostname = "192.0.2.1"): Lost => {
    const lost = new Lost(state, hostname);
    this.waiting.push(lost);
    this.wake();
    return lost;
  };

  get api(): object {
    const incoming = async () => {
      while (this.waiting.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
      return this.waiting.shift();
    };
    class QuicEndpoint {
      readonly addr = { port: 4433 };
      listen = () => ({ incoming });
      close = () => {};
    }
    return { QuicEndpoint, upgradeWebTransport: (lost: Lost) => lost.upgrade() };
  }
}

const unhandled: unknown[] = [];
const hear = (reason: unknown) => void unhandled.push(reason);
let others: NodeJS.UnhandledRejectionListener[] = [];

beforeEach(() => {
  others = process.rawListeners("unhandledRejection") as NodeJS.UnhandledRejectionListener[];
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", hear);
});

afterEach(() => {
  vi.unstubAllGlobals();
  process.off("unhandledRejection", hear);
  for (const other of others) process.on("unhandledRejection", other);
});

/** Node tells of rejections once all microtasks are done. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function serve(
  clientsPerAddress = 100,
): Promise<{ deno: FakeDeno; server: WebTransportServer; paths: string[]; gone: () => number }> {
  const deno = new FakeDeno();
  vi.stubGlobal("Deno", deno.api);
  const paths: string[] = [];
  let gone = 0;
  const core = {
    limits: { ...defaultLimits, clientsPerAddress },
    clientAddress: (_: unknown, remote: string) => remote,
    forwarder: {
      accept(
        { path }: { path: string },
        connection: { send(datagram: Uint8Array): void; end(code: number): void },
      ) {
        paths.push(path);
        connection.send(new Uint8Array(20));
        if (path.endsWith("ended")) connection.end(4001);
        return { receive() {}, gone: () => void gone++ };
      },
    },
  } as unknown as GatewayCore;
  const place = { host: "127.0.0.1", port: 4433, isSecure: true };
  const server = await serveDenoWebTransport(place, { cert: "", key: "" }, core);
  return { deno, server, paths, gone: () => gone };
}

test.each(states)("a connection that is lost while %s is that connection's end alone", async (state) => {
  const { deno, server, paths, gone } = await serve();
  const lost = deno.come(state);
  const hasSession = state === "in the session" || state === "being ended";
  await until(() => deno.waiting.length === 0 && gone() === (hasSession ? 1 : 0));
  await until(() => lost.closes > 0 || state === "accepting");
  await turn();
  expect(unhandled.splice(0)).toEqual([]);
  const other = deno.come("in the session", "192.0.2.2");
  await until(() => other.closes > 0);
  expect(paths.at(-1)).toBe("/in%20the%20session");
  await turn();
  expect(unhandled.splice(0)).toEqual([]);
  await server.close();
});

test("connections of one address are few, whether they become sessions or not", async () => {
  const { deno, server, paths } = await serve(1);
  class Staying extends Lost {
    override get closed(): Promise<unknown> {
      return new Promise(() => {});
    }
  }
  const all = Array.from({ length: 30 }, () => new Staying("in the session", "192.0.2.1"));
  deno.waiting.push(...all);
  deno.wake();
  await until(() => all.every(({ closes }) => closes > 0));
  // Those of its clients, which is one, and those that are to be refused.
  expect(paths).toHaveLength(21);
  await turn();
  expect(unhandled.splice(0)).toEqual([]);
  await server.close();
});

test("one that comes while the gateway closes, and has gone before it could be refused", async () => {
  const { deno, server } = await serve();
  await server.close();
  const late = deno.come("in the session");
  await until(() => late.closes > 0);
  await turn();
  expect(unhandled.splice(0)).toEqual([]);
});
