/** The entry point in Node. */
import { runtimeUdp } from "../transport/node-runtime-udp.ts";
import { nodeWebSocket } from "../transport/node-websocket.ts";
import { type ConnectOptions, connectOn } from "./connect.ts";
import { type ListenOptions, listenOn } from "./listen.ts";
import { nodePlatform } from "./node-platform.ts";
import { sharing } from "./platform.ts";
import type { Server } from "./server.ts";
import type { Session } from "./session.ts";

export * from "./api.ts";

const platform = sharing(async () => ({
  ...(await nodePlatform(await runtimeUdp())),
  webSocket: nodeWebSocket,
}));

/** As in index.ts. */
export function connect(url: string | URL, options: ConnectOptions): Promise<Session> {
  return connectOn(platform, url, options);
}

/** As in index.ts. */
export function listen(url: string | URL, options: ListenOptions): Promise<Server> {
  return listenOn(platform, url, options);
}
