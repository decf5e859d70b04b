/** Tells a log of the path's metrics, whenever they have changed. */
import type { SessionLog } from "./log.ts";
import type { Recovery } from "./recovery/recovery.ts";

export class MetricsLog {
  readonly #log: SessionLog;
  readonly #recovery: Recovery<unknown>;
  #toldRttMs = 0;
  #toldWindowBytes = 0;

  constructor(log: SessionLog, recovery: Recovery<unknown>) {
    this.#log = log;
    this.#recovery = recovery;
  }

  tell(nowMs: number): void {
    const { rtt, windowBytes, bytesInFlight } = this.#recovery;
    if (rtt.latestMs === this.#toldRttMs && windowBytes === this.#toldWindowBytes) return;
    this.#toldRttMs = rtt.latestMs;
    this.#toldWindowBytes = windowBytes;
    this.#log.metricsUpdated(nowMs, {
      smoothedRttMs: rtt.smoothedMs,
      latestRttMs: rtt.latestMs,
      minRttMs: rtt.minMs,
      rttVariationMs: rtt.variationMs,
      congestionWindowBytes: windowBytes,
      bytesInFlight,
    });
  }
}
