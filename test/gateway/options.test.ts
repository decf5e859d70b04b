import { expect, test } from "vitest";
import { forwardedAddress } from "../../src/gateway/client-address.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { forwarderSettings, parsePlace } from "../../src/gateway/options.ts";

test("of X-Forwarded-For only what the proxy has added counts", () => {
  expect(forwardedAddress("6.6.6.6, 192.0.2.1", "10.0.0.1")).toBe("192.0.2.1");
  expect(forwardedAddress("[2001:db8::1]:4711", "10.0.0.1")).toBe("2001:db8::1");
  expect(forwardedAddress("203.0.113.9:50001", "10.0.0.1")).toBe("203.0.113.9");
  expect(forwardedAddress("2001:db8::1", "10.0.0.1")).toBe("2001:db8::1");
  expect(forwardedAddress("[2001:db8::1]", "10.0.0.1")).toBe("2001:db8::1");
  for (const none of [
    "",
    "unknown",
    "_hidden",
    "203.0.113.9:",
    "203.0.113.900",
    "a:1",
    "[203.0.113.9",
    "1::2:x",
  ]) {
    expect(forwardedAddress(none, "10.0.0.1"), none).toBe("10.0.0.1");
  }
  expect(forwardedAddress(undefined, "10.0.0.1")).toBe("10.0.0.1");
});

test("wrong options are TypeErrors and RangeErrors before anything is opened", async () => {
  const targets = { game: "udp://127.0.0.1:4433" };
  const wrong: [string, object, typeof TypeError | typeof RangeError][] = [
    ["ws://127.0.0.1:0", { targets }, TypeError],
    ["http://127.0.0.1:0/path", { targets }, TypeError],
    ["https://127.0.0.1:0", { targets }, TypeError],
    ["http://127.0.0.1:0", { targets: { "a/b": "udp://127.0.0.1:1" } }, TypeError],
    ["http://127.0.0.1:0", { targets: { ".well-known": "udp://127.0.0.1:1" } }, TypeError],
    ["http://127.0.0.1:0", { targets: { game: "http://127.0.0.1:1" } }, TypeError],
    ["http://127.0.0.1:0", { targets: { game: "udp://127.0.0.1:0" } }, TypeError],
    ["http://127.0.0.1:0", { targets, origins: ["https://app.example/"] }, TypeError],
    ["http://127.0.0.1:0", { targets, limits: { clients: 0 } }, RangeError],
    ["http://127.0.0.1:0", { targets, idleTimeoutMs: Number.NaN }, RangeError],
    // Node has no QUIC.
    ["http://127.0.0.1:0", { targets, webTransport: "https://127.0.0.1:0" }, TypeError],
  ];
  for (const [url, options, kind] of wrong) {
    await expect(openGateway(url, options as never), JSON.stringify(options)).rejects.toBeInstanceOf(kind);
  }
});

test("names and places", () => {
  const { targets } = forwarderSettings({ targets: { "a-b_1.c~": "udp://[::1]:1", b: "udp://host:2" } });
  expect([...targets]).toEqual([
    ["a-b_1.c~", { host: "::1", port: 1 }],
    ["b", { host: "host", port: 2 }],
  ]);
  expect(parsePlace("https://[::]")).toEqual({ host: "::", port: 443, isSecure: true });
  expect(parsePlace("http://0.0.0.0:8080")).toEqual({ host: "0.0.0.0", port: 8080, isSecure: false });
});
