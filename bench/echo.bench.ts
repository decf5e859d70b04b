import { psk } from "../src/endpoint/api.ts";
import type { Endpoint } from "../test/runtime/env.ts";
import { type Echo, rawEcho } from "./echo-raw.ts";
import type { Case, Context, Figures, Group } from "./harness.ts";

// Echo over sockets on this machine: bare ones, and sealed sessions on the same kind of sockets, client and server in
// one process. 1,200-byte datagrams, 64 of them under way; and one at a time, as ping-pong.

const DATAGRAM_BYTES = 1200;
const UNDER_WAY = 64;
/** After so long without an answer, what was under way is taken for lost. */
const LOST_MS = 2_000;

const echo: Group = {
  everyRuntime: true,
  async run({ runtime, measure }: Context): Promise<Figures> {
    const raw = await rawEcho(runtime);
    const sealed = await sealedEcho(runtime);
    const timings = await measure([
      new Exchange("raw", raw, UNDER_WAY),
      new Exchange("sealed", sealed, UNDER_WAY),
      new Exchange("raw ping-pong", raw, 1),
      new Exchange("sealed ping-pong", sealed, 1),
    ]);
    raw.close();
    await sealed.close();
    const us = (name: string) => timings.get(name)!.medianUs;
    const tenths = (value: number) => Math.round(value * 10) / 10;
    return {
      raw_per_second: Math.round(1e6 / us("raw")),
      sealed_per_second: Math.round(1e6 / us("sealed")),
      rate_percent: tenths((100 * us("raw")) / us("sealed")),
      raw_rtt_us: tenths(us("raw ping-pong")),
      sealed_rtt_us: tenths(us("sealed ping-pong")),
      rtt_percent: tenths((100 * us("sealed ping-pong")) / us("raw ping-pong")),
    };
  },
};

export default echo;

async function endpoint(runtime: string): Promise<Endpoint> {
  if (runtime === "deno") return import("../src/endpoint/deno-index.ts");
  if (runtime === "bun") return import("../src/endpoint/bun-index.ts");
  return import("../src/endpoint/node-index.ts");
}

async function sealedEcho(runtime: string): Promise<Echo> {
  const { connect, listen } = await endpoint(runtime);
  const auth = psk({ identity: "bench", key: new Uint8Array(32).fill(9) });
  // Larger than 1,200 bytes, so that as much content goes into one datagram as without sealing.
  const options = { auth, mtuBytes: 1400 };
  const server = await listen("udp://127.0.0.1:0", {
    ...options,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  const session = await connect(server.url, options);
  const sealed: Echo = {
    send: (datagram) => session.sendDatagram(datagram),
    onanswer: () => {},
    close: () => server.close(),
  };
  session.ondatagram = ({ length }) => sealed.onanswer(length);
  return sealed;
}

class Exchange implements Case {
  readonly name: string;
  readonly #echo: Echo;
  readonly #underWay: number;
  readonly #datagram = new Uint8Array(DATAGRAM_BYTES).fill(7);

  constructor(name: string, echo: Echo, underWay: number) {
    this.name = name;
    this.#echo = echo;
    this.#underWay = underWay;
  }

  verify(): Promise<void> {
    return this.run(2 * this.#underWay);
  }

  run(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const echo = this.#echo;
      let sent = 0;
      let answered = 0;
      let seen = -1;
      // Nothing should get lost with so little under way; if something does, the figures are none.
      const watch = setInterval(() => {
        if (answered === seen) {
          clearInterval(watch);
          reject(new Error(`${this.name}: ${answered} of ${sent} datagrams came back`));
        }
        seen = answered;
      }, LOST_MS);
      echo.onanswer = (length) => {
        if (length !== DATAGRAM_BYTES) reject(new Error(`an answer of ${length} bytes`));
        answered++;
        if (sent < count) {
          sent++;
          echo.send(this.#datagram);
        } else if (answered === count) {
          clearInterval(watch);
          resolve();
        }
      };
      const first = Math.min(count, this.#underWay);
      for (; sent < first; sent++) echo.send(this.#datagram);
    });
  }
}
