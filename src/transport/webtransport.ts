/** Datagrams of a WebTransport session, to a gateway that exchanges them with a server by UDP. */
import { unlessAborted } from "../abort.ts";
import { closedByGateway, noGateway } from "./gateway-codes.ts";
import { heardElsewhere } from "./heard-elsewhere.ts";
import {
  type Carrier,
  type CarrierHandler,
  type CarrierStatistics,
  type CertificateHash,
  type GatewayAddress,
  newStatistics,
} from "./types.ts";
import { Unsent } from "./unsent.ts";

/** Datagrams that may be on their way into the runtime. */
const MAX_UNSENT = 64;
/** Received datagrams that the runtime keeps for us; browsers keep one unless told. */
const MAX_UNREAD = 256;
/** The digits of a {@link GatewayCode}. */
const CODE_LENGTH = 4;

class WebTransportCarrier implements Carrier {
  readonly statistics: CarrierStatistics = newStatistics();
  readonly #transport: WebTransport;
  readonly #handler: CarrierHandler;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #unsent: Unsent;
  #closing: Promise<void> | undefined;

  constructor(transport: WebTransport, { host, port }: GatewayAddress, handler: CarrierHandler) {
    this.#transport = transport;
    this.#handler = handler;
    this.#unsent = new Unsent(MAX_UNSENT, () => {
      if (this.#closing === undefined) handler.drained();
    });
    const { datagrams } = transport;
    try {
      datagrams.incomingHighWaterMark = MAX_UNREAD;
      datagrams.outgoingHighWaterMark = MAX_UNSENT;
    } catch {
      // Deno 2.9 has them, but throws a ReferenceError; it reads and sends at once anyway.
    }
    this.#writer = datagrams.writable.getWriter();
    heardElsewhere(this.#writer.closed);
    void this.#receive(host, port);
    void this.#readCode();
    transport.closed.then(
      (info) => this.#gone(info?.closeCode),
      () => this.#gone(undefined),
    );
  }

  get maxDatagramBytes(): number {
    return this.#transport.datagrams.maxDatagramSize;
  }

  async #receive(host: string, port: number): Promise<void> {
    const reader: ReadableStreamDefaultReader<Uint8Array> = this.#transport.datagrams.readable.getReader();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.#closing !== undefined) return;
        this.statistics.received++;
        this.#handler.datagram(value, host, port);
      }
    } catch {
      // The session's end, which `closed` tells.
    }
  }

  /** A gateway that cannot send a close code says in a stream why the session is about to end. */
  async #readCode(): Promise<void> {
    const streams: ReadableStreamDefaultReader<ReadableStream<Uint8Array>> =
      this.#transport.incomingUnidirectionalStreams.getReader();
    try {
      const { value: stream } = await streams.read();
      if (stream === undefined) return;
      let text = "";
      const decoder = new TextDecoder();
      const reader = stream.getReader();
      // The stream's end may never come: Deno 2.9 keeps it.
      while (text.length < CODE_LENGTH) {
        const { value, done } = await reader.read();
        if (done) return;
        text += decoder.decode(value, { stream: true });
      }
      this.#gone(Number(text));
    } catch {
      // As above.
    }
  }

  #gone(code: number | undefined): void {
    this.#unsent.abandon();
    if (this.#closing !== undefined) return;
    this.#closing = Promise.resolve();
    this.#end();
    this.#handler.failed(closedByGateway(code));
  }

  send(datagram: Uint8Array): boolean {
    if (this.#closing !== undefined) return false;
    if (!this.#unsent.add()) {
      this.statistics.refusedByQueue++;
      return false;
    }
    this.statistics.sent++;
    this.#writer.write(datagram.slice()).then(this.#sent, this.#notSent);
    return true;
  }

  readonly #sent = (): void => this.#unsent.sent();

  readonly #notSent = (): void => {
    this.statistics.errors++;
    this.#unsent.sent();
  };

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#unsent.count > 0) await this.#unsent.none();
    this.#end();
  }

  #end(): void {
    try {
      this.#transport.close();
    } catch {
      // It is closed already.
    }
  }
}

/**
 * Connects to a gateway.
 * @param gateway with a URL that begins with `https:`
 * @param serverCertificateHashes SHA-256 of certificates to take instead of those that an authority has signed
 * @throws SealgramError no_webtransport, gateway_unreachable or untrusted_gateway, or the signal's reason
 */
export async function openWebTransport(
  WebTransport: typeof globalThis.WebTransport,
  gateway: GatewayAddress,
  serverCertificateHashes: readonly CertificateHash[] | undefined,
  handler: CarrierHandler,
  signal: AbortSignal,
): Promise<Carrier> {
  signal.throwIfAborted();
  const hashes = serverCertificateHashes && { serverCertificateHashes: [...serverCertificateHashes] };
  const transport = new WebTransport(gateway.url, { requireUnreliable: true, ...hashes });
  heardElsewhere(transport.ready, transport.closed);
  const end = () => {
    try {
      transport.close();
    } catch {
      // Deno's cannot be closed before it is connected.
    }
  };
  await unlessAborted(signal, transport.ready).catch((cause) => {
    if (!signal.aborted) throw noGateway(gateway.url, cause);
    transport.ready.then(end, () => {});
    end();
    throw cause;
  });
  return new WebTransportCarrier(transport, gateway, handler);
}
