import { psk } from "../src/endpoint/api.ts";
import type { Auth } from "../src/endpoint/auth.ts";
import type { Endpoint } from "../test/runtime/env.ts";
import { type EchoClient, type EchoEnds, LOOPBACK } from "./echo-raw.ts";

// Echo over sealed sessions, on the same kind of sockets: of datagrams alone, as DTLS has them, or with streams, where each
// datagram is acknowledged and under congestion control. The client decides; one server serves both kinds.

export async function endpoint(runtime: string): Promise<Endpoint> {
  if (runtime === "deno") return import("../src/endpoint/deno-index.ts");
  if (runtime === "bun") return import("../src/endpoint/bun-index.ts");
  return import("../src/endpoint/node-index.ts");
}

/** 1,200 bytes of content and what sealing adds go into one datagram. */
export const options: { readonly auth: Auth; readonly mtuBytes: number } = {
  auth: psk({ identity: "bench", key: new Uint8Array(32).fill(9) }),
  mtuBytes: 1400,
};

export function sealedEcho(runtime: string, kind: "datagrams" | "streams" = "datagrams"): EchoEnds {
  return {
    async serve() {
      const { listen } = await endpoint(runtime);
      const server = await listen(`udp://${LOOPBACK}:0`, {
        ...options,
        onsession: (session) => {
          session.ondatagram = (datagram) => void session.sendDatagram(datagram);
        },
      });
      return { port: server.address.port, close: () => server.close() };
    },
    async connect(port) {
      const { connect } = await endpoint(runtime);
      const url = `udp://${LOOPBACK}:${port}`;
      const session = await connect(url, kind === "streams" ? options : { ...options, streams: false });
      if (session.hasStreams !== (kind === "streams")) throw new Error(`not a session of ${kind}`);
      const client: EchoClient = {
        send: (datagram) => session.sendDatagram(datagram),
        onanswer: () => {},
        close: () => session.close(),
      };
      session.ondatagram = (datagram) => client.onanswer(datagram);
      return client;
    },
  };
}
