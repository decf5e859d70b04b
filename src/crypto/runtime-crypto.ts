/** The WebCrypto that everything stands on that is not given one. */
import type { WebCrypto } from "../runtime-types.ts";

/** Not a literal, for it stands on node:crypto: a bundler for browsers would look for that in vain. */
const fallback = ["@peculiar", "webcrypto"].join("/");

let loading: Promise<WebCrypto> | undefined;

/**
 * The runtime's WebCrypto, or @peculiar/webcrypto where it has none. Where that cannot be had either, as in a page that
 * is no secure context, it is what the runtime has: `subtle` is missing then, and perhaps everything.
 */
export async function runtimeCrypto(): Promise<WebCrypto> {
  if (globalThis.crypto?.subtle !== undefined) return globalThis.crypto;
  loading ??= import(/* webpackIgnore: true */ /* @vite-ignore */ fallback).then(
    ({ Crypto }) => new Crypto(),
    () => globalThis.crypto ?? {},
  );
  return loading;
}
