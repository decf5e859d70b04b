/** Appendices A and B of RFC 9002 as they are written, with a map and loops over all of it: slow, and plain. */

export interface ModelPacket {
  /** Counts packets in the order of sending. */
  readonly ordinal: number;
  readonly id: number;
  /** Or else of ACK frames alone. */
  readonly isAckEliciting: boolean;
  readonly bytes: number;
  readonly sentMs: number;
}

export class Model {
  latestRtt = 0;
  smoothedRtt = 333;
  rttvar: number = 333 / 2;
  minRtt = 0;
  firstRttSample: number | undefined;
  ptoCount = 0;
  lossTime: number | undefined;
  lastElicitingMs = 0;
  bytesInFlight = 0;
  packetThreshold = 3;
  readonly lost: number[] = [];
  readonly acknowledged: Set<number> = new Set();
  persistentCongestion = 0;
  readonly #maxAckDelay: number;
  readonly #sent = new Map<number, ModelPacket>();
  readonly #lostPackets = new Map<number, ModelPacket>();
  readonly #all: ModelPacket[] = [];
  #largestAcked: ModelPacket | undefined;

  constructor(maxAckDelay: number) {
    this.#maxAckDelay = maxAckDelay;
  }

  onPacketSent(id: number, isAckEliciting: boolean, bytes: number, sentMs: number): void {
    const packet = { ordinal: this.#all.length, id, isAckEliciting, bytes, sentMs };
    this.#sent.set(id, packet);
    this.#all.push(packet);
    if (!isAckEliciting) return;
    this.lastElicitingMs = sentMs;
    this.bytesInFlight += bytes;
  }

  onAckReceived(ids: readonly number[], ackDelay: number, nowMs: number): void {
    const newly = ids.flatMap((id) => this.#sent.get(id) ?? []);
    const largestNew = newly.reduce((a, b) => (a.ordinal > b.ordinal ? a : b), newly[0]!);
    if (newly.length > 0 && largestNew.ordinal > (this.#largestAcked?.ordinal ?? -1))
      this.#largestAcked = largestNew;
    // What had been lost raises the threshold.
    for (const id of ids) {
      const late = this.#lostPackets.get(id);
      if (late === undefined) continue;
      this.#lostPackets.delete(id);
      const distance = this.#largestAcked!.ordinal - late.ordinal;
      this.packetThreshold = Math.min(300, Math.max(this.packetThreshold, distance + 1));
    }
    if (newly.length === 0) return;
    for (const packet of newly) {
      this.#sent.delete(packet.id);
      this.acknowledged.add(packet.id);
      if (packet.isAckEliciting) this.bytesInFlight -= packet.bytes;
    }
    if (largestNew.id === Math.max(...ids) && newly.some((packet) => packet.isAckEliciting)) {
      this.#updateRtt(nowMs - largestNew.sentMs, ackDelay, nowMs);
    }
    this.#detect(nowMs);
    this.ptoCount = 0;
  }

  #updateRtt(latest: number, delay: number, nowMs: number): void {
    this.latestRtt = latest;
    if (this.firstRttSample === undefined) {
      this.firstRttSample = nowMs;
      this.minRtt = latest;
      this.smoothedRtt = latest;
      this.rttvar = latest / 2;
      return;
    }
    this.minRtt = Math.min(this.minRtt, latest);
    const ackDelay = Math.min(delay, this.#maxAckDelay);
    const adjusted = latest >= this.minRtt + ackDelay ? latest - ackDelay : latest;
    this.rttvar = (3 / 4) * this.rttvar + (1 / 4) * Math.abs(this.smoothedRtt - adjusted);
    this.smoothedRtt = (7 / 8) * this.smoothedRtt + (1 / 8) * adjusted;
  }

  #detect(nowMs: number): void {
    this.lossTime = undefined;
    const lossDelay = Math.max((9 / 8) * Math.max(this.latestRtt, this.smoothedRtt), 1);
    const lost: ModelPacket[] = [];
    for (const packet of this.#sent.values()) {
      if (packet.ordinal > this.#largestAcked!.ordinal || !packet.isAckEliciting) continue;
      const behind = this.#largestAcked!.ordinal - packet.ordinal;
      if (packet.sentMs + lossDelay <= nowMs || behind >= this.packetThreshold) lost.push(packet);
      else this.lossTime = Math.min(this.lossTime ?? Number.POSITIVE_INFINITY, packet.sentMs + lossDelay);
    }
    for (const packet of lost) {
      this.#sent.delete(packet.id);
      this.#lostPackets.set(packet.id, packet);
      this.lost.push(packet.id);
      this.bytesInFlight -= packet.bytes;
    }
    // Not of the RFC: of what is not in flight nothing more is expected, once all before and something after are settled.
    for (const packet of this.#sent.values()) {
      if (packet.isAckEliciting || packet.ordinal > this.#largestAcked!.ordinal) break;
      this.#sent.delete(packet.id);
    }
    if (this.#isPersistent(lost)) {
      this.persistentCongestion++;
      this.minRtt = this.latestRtt;
    }
  }

  /** §7.6.2, by looking at every pair of packets ever lost of which one is lost now. */
  #isPersistent(lostNow: readonly ModelPacket[]): boolean {
    const duration = 3 * (this.smoothedRtt + Math.max(4 * this.rttvar, 1) + this.#maxAckDelay);
    const counts = (packet: ModelPacket): boolean =>
      packet.isAckEliciting && packet.sentMs > (this.firstRttSample ?? Number.POSITIVE_INFINITY);
    for (const last of lostNow) {
      if (!counts(last)) continue;
      for (let i = last.ordinal - 1; i >= 0; i--) {
        const packet = this.#all[i]!;
        if (this.acknowledged.has(packet.id)) break;
        const wasLost = this.#lostPackets.has(packet.id);
        if (wasLost && counts(packet) && last.sentMs - packet.sentMs > duration) return true;
      }
    }
    return false;
  }

  get #hasEliciting(): boolean {
    return [...this.#sent.values()].some((packet) => packet.isAckEliciting);
  }

  get deadlineMs(): number {
    if (this.lossTime !== undefined) return this.lossTime;
    if (!this.#hasEliciting) return Number.POSITIVE_INFINITY;
    const pto = this.smoothedRtt + Math.max(4 * this.rttvar, 1) + this.#maxAckDelay;
    return this.lastElicitingMs + pto * 2 ** this.ptoCount;
  }

  onTimeout(nowMs: number): void {
    if (this.lossTime !== undefined) this.#detect(nowMs);
    else this.ptoCount++;
  }
}
