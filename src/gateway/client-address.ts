/** Who is behind a proxy. */

/**
 * The client that a proxy in front has added last to `X-Forwarded-For`, without the port that some add; the proxy's own
 * address if that is no address.
 * @param header as it was received
 */
export function forwardedAddress(header: string | null | undefined, proxy: string): string {
  const last = header?.split(",").at(-1)?.trim() ?? "";
  const address = last.replace(/^\[(.*)\](?::\d+)?$|^([\d.]+):\d+$/, "$1$2");
  return isAddress(address) ? address : proxy;
}

/** By the parser of URLs, which takes IPv6 addresses in brackets. */
function isAddress(text: string): boolean {
  if (/^[\da-f:.]*:[\da-f:.]*$/i.test(text)) return URL.canParse(`http://[${text}]`);
  return /^\d+\.\d+\.\d+\.\d+$/.test(text) && URL.canParse(`http://${text}`);
}
