import { expect, test } from "vitest";
import { frame, MessageReader } from "../../src/apps/chat/channel.ts";
import { CloseCode, Limit, VERSION } from "../../src/apps/chat/protocol.ts";
import { methods } from "../../src/apps/chat/wire.ts";
import { Rough } from "./rough.ts";
import { failure, Party } from "./support.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

test("what is no message ends the session, with a code that says so", async () => {
  const party = await Party.open();
  const auth = await party.register({ name: "mallory" });
  const faults: [string, (rough: Rough) => unknown][] = [
    ["no JSON", ({ writer }) => writer.write(bytes(0x80, 0, 0, 2, 0x7b, 0x7b))],
    ["no UTF-8", ({ writer }) => writer.write(bytes(0x80, 0, 0, 3, 0x22, 0xff, 0x22))],
    ["nothing", ({ writer }) => writer.write(bytes(0x80, 0, 0, 0))],
    ["too long", ({ writer }) => writer.write(bytes(0x80, 0xff, 0xff, 0xff))],
    ["another kind of length", ({ writer }) => writer.write(bytes(0x40, 2, 0x7b, 0x7d, 0, 0))],
    ["half of one", ({ writer }) => Promise.all([writer.write(bytes(0x80, 0, 0, 9, 0x7b)), writer.close()])],
    ["no list", ({ writer }) => writer.write(frame({}))],
    ["a list of another length", ({ writer }) => writer.write(frame([1, "hello"]))],
    ["a number that is none", ({ writer }) => writer.write(frame([-1, "hello", {}]))],
  ];
  for (const [what, fault] of faults) {
    const rough = await Rough.hello(party, auth);
    // Its end may come before the write has settled.
    void Promise.resolve(fault(rough)).catch(() => {});
    expect(await rough.session.closed, what).toMatchObject({ closeCode: CloseCode.malformed });
  }
  // Deep, but small enough: a parser that recurses would end with the process.
  const deep = await Rough.hello(party, auth);
  const nested = new TextEncoder().encode("[".repeat(400_000));
  const head = bytes(0x80, nested.length >> 16, nested.length >> 8, nested.length);
  void deep.writer
    .write(head)
    .then(() => deep.writer.write(nested))
    .catch(() => {});
  expect(await deep.session.closed).toMatchObject({ closeCode: CloseCode.malformed });
  expect((await party.connect(auth)).user.name).toBe("mallory");
});

test("what is no message on a stream of its own, or on a datagram, is answered there or dropped: the session stays", async () => {
  const party = await Party.open();
  const rough = await Rough.hello(party, await party.register({ name: "mallory" }));
  const head = { kind: "upload", room: 1, id: "x".repeat(22), name: "a", type: "", bytes: 1 };
  const heads: [string, Uint8Array][] = [
    ["a second channel", frame({ kind: "channel" })],
    ["no kind", frame({ kind: "tunnel" })],
    ["no JSON", bytes(0x80, 0, 0, 2, 0x7b, 0x7b)],
    ["another kind of length", bytes(0x40, 2, 0x7b, 0x7d, 0, 0)],
    ["a name that turns others round", frame({ ...head, name: "\u200ereport.txt" })],
    ["a type of two lines", frame({ ...head, type: "text/\nplain" })],
    ["half a character", frame({ ...head, name: "\ud800" })],
    ["less than nothing", frame({ ...head, bytes: -1 })],
    ["more than there are numbers for", frame({ ...head, bytes: 2 ** 53 })],
    ["no room", frame({ ...head, room: null })],
    ["much too long", frame({ ...head, name: "x".repeat(100_000) })],
  ];
  for (const [what, first] of heads) {
    const { readable, writable } = await rough.session.createBidirectionalStream({
      waitUntilAvailable: true,
    });
    // Its end may come before the write has settled.
    void writable
      .getWriter()
      .write(first)
      .catch(() => {});
    const answer = await new MessageReader(readable, Limit.serverMessage).next();
    expect(answer, what).toMatchObject({ error: { code: "malformed" } });
  }
  for (const datagram of ['{"kind":"x"}', "{", '{"kind":"state","state":"online","number":-1}'])
    rough.session.sendDatagram(new TextEncoder().encode(datagram));
  expect(await rough.answer("rooms.list", {})).toBe("ok");
});

