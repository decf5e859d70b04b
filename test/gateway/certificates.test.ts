import "reflect-metadata";
import { createHash, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { type CertificateStore, OwnCertificates } from "../../src/gateway/certificates.ts";
import { type GatewayRuntime, openGatewayOn, type WebTransportServer } from "../../src/gateway/gateway.ts";
import { certificateFile } from "../../src/gateway/node-certificate-file.ts";
import type { TlsKeyPair } from "../../src/gateway/options.ts";
import { hashesPage, toldHashes } from "../../src/gateway/well-known.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 1);

function memoryStore(): CertificateStore & { text: string | undefined; saves: number } {
  return {
    text: undefined,
    saves: 0,
    async load() {
      return this.text;
    },
    async save(text) {
      this.text = text;
      this.saves++;
    },
  };
}

const hashOf = ({ cert }: TlsKeyPair): string => {
  return createHash("sha256").update(new X509Certificate(cert).raw).digest("hex");
};
const hashesOf = ({ hashes }: OwnCertificates): string[] =>
  hashes.map(({ value }) => Buffer.from(value).toString("hex"));

test("what WebTransport asks of certificates by hash: P-256, self-signed, valid now, for 14 days at most", async () => {
  const certificates = await OwnCertificates.open(["localhost", "127.0.0.1"], undefined, () => START_MS);
  const shown = new X509Certificate(certificates.current.cert);
  expect(shown.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: "prime256v1" });
  expect(shown.verify(shown.publicKey)).toBe(true);
  expect(shown.checkHost("localhost")).toBe("localhost");
  expect(shown.checkIP("127.0.0.1")).toBe("127.0.0.1");
  const [from, to] = [Date.parse(shown.validFrom), Date.parse(shown.validTo)];
  expect(from).toBeLessThan(START_MS);
  expect(to - from).toBeLessThanOrEqual(14 * DAY_MS);
  expect(hashesOf(certificates)[0]).toBe(hashOf(certificates.current));
  expect(certificates.hashes[0]!.notAfterMs).toBe(to);
});

test("over two months, hour by hour: what is shown is valid, and was announced days before", async () => {
  let now = START_MS;
  const certificates = await OwnCertificates.open(["localhost"], undefined, () => now);
  /** Hashes as a page may have loaded them five days ago. */
  const loaded: { readonly atMs: number; readonly hashes: string[] }[] = [];
  const shown = new Set<string>();
  let changes = 0;
  certificates.onchange = (keyPair) => {
    changes++;
    expect(keyPair).toBe(certificates.current);
  };
  for (; now < START_MS + 60 * DAY_MS; now += DAY_MS / 24) {
    await certificates.update();
    const hash = hashOf(certificates.current);
    shown.add(hash);
    loaded.push({ atMs: now, hashes: hashesOf(certificates) });
    const { validFrom, validTo } = new X509Certificate(certificates.current.cert);
    expect(Date.parse(validFrom)).toBeLessThan(now - DAY_MS / 4);
    expect(Date.parse(validTo)).toBeGreaterThan(now + DAY_MS / 2);
    const old = loaded.find(({ atMs }) => atMs >= now - 5 * DAY_MS)!;
    expect(old.hashes).toContain(hash);
  }
  expect(shown.size).toBe(10);
  expect(changes).toBe(9);
});

test("a restart changes nothing, and a long absence is survived", async () => {
  let now = START_MS;
  const store = memoryStore();
  const open = () => OwnCertificates.open(["localhost"], store, () => now);
  const before = hashesOf(await open());
  now += DAY_MS;
  expect(hashesOf(await open())).toEqual(before);
  expect(store.saves).toBe(1);
  // Away when it was the next one's turn: it comes first thing.
  now += 6 * DAY_MS;
  const after = hashesOf(await open());
  expect(after[0]).toBe(before[1]);
  expect(before).not.toContain(after[1]);
  // Away until both had ended.
  now += 30 * DAY_MS;
  const late = await open();
  expect(after).not.toContain(hashesOf(late)[0]);
  expect(Date.parse(new X509Certificate(late.current.cert).validTo)).toBeGreaterThan(now + 6 * DAY_MS);
});

test("calls at the same time make one set of certificates", async () => {
  let now = START_MS;
  const store = memoryStore();
  const certificates = await OwnCertificates.open(["localhost"], store, () => now);
  now += 6 * DAY_MS;
  await Promise.all([certificates.update(), certificates.update(), certificates.update()]);
  expect(store.saves).toBe(2);
});

