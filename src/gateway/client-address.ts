/** Who is behind a proxy. */

/**
 * The client that a proxy in front has added last to `X-Forwarded-For`; the proxy's own address if there is none.
 * @param header as it was received
 */
export function forwardedAddress(header: string | null | undefined, proxy: string): string {
  const last = header?.split(",").at(-1)?.trim();
  return last ? last.replace(/^\[(.*)\](?::\d+)?$/, "$1") : proxy;
}
