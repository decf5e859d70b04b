/** A gateway with pages, and a server if one is named, in another runtime: prints where it is, and ends with its input. */
import process from "node:process";

const { openGateway } =
  "Bun" in globalThis
    ? await import("../../src/gateway/bun-index.ts")
    : await import("../../src/gateway/deno-index.ts");
const gateway = await openGateway("http://127.0.0.1:0", {
  targets: { game: process.argv[2] ?? "udp://127.0.0.1:9" },
  trustedProxies: ["loopback"],
  pages: ({ path }) =>
    path === "/" ? { status: 200, headers: { "content-type": "text/html" }, body: "<p>dünn</p>" } : undefined,
});
process.stdout.write(`${gateway.url}\n`);
process.stdin.resume().once("end", () => void gateway.close());
