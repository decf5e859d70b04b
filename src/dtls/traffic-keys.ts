/** The application traffic keys of both directions and their updates (RFC 9147 §8). */
import type { Bytes } from "../core/bytes.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import type { Role } from "../tls/authentication.ts";
import { lendTrafficKeys, nextTrafficSecret, type TrafficSecrets } from "../tls/key-schedule.ts";
import type { SuiteParameters } from "../tls/suites.ts";
import { fault } from "../tls/wire.ts";
import { APPLICATION_EPOCH } from "./handshake.ts";
import type { RecordLayer } from "./record-layer.ts";

/** "to store epochs in a 16-bit value, MAY choose to enforce an epoch limit of 2^16-1" */
const MAX_EPOCH = 0xffff;

export class TrafficKeyUpdates {
  readonly #crypto: CryptoProvider;
  readonly #suite: SuiteParameters;
  readonly #records: RecordLayer;
  readonly #log: (role: Role, generation: number, secret: Bytes) => void;
  readonly #role: Role;
  #readSecret: Bytes;
  #writeSecret: Bytes;
  #readEpoch: number = APPLICATION_EPOCH;
  #writeEpoch: number = APPLICATION_EPOCH;

  constructor(
    crypto: CryptoProvider,
    suite: SuiteParameters,
    records: RecordLayer,
    role: Role,
    secrets: TrafficSecrets,
    log: (role: Role, generation: number, secret: Bytes) => void,
  ) {
    this.#crypto = crypto;
    this.#suite = suite;
    this.#records = records;
    this.#role = role;
    this.#log = log;
    this.#writeSecret = secrets[role];
    this.#readSecret = secrets[role === "client" ? "server" : "client"];
  }

  get readEpoch(): number {
    return this.#readEpoch;
  }

  get writeEpoch(): number {
    return this.#writeEpoch;
  }

  /** Whether there is an epoch for this side to go on with. */
  get canUpdateWrite(): boolean {
    return this.#writeEpoch < MAX_EPOCH;
  }

  /** The peer announced its next keys. The ones before stay, for its ACK may be lost and its records late. */
  updateRead(): void {
    this.#readEpoch = nextEpoch(this.#readEpoch);
    // Those of the handshake go in their own time (§5.8.1).
    if (this.#readEpoch - 2 >= APPLICATION_EPOCH) this.#records.retireRead(this.#readEpoch - 2);
    this.#readSecret = this.#next(this.#readSecret);
    this.#log(
      this.#role === "client" ? "server" : "client",
      this.#readEpoch - APPLICATION_EPOCH,
      this.#readSecret,
    );
    lendTrafficKeys(this.#crypto, this.#suite, this.#readSecret, (keys) =>
      this.#records.installRead(this.#readEpoch, this.#suite, keys),
    );
  }

  /** The peer has acknowledged our KeyUpdate. */
  updateWrite(): void {
    this.#writeEpoch = nextEpoch(this.#writeEpoch);
    this.#writeSecret = this.#next(this.#writeSecret);
    this.#log(this.#role, this.#writeEpoch - APPLICATION_EPOCH, this.#writeSecret);
    lendTrafficKeys(this.#crypto, this.#suite, this.#writeSecret, (keys) =>
      this.#records.installWrite(this.#writeEpoch, this.#suite, keys),
    );
    this.#records.retireWriteBefore(this.#writeEpoch);
  }

  #next(secret: Bytes): Bytes {
    const next = nextTrafficSecret(this.#crypto, this.#suite.hash, secret);
    secret.fill(0);
    return next;
  }

  erase(): void {
    this.#readSecret.fill(0);
    this.#writeSecret.fill(0);
  }
}

function nextEpoch(epoch: number): number {
  if (epoch >= MAX_EPOCH) {
    throw fault("unexpected_message", "too_many_key_updates", "the connection has no epoch left");
  }
  return epoch + 1;
}