test("a file or a link that somebody has left where the certificates are written is not written to", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sealgram-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const theirs = join(folder, "theirs");
  const ours = join(folder, "ours");
  await mkdir(ours);
  await writeFile(theirs, "theirs", { mode: 0o644 });
  await symlink(theirs, join(ours, "gateway-certificates.json.new"));
  await symlink(theirs, join(ours, "gateway-certificates.json"));
  const store = certificateFile(ours);
  // Two gateways may have one folder.
  await Promise.all([store.save("1"), store.save("1")]);
  expect(await readFile(theirs, "utf8")).toBe("theirs");
  expect((await stat(theirs)).mode & 0o777).toBe(0o644);
  expect(await store.load()).toBe("1");
  expect((await readdir(ours)).sort()).toEqual([
    "gateway-certificates.json",
    "gateway-certificates.json.new",
  ]);
});

test("in a file that only its owner can read; another file is not overwritten", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sealgram-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const inside = join(folder, "new");
  const first = await OwnCertificates.open(["localhost"], certificateFile(inside));
  const again = await OwnCertificates.open(["localhost"], certificateFile(inside));
  expect(hashesOf(again)).toEqual(hashesOf(first));
  const file = join(inside, "gateway-certificates.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  for (const text of ["", "{}", '[{"certificate":1}]']) {
    await writeFile(file, text);
    await expect(OwnCertificates.open(["localhost"], certificateFile(inside))).rejects.toBeInstanceOf(
      TypeError,
    );
  }
});

test("the hashes are told to pages of the right origins", async () => {
  const { hashes } = await OwnCertificates.open(["localhost"], undefined);
  const told = toldHashes(hashes);
  expect(told).toHaveLength(2);
  expect(told[0]).toEqual({
    algorithm: "sha-256",
    value: Buffer.from(hashes[0]!.value).toString("base64"),
    notAfter: new Date(hashes[0]!.notAfterMs).toISOString(),
  });
  const page = hashesPage(told, "https://app.example", undefined);
  expect(page).toMatchObject({ status: 200, headers: { "access-control-allow-origin": "*" } });
  expect(JSON.parse(page.body as string)).toEqual({ certificateHashes: told });
  expect(page.body).not.toContain("PRIVATE");

  const origins = new Set(["https://app.example"]);
  expect(hashesPage(told, "https://app.example", origins).headers).toMatchObject({
    "access-control-allow-origin": "https://app.example",
    vary: "origin",
  });
  const elsewhere = hashesPage(told, "https://evil.example", origins);
  expect(elsewhere.headers).not.toHaveProperty("access-control-allow-origin");
});

test("a gateway tells its program of new certificates", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const server: WebTransportServer = {
    place: { host: "127.0.0.1", port: 1, isSecure: true },
    renew() {},
    close: async () => {},
  };
  const runtime: GatewayRuntime = {
    udp: new MemoryNetwork(),
    certificateStore: certificateFile,
    serve: async () => server,
    serveWebTransport: async () => server,
  };
  const told: unknown[] = [];
  let tell = () => {};
  const gateway = await openGatewayOn(runtime, "http://127.0.0.1:1", {
    targets: {},
    webTransport: "https://127.0.0.1:1",
    oncertificates(hashes) {
      told.push(hashes);
      tell();
    },
  });
  onTestFinished(() => gateway.close());
  const [first, second] = toldHashes(gateway.certificateHashes);
  vi.setSystemTime(Date.now() + 6.5 * DAY_MS);
  const heard = new Promise<void>((resolve) => {
    tell = resolve;
  });
  vi.advanceTimersByTime(3_600_000);
  await heard;
  expect(told).toEqual([[second, expect.anything()]]);
  expect(toldHashes(gateway.certificateHashes)).toEqual(told[0]);
  expect(second).not.toEqual(first);
});

test.each([
  ["ahead", 365 * DAY_MS],
  ["behind", -365 * DAY_MS],
])(
  "a clock that stands %s for an hour: what is shown is valid then, and afterwards what was announced before",
  async (_, jumpMs) => {
    let now = START_MS;
    const store = memoryStore();
    let certificates = await OwnCertificates.open(["localhost"], store, () => now);
    const before = hashesOf(certificates);
    const isShownValid = () => {
      const { validFrom, validTo } = new X509Certificate(certificates.current.cert);
      return Date.parse(validFrom) <= now && now < Date.parse(validTo);
    };
    // In a process that goes on, and in one that is started with the wrong clock, twice.
    for (const isRestarted of [false, true, true]) {
      const step = async (ms: number) => {
        now += ms;
        if (isRestarted) certificates = await OwnCertificates.open(["localhost"], store, () => now);
        else await certificates.update();
      };
      await step(jumpMs);
      expect(isShownValid()).toBe(true);
      await step(DAY_MS / 24);
      expect(isShownValid()).toBe(true);
      await step(-jumpMs);
      expect(isShownValid()).toBe(true);
      expect(hashesOf(certificates)).toEqual(before);
    }
    // What the wrong clock has left does not pile up.
    expect((JSON.parse(store.text!) as unknown[]).length).toBeLessThanOrEqual(4);
  },
);
