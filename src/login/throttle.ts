/**
 * Slows guessing down. A login counts as failed from the moment it may tell the client anything until its Finished
 * shows that the password was right (draft-bmw-tls-pake13 §8.1): so parallel attempts gain nothing. One that its client
 * gives up counts as well, whoever it was: the ServerHello proves to the client whether its guess was right, and who
 * guesses need not go on. Attempts that come too early are refused and change nothing, or else a flood of them could keep
 * a user out for ever.
 *
 * Failures are counted in three ways, whether an identity exists or not, and each count makes the next attempt wait
 * twice as long once it is beyond some free ones:
 * - for an identity at one address, up to an hour;
 * - for an address, over all identities;
 * - for an identity, over all addresses that it has never logged in from, up to five minutes: so all strangers together
 *   have 288 guesses a day, however many addresses they have.
 *
 * Whoever guesses at a user from one address soon waits for an hour, and during it keeps nobody waiting but those
 * behind the same address. Whoever guesses from many can make strangers wait all the time; but not the user at an
 * address where a login of theirs has succeeded before, to whom the third count does not apply. Tickets and sessions
 * that exist do not come by here at all.
 */
import { checkOptions, type Names } from "../options.ts";

/** How many failures it takes until logins have to wait, and for how long. */
export interface ThrottleOptions {
  /** Failures of one identity at one address before delays begin: 10 unless given. */
  readonly placeFailures?: number | undefined;
  /** Of one identity, over all addresses that are strange to it: 20 unless given. */
  readonly identityFailures?: number | undefined;
  /** And of one address, which many users may share: 40 unless given. */
  readonly addressFailures?: number | undefined;
  /** The first delay, doubled with each further failure: one second unless given. */
  readonly firstDelayMs?: number | undefined;
  /** The longest delay of an identity or an address: five minutes unless given. */
  readonly maxDelayMs?: number | undefined;
  /** The longest delay of one identity at one address: an hour unless given. */
  readonly maxPlaceDelayMs?: number | undefined;
  /** Failures are forgotten so long after the delay of the last: one hour unless given. */
  readonly forgetMs?: number | undefined;
  /**
   * How much is remembered: 10,000 entries in each table. There are two for each of the three counts, of those that are
   * delayed and those that are not, and eight times as many for the addresses where identities have logged in.
   */
  readonly places?: number | undefined;
  /** A clock that never runs backwards. */
  readonly now?: (() => number) | undefined;
}

const NAMES: Names<ThrottleOptions> = {
  placeFailures: 1,
  identityFailures: 1,
  addressFailures: 1,
  firstDelayMs: 1,
  maxDelayMs: 1,
  maxPlaceDelayMs: 1,
  forgetMs: 1,
  places: 1,
  now: 1,
};

/** One login under way. */
export interface LoginAttempt {
  /** It was not a failure. */
  succeeded(): void;
  /** It has told the client nothing of the password, as when the record could not be looked up. */
  withdrawn(): void;
}

interface Delays {
  readonly free: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  readonly forgetMs: number;
  readonly places: number;
}

/** Counts failed logins over all connections, and says when one comes too early. Its memory is bounded. */
export class LoginThrottle {
  readonly #now: () => number;
  readonly #places: FailureTable;
  readonly #identities: FailureTable;
  readonly #addresses: FailureTable;
  readonly #known: KnownAddresses;

  constructor(options: ThrottleOptions = {}) {
    checkOptions("LoginThrottle", options, NAMES);
    const {
      placeFailures = 10,
      identityFailures = 20,
      addressFailures = 40,
      firstDelayMs = 1_000,
      maxDelayMs = 300_000,
      maxPlaceDelayMs = 3_600_000,
      forgetMs = 3_600_000,
      places = 10_000,
    } = options;
    const delays = { firstDelayMs, maxDelayMs, forgetMs, places };
    this.#now = options.now ?? (() => performance.now());
    this.#places = new FailureTable({ ...delays, free: placeFailures, maxDelayMs: maxPlaceDelayMs });
    this.#identities = new FailureTable({ ...delays, free: identityFailures });
    this.#addresses = new FailureTable({ ...delays, free: addressFailures });
    this.#known = new KnownAddresses(8 * places);
  }

  /** How many entries all tables have together: at most 14 times `places`. */
  get size(): number {
    return this.#places.size + this.#identities.size + this.#addresses.size + this.#known.size;
  }

  /**
   * Counts a login, unless it comes too early.
   * @param identity a key of bounded length, as `address` is: both are chosen by strangers
   * @returns `undefined` if it has to be refused
   */
  begin(identity: string, address: string): LoginAttempt | undefined {
    const now = this.#now();
    const counts: [FailureTable, string][] = [
      [this.#places, `${address} ${identity}`],
      [this.#addresses, address],
    ];
    if (!this.#known.has(identity, address)) counts.push([this.#identities, identity]);
    if (!counts.every(([table, key]) => table.admits(key, now))) return undefined;
    for (const [table, key] of counts) table.count(key, now);
    let isOpen = true;
    const uncount = () => {
      for (const [table, key] of isOpen ? counts : []) table.uncount(key, now);
      isOpen = false;
    };
    return {
      succeeded: () => {
        if (isOpen) this.#known.add(identity, address);
        uncount();
      },
      withdrawn: uncount,
    };
  }
}

/** How many addresses of one identity are known: as many as a user has, or the nodes of a mesh. */
const KNOWN_ADDRESSES = 64;

/** Where identities have logged in: of each the latest addresses, and of the identities those that were here last. */
class KnownAddresses {
  readonly #limit: number;
  readonly #known = new Map<string, Set<string>>();
  size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  has(identity: string, address: string): boolean {
    return this.#known.get(identity)?.has(address) === true;
  }

  add(identity: string, address: string): void {
    const addresses = this.#known.get(identity) ?? new Set();
    this.size -= addresses.size;
    addresses.delete(address);
    addresses.add(address);
    if (addresses.size > KNOWN_ADDRESSES) addresses.delete(first(addresses));
    this.size += addresses.size;
    this.#known.delete(identity);
    this.#known.set(identity, addresses);
    while (this.size > this.#limit) {
      const oldest = first(this.#known.keys());
      this.size -= this.#known.get(oldest)!.size;
      this.#known.delete(oldest);
    }
  }
}

/** Of what is not empty. */
function first<T>(values: Iterable<T>): T {
  const [value] = values;
  return value!;
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
    if (failures === undefined || now - failures.untilMs < this.#delays.forgetMs) return failures;
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
    if (half.size > this.#delays.places) half.delete(first(half.keys()));
  }
}
