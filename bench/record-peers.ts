import { createCipheriv, createDecipheriv, getCiphers } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import sodium from "libsodium-wrappers";
import type { Case } from "./harness.ts";

// Other people's AEADs, each used the fastest way its interface allows. They do the AEAD and nothing else: no framing,
// no record number, no replay window, and the same nonce every time.

/** A key, what goes with it, and what it makes of it. */
export interface Sample {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly additionalData: Uint8Array<ArrayBuffer>;
  readonly plaintext: Uint8Array<ArrayBuffer>;
}

/** Sealing and opening by one peer. */
export interface Peer {
  readonly seal: Case;
  readonly open: Case;
}

const TAG_BYTES = 16;

function check(actual: Uint8Array | null, expected: Uint8Array): void {
  const same =
    actual !== null && actual.length === expected.length && actual.every((byte, i) => byte === expected[i]);
  if (!same) throw new Error("what was opened is not what was sealed");
}

/** A peer whose calls answer at once. */
function synchronous(
  name: string,
  plaintext: Uint8Array,
  seal: () => Uint8Array,
  open: (sealed: Uint8Array) => Uint8Array,
): Peer {
  const sealed = seal();
  const verify = () => check(open(seal()), plaintext);
  return {
    seal: {
      name,
      verify,
      run: (count) => {
        for (let i = 0; i < count; i++) seal();
      },
    },
    open: {
      name,
      verify,
      run: (count) => {
        for (let i = 0; i < count; i++) open(sealed);
      },
    },
  };
}

function nodePeer(cipher: "chacha20-poly1305" | "aes-128-gcm", sample: Sample): Peer {
  const { nonce, additionalData, plaintext } = sample;
  const key = cipher === "aes-128-gcm" ? sample.key.subarray(0, 16) : sample.key;
  const options = { authTagLength: TAG_BYTES };
  // The ciphers share these calls; the types know them by one name each.
  const name = cipher as "aes-128-gcm";
  let sealedTag: Uint8Array = new Uint8Array(TAG_BYTES);
  const seal = () => {
    const sealer = createCipheriv(name, key, nonce, options);
    sealer.setAAD(additionalData);
    const ciphertext = sealer.update(plaintext);
    sealer.final();
    sealedTag = sealer.getAuthTag();
    return ciphertext;
  };
  const open = (ciphertext: Uint8Array) => {
    const opener = createDecipheriv(name, key, nonce, options);
    opener.setAAD(additionalData);
    opener.setAuthTag(sealedTag);
    const opened = opener.update(ciphertext);
    opener.final();
    return opened;
  };
  return synchronous(`node:crypto ${cipher}`, plaintext, seal, open);
}

function noblePeer({ key, nonce, additionalData, plaintext }: Sample): Peer {
  return synchronous(
    "@noble/ciphers chacha20-poly1305",
    plaintext,
    () => chacha20poly1305(key, nonce, additionalData).encrypt(plaintext),
    (sealed) => chacha20poly1305(key, nonce, additionalData).decrypt(sealed),
  );
}

async function sodiumPeer({ key, nonce, additionalData, plaintext }: Sample): Promise<Peer> {
  await sodium.ready;
  return synchronous(
    "libsodium-wrappers chacha20-poly1305",
    plaintext,
    () => sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, additionalData, null, nonce, key),
    (sealed) => sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, additionalData, nonce, key),
  );
}

async function webCryptoPeer(sample: Sample, atOnce: number): Promise<Peer> {
  const { nonce, additionalData, plaintext } = sample;
  const algorithm = { name: "AES-GCM", iv: nonce, additionalData };
  const rawKey = sample.key.slice(0, 16);
  const key = await crypto.subtle.importKey("raw", rawKey, "AES-GCM", false, ["encrypt", "decrypt"]);
  const seal = () => crypto.subtle.encrypt(algorithm, key, plaintext);
  const sealed = await seal();
  const open = () => crypto.subtle.decrypt(algorithm, key, sealed);
  const name = `WebCrypto aes-128-gcm, ${atOnce === 1 ? "awaited singly" : `${atOnce} at a time`}`;
  const verify = async () => check(new Uint8Array(await open()), plaintext);
  const run = (operation: () => Promise<ArrayBuffer>) => async (count: number) => {
    if (atOnce === 1) {
      for (let i = 0; i < count; i++) await operation();
      return;
    }
    for (let left = count; left > 0; left -= atOnce) {
      await Promise.all(Array.from({ length: Math.min(left, atOnce) }, operation));
    }
  };
  return { seal: { name, verify, run: run(seal) }, open: { name, verify, run: run(open) } };
}

/** Every peer that this runtime has. */
export async function peers(sample: Sample): Promise<Peer[]> {
  const ciphers = getCiphers();
  const ofNode = (["chacha20-poly1305", "aes-128-gcm"] as const).filter((cipher) => {
    const isThere = ciphers.includes(cipher);
    if (!isThere) console.error(`  unavailable here: node:crypto ${cipher}`);
    return isThere;
  });
  return [
    ...ofNode.map((cipher) => nodePeer(cipher, sample)),
    await sodiumPeer(sample),
    noblePeer(sample),
    await webCryptoPeer(sample, 1),
    await webCryptoPeer(sample, 32),
  ];
}
