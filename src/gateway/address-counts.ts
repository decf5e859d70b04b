/** How many there are of something from each address. */
import { addressGroup } from "../transport/address.ts";

export class AddressCounts {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();

  /** @param limit for one IPv4 address or one IPv6 network of 64 bits */
  constructor(limit: number) {
    this.#limit = limit;
  }

  isFull(address: string): boolean {
    return (this.#counts.get(addressGroup(address)) ?? 0) >= this.#limit;
  }

  add(address: string): void {
    const group = addressGroup(address);
    this.#counts.set(group, (this.#counts.get(group) ?? 0) + 1);
  }

  remove(address: string): void {
    const group = addressGroup(address);
    const left = this.#counts.get(group)! - 1;
    if (left === 0) this.#counts.delete(group);
    else this.#counts.set(group, left);
  }
}
