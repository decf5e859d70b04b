/** Flow control and the number of streams, frame by frame (RFC 9000 §4). */
import { describe, expect, test } from "vitest";
import { FrameType } from "../../src/session/frames.ts";
import { control, stream } from "./packets.ts";
import { SessionPair } from "./pair.ts";
import { ScriptedServer } from "./scripted.ts";

const ignore = { readable() {}, writable() {}, acknowledged() {}, reset() {}, stopped() {}, ended() {} };

const window = (initialBytes: number) => ({ initialBytes, maxBytes: initialBytes });
const resetStream = (id: number, finalSize: number) => control(FrameType.reset_stream, id, 0, finalSize);

describe("who is held up", () => {
  const limits = {
    streamWindow: window(1000),
    sessionWindow: window(1500),
    maxIncomingBidi: 2,
    maxIncomingUni: 1,
  };

  test("sends no more than it may, and says what holds it up, once each (§4.1, §4.6)", () => {
    const server = new ScriptedServer({ client: limits });
    const { streams } = server.engine;
    const [first, second] = [streams.open(false, 0)!, streams.open(false, 0)!];
    streams.write(first, new Uint8Array(1200));
    streams.write(second, new Uint8Array(700));
    streams.open(true, 0);
    server.flush();
    for (let i = 0; i < 2; i++) {
      expect([streams.open(false, 0), streams.open(true, 0)]).toEqual([undefined, undefined]);
      server.flush();
    }
    const frames = server.packets.flat();
    const bytes = frames.filter(([name]) => name === "stream").map(([, , , , length]) => Number(length));
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBe(1500);
    expect(server.take("blocked").sort()).toEqual([
      [FrameType.data_blocked, 0, 1500],
      [FrameType.stream_data_blocked, first.id, 1000],
      [FrameType.streams_blocked_bidi, 0, 2],
      [FrameType.streams_blocked_uni, 0, 1],
    ]);
  });

  test("goes on with whatever more it is allowed, and is not told less (§4.1, §4.6)", () => {
    const server = new ScriptedServer({ client: limits });
    const { streams } = server.engine;
    const each = streams.open(true, 0)!;
    streams.write(each, new Uint8Array(5000));
    server.flush();
    expect(each.send!.sent).toBe(1000);
    server.give(
      control(FrameType.max_data, 1),
      control(FrameType.max_stream_data, each.id, 1),
      control(FrameType.max_streams_uni, 0),
    );
    expect([each.send!.sent, each.send!.limit, streams.credit.limit]).toEqual([1000, 1000, 1500]);
    server.give(control(FrameType.max_stream_data, each.id, 3000));
    expect(each.send!.sent).toBe(1500);
    server.give(control(FrameType.max_data, 2000));
    expect(each.send!.sent).toBe(2000);
    server.give(control(FrameType.max_streams_uni, 2));
    expect(streams.open(true, 0)).toBeDefined();
    expect(server.fault).toBeUndefined();
  });
});

