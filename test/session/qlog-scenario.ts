/** Two sessions that do everything that is logged. */
import { type QlogEvent, qlog } from "../../src/session/index.ts";
import type { Stream } from "../../src/session/stream.ts";
import { SessionPair } from "./pair.ts";

export function loggedEvents(): QlogEvent[] {
  const events: QlogEvent[] = [];
  const log = qlog((event) => events.push(event));
  const windows = {
    streamWindow: { initialBytes: 3000, maxBytes: 4000 },
    sessionWindow: { initialBytes: 5000, maxBytes: 6000 },
    maxIncomingBidi: 2,
    maxIncomingUni: 2,
  };
  const pair = new SessionPair({
    link: { delayMs: 10, loss: 0.05, mtuBytes: 1400 },
    client: { log },
    server: { log, ...windows },
  }).ready();
  const { client, server, clock } = pair;
  const { streams } = client.engine;
  const write = (stream: Stream, bytes: number) => {
    streams.write(stream, new Uint8Array(bytes));
    streams.finish(stream);
    client.flush();
  };
  // Nobody reads: the client is held up by the stream's limit, the session's, and that of streams.
  const opened = [
    streams.open(false, 0)!,
    streams.open(false, 0)!,
    streams.open(true, 0)!,
    streams.open(true, 0)!,
  ];
  for (const unidirectional of [false, true]) streams.open(unidirectional, 0);
  for (const stream of opened) write(stream, 4000);
  client.engine.sendDatagram(new Uint8Array(10));
  client.flush();
  clock.run(clock.nowMs + 2000);
  // Then somebody reads, and lets limits grow.
  const { incoming, engine } = server;
  for (let round = 0; round < 50; round++) {
    for (const stream of incoming) {
      if (stream.receive!.readableBytes > 0) engine.streams.read(stream, 1000);
      engine.streams.accept(stream);
    }
    server.flush();
    clock.run(clock.nowMs + 200);
  }
  for (const stream of incoming.filter(({ send }) => send !== undefined))
    engine.streams.reset(stream, 2 ** 40);
  server.flush();
  streams.reset(opened[1]!, 9);
  const next = streams.open(true, 0)!;
  streams.write(next, new Uint8Array(100));
  client.flush();
  clock.run(clock.nowMs + 200);
  engine.streams.stop(incoming.at(-1)!, 7);
  server.flush();
  clock.run(clock.nowMs + 2000);
  // New keys: numbers that numbers of JSON do not hold.
  client.epoch = 40;
  client.nextSequenceNumber = 0;
  client.engine.sendDatagram(new Uint8Array(10));
  client.flush();
  clock.run(clock.nowMs + 5000);
  client.engine.close(5, "done");
  client.flush();
  clock.run(clock.nowMs + 10_000);
  // And one that breaks the rules.
  const other = new SessionPair({ client: { log }, server: { log } }).ready();
  other.client.inject([0x3f]);
  other.clock.run(other.clock.nowMs + 10_000);
  return events;
}
