/** Messages in whatever pieces they come. */
import { expect, test } from "vitest";
import { MessageStream } from "../../src/session/index.ts";
import { Random } from "../sim/random.ts";

function inPieces(
  bytes: Uint8Array<ArrayBuffer>,
  length: () => number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      const end = at + length();
      controller.enqueue(bytes.slice(at, end));
      at = end;
    },
  });
}

async function messages(readable: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array[]> {
  const received: Uint8Array[] = [];
  for await (const message of new MessageStream({ readable })) received.push(message);
  return received;
}

test("a message in one-byte pieces takes time that grows with its length, and not with its square", async () => {
  // A second or less; minutes if each piece moved all others.
  const length = 400_000;
  const content = new Random(1).bytes(length);
  const bytes = new Uint8Array([
    0x80,
    ...new Uint8Array(new Uint32Array([length]).buffer, 0, 3).reverse(),
    ...content,
  ]);
  const [message] = await messages(inPieces(bytes, () => 1));
  expect(Buffer.compare(message!, content)).toBe(0);
});

test("messages in pieces of any lengths, empty ones among them, are what was sent", async () => {
  const random = new Random(2);
  const sent = Array.from({ length: 300 }, () => random.bytes(Math.floor(random.next() ** 4 * 5000)));
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writing = (async () => {
    const stream = new MessageStream({ writable });
    for (const message of sent) await stream.send(message);
    await stream.close();
  })();
  const parts: Uint8Array[] = [];
  for await (const part of readable) parts.push(part);
  await writing;
  const bytes = new Uint8Array(Buffer.concat(parts));
  const received = await messages(inPieces(bytes, () => Math.floor(random.next() ** 4 * 20_000)));
  expect(received).toEqual(sent);
});
