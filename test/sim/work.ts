/** Asynchronous work of a simulation: real promises are waited for, virtual ones are kept at the order a seed says. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { AesBackend, AesKeys, Awaitable } from "../../src/core/index.ts";
import type { AeadKey, CryptoProvider, KeyShare, Signer } from "../../src/crypto/provider.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";

/**
 * How long asynchronous work takes: `immediate` leaves what is synchronous so, `real` waits for the promises of the
 * machine, `virtual` makes everything asynchronous and completes it on the virtual clock, in any order.
 */
export type Pace = "immediate" | "real" | "virtual";

const MAX_VIRTUAL_MS = 30;

export class Work {
  readonly #network: Network;
  readonly #random: Random;
  readonly #pace: Pace;
  #underway = 0;
  #isDirty = false;

  constructor(network: Network, random: Random, pace: Pace) {
    this.#network = network;
    this.#random = random;
    this.#pace = pace;
    network.work = this;
  }

  run<T>(start: () => Awaitable<T>): Awaitable<T> {
    const value = start();
    if (this.#pace !== "virtual") return value instanceof Promise ? this.#track(value) : value;
    return this.#track(Promise.resolve(value)).then(
      (done) =>
        new Promise((resolve) => {
          this.#network.schedule(this.#random.next() * MAX_VIRTUAL_MS, () => {
            this.#isDirty = true;
            resolve(done);
          });
        }),
    );
  }

  /** Watches what is put together from such work. In virtual time the parts are watched, and the whole waits for them. */
  watch<T>(whole: Promise<T>): Promise<T> {
    return this.#pace === "virtual" ? whole : this.#track(whole);
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    this.#underway++;
    this.#isDirty = true;
    const done = () => {
      this.#underway--;
    };
    promise.then(done, done);
    return promise;
  }

  /** Until nothing real is under way and all that followed from it has been done. */
  async settled(): Promise<void> {
    while (this.#isDirty) {
      this.#isDirty = false;
      do await nextTurn();
      while (this.#underway > 0);
    }
  }
}

/** The same provider at the pace of `work`. */
export function pacedProvider(provider: CryptoProvider, work: Work): CryptoProvider {
  const share = (inner: KeyShare): KeyShare => ({
    group: inner.group,
    publicKey: inner.publicKey,
    agree: (peer) => work.run(() => inner.agree(peer)),
  });
  const key = (inner: AeadKey): AeadKey => ({
    seal: (...args) => work.run(() => inner.seal(...args)),
    open: (...args) => work.run(() => inner.open(...args)),
  });
  return {
    createHash: (name) => provider.createHash(name),
    hmac: (...args) => provider.hmac(...args),
    random: (length) => provider.random(length),
    generateKeyShare: (group) =>
      then(
        work.run(() => provider.generateKeyShare(group)),
        share,
      ),
    respondKeyShare: (group, peer) => work.run(() => provider.respondKeyShare(group, peer)),
    importP256Share: (...args) => work.run(() => provider.importP256Share(...args)),
    verify: (...args) => work.run(() => provider.verify(...args)),
    importAead: (bytes) =>
      then(
        work.run(() => provider.importAead(bytes)),
        key,
      ),
  };
}

export function pacedSigner(signer: Signer, work: Work): Signer {
  const { schemes, publicKey } = signer;
  return { schemes, publicKey, sign: (scheme, message) => work.run(() => signer.sign(scheme, message)) };
}

/** A core takes one backend for good; whose work it is changes from one simulation to the next. */
export function pacedAes(backend: AesBackend, work: () => Work): AesBackend {
  return {
    importKeys(key, snKey): AesKeys {
      const keys = backend.importKeys(key, snKey);
      return {
        seal: (...args) => work().run(() => keys.seal(...args)),
        open: (...args) => work().run(() => keys.open(...args)),
        mask: (sample) => work().run(() => keys.mask(sample)),
      };
    },
  };
}

function then<T, R>(value: Awaitable<T>, next: (value: T) => R): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
