/** Sets of IP addresses, as CIDR writes them (RFC 4632 §3.1, RFC 4291 §2.3). */

/** A name for all that are this machine. */
const LOOPBACK = ["127.0.0.0/8", "::1"];

interface Network {
  readonly bytes: readonly number[];
  readonly prefixBits: number;
}

export class Networks {
  readonly #networks: readonly Network[];

  /**
   * @param texts addresses, networks as `10.0.0.0/8`, and `loopback`
   * @throws TypeError for anything else
   */
  constructor(texts: readonly string[]) {
    this.#networks = texts.flatMap((text) => (text === "loopback" ? LOOPBACK : [text])).map(parse);
  }

  has(address: string): boolean {
    const bytes = addressBytes(address);
    return bytes !== undefined && this.#networks.some((network) => isIn(network, bytes));
  }
}

function isIn({ bytes, prefixBits }: Network, address: readonly number[]): boolean {
  return bytes.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefixBits - 8 * i));
    return (byte ^ address[i]!) >> (8 - bits) === 0;
  });
}

/** @throws TypeError */
function parse(text: string): Network {
  const [address, prefix, ...more] = text.split("/") as [string, ...string[]];
  const bytes = addressBytes(address);
  // IPv4 is the last 32 of the 128 bits.
  const [bits, outside] = address.includes(":") ? [128, 0] : [32, 96];
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  if (bytes === undefined || !isPrefix || more.length > 0) {
    throw new TypeError(`a network is an address or as 10.0.0.0/8, not "${text}"`);
  }
  return { bytes, prefixBits: outside + (prefix === undefined ? bits : Number(prefix)) };
}

/** The 16 bytes of an address, an IPv4 one as IPv6 maps it (RFC 4291 §2.5.5.2); `undefined` if it is none. */
export function addressBytes(address: string): readonly number[] | undefined {
  const [bare] = address.split("%") as [string];
  if (/^\d+\.\d+\.\d+\.\d+$/.test(bare)) {
    const bytes = bare.split(".").map(Number);
    return bytes.every((byte) => byte < 256) ? [...new Array(10).fill(0), 255, 255, ...bytes] : undefined;
  }
  // The parser of URLs knows all spellings of IPv6 addresses, and answers with one that has no dots.
  if (!/^[\da-f:.]*:[\da-f:.]*$/i.test(bare) || !URL.canParse(`http://[${bare}]`)) return undefined;
  const [front, back] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split("::") as [string, string?];
  const before = groups(front);
  const after = groups(back ?? "");
  const between = new Array(8 - before.length - after.length).fill(0);
  return [...before, ...between, ...after].flatMap((group) => [group >> 8, group & 255]);
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
