import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** IP addresses of a host name in the system's order; node:dns is the same in Node, Deno and Bun. */
export async function resolveHost(host: string): Promise<readonly string[]> {
  if (isIP(host.split("%")[0]!) !== 0) return [host];
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
