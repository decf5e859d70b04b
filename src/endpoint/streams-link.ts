/**
 * The streams of a session on its association: packets in and out of records, and time. It is loaded where a session may
 * have streams, and only there.
 */
import type { Bytes } from "../core/bytes.ts";
import type { SessionTicket } from "../dtls/config.ts";
import type { SealgramError } from "../errors.ts";
import type { FaultReport } from "../faults.ts";
import type { Fate } from "../session/callbacks.ts";
import type { DatagramOutcome } from "../session/datagram-queue.ts";
import type { SessionEnd } from "../session/end.ts";
import { type StreamSettings, sessionOptions } from "../session/settings.ts";
import { WebSession } from "../session/web-session.ts";
import type { Association, AssociationUser } from "./association.ts";
import type { PathStats } from "./session.ts";
import { SessionCarrier } from "./session-carrier.ts";
import type { StreamsOpener } from "./session-settings.ts";

export { checkStreamSettings } from "../session/settings.ts";

/** What the streams' session is told, and what it knows of where it lives. */
export interface StreamsHost {
  datagram(buffer: Bytes, start: number, length: number): void;
  ticket(ticket: SessionTicket): void;
  closed(end: SessionEnd): void;
  /** Told of the faults of the application's functions. */
  readonly report: FaultReport;
  /** Settles once the carrier has room. */
  drained(): Promise<void>;
  /** The most that the carrier takes, where that is less than UDP does. */
  maxDatagramBytes(): number | undefined;
}

/** A stream's writes that are not waited for follow each other by so many microtasks at most, in any runtime. */
const QUIET_MICROTASKS = 4;

export class StreamsLink implements AssociationUser {
  readonly web: WebSession;
  readonly #association: Association;
  readonly #host: StreamsHost;
  /** Whether a datagram from the peer is being processed: `flush` follows. */
  #isReceiving = false;
  #isWoken = false;
  /** Calls of {@link #wake} since the beginning. */
  #wakes = 0;
  /** As they were when it was last looked at, and for how many microtasks they have been so. */
  #seenWakes = 0;
  #quiet = 0;

  constructor(
    settings: StreamSettings,
    isMtuFixed: boolean,
    ...[association, config, udpHost, host]: Parameters<StreamsOpener>
  ) {
    this.#association = association;
    this.#host = host;
    // A session has its own idea of it (RFC 9000 §10.1).
    association.connection.ignoreSilence();
    const carrier = new SessionCarrier(
      association,
      () => host.maxDatagramBytes(),
      () => host.drained(),
      () => this.#flushNow(),
    );
    const options = sessionOptions(settings, {
      isServer: config.role === "server",
      mtuBytes: config.mtuBytes,
      isMtuFixed,
      maxDatagramBytes: host.maxDatagramBytes(),
      host: udpHost,
      idleTimeoutMs: config.idleTimeoutMs,
      report: host.report,
      random: () => new DataView(config.crypto.random(4).buffer).getUint32(0) / 2 ** 32,
    });
    this.web = new WebSession(options, carrier, {
      now: () => association.now(),
      wake: () => this.#wake(),
      datagram: (buffer, start, length) => host.datagram(buffer, start, length),
      closed: (end) => host.closed(end),
    });
  }

  // AssociationUser

  data(buffer: Bytes, start: number, length: number, epoch: number, sequenceNumber: number): void {
    this.#isReceiving = true;
    this.web.engine.receive(buffer, start, length, epoch, sequenceNumber);
  }

  ticket(ticket: SessionTicket): void {
    this.#host.ticket(ticket);
  }

  ending(): void {
    this.web.engine.hurry();
  }

  ended(reason: SealgramError | undefined): void {
    this.web.engine.end(reason);
  }

  flush(): void {
    this.#isReceiving = false;
    this.#isWoken = false;
    this.web.engine.flush();
  }

  moved(): void {
    this.web.engine.pathChanged();
  }

  get deadlineMs(): number {
    return this.web.engine.deadlineMs;
  }

  handleTimeout(): void {
    this.web.engine.handleTimeout();
  }

  // The session

  /** Sends what is to be sent within this turn: several writes make one packet. */
  #wake(): void {
    this.#wakes++;
    if (this.#isWoken || this.#isReceiving) return;
    this.#isWoken = true;
    this.#seenWakes = this.#wakes;
    this.#quiet = 0;
    queueMicrotask(this.#settle);
  }

  /** Sends once nothing was written for some microtasks, or a packet is full: more cannot be gained by waiting. */
  readonly #settle = (): void => {
    if (!this.#isWoken) return;
    this.#quiet = this.#seenWakes === this.#wakes ? this.#quiet + 1 : 0;
    this.#seenWakes = this.#wakes;
    if (this.#quiet >= QUIET_MICROTASKS || this.web.engine.hasFullPacket) this.#flushNow();
    else queueMicrotask(this.#settle);
  };

  #flushNow(): void {
    this.flush();
    this.#association.reschedule();
  }

  sendDatagram(datagram: Uint8Array, fate: Fate | undefined): DatagramOutcome {
    const { engine } = this.web;
    if (engine.sendDatagramNow(datagram, fate)) {
      if (!this.#isReceiving) this.#association.reschedule();
      return "taken";
    }
    const outcome = engine.sendDatagram(datagram, fate);
    if (outcome === "taken" && !this.#isReceiving) this.#flushNow();
    return outcome;
  }

  close(closeCode: number, reason: string): void {
    this.web.engine.close(closeCode, reason);
    if (!this.#isReceiving) this.#flushNow();
  }

  /** Datagrams that were taken, and dropped before they were sent. */
  get datagramsDropped(): number {
    const { expired, tooLarge, unsent } = this.web.engine.datagrams.drops;
    return expired + tooLarge + unsent;
  }

  get stats(): PathStats {
    const { recovery, counters, datagrams } = this.web.engine;
    const { rtt, statistics, mtu, bytesInFlight, windowBytes } = recovery;
    return {
      smoothedRttMs: rtt.hasSample ? rtt.smoothedMs : undefined,
      rttVariationMs: rtt.hasSample ? rtt.variationMs : undefined,
      minRttMs: rtt.hasSample ? rtt.minMs : undefined,
      datagramsSent: counters.datagramsSent,
      packetsSent: counters.packetsSent,
      packetsLost: statistics.packetsLost,
      packetsReceived: counters.packetsReceived,
      bytesSent: counters.bytesSent,
      bytesLost: statistics.bytesLost,
      bytesReceived: counters.bytesReceived,
      bytesInFlight,
      congestionWindowBytes: windowBytes,
      mtuBytes: mtu.currentBytes,
      expiredOutgoing: datagrams.drops.expired,
      lostOutgoing: datagrams.drops.lost,
      tooLargeOutgoing: datagrams.drops.tooLarge,
    };
  }
}
