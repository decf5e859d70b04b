/** What `connect` and `listen` need of the runtime. Each runtime's entry point makes one. */

import type { RecordCore } from "../core/index.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import { once } from "../lazy.ts";
import type { UdpCarriers } from "../transport/types.ts";
import type { WebSocketClass } from "../transport/websocket.ts";
import { Deadlines } from "./deadlines.ts";
import { Views } from "./views.ts";

export interface Platform {
  readonly core: RecordCore;
  readonly crypto: CryptoProvider;
  /** Absent where there are no UDP sockets. */
  readonly udp?: UdpCarriers | undefined;
  /** Where the global WebSocket is missing. */
  readonly webSocket?: (() => Promise<WebSocketClass>) | undefined;
  /** Where key log lines go; they are secrets. */
  readonly keyLog?: ((line: string) => void) | undefined;
}

/** A platform with what all its sessions share. */
export interface Shared extends Platform {
  readonly deadlines: Deadlines;
  readonly views: Views;
}

/** Makes the platform when it is first needed, and once. */
export function sharing(load: () => Promise<Platform>): () => Promise<Shared> {
  return once(async () => ({ ...(await load()), deadlines: new Deadlines(), views: new Views() }));
}