describe("limits", () => {
  test("grow as the application reads, whatever the peer says of them (§4.2, §4.6)", () => {
    const server = new ScriptedServer({
      server: { streamWindow: window(1000), sessionWindow: window(1000) },
    });
    server.give(stream(2, 0, 600));
    const [each] = server.opened;
    server.engine.streams.read(each!, 400);
    server.flush();
    expect(server.packets.flat().filter(([name]) => name.startsWith("max"))).toEqual([]);
    server.engine.streams.read(each!, 200);
    server.flush();
    const [toldOfStream, told] = [
      server.packets.flat().filter(([name]) => name === "maxStreamData"),
      server.packets.flat().filter(([name]) => name === "maxData"),
    ];
    expect([toldOfStream, told]).toEqual([[["maxStreamData", 2, 1600]], [["maxData", 1600]]]);
  });

  test("of streams grow as the application has done with some, whatever the peer says of them (§4.6)", () => {
    const server = new ScriptedServer({ server: { maxIncomingUni: 4 } });
    for (let i = 0; i < 2; i++) server.give(stream(2 + 4 * i, 0, 1, true));
    for (const each of server.opened) server.engine.streams.read(each, 10);
    server.flush();
    expect(server.take("maxStreams")).toEqual([[true, 6]]);
  });

  test("of streams grow at once for who is held up by them: it may have opened some without a word", () => {
    const server = new ScriptedServer({ server: { maxIncomingUni: 4 } });
    server.give(stream(2, 0, 1, true));
    server.engine.streams.read(server.opened[0]!, 10);
    server.flush();
    expect(server.take("maxStreams")).toEqual([]);
    server.give(control(FrameType.streams_blocked_uni, 4));
    expect(server.take("maxStreams")).toEqual([[true, 5]]);
    server.give(control(FrameType.streams_blocked_uni, 4));
    expect(server.take("maxStreams")).toEqual([]);
    // Held up before there was anything to give.
    server.give(control(FrameType.streams_blocked_uni, 5));
    expect(server.take("maxStreams")).toEqual([]);
    server.give(stream(6, 0, 1, true));
    server.engine.streams.read(server.opened[1]!, 10);
    server.flush();
    expect(server.take("maxStreams")).toEqual([[true, 6]]);
  });

  test("of streams are what they say: so many at a time, whatever came before", () => {
    const pair = new SessionPair({ server: { maxIncomingUni: 10 } }).ready();
    const { streams } = pair.client.engine;
    pair.server.onincoming = (each) => {
      pair.server.engine.streams.accept(each);
      each.user = { ...ignore, readable: () => void pair.server.engine.streams.read(each, 10) };
    };
    for (let used = 1; used < 10; used++) {
      for (let i = 0; i < used; i++) {
        const each = streams.open(true, 0)!;
        streams.write(each, Uint8Array.of(1));
        streams.finish(each);
      }
      pair.client.flush();
      pair.clock.run(pair.clock.nowMs + 1000);
      // All are done. Ten more, without a word on any; each asks once it is held up.
      const idle = () => {
        const opened = [];
        for (let each = streams.open(true, 0); each !== undefined; each = streams.open(true, 0))
          opened.push(each);
        pair.client.flush();
        pair.clock.run(pair.clock.nowMs + 1000);
        return opened;
      };
      const opened = [...idle(), ...idle()];
      expect(opened).toHaveLength(10);
      for (const each of opened) streams.reset(each, 0);
      pair.client.flush();
      pair.clock.run(pair.clock.nowMs + 1000);
      expect([pair.client.engine.streams.size, pair.server.engine.streams.size]).toEqual([0, 0]);
    }
  });

  test("are those of the stream's two directions apart: the end of one leaves the other's (§4.4)", () => {
    const server = new ScriptedServer({ server: { streamWindow: window(1000) } });
    server.give(stream(0, 0, 10));
    server.engine.streams.reset(server.opened[0]!, 1);
    server.flush();
    server.acknowledge();
    server.give(stream(0, 10, 990));
    expect(server.fault).toBeUndefined();
    server.give(stream(0, 1000, 1));
    expect(server.fault).toBe("flow_control_error");
  });

  test("are not told of a stream whose end is known (§13.3)", () => {
    for (const isKnown of [false, true]) {
      const server = new ScriptedServer({ server: { streamWindow: window(1000) } });
      server.give(stream(2, 0, 900));
      if (isKnown) server.give(stream(2, 1000, 0, true));
      server.engine.streams.read(server.opened[0]!, 900);
      server.flush();
      expect(server.take("maxStreamData")).toHaveLength(isKnown ? 0 : 1);
    }
  });
});

describe("a final size (§4.5)", () => {
  test("counts in the session's flow control, whether its bytes have come or not", () => {
    const server = new ScriptedServer({ server: { sessionWindow: window(1500) } });
    server.give(stream(2, 1000, 0, true));
    server.give(stream(6, 0, 500));
    expect(server.fault).toBeUndefined();
    server.give(stream(10, 0, 1));
    expect(server.fault).toBe("flow_control_error");
  });

  test("of a stream that was reset counts as read: nobody ever will", () => {
    const server = new ScriptedServer({ server: { sessionWindow: window(1500) } });
    server.give(stream(2, 0, 100), resetStream(2, 1000));
    expect(server.take("maxData")).toEqual([[2500]]);
    server.give(stream(6, 0, 1000));
    server.give(stream(10, 0, 500));
    expect(server.fault).toBeUndefined();
  });

  test("of a stream that nobody reads any more counts as read as well, byte by byte", () => {
    const server = new ScriptedServer({
      server: { sessionWindow: window(1500), streamWindow: window(1500) },
    });
    server.give(stream(2, 0, 100));
    server.engine.streams.stop(server.opened[0]!, 1);
    server.give(stream(2, 100, 700));
    expect(server.take("maxData")).toEqual([[2300]]);
  });
});
