/** `sealgram gateway`: from WebSockets and WebTransport to UDP servers. */
import { once } from "node:events";
import process from "node:process";
import { parseArgs } from "node:util";
import type { GatewayLimits, GatewayOptions, openGateway } from "../gateway/node-index.ts";
import { toldHashes } from "../gateway/well-known.ts";
import { COMMON_HELP, type Command, commonOptions } from "./command.ts";
import { cannotListen, EXIT_CODES, UsageError } from "./exit.ts";
import type { Report } from "./report.ts";
import { readSecretFile, readTextFile } from "./secrets.ts";
import { milliseconds, reportStats, STATS_HELP, statsOptions, usageChecked } from "./session-options.ts";
import { aborted } from "./stop.ts";

const HELP = `Usage: sealgram gateway --listen URL --target NAME=URL [options]

Lets browsers reach UDP servers: passes sealed datagrams on between WebSockets and the servers that it is told of,
and nothing else. It holds no keys, and reads nothing. A client connects to ws://host:port/NAME, or wss:// with
--certificate, and in Deno also to https://host:port/NAME, by WebTransport.

Options:
  --listen URL           http://address:port, or https://address:port with --certificate
  --target NAME=URL      a server, as game=udp://10.0.0.5:4433; may be repeated
  --origin ORIGIN        pages that may use it, as https://app.example; may be repeated; any unless given
  --certificate FILE     certificates in PEM, the gateway's own first, and
  --key FILE             its private key in PEM
  --webtransport URL     https://address:port for WebTransport; in Deno only, and without --origin. Unless there is
                         a --certificate, the gateway makes short-lived ones, and tells their hashes
  --certificate-folder FOLDER  keeps these, so that they survive a restart
  --limit NAME=N         clients, clients-per-address, datagrams-per-second and bytes-per-second of each client, and
                         datagram-bytes, queued-bytes; may be repeated
  --idle-timeout SECONDS ends a client's connection that has been silent for so long: 300
  --behind-proxy         clients' addresses are those that a proxy on this machine adds to X-Forwarded-For, or
  --trusted-proxy ADDRESS  a proxy there, or in a network as 10.0.0.0/8; may be repeated
  --until-eof            ends when its input does, as it does when the program ends that holds the other end
${STATS_HELP}${COMMON_HELP}
Examples:
  sealgram gateway --listen http://127.0.0.1:8080 --target game=udp://10.0.0.5:4433 --origin https://app.example
  sealgram gateway --listen https://0.0.0.0:443 --certificate chain.pem --key key.pem --target game=udp://10.0.0.5:4433
  deno run -A --unstable-net npm:sealgram gateway --listen http://0.0.0.0:8080 --webtransport https://0.0.0.0:4433 \\
    --target game=udp://10.0.0.5:4433

${EXIT_CODES}`;

const options = {
  ...commonOptions,
  ...statsOptions,
  listen: { type: "string" },
  target: { type: "string", multiple: true },
  origin: { type: "string", multiple: true },
  certificate: { type: "string" },
  key: { type: "string" },
  webtransport: { type: "string" },
  "certificate-folder": { type: "string" },
  limit: { type: "string", multiple: true },
  "idle-timeout": { type: "string" },
  "behind-proxy": { type: "boolean" },
  "trusted-proxy": { type: "string", multiple: true },
  "until-eof": { type: "boolean" },
} as const;

