/** A gateway in Node and the server behind it, on real sockets of this machine. */
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { generateCertificate } from "../../src/crypto/certificate-generate.ts";
import { toPem } from "../../src/crypto/key-format.ts";
import type { Server } from "../../src/endpoint/server.ts";
import {
  type Gateway,
  type GatewayOptions,
  openGateway,
  type TlsKeyPair,
} from "../../src/gateway/node-index.ts";
import { echoServer } from "../endpoint/support.ts";

export async function world(
  options: Partial<GatewayOptions> = {},
  url = "http://127.0.0.1:0",
): Promise<{ server: Server; gateway: Gateway; ws: string }> {
  const server = await echoServer();
  const gateway = await openGateway(url, { targets: { game: server.url }, ...options });
  onTestFinished(async () => {
    await gateway.close();
    await server.close();
  });
  return { server, gateway, ws: gateway.url.replace("http", "ws") };
}

/** A socket that may be refused: its close code. */
export async function closeCode(
  url: string,
  options: object = {},
  sends?: Uint8Array | string,
): Promise<number> {
  const socket = new WebSocket(url, options);
  if (sends !== undefined) socket.once("open", () => socket.send(sends));
  const [code] = await once(socket, "close");
  return code as number;
}

export async function selfSigned(): Promise<TlsKeyPair> {
  const now = Date.now();
  const { certificate, privateKey } = await generateCertificate({
    subject: "gateway",
    names: ["localhost"],
    notBeforeMs: now - 1000,
    notAfterMs: now + 3_600_000,
  });
  return { cert: toPem("CERTIFICATE", certificate), key: toPem("PRIVATE KEY", privateKey) };
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