test("requests with other fields, of other types, or beyond limits are refused, and nothing comes of them", async () => {
  const party = await Party.open();
  const rough = await Rough.hello(party, await party.register({ name: "mallory" }));
  const room = { name: "general", access: "public" };
  const wrong: [string, unknown][] = [
    ["room.create", { ...room, name: "" }],
    ["room.create", { ...room, name: "a".repeat(33) }],
    ["room.create", { ...room, name: "gen\neral" }],
    ["room.create", { ...room, topic: "x".repeat(Limit.topic + 1) }],
    ["room.create", { ...room, access: "all" }],
    ["room.create", { ...room, owner: "mallory" }],
    ["room.create", [room]],
    ["room.create", null],
    ["room.join", { room: "1" }],
    ["room.join", { room: 0 }],
    ["room.join", { room: 1.5 }],
    ["room.history", { room: 1, limit: Limit.page + 1 }],
    ["room.sync", { room: 1, after: -1 }],
    ["message.send", { room: 1, id: "short", text: "x" }],
  ];
  for (const [i, [method, params]] of wrong.entries()) {
    expect(await rough.refusal(i + 2, method, params), JSON.stringify(params)).toBe("malformed");
  }
  expect(await rough.refusal(50, "room.destroy", {})).toBe("unknown_method");
  expect(await rough.refusal(51, "__proto__", {})).toBe("unknown_method");
  expect(await rough.refusal(52, "hello", { version: VERSION })).toBe("not_now");
  expect(
    await rough.refusal(53, "invitation.redeem", {
      id: "x".repeat(22),
      name: "eve",
      credential: { kind: "psk", context: "x".repeat(22) },
    }),
  ).toBe("not_allowed");
  const [, { rooms }] = (await rough.ask(54, "rooms.list", {})) as [number, { rooms: unknown[] }];
  expect(rooms).toEqual([]);
});

test("before hello there is nothing, and another version is told so", async () => {
  const party = await Party.open();
  const rough = await Rough.connect(party, await party.register({ name: "mallory" }));
  for (const method of Object.keys(methods)) {
    if (method === "hello" || method === "receipt") continue;
    const code = await rough.refusal(1, method, {});
    expect(["not_now", "malformed"], method).toContain(code);
  }
  expect(await rough.refusal(2, "rooms.list", {})).toBe("not_now");
  expect(await rough.refusal(3, "hello", { version: VERSION + 1 })).toBe("version");
});

test("whoever does not say hello is sent away", async () => {
  const party = await Party.open(undefined, { limits: { helloMs: 50 } });
  const rough = await Rough.connect(party, await party.register({ name: "mallory" }));
  expect(await rough.session.closed).toMatchObject({ closeCode: CloseCode.refused });
});

test("messages beyond the limit are refused, with the time to wait; a client waits by itself", async () => {
  const party = await Party.open(undefined, { limits: { messages: { perSecond: 20, burst: 5 } } });
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const rough = await Rough.hello(party, await party.register({ name: "mallory" }));
  await rough.ask(2, "room.join", { room: room.id });
  // Its own arrival, as an event.
  await rough.reader.next();
  let refused: { code: string; retryAfterMs: number } | undefined;
  for (let i = 3; i < 20 && refused === undefined; i++) {
    const id = `${i}`.padStart(22, "x");
    const [, , error] = await rough.ask(i, "message.send", { room: room.id, id, text: "spam" });
    refused = error as typeof refused;
  }
  expect(refused!.code).toBe("rate_limited");
  expect(refused!.retryAfterMs).toBeGreaterThan(0);
  // Ten at once, five more than a burst: all arrive, in order.
  const positions = await Promise.all(Array.from({ length: 10 }, (_, i) => room.send(`${i}`)));
  expect(positions.map(({ position }) => position)).toEqual(
    positions.map(({ position }) => position).sort((a, b) => a - b),
  );
});

test("a client that does not read is sent away before it costs memory, and others do not wait for it", async () => {
  const party = await Party.open(undefined, {
    limits: { waitingBytes: 300_000, messages: { perSecond: 10_000, burst: 10_000 } },
  });
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const auth = await party.register({ name: "sloth" });
  const rough = await Rough.hello(party, auth);
  await rough.ask(2, "room.join", { room: room.id });
  await rough.reader.next();
  await rough.ask(3, "room.sync", { room: room.id, after: 0 });
  const text = "x".repeat(60_000);
  const closed = rough.session.closed;
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  // What the session itself buffers comes on top: 8 MiB at the receiver.
  for (let i = 0; i < 400 && !isClosed; i++) await room.send(text);
  expect(await closed).toMatchObject({ closeCode: CloseCode.too_slow });
});

test("other users' attachments cannot be taken for one's own", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const mallory = await party.user("mallory");
  const room = await olga.createRoom("general");
  const mallorys = await mallory.join(room.id);
  const attachment = await room.upload(new Uint8Array(100), { name: "a", bytes: 100 });
  expect((await failure(mallorys.send("mine", { attachment }))).code).toBe("not_found");
  expect((await failure(mallorys.send("what", { attachment: { id: "x".repeat(22) } }))).code).toBe(
    "not_found",
  );
});
