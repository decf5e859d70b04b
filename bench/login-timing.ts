import type { CryptoProvider } from "../src/crypto/provider.ts";
import type { PakeAttempt, ServerPake } from "../src/dtls/config.ts";
import { startAs } from "../src/login/spake2plus.ts";

// Whether a server's time tells known identities from unknown ones: two kinds of calls in random order, thousands of
// each, compared by Welch's t-test. What is compared is all that a server does with an identity before the client learns
// that the login has failed. A |t| above 4.5 is a difference that this many samples show; the difference itself says
// whether anybody could, with a network in between.

type Bytes = Uint8Array<ArrayBuffer>;

export interface Comparison {
  /** Mean of the second kind minus mean of the first, in microseconds, and half of its 95 % confidence interval. */
  readonly differenceUs: number;
  readonly confidenceUs: number;
  readonly t: number;
}

/** The answer to the question for salt and rounds. */
export function compareSalts(pake: ServerPake, who: readonly Bytes[], samples: number): Promise<Comparison> {
  const asks = who.map((identity) => async () => {
    await pake.parameters!({ identity, serverIdentity: new Uint8Array(0) });
  });
  return compare(asks, samples);
}

/** The answer to a share: everything between the second ClientHello and the ServerHello that depends on the record. */
export async function compareAnswers(
  crypto: CryptoProvider,
  pake: ServerPake,
  who: readonly Bytes[],
  samples: number,
): Promise<Comparison> {
  const { createProverSecret } = await import("../src/crypto/spake2plus.ts");
  const secret = createProverSecret(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2));
  const answers = await Promise.all(
    who.map(async (identity) => {
      const names = { identity, serverIdentity: new Uint8Array(0), context: new Uint8Array(0) };
      const { shareP } = await startAs(crypto, names, secret);
      const attempt: PakeAttempt = { identity, serverIdentity: new Uint8Array(0), path: "1 192.0.2.1" };
      return async () => {
        const login = (await pake.begin(attempt))!;
        await login.respond(shareP);
      };
    }),
  );
  return compare(answers, samples);
}

async function compare(actions: readonly (() => Promise<void>)[], samples: number): Promise<Comparison> {
  const times: number[][] = actions.map(() => []);
  const warmUp = Math.ceil(samples / 10);
  for (let i = 0; i < warmUp + samples; i++) {
    // Each kind once, in an order that nothing can be in step with.
    const first = Math.random() < 0.5 ? 0 : 1;
    for (const kind of [first, 1 - first]) {
      const startMs = performance.now();
      await actions[kind]!();
      const tookUs = (performance.now() - startMs) * 1_000;
      if (i >= warmUp) times[kind]!.push(tookUs);
    }
  }
  return welch(times[0]!, times[1]!);
}

/** Without the slowest tenth of both together, which is the collector's and the machine's, not the code's. */
function welch(a: readonly number[], b: readonly number[]): Comparison {
  const limit = [...a, ...b].sort((x, y) => x - y)[Math.floor((a.length + b.length) * 0.9)]!;
  const [one, other] = [a, b].map((all) => moments(all.filter((value) => value <= limit)));
  const differenceUs = other!.mean - one!.mean;
  const error = Math.sqrt(one!.variance / one!.count + other!.variance / other!.count);
  return { differenceUs, confidenceUs: 1.96 * error, t: differenceUs / error };
}

function moments(values: readonly number[]): { count: number; mean: number; variance: number } {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { count, mean, variance };
}
