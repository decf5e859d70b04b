/** A record core that notes the handshake messages, ACKs and alerts that pass through it. */
import type { Bytes } from "../../src/core/bytes.ts";
import {
  ContentType,
  type OpenedRecord,
  type OpenerOptions,
  RecordCore,
  type RecordOpener,
  type RecordSealer,
  type SealerOptions,
  type TrafficKeys,
} from "../../src/core/index.ts";
import { readFragments } from "../../src/dtls/fragment.ts";

export class ObservedCore extends RecordCore {
  readonly #lines: string[] = [];

  /** One line for each message, as the runner wants them. */
  get log(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }

  /** Datagrams start with their unprotected records, if they have any. */
  noteDatagram(datagram: Bytes): void {
    let at = 0;
    while (at + 13 <= datagram.length && datagram[at]! < 0x20) {
      const start = at + 13;
      at = start + ((datagram[start - 2]! << 8) | datagram[start - 1]!);
      this.#note("read", datagram[start - 13]!, datagram.subarray(start, at));
    }
  }

  override writePlaintext(
    type: number,
    sequenceNumber: number,
    content: Uint8Array,
    out: Uint8Array,
    at: number,
  ): number {
    this.#note("write", type, content);
    return super.writePlaintext(type, sequenceNumber, content, out, at);
  }

  override createSealer(keys: TrafficKeys, options: SealerOptions): RecordSealer {
    const sealer = super.createSealer(keys, options);
    const seal = sealer.seal.bind(sealer);
    sealer.seal = (type, content, ...rest) => {
      this.#note("write", type, content);
      return seal(type, content, ...rest);
    };
    return sealer;
  }

  override createOpener(keys: TrafficKeys, options: OpenerOptions): RecordOpener {
    const opener = super.createOpener(keys, options);
    const open = opener.open.bind(opener);
    opener.open = () => {
      const opened = open() as OpenedRecord;
      const { drop, type, buffer, start, length } = opened;
      if (drop === 0) this.#note("read", type, buffer.subarray(start, start + length));
      return opened;
    };
    return opener;
  }

  #note(direction: "read" | "write", type: number, content: Uint8Array): void {
    switch (type) {
      case ContentType.handshake:
        // Written messages count by their fragments, read ones when they are complete.
        for (const { type, length, offset, data } of readFragments(new Uint8Array(content))) {
          if (direction === "write" || offset + data.length === length)
            this.#lines.push(`${direction} hs ${type}`);
        }
        break;
      case ContentType.ack:
        this.#lines.push(`${direction} ack`);
        break;
      case ContentType.alert:
        this.#lines.push(`${direction} alert ${content[0]} ${content[1]}`);
        break;
    }
  }
}
