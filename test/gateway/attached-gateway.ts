/**
 * A gateway on this program's own server of fetch handlers, in Deno or Bun: prints where it is, closes the gateway at the
 * first input, and the server at its end.
 */
import process from "node:process";
import type { BunUpgrader } from "../../src/gateway/bun-upgrade.ts";
import type { DenoConnectionInfo } from "../../src/gateway/deno-attached.ts";

const options = { targets: { game: process.argv[2]! }, path: "/gateway", trustedProxies: ["loopback"] };
const place = { hostname: "127.0.0.1", port: 0 };
type Handler<T> = (request: Request, connection: T) => Response;
const orPage =
  <T>(fetch: Handler<T>): Handler<T> =>
  (request, connection) =>
    new URL(request.url).pathname === "/" ? new Response("a page") : fetch(request, connection);

let gateway: { close(): void };
let stop: () => unknown;
if ("Bun" in globalThis) {
  const { attachGateway } = await import("../../src/gateway/bun-index.ts");
  const { Bun } = globalThis as unknown as {
    Bun: { serve(options: object): { port: number; stop(closes: boolean): Promise<void> } };
  };
  const attached = attachGateway(options);
  gateway = attached;
  const server = Bun.serve({
    ...place,
    fetch: orPage<BunUpgrader>(attached.fetch),
    websocket: attached.websocket,
  });
  process.stdout.write(`${server.port}\n`);
  stop = () => server.stop(false);
} else {
  const { attachGateway } = await import("../../src/gateway/deno-index.ts");
  const { Deno } = globalThis as unknown as {
    Deno: {
      serve(options: object, handler: Handler<DenoConnectionInfo>): { shutdown(): Promise<void> };
    };
  };
  const attached = attachGateway(options);
  gateway = attached;
  const onListen = ({ port }: { port: number }) => void process.stdout.write(`${port}\n`);
  const server = Deno.serve({ ...place, onListen }, orPage(attached.fetch));
  stop = () => server.shutdown();
}
process.stdin.once("data", () => gateway.close()).once("end", () => void stop());
