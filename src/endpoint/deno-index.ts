/** The entry point in Deno. */
import { denoUdp } from "../transport/deno-udp.ts";
import { type ConnectOptions, connectOn } from "./connect.ts";
import { type ListenOptions, listenOn } from "./listen.ts";
import { nodePlatform } from "./node-platform.ts";
import { sharing } from "./platform.ts";
import type { Server } from "./server.ts";
import type { Session } from "./session.ts";

export * from "./api.ts";

/** As much of Deno as is used here. */
interface DenoPermissions {
  readonly permissions: {
    querySync(of: { readonly name: "env"; readonly variable: string }): { readonly state: string };
  };
}

const platform = sharing(() => {
  const { Deno } = globalThis as unknown as { Deno: DenoPermissions };
  // Reading without permission would ask the user.
  const { state } = Deno.permissions.querySync({ name: "env", variable: "SSLKEYLOGFILE" });
  return nodePlatform(denoUdp, state === "granted");
});

/** As in index.ts. */
export function connect(url: string | URL, options: ConnectOptions): Promise<Session> {
  return connectOn(platform, url, options);
}

/** As in index.ts. */
export function listen(url: string | URL, options: ListenOptions): Promise<Server> {
  return listenOn(platform, url, options);
}
