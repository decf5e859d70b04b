/** A connection behind its handshake: key updates, connection IDs, tickets, exporters (RFC 9147 §8 and §9). */
import type { Bytes } from "../core/bytes.ts";
import { HandshakeType } from "../tls/codepoints.ts";
import { exportKeyingMaterial, ticketPsk } from "../tls/key-schedule.ts";
import { keyLogLine } from "../tls/keylog.ts";
import {
  decodeKeyUpdate,
  decodeNewConnectionId,
  decodeNewSessionTicket,
  decodeRequestConnectionId,
  encodeNewConnectionId,
  encodeRequestConnectionId,
  maxTicketLifetimeSeconds,
} from "../tls/post-handshake.ts";
import { fault } from "../tls/wire.ts";
import type { ConnectionConfig } from "./config.ts";
import type { ConnectionIds, Grant } from "./connection-ids.ts";
import { HANDSHAKE_EPOCH, type HandshakeResult } from "./handshake.ts";
import type { ConnectionHost } from "./host.ts";
import { KeyUpdates } from "./key-updates.ts";
import type { Paths } from "./paths.ts";
import type { ReceivedMessage } from "./reassembly.ts";
import type { RecordLayer } from "./record-layer.ts";
import type { Reliability } from "./reliability.ts";
import { TrafficKeyUpdates } from "./traffic-keys.ts";

/** Answers to the peer that may wait for its ACKs. */
const MAX_WAITING = 8;

type EstablishedHost = Pick<ConnectionHost, "now" | "ticket" | "newConnectionId" | "connectionIdRetired">;

export class Established {
  readonly #config: ConnectionConfig;
  readonly #host: EstablishedHost;
  readonly #records: RecordLayer;
  readonly #reliability: Reliability;
  readonly #paths: Pick<Paths, "renewConnectionIds">;
  readonly #connectionIds: ConnectionIds | undefined;
  readonly #result: HandshakeResult;
  readonly #keys: TrafficKeyUpdates;
  readonly #keyUpdates: KeyUpdates;
  /** The epoch that the peer has announced, until a record of it has come. */
  #awaitedEpoch = -1;
  /** Epochs whose reading keys are to go, soonest first. */
  #retiring: { readonly epoch: number; readonly atMs: number }[] = [];
  /** When the first of them is due: an array is not looked into for every datagram. */
  #retireAtMs = Number.POSITIVE_INFINITY;

