import { expect, test } from "vitest";
import { clientAddress } from "../../src/gateway/client-address.ts";
import { Networks } from "../../src/gateway/networks.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { forwarderSettings, parsePlace } from "../../src/gateway/options.ts";

test("of X-Forwarded-For only what trusted proxies have added counts", () => {
  const trusted = new Networks(["10.0.0.0/8", "2001:db8:1::/48", "loopback"]);
  const of = (header: string | undefined, remote = "10.0.0.1") => clientAddress(header, remote, trusted);
  expect(of("6.6.6.6, 192.0.2.1")).toBe("192.0.2.1");
  expect(of("6.6.6.6, 192.0.2.1, 10.1.2.3, ::1", "127.0.0.9")).toBe("192.0.2.1");
  expect(of("192.0.2.1", "::ffff:127.0.0.1")).toBe("192.0.2.1");
  expect(of("192.0.2.1", "2001:db8:1::7")).toBe("192.0.2.1");
  expect(of("10.7.7.7")).toBe("10.7.7.7");
  expect(of("[2001:db8::1]:4711")).toBe("2001:db8::1");
  expect(of("203.0.113.9:50001")).toBe("203.0.113.9");
  expect(of("2001:db8::1")).toBe("2001:db8::1");
  expect(of("[2001:db8::1]")).toBe("2001:db8::1");
  for (const stranger of ["11.0.0.1", "2001:db8:2::7", "192.0.2.9", "::ffff:9.9.9.9", ""]) {
    expect(of("192.0.2.1", stranger), stranger).toBe(stranger);
  }
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
    expect(of(none), none).toBe("10.0.0.1");
  }
  expect(of(undefined)).toBe("10.0.0.1");
});

test("networks: prefixes of any length, in all spellings, and nothing that is none", () => {
  const has = (network: string, address: string) => new Networks([network]).has(address);
  expect(has("192.0.2.128/25", "192.0.2.200")).toBe(true);
  expect(has("192.0.2.128/25", "192.0.2.100")).toBe(false);
  expect(has("0.0.0.0/0", "8.8.8.8")).toBe(true);
  expect(has("0.0.0.0/0", "2001:db8::1")).toBe(false);
  expect(has("::/0", "8.8.8.8")).toBe(true);
  expect(has("192.0.2.1", "192.0.2.2")).toBe(false);
  expect(has("fe80::1", "FE80:0:0::0:1%eth0")).toBe(true);
  expect(has("2001:db8::/33", "2001:db8:7fff::1")).toBe(true);
  expect(has("2001:db8::/33", "2001:db8:8000::1")).toBe(false);
  for (const wrong of [
    "",
    "proxy.example",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0/8",
    "::/129",
    "1::/8/8",
    "300.0.0.1",
  ]) {
    expect(() => new Networks([wrong]), wrong).toThrow(TypeError);
  }
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
    ["http://127.0.0.1:0", { targets, trustedProxies: ["everybody"] }, TypeError],
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
