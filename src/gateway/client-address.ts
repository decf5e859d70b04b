/** Who is behind proxies. */
import { addressBytes, type Networks } from "./networks.ts";

/**
 * The client's address: the last one that no trusted proxy has, of those that `X-Forwarded-For` names and that of the
 * connection itself. What others than trusted proxies say of addresses is nothing.
 * @param header as it was received
 * @param remote where the connection comes from
 */
export function clientAddress(header: string | null | undefined, remote: string, trusted: Networks): string {
  const named = header?.split(",") ?? [];
  let address = remote;
  while (trusted.has(address)) {
    const next = addressIn(named.pop());
    if (next === undefined) break;
    address = next;
  }
  return address;
}

/** Without the port that some proxies add. */
function addressIn(text: string | undefined): string | undefined {
  const address = text?.trim().replace(/^\[(.*)\](?::\d+)?$|^([\d.]+):\d+$/, "$1$2") ?? "";
  return addressBytes(address) && address;
}
