import type { EchoClient } from "./echo-raw.ts";

// Datagrams of 1,200 bytes to somebody who sends them back, so many under way at a time.

export const DATAGRAM_BYTES = 1200;
/** After so long without an answer, what was under way is taken for lost. */
const LOST_MS = 2_000;

export class Exchange {
  readonly #client: EchoClient;
  readonly #underWay: number;
  readonly #datagram = new Uint8Array(DATAGRAM_BYTES).fill(7);

  constructor(client: EchoClient, underWay: number) {
    this.#client = client;
    this.#underWay = underWay;
  }

  /** Throws unless every datagram comes back as it was, each with a content of its own. */
  async verify(): Promise<void> {
    const expected = new Set<string>();
    const random = () => {
      const datagram = crypto.getRandomValues(new Uint8Array(DATAGRAM_BYTES));
      expected.add(String(datagram));
      return datagram;
    };
    await this.#exchange(
      4 * this.#underWay,
      () => false,
      random,
      // Some runtimes' sockets bring Buffers, which have strings of their own.
      (answer) => expected.delete(String(new Uint8Array(answer))),
    );
    if (expected.size > 0) throw new Error(`${expected.size} datagrams did not come back`);
  }

  /** Exchanges datagrams for about so long. */
  async runFor(ms: number): Promise<{ count: number; elapsedMs: number }> {
    const start = performance.now();
    let count = 0;
    await this.#exchange(
      Number.POSITIVE_INFINITY,
      // Asking for the time costs something: now and then is enough.
      () => (++count & 15) === 0 && performance.now() - start >= ms,
      () => this.#datagram,
      (answer) => answer.length === DATAGRAM_BYTES && answer[0] === 7 && answer[DATAGRAM_BYTES - 1] === 7,
    );
    return { count, elapsedMs: performance.now() - start };
  }

  #exchange(
    limit: number,
    isOver: () => boolean,
    next: () => Uint8Array,
    isRight: (answer: Uint8Array) => boolean,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const client = this.#client;
      let sent = 0;
      let answered = 0;
      let seen = -1;
      let isEnding = false;
      const end = (error?: Error) => {
        clearInterval(watch);
        client.onanswer = () => {};
        if (error === undefined) resolve();
        else reject(error);
      };
      // Nothing should get lost with so little under way; if something does, the figures are none.
      const watch = setInterval(() => {
        if (answered === seen) end(new Error(`${answered} of ${sent} datagrams came back`));
        seen = answered;
      }, LOST_MS);
      const send = () => {
        sent++;
        client.send(next());
      };
      client.onanswer = (answer) => {
        if (!isRight(answer)) return end(new Error("an answer is not what was sent"));
        answered++;
        isEnding ||= isOver() || sent >= limit;
        if (!isEnding) send();
        else if (answered === sent) end();
      };
      while (sent < this.#underWay) send();
    });
  }
}
