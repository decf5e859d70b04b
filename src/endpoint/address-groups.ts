/**
 * Entries by the address that they are for, counted by {@link addressGroup}: groups take turns, and where there is no
 * room the largest gives way, so that one network cannot keep the others out.
 */
export class AddressGroups<T> {
  readonly #values = new Map<string, { readonly group: string; readonly value: T }>();
  /** The paths of each group, oldest first; groups in the order of their turns. */
  readonly #groups = new Map<string, Set<string>>();

  get size(): number {
    return this.#values.size;
  }

  get(path: string): T | undefined {
    return this.#values.get(path)?.value;
  }

  /** Adds an entry at a path that has none. */
  add(path: string, group: string, value: T): void {
    this.#values.set(path, { group, value });
    const paths = this.#groups.get(group);
    if (paths === undefined) this.#groups.set(group, new Set([path]));
    else paths.add(path);
  }

  delete(path: string): void {
    const entry = this.#values.get(path);
    if (entry === undefined) return;
    this.#values.delete(path);
    const paths = this.#groups.get(entry.group)!;
    paths.delete(path);
    if (paths.size === 0) this.#groups.delete(entry.group);
  }

  clear(): void {
    this.#values.clear();
    this.#groups.clear();
  }

  /** Takes the oldest entry of the group whose turn it is. */
  take(): T | undefined {
    const [first] = this.#groups;
    if (first === undefined) return undefined;
    const [group, paths] = first;
    const [path] = paths as Set<string> & Iterable<string, undefined>;
    const { value } = this.#values.get(path!)!;
    this.delete(path!);
    if (this.#groups.delete(group)) this.#groups.set(group, paths);
    return value;
  }

  /** The oldest entry of the largest group, which is to give way; of equal groups that whose turn is first. */
  get oldestOfLargest(): T | undefined {
    let largest: ReadonlySet<string> = new Set();
    for (const paths of this.#groups.values()) if (paths.size > largest.size) largest = paths;
    for (const path of largest) return this.get(path);
    return undefined;
  }
}
