/** What a client says on datagrams: that its user is typing, here or away. */
import { parse } from "../channel.ts";
import { Limit, type Signal } from "../protocol.ts";
import { signal } from "../wire.ts";
import type { User } from "./accounts.ts";
import { Bucket } from "./bucket.ts";
import type { Caller, House } from "./house.ts";

export class Signals {
  readonly #house: House;
  readonly #caller: Caller;
  readonly #bucket: Bucket;
  #stateNumber = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(house: House, caller: Caller) {
    this.#house = house;
    this.#caller = caller;
    this.#bucket = new Bucket(house.limits.signals, performance.now());
  }

  /** What is no signal, or none of this version's, is dropped. */
  receive(user: User, datagram: Uint8Array): void {
    if (datagram.length > Limit.datagram) return;
    const waitMs = this.#bucket.take(1, performance.now());
    let value: Signal;
    try {
      value = signal(parse(datagram));
    } catch {
      return;
    }
    if (value.kind === "state") this.#state(user, value, waitMs);
    else if (value.kind === "typing" && waitMs === 0)
      this.#house.live.typing(user, value.room, value.position, this.#caller);
  }

  /** Of states that come too fast, the newest counts, a little later: nobody sends it again once it has arrived. */
  #state(user: User, { state, number }: Extract<Signal, { kind: "state" }>, waitMs: number): void {
    if (number <= this.#stateNumber || state === "offline") return;
    this.#stateNumber = number;
    clearTimeout(this.#timer);
    const set = () => this.#house.live.setState(user, this.#caller, state);
    if (waitMs === 0) set();
    else this.#timer = setTimeout(set, waitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
