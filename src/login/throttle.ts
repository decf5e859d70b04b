/**
 * Slows guessing down. A login counts as failed from the moment it may tell the client anything until its Finished
 * shows that the password was right (draft-bmw-tls-pake13 §8.1): so parallel attempts gain nothing. Failures are
 * counted for each identity, whether it exists or not, and for each address; beyond a number of free ones, each makes
 * the next attempt wait twice as long. Attempts that come too early are refused and change nothing, or else a flood of
 * them could keep a user out for ever. Sessions that exist, and tickets, do not come by here.
 */

export interface ThrottleOptions {
  /** Failures before delays begin: of one identity, 5 unless given. */
  readonly identityFailures?: number;
  /** And of one address, which many users may share: 20 unless given. */
  readonly addressFailures?: number;
  /** The first delay, doubled with each further failure: one second unless given. */
  readonly firstDelayMs?: number;
  /** Five minutes unless given. */
  readonly maxDelayMs?: number;
  /** Failures are forgotten after so long without another: one hour unless given. */
  readonly forgetMs?: number;
  /** Identities, and addresses, that are remembered at most while they are delayed, and as many that are not: 10,000. */
  readonly places?: number;
  /** A clock that never runs backwards. */
  readonly now?: () => number;
}

/** One login under way. */
export interface LoginAttempt {
  /** It was not a failure. */
  succeeded(): void;
}

interface Delays {
  readonly free: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  readonly forgetMs: number;
  readonly places: number;
}

export class LoginThrottle {
  readonly #now: () => number;
  readonly #identities: FailureTable;
  readonly #addresses: FailureTable;

  constructor(options: ThrottleOptions = {}) {
    const {
      identityFailures = 5,
      addressFailures = 20,
      firstDelayMs = 1_000,
      maxDelayMs = 300_000,
      forgetMs = 3_600_000,
      places = 10_000,
    } = options;
    const delays = { firstDelayMs, maxDelayMs, forgetMs, places };
    this.#now = options.now ?? (() => performance.now());
    this.#identities = new FailureTable({ ...delays, free: identityFailures });
    this.#addresses = new FailureTable({ ...delays, free: addressFailures });
  }

  /** How many identities and addresses are remembered. */
  get size(): number {
    return this.#identities.size + this.#addresses.size;
  }

  /**
   * Counts a login, unless it comes too early.
   * @param identity a key of bounded length, as `address` is: both are chosen by strangers
   * @returns `undefined` if it has to be refused
   */
  begin(identity: string, address: string): LoginAttempt | undefined {
    const now = this.#now();
    if (!this.#identities.admits(identity, now) || !this.#addresses.admits(address, now)) return undefined;
    this.#identities.count(identity, now);
    this.#addresses.count(address, now);
    let isOpen = true;
    return {
      succeeded: () => {
        if (isOpen) {
          this.#identities.uncount(identity, now);
          this.#addresses.uncount(address, now);
        }
        isOpen = false;
      },
    };
  }
}

interface Failures {
  readonly count: number;
  readonly lastMs: number;
  /** When the next attempt may come. */
  readonly untilMs: number;
}

/**
 * Failures by key, in two halves of bounded size, each in the order of the last failure: those that delay, and those
 * that do not yet. A flood of new keys pushes out other new keys, and nobody who is delayed.
 */
class FailureTable {
  readonly #delays: Delays;
  readonly #delayed = new Map<string, Failures>();
  readonly #free = new Map<string, Failures>();

  constructor(delays: Delays) {
    this.#delays = delays;
  }

  get size(): number {
    return this.#delayed.size + this.#free.size;
  }

  admits(key: string, now: number): boolean {
    return (this.#find(key, now)?.untilMs ?? 0) <= now;
  }

  count(key: string, now: number): void {
    const count = (this.#find(key, now)?.count ?? 0) + 1;
    const { free, firstDelayMs, maxDelayMs } = this.#delays;
    const delayMs = count < free ? 0 : Math.min(maxDelayMs, firstDelayMs * 2 ** (count - free));
    this.#put(key, { count, lastMs: now, untilMs: now + delayMs });
  }

  /** Takes the failure back that was counted at `countedMs`, and the delay it made if none came after it. */
  uncount(key: string, countedMs: number): void {
    const failures = this.#delayed.get(key) ?? this.#free.get(key);
    if (failures === undefined) return;
    const { count, lastMs, untilMs } = failures;
    if (count <= 1) this.#remove(key);
    else this.#put(key, { count: count - 1, lastMs, untilMs: lastMs === countedMs ? lastMs : untilMs });
  }

  #find(key: string, now: number): Failures | undefined {
    const failures = this.#delayed.get(key) ?? this.#free.get(key);
    if (failures === undefined || now - failures.lastMs < this.#delays.forgetMs) return failures;
    this.#remove(key);
    return undefined;
  }

  #remove(key: string): void {
    this.#delayed.delete(key);
    this.#free.delete(key);
  }

  #put(key: string, failures: Failures): void {
    this.#remove(key);
    const half = failures.count < this.#delays.free ? this.#free : this.#delayed;
    half.set(key, failures);
    if (half.size > this.#delays.places) for (const oldest of half.keys()) return void half.delete(oldest);
  }
}

/**
 * The part of an address that counts: an IPv4 address, or the /64 network of an IPv6 address, which is the least that
 * one customer has.
 * @param host an IP address as text; anything else counts as it is
 */
export function addressKey(host: string): string {
  const [address] = host.split("%") as [string];
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  if (!address.includes(":")) return address.slice(0, 64);
  const [head, tail] = address.split("::") as [string, string | undefined];
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  while (tail !== undefined && groups.length + rest.length < 8) groups.push("0");
  const network = [...groups, ...rest].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(":")}::/64`;
}
