/** IP addresses as text. */

/** Whether a host is an address rather than a name; for hosts of URLs, in which nothing else looks like one. */
export function isIpAddress(host: string): boolean {
  return host.includes(":") || /^[\d.]+$/.test(host);
}

/** What counts as an address is no longer than this, whoever chose it. */
const MAX_LENGTH = 64;

/** An IPv4 address as IPv6 writes it: mapped (RFC 4291 §2.5.5.2), or from behind a NAT64 (RFC 6052 §2.1). */
const IPV4_INSIDE = /^(?:::ffff|64:ff9b:):(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/;

const MAPPED = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/;

/** Two bytes of an IPv4 address, from four hexadecimal digits. */
function dotted(group: string): string {
  const value = Number.parseInt(group, 16);
  return `${value >> 8}.${value & 255}`;
}

/**
 * An address as systems spell it in what they tell of datagrams: without the zone, and an IPv4 address that IPv6 maps
 * with dots, where URLs have hexadecimal digits.
 */
export function spelledBySystem(address: string): string {
  const [bare] = address.toLowerCase().split("%") as [string];
  const [, high, low] = MAPPED.exec(bare) ?? [];
  return high === undefined ? bare : `::ffff:${dotted(high)}.${dotted(low!)}`;
}

/**
 * By what addresses are counted: an IPv4 address by itself, also as IPv6 writes it; an IPv6 address by the network of 64
 * bits that it is in, for who has one of its addresses has them all; anything else as it is, if it is not long.
 */
export function addressGroup(address: string): string {
  const [bare] = address.toLowerCase().split("%") as [string];
  if (!bare.includes(":")) return bare.slice(0, MAX_LENGTH);
  const [, ipv4, high, low] = IPV4_INSIDE.exec(bare) ?? [];
  if (ipv4 !== undefined) return ipv4;
  if (high !== undefined && low !== undefined) return `${dotted(high)}.${dotted(low)}`;
  const [front, back] = bare.split("::") as [string, string | undefined];
  const groups = front === "" ? [] : front.split(":");
  if (back !== undefined) {
    const after = back === "" ? [] : back.split(":");
    // An IPv4 address at the end stands for two groups.
    const width = after.length + (back.includes(".") ? 1 : 0);
    while (groups.length + width < 8) groups.push("0");
    groups.push(...after);
  }
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(":")}::/64`;
}
