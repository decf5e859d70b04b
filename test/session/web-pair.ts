/** Two sessions on real sockets, and what is often done with their streams. */
import { onTestFinished } from "vitest";
import type { Session, StreamSettings } from "../../src/endpoint/node-index.ts";
import type { Server } from "../../src/endpoint/server.ts";
import { dial, echoServer } from "../endpoint/support.ts";

export interface Pair {
  readonly opened: Server;
  readonly client: Session;
  readonly server: Session;
  /** Of the server's handlers. */
  readonly faults: unknown[];
}

export async function pair(
  client: StreamSettings | false = {},
  server: StreamSettings | false = {},
): Promise<Pair> {
  const faults: unknown[] = [];
  const onerror = (error: unknown) => void faults.push(error);
  const opened = await echoServer({ onsession: undefined as never, streams: server, onerror });
  onTestFinished(() => opened.close());
  const [dialled, { value }] = await Promise.all([
    dial(opened, { streams: client }),
    opened[Symbol.asyncIterator]().next(),
  ]);
  return { opened, client: dialled, server: value, faults };
}

/** All that a stream has. */
export async function all(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of readable) parts.push(part);
  return Buffer.concat(parts);
}

export async function next<T>(streams: ReadableStream<T>): Promise<T> {
  const reader = streams.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return value!;
}

export async function write(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}