export const gatewayCommand: Command = {
  summary: "lets browsers reach UDP servers",
  help: HELP,
  async run(args, context) {
    const { report } = context;
    const { values } = parseArgs({ args, options });
    const { listen } = values;
    if (listen === undefined) throw new UsageError("--listen says where");
    if (values.certificate !== undefined && values.webtransport === undefined && isPlain(listen)) {
      throw new UsageError("--certificate is for https://, or for --webtransport");
    }
    const gatewayOptions = await optionsOf(values, report);
    const { openGateway } = await loadGateway();
    const gateway = await usageChecked(
      openGateway(listen, {
        ...gatewayOptions,
        signal: context.stop,
        oncertificates: (certificateHashes) =>
          report.event("certificates", { certificateHashes }, "another certificate was made"),
      }),
    ).catch(cannotListen([listen, values.webtransport].filter(Boolean).join(" and ")));
    const { url, webTransportUrl } = gateway;
    const certificateHashes = toldHashes(gateway.certificateHashes);
    report.event(
      "listening",
      {
        url,
        ...(webTransportUrl === undefined ? {} : { webTransportUrl, certificateHashes }),
        targets: Object.keys(gatewayOptions.targets),
      },
      `listening on ${[url, webTransportUrl].filter((each) => each !== undefined).join(" and ")}`,
    );
    const endStats = reportStats(values, report, () => gateway.getStats());
    try {
      await Promise.race([
        gateway.closed,
        aborted(context.stop),
        ...(values["until-eof"] ? [inputEnd()] : []),
      ]);
    } finally {
      await endStats();
      await gateway.close();
    }
  },
};

/** Settles when nobody can write to this process any more. */
async function inputEnd(): Promise<void> {
  await once(process.stdin.resume(), "end");
}

function isPlain(url: string): boolean {
  return /^http:/i.test(url);
}

/** `openGateway` of the runtime that this is. */
export function loadGateway(): Promise<{ openGateway: typeof openGateway }> {
  if ("Deno" in globalThis) return import("../gateway/deno-index.ts");
  if ("Bun" in globalThis) return import("../gateway/bun-index.ts");
  return import("../gateway/node-index.ts");
}

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

async function optionsOf(values: Values, report: Report): Promise<GatewayOptions> {
  const { certificate, key, origin, webtransport, limit } = values;
  const targets = Object.fromEntries((values.target ?? []).map((each) => assignment("--target", each)));
  if (Object.keys(targets).length === 0) throw new UsageError("--target says which servers there are");
  if ((certificate === undefined) !== (key === undefined)) {
    throw new UsageError("--certificate and --key go together");
  }
  const idleTimeoutMs = milliseconds("--idle-timeout", values["idle-timeout"]);
  milliseconds("--stats-interval", values["stats-interval"]);
  const folder = values["certificate-folder"];
  return {
    targets,
    limits: gatewayLimitsOf(limit ?? []),
    trustedProxies: [...(values["behind-proxy"] ? ["loopback"] : []), ...(values["trusted-proxy"] ?? [])],
    ...(origin === undefined ? {} : { origins: origin }),
    ...(webtransport === undefined ? {} : { webTransport: webtransport }),
    ...(folder === undefined ? {} : { certificateFolder: folder }),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(certificate === undefined || key === undefined
      ? {}
      : { tls: { cert: await readTextFile(certificate), key: await readSecretFile(key, report) } }),
  };
}

const limitNames: Readonly<Record<string, keyof GatewayLimits>> = {
  clients: "clients",
  "clients-per-address": "clientsPerAddress",
  "datagrams-per-second": "datagramsPerSecond",
  "bytes-per-second": "bytesPerSecond",
  "datagram-bytes": "datagramBytes",
  "queued-bytes": "queuedBytes",
};

/** @throws UsageError */
export function gatewayLimitsOf(assignments: readonly string[]): Partial<GatewayLimits> {
  const limits = assignments.map((each) => {
    const [name, value] = assignment("--limit", each);
    const limit = Object.hasOwn(limitNames, name) ? limitNames[name] : undefined;
    if (limit === undefined) throw new UsageError(`--limit knows ${Object.keys(limitNames).join(", ")}`);
    if (!/^\d+$/.test(value)) throw new UsageError(`--limit ${name} is a number`);
    return [limit, Number(value)] as const;
  });
  return Object.fromEntries(limits);
}

function assignment(option: string, text: string): [name: string, value: string] {
  const [name, ...value] = text.split("=");
  if (!name || value.length === 0) throw new UsageError(`${option} takes NAME=VALUE`);
  return [name, value.join("=")];
}
