/** By what addresses are counted: who has one IPv6 address has all of its /64. */

/** An IPv4 address as it is, an IPv6 address as the network of 64 bits that it is in, anything else as it is. */
export function addressGroup(address: string): string {
  const bare = address.replace(/%.*$/, "").toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  if (mapped !== null) return mapped[1]!;
  if (!bare.includes(":")) return bare;
  const [front = "", back] = bare.split("::");
  const groups = front === "" ? [] : front.split(":");
  if (back !== undefined) {
    const after = back === "" ? [] : back.split(":");
    // An IPv4 address at the end stands for two groups.
    const width = after.length + (back.includes(".") ? 1 : 0);
    while (groups.length + width < 8) groups.push("0");
    groups.push(...after);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

/**
 * The client that a proxy in front has added last to `X-Forwarded-For`; the proxy's own address if there is none.
 * @param header as it was received
 */
export function forwardedAddress(header: string | null | undefined, proxy: string): string {
  const last = header?.split(",").at(-1)?.trim();
  return last ? last.replace(/^\[(.*)\](?::\d+)?$/, "$1") : proxy;
}
