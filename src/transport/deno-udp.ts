/** UDP on Deno.listenDatagram, which needs --unstable-net; Deno's node:dgram is many times slower. */
import { SealgramError } from "../errors.ts";
import { spelledBySystem } from "./address.ts";
import { resolveHost } from "./node-resolve.ts";
import { SendRing } from "./send-ring.ts";
import {
  type CarrierHandler,
  type CarrierStatistics,
  FULL_TURN,
  newStatistics,
  type RemoteAddress,
  type UdpCarrier,
  type UdpCarriers,
} from "./types.ts";
import { Unsent } from "./unsent.ts";

/** As much of Deno as is used here. */
interface DenoAddress {
  readonly transport: "udp";
  readonly hostname: string;
  readonly port: number;
}
interface DenoDatagramSocket {
  readonly addr: DenoAddress;
  receive(buffer?: Uint8Array): Promise<[Uint8Array, DenoAddress]>;
  send(datagram: Uint8Array, to: DenoAddress): Promise<number>;
  close(): void;
}
interface DenoNet {
  listenDatagram?(options: DenoAddress): DenoDatagramSocket;
}

const MAX_DATAGRAM_BYTES = 65_535;

class DenoUdpCarrier implements UdpCarrier {
  readonly statistics: CarrierStatistics = newStatistics();
  readonly host: string;
  readonly port: number;
  readonly fullTurn: number = FULL_TURN;
  readonly #socket: DenoDatagramSocket;
  readonly #handler: CarrierHandler;
  /** The one peer, if there is only one. */
  readonly #remote: DenoAddress | undefined;
  readonly #ring = new SendRing();
  readonly #unsent: Unsent;
  #closing: Promise<void> | undefined;

  constructor(socket: DenoDatagramSocket, remote: RemoteAddress | undefined, handler: CarrierHandler) {
    this.#socket = socket;
    this.#handler = handler;
    this.#unsent = new Unsent(SendRing.capacity, () => {
      if (this.#closing === undefined) handler.drained();
    });
    this.#remote = remote && address(remote);
    this.host = socket.addr.hostname;
    this.port = socket.addr.port;
    void this.#receive();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(MAX_DATAGRAM_BYTES);
    const remote = this.#remote;
    const spelled = remote && spelledBySystem(remote.hostname);
    let failures = 0;
    while (this.#closing === undefined) {
      try {
        const received = await this.#socket.receive(buffer);
        failures = 0;
        if (this.#closing !== undefined) return;
        const { hostname, port } = received[1];
        if (remote !== undefined && (hostname !== spelled || port !== remote.port)) continue;
        this.statistics.received++;
        this.#handler.datagram(received[0], remote?.hostname ?? hostname, port);
      } catch (error) {
        if (this.#closing !== undefined) return;
        // Windows reports other datagrams' ICMP errors here; a socket that only fails is broken.
        this.statistics.errors++;
        if (++failures < 100) continue;
        this.#fail(error as Error);
      }
    }
  }

  send(datagram: Uint8Array, to: RemoteAddress): boolean {
    if (this.#closing !== undefined) return false;
    const unsent = this.#unsent.count;
    if (!this.#unsent.add()) {
      this.statistics.refusedByQueue++;
      return false;
    }
    const copy = this.#ring.copy(datagram, unsent);
    this.statistics.sent++;
    this.#socket.send(copy, this.#remote ?? address(to)).then(this.#sent, this.#notSent);
    return true;
  }

  readonly #sent = (): void => this.#unsent.sent();

  readonly #notSent = (error: unknown): void => {
    this.statistics.errors++;
    this.#unsent.sent();
    const isFirst = this.#remote !== undefined && this.statistics.received === 0;
    if (!isFirst || !isNoWay(error) || this.#closing !== undefined) return;
    const { hostname } = this.#remote!;
    this.#fail(new SealgramError("unreachable", `there is no way to ${hostname}`, { cause: error }));
  };

  #fail(error: Error): void {
    this.#closing = Promise.resolve();
    this.#shut();
    this.#handler.failed(error);
  }

  afterTurn(callback: () => void): void {
    // Deno's immediates run before it reads on.
    setTimeout(callback, 0);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#unsent.count > 0) await this.#unsent.none();
    this.#shut();
  }

  #shut(): void {
    try {
      this.#socket.close();
    } catch {
      // It is closed already.
    }
  }
}

/** What the system says of an address that nothing can be sent to. */
function isNoWay(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "EACCES" || code === "ENETUNREACH" || code === "EHOSTUNREACH";
}

/** Sessions keep one object for their peer's address, so that one of Deno's is enough for it too. */
const addresses = new WeakMap<RemoteAddress, DenoAddress>();

function address(remote: RemoteAddress): DenoAddress {
  let known = addresses.get(remote);
  if (known === undefined) {
    known = { transport: "udp", hostname: remote.host, port: remote.port };
    addresses.set(remote, known);
  }
  return known;
}

function listenDatagram(options: RemoteAddress): DenoDatagramSocket {
  const { Deno } = globalThis as unknown as { Deno: DenoNet };
  if (Deno.listenDatagram === undefined) {
    throw new SealgramError("no_udp", "Deno has UDP sockets only when it runs with --unstable-net");
  }
  return Deno.listenDatagram(address(options));
}

export const denoUdp: UdpCarriers = {
  resolve: resolveHost,
  async bind(local, handler) {
    return new DenoUdpCarrier(listenDatagram(local), undefined, handler);
  },
  async connect(remote, handler, localHost) {
    const host = localHost ?? (remote.host.includes(":") ? "::" : "0.0.0.0");
    return new DenoUdpCarrier(listenDatagram({ host, port: 0 }), remote, handler);
  },
};
