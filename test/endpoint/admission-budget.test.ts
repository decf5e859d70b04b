import { expect, test } from "vitest";
import { AdmissionBudget } from "../../src/endpoint/admission-budget.ts";

/** A socket that hands over at most 32 datagrams in a turn, of those that have arrived by then. */
class Loop {
  nowMs = 0;
  received = 0;
  waiting = 0;
  onturn: () => void = () => {};
  readonly budget = new AdmissionBudget(
    {
      now: () => this.nowMs,
      fullTurn: () => 32,
      received: () => this.received,
      afterTurn: (callback) => {
        this.#ends.push(callback);
      },
    },
    () => this.onturn(),
  );
  #ends: (() => void)[] = [];
  judged = 0;
  /** Hellos that wait to be judged, as many as there is room for; and those beyond. */
  queued = 0;
  refused = 0;

  /** One turn: every datagram is a hello, which takes so long to judge, and so long to receive. */
  turn(hellosPerMs: number, helloMs: number, receiveMs: number): void {
    const count = Math.min(32, Math.floor(this.waiting));
    const startedMs = this.nowMs;
    for (let i = 0; i < count; i++) {
      this.received++;
      this.nowMs += receiveMs;
      if (this.queued === 0 && this.budget.hasTimeForHello) this.#judge(helloMs);
      else if (this.queued < 2000) this.queued++;
      else this.refused++;
      this.budget.watch();
    }
    this.endTurn();
    while (this.queued > 0 && this.budget.hasTimeForWaiting) {
      this.queued--;
      this.#judge(helloMs);
    }
    // An idle loop waits for what comes.
    if (count < 32) this.nowMs += 0.5;
    this.waiting += (this.nowMs - startedMs) * hellosPerMs - count;
  }

  #judge(helloMs: number): void {
    this.budget.hello(() => {
      this.nowMs += helloMs;
    });
    this.judged++;
  }

  endTurn(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}

test("hellos are all judged while there is time for all of them", () => {
  const loop = new Loop();
  for (let i = 0; i < 10_000; i++) loop.turn(15, 0.04, 0.005);
  expect(loop.refused).toBe(0);
  expect(loop.judged).toBeGreaterThan(10_000);
});

test.each([50, 100, 150])("at %i hellos a millisecond the socket's buffer does not fill", (rate) => {
  const loop = new Loop();
  let most = 0;
  for (let i = 0; i < 20_000; i++) {
    loop.turn(rate, 0.04, 0.005);
    most = Math.max(most, loop.waiting);
  }
  expect(most).toBeLessThan(700);
  // And there is time for a part of what is left of the core.
  const share = (loop.judged * 0.04) / loop.nowMs;
  expect(share).toBeGreaterThan((1 - rate * 0.005) / 6);
});

test("a burst is judged whole, and the socket is emptied first", () => {
  const loop = new Loop();
  loop.waiting = 1_000;
  let turns = 0;
  for (; loop.waiting > 0; turns++) loop.turn(0, 0.1, 0.005);
  expect(loop.queued).toBeGreaterThan(500);
  for (; loop.queued > 0; turns++) {
    loop.budget.watch();
    loop.turn(0, 0.1, 0.005);
  }
  expect([loop.judged, loop.refused]).toEqual([1_000, 0]);
  expect(turns).toBeLessThan(200);
});

test("handshakes wait for the next turn once they have had their time in this one", () => {
  const loop = new Loop();
  const { budget } = loop;
  let turns = 0;
  loop.onturn = () => turns++;
  budget.handshake(() => (loop.nowMs += 1));
  expect(budget.hasTimeForHandshake).toBe(true);
  budget.handshake(() => (loop.nowMs += 3));
  expect(budget.hasTimeForHandshake).toBe(false);
  loop.endTurn();
  expect([budget.hasTimeForHandshake, turns]).toEqual([true, 1]);
  // Nothing is watched unless there is work.
  loop.endTurn();
  expect(turns).toBe(1);
});

test("while the socket is not emptied, handshakes pay for what they took", () => {
  const loop = new Loop();
  const { budget } = loop;
  budget.watch();
  for (let i = 0; i < 12; i++) {
    loop.received += 32;
    loop.endTurn();
    budget.watch();
  }
  budget.handshake(() => (loop.nowMs += 1));
  let turns = 0;
  for (; !budget.hasTimeForHandshake; turns++) {
    loop.received += 32;
    loop.endTurn();
    budget.watch();
  }
  expect(turns).toBeGreaterThan(20);
  expect(turns).toBeLessThan(100);
  loop.endTurn();
  expect(budget.hasTimeForHandshake).toBe(true);
});