  constructor(
    config: ConnectionConfig,
    host: EstablishedHost,
    records: RecordLayer,
    reliability: Reliability,
    connectionIds: ConnectionIds | undefined,
    result: HandshakeResult,
    paths: Pick<Paths, "renewConnectionIds">,
  ) {
    const { role, crypto, keyLog } = config;
    this.#config = config;
    this.#host = host;
    this.#records = records;
    this.#reliability = reliability;
    this.#paths = paths;
    this.#connectionIds = connectionIds;
    this.#result = result;
    const { suite, applicationSecrets, clientRandom } = result;
    this.#keys = new TrafficKeyUpdates(
      crypto,
      suite,
      records,
      role,
      applicationSecrets,
      (sender, generation, secret) => {
        const label = sender === "client" ? "CLIENT" : "SERVER";
        keyLog?.(keyLogLine(`${label}_TRAFFIC_SECRET_${generation}`, clientRandom, secret));
      },
    );
    this.#keyUpdates = new KeyUpdates(this.#keys, reliability);
    // The client's last flight may come again for as long as its ACK may be lost: for two MSL (§5.8.1).
    if (role === "server") this.#retireLater(HANDSHAKE_EPOCH, 2 * config.maxSegmentLifetimeMs);
  }

  // Keys

  /** When {@link handleTimeout} is due; infinite if it is not. */
  get deadlineMs(): number {
    return this.#retireAtMs;
  }

  handleTimeout(): void {
    const now = this.#host.now();
    while (this.#retiring.length > 0 && this.#retiring[0]!.atMs <= now) {
      this.#records.retireRead(this.#retiring.shift()!.epoch);
    }
    this.#retireAtMs = this.#retiring[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #retireLater(epoch: number, delayMs: number): void {
    this.#retiring.push({ epoch, atMs: this.#host.now() + delayMs });
    this.#retiring.sort((a, b) => a.atMs - b.atMs);
    this.#retireAtMs = this.#retiring[0]!.atMs;
  }

  /**
   * An authentic record of this epoch has come. With the first one under new keys the peer is known to have our ACK, and
   * the keys before are needed no longer than reordering may take: one MSL (§8 and §4.2.1).
   */
  received(epoch: number): void {
    if (epoch !== this.#awaitedEpoch) return;
    this.#awaitedEpoch = -1;
    this.#keyUpdates.peersAreUsed();
    this.#retiring = this.#retiring.filter((each) => each.epoch === HANDSHAKE_EPOCH);
    this.#retireLater(epoch - 1, this.#config.maxSegmentLifetimeMs);
  }

  updateKeys(requestPeer: boolean): void {
    this.#keyUpdates.update(requestPeer);
  }

  /** Half of the forgeries that a key may see were seen: each further one says so again, and changes no keys of ours. */
  keyWearsOut(epoch: number): void {
    if (epoch === this.#keys.readEpoch && this.#keyUpdates.mayRequest) this.#keyUpdates.update(true);
  }

  /**
   * A key has seen as many forgeries as it may. Answers whether the connection goes on: "the previous keys can be
   * dropped when the limit is reached rather than closing the connection" (§4.5.3).
   */
  keyIsWornOut(epoch: number): boolean {
    if (epoch >= this.#keys.readEpoch) return false;
    this.#records.retireRead(epoch);
    return true;
  }

  /** @param length in bytes */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Bytes {
    const { suite, exporterSecret } = this.#result;
    return exportKeyingMaterial(this.#config.crypto, suite.hash, exporterSecret, label, context, length);
  }

  // Connection IDs

  requestConnectionIds(count: number): boolean {
    const ids = this.#connectionIds;
    if (ids === undefined || ids.sendsNone || ids.isRequesting) return false;
    const message = encodeRequestConnectionId({ count });
    ids.requested();
    this.#reliability.sendLater(() => [message]);
    return true;
  }

  changeConnectionId(): boolean {
    if (this.#connectionIds === undefined || this.#connectionIds.receivesNone) return false;
    this.#issueConnectionIds(this.#connectionIds, { count: 1, usage: "immediate" });
    return true;
  }

  #issueConnectionIds(ids: ConnectionIds, { count, usage }: Grant): void {
    const cids = Array.from({ length: count }, () => this.#host.newConnectionId());
    ids.issue(cids);
    this.#reliability.sendLater(
      () => [encodeNewConnectionId({ cids, usage })],
      () => {
        if (usage === "spare") return;
        for (const id of ids.renew(cids[0]!)) this.#host.connectionIdRetired?.(id);
      },
    );
  }

  // Messages

  /** @throws SealgramError for what the peer may not send */
  handleMessage({ type, bytes }: ReceivedMessage): void {
    const ids = this.#connectionIds;
    if (type === HandshakeType.key_update) this.#handleKeyUpdate(bytes);
    else if (type === HandshakeType.new_session_ticket && this.#config.role === "client") {
      this.#handleTicket(bytes);
    } else if (type === HandshakeType.request_connection_id && ids !== undefined) {
      const { count } = decodeRequestConnectionId(bytes);
      if (this.#reliability.waiting >= MAX_WAITING) throw tooManyRequests();
      this.#issueConnectionIds(ids, ids.grant(count));
    } else if (type === HandshakeType.new_connection_id && ids !== undefined) {
      if (ids.receive(decodeNewConnectionId(bytes))) this.#paths.renewConnectionIds();
    } else {
      throw fault(
        "unexpected_message",
        "unexpected_message",
        `handshake message ${type} after the handshake`,
      );
    }
  }

  #handleKeyUpdate(bytes: Bytes): void {
    const { updateRequested } = decodeKeyUpdate(bytes);
    this.#keys.updateRead();
    this.#awaitedEpoch = this.#keys.readEpoch;
    this.#reliability.enterReadEpoch(this.#keys.readEpoch);
    this.#keyUpdates.received(updateRequested);
  }

  #handleTicket(bytes: Bytes): void {
    const { lifetimeSeconds, ageAdd, nonce, ticket } = decodeNewSessionTicket(bytes);
    const { suite, resumptionSecret, ticketHolder, peer, serverName } = this.#result;
    if (lifetimeSeconds === 0 || resumptionSecret === undefined) return;
    this.#host.ticket({
      ticket: ticket.slice(),
      psk: ticketPsk(this.#config.crypto, suite.hash, resumptionSecret, nonce),
      hash: suite.hash,
      ageAdd,
      receivedAtMs: this.#host.now(),
      lifetimeSeconds: Math.min(lifetimeSeconds, maxTicketLifetimeSeconds),
      peer,
      serverName,
      holder: ticketHolder!,
    });
  }

  /** Erases all secrets. */
  close(): void {
    this.#keys.erase();
    this.#result.exporterSecret.fill(0);
    this.#result.resumptionSecret?.fill(0);
  }
}

function tooManyRequests(): Error {
  const code = "too_many_cids_requested";
  return fault(code, code, "requests for more connection IDs");
}
