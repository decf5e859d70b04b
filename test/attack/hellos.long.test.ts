/** Floods of ClientHellos and of handshakes that are begun and left: the benchmark's figures, held to what is promised. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

interface Echoed {
  readonly loss_percent: number;
  readonly p95_ms: number;
  readonly strangers_per_second: number;
}

const bench = fileURLToPath(new URL("../../tools/bench.mjs", import.meta.url));

test("sessions hardly notice floods of strangers", () => {
  const json = execFileSync(process.execPath, [bench, "--only", "flood", "--json"], { encoding: "utf8" });
  const { flood } = JSON.parse(json) as { flood: Record<string, Echoed> };
  for (const [name, least] of [
    ["hellos_10000", 9_000],
    ["hellos_50000", 45_000],
    ["half_open_1000", 900],
  ] as const) {
    const { loss_percent, p95_ms, strangers_per_second } = flood[name]!;
    expect(strangers_per_second, `${name}: as many as it says`).toBeGreaterThan(least);
    expect(loss_percent, `${name}: percent of datagrams lost`).toBeLessThan(1);
    expect(p95_ms, `${name}: 95th percentile of a round trip`).toBeLessThan(20);
  }
});
