import { Crypto as PeculiarCrypto } from "@peculiar/webcrypto";
import { createNobleHashes } from "../../src/crypto/hashes.ts";
import { createNodeProvider } from "../../src/crypto/node.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";
import { createProvider } from "../../src/crypto/webcrypto.ts";

export const hex = (text: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A WebCrypto of some years ago: no X25519, no Ed25519, no ML-KEM. */
export const oldSubtle = (subtle: SubtleCrypto): SubtleCrypto => {
  const refuse = (argument: unknown): void => {
    const name = typeof argument === "string" ? argument : (argument as { name?: string } | null)?.name;
    if (name === "X25519" || name === "Ed25519" || name === "ML-KEM-768") {
      throw new DOMException("Unrecognized name.", "NotSupportedError");
    }
  };
  return new Proxy(subtle, {
    get(target, property) {
      const method = Reflect.get(target, property);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]) => {
        for (const argument of args) refuse(argument);
        return method.apply(target, args);
      };
    },
  });
};

export const oldCrypto: Pick<Crypto, "subtle" | "getRandomValues"> = {
  subtle: oldSubtle(globalThis.crypto.subtle),
  getRandomValues: (array) => globalThis.crypto.getRandomValues(array),
};

export const peculiarCrypto: Crypto = new PeculiarCrypto() as unknown as Crypto;

export const cryptos: [string, Pick<Crypto, "subtle" | "getRandomValues">][] = [
  ["WebCrypto", globalThis.crypto],
  ["WebCrypto without newer algorithms", oldCrypto],
  ["@peculiar/webcrypto", peculiarCrypto],
];

export const providers: [string, CryptoProvider][] = [
  ...cryptos.map(([name, crypto]): [string, CryptoProvider] => [
    name,
    createProvider({ crypto, hashes: createNobleHashes() }),
  ]),
  ["node:crypto", createNodeProvider()],
];
