/**
 * What a login is kept with on this device: in IndexedDB, sealed by AES-GCM under a key that the browser does not hand
 * out. That keeps it out of sight, not out of reach: whoever uses this browser profile uses the login.
 */
import type { ChatAuth } from "../client/entry.ts";

export interface Kept {
  readonly name: string;
  readonly auth: ChatAuth;
}

interface Sealed {
  readonly key: CryptoKey;
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly content: ArrayBuffer;
}

const DATABASE = "sealgram-chat";
const STORE = "kept";
const NAME = "login";
const IV_BYTES = 12;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore<T>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    return await settled(act(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** Keys are bytes; JSON has none. */
function encode(kept: Kept): Uint8Array<ArrayBuffer> {
  const json = JSON.stringify(kept, (_, value) =>
    value instanceof Uint8Array ? { bytes: [...value] } : value,
  );
  return new TextEncoder().encode(json);
}

function decode(bytes: ArrayBuffer): Kept {
  return JSON.parse(new TextDecoder().decode(bytes), (_, value) =>
    Array.isArray(value?.bytes) ? Uint8Array.from(value.bytes) : value,
  );
}

/** Instead of what was kept before. */
export async function keep(kept: Kept): Promise<void> {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const content = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, encode(kept));
  await inStore("readwrite", (store) => store.put({ key, iv, content } satisfies Sealed, NAME));
}

/** Nothing if there is none, or none that can be read. */
export async function recall(): Promise<Kept | undefined> {
  try {
    const sealed = await inStore<Sealed | undefined>("readonly", (store) => store.get(NAME));
    if (sealed === undefined) return undefined;
    const { key, iv, content } = sealed;
    return decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, content));
  } catch {
    return undefined;
  }
}

export async function forget(): Promise<void> {
  await inStore("readwrite", (store) => store.delete(NAME)).catch(() => {});
}
