/** When a state is sent again, on a session that is under the test's control. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type DatagramSession, NewestState } from "../../src/session/index.ts";
import { text, utf8 } from "../endpoint/support.ts";

class FakeSession implements DatagramSession {
  readonly hasStreams = true;
  isClosed = false;
  maxDatagramSize = 1200;
  readonly sent: { readonly atMs: number; readonly datagram: Uint8Array<ArrayBuffer> }[] = [];
  readonly fates: ((hasArrived: boolean) => void)[] = [];

  sendDatagram(datagram: Uint8Array, fate?: (hasArrived: boolean) => void): boolean {
    if (datagram.length > this.maxDatagramSize) throw new RangeError("too large");
    this.sent.push({ atMs: Date.now(), datagram: datagram.slice() });
    if (fate !== undefined) this.fates.push(fate);
    return true;
  }
}

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const times = (session: FakeSession) => session.sent.map(({ atMs }) => atMs);

test("a state is sent again, ever less often, until it is acknowledged", () => {
  const session = new FakeSession();
  new NewestState(session).send(utf8("x"));
  vi.advanceTimersByTime(5000);
  expect(times(session)).toEqual([0, 20, 60, 140, 300, 620, 1260, 2260, 3260, 4260]);
  session.fates[3]!(true);
  vi.advanceTimersByTime(5000);
  expect(session.sent).toHaveLength(10);
  expect(vi.getTimerCount()).toBe(0);
});

test("a loss stops nothing, and an older state's arrival does not either", () => {
  const session = new FakeSession();
  const state = new NewestState(session);
  state.send(utf8("old"));
  state.send(utf8("new"));
  session.fates[0]!(true);
  session.fates[1]!(false);
  vi.advanceTimersByTime(20);
  expect(session.sent.map(({ datagram }) => text(datagram.subarray(2)))).toEqual(["old", "new", "new"]);
  state.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test("a repetition that the path does not take any more harms nobody, and goes when it does again", () => {
  const session = new FakeSession();
  new NewestState(session).send(new Uint8Array(1100));
  session.maxDatagramSize = 1000;
  vi.advanceTimersByTime(100);
  expect(times(session)).toEqual([0]);
  session.maxDatagramSize = 1200;
  vi.advanceTimersByTime(1000);
  expect(times(session)).toEqual([0, 1020, 1060]);
  expect(() => new NewestState(session).send(new Uint8Array(1300))).toThrow(RangeError);
});

test("a number of times is a number of times", () => {
  const session = new FakeSession();
  new NewestState(session, { repeat: 2, intervalMs: 10 }).send(utf8("x"));
  vi.advanceTimersByTime(5000);
  expect(times(session)).toEqual([0, 10, 20]);
});

test("another that goes on with a channel is newer than the one before; channels and sessions are apart", () => {
  const session = new FakeSession();
  const receiver = new NewestState(new FakeSession());
  for (const word of ["a", "b", "c"]) new NewestState(session).send(utf8(word));
  new NewestState(session, { channel: 1 }).send(utf8("other"));
  new NewestState(new FakeSession()).send(utf8("other"));
  const received = session.sent.map(({ datagram }) => receiver.receive(datagram));
  expect(received.map((each) => each && text(each))).toEqual(["a", "b", "c", undefined]);
});
