/** A side of either role, for those who are told which one. */
import { asClient } from "../../src/dtls/client.ts";
import type { ConnectionConfig } from "../../src/dtls/config.ts";
import type { Side } from "../../src/dtls/handshake.ts";
import { asServer, type StatelessRetry } from "../../src/dtls/server.ts";

export function sideOf(config: ConnectionConfig, retry?: StatelessRetry): Side {
  return config.role === "client" ? asClient(config) : asServer(config, retry);
}
