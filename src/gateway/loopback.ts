/**
 * Addresses for the clients of a server on this machine. All of 127.0.0.0/8 is this machine (RFC 1122 §3.2.1.3): each
 * client's address has one there that stands for it, so that what the server counts for each address, failed logins above
 * all, it counts for each client's. Which one it is cannot be told from outside: nobody can choose to share somebody's.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { addressGroup } from "../transport/address.ts";
import type { Carrier, CarrierHandler, RemoteAddress, UdpCarriers } from "../transport/types.ts";

const salt = crypto.getRandomValues(new Uint8Array(16));

/** An address in 127.0.0.0/8, of those that nobody uses for anything else. */
export function loopbackOf(client: string): string {
  const [a, b, c] = sha256
    .create()
    .update(salt)
    .update(new TextEncoder().encode(addressGroup(client)))
    .digest();
  return `127.${1 + (a! % 254)}.${b}.${1 + (c! % 254)}`;
}

/** A socket towards a server, for a client with this address. */
export async function connectFor(
  client: string,
  udp: UdpCarriers,
  remote: RemoteAddress,
  handler: CarrierHandler,
): Promise<Carrier> {
  if (!remote.host.startsWith("127.")) return udp.connect(remote, handler);
  try {
    return await udp.connect(remote, handler, loopbackOf(client));
  } catch {
    // There are systems with 127.0.0.1 alone.
    return udp.connect(remote, handler);
  }
}
