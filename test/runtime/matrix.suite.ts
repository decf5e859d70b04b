import type { Bytes } from "../../src/core/bytes.ts";
import { fromBase64 } from "../../src/crypto/bytes.ts";
import { type Auth, gatewayHashes, password, psk, publicKey, SealgramError } from "../../src/endpoint/api.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { ask } from "./ask.ts";
import { bytesEqual, equal, rejects, test } from "./harness.ts";
import {
  clientKey,
  identity,
  type LoginName,
  SERVER_RUNTIMES,
  type Servers,
  sharedKey,
  sharedPassword,
} from "./outside.ts";

// This runtime's client and the servers of every runtime, over UDP; from a page, through the WebSocket gateway in Node.
// And through the WebTransport gateway in Deno, where there is WebTransport.

interface Login {
  readonly kind: string;
  readonly auth: (servers: Servers) => Auth;
  /** What fails, and with which code. */
  readonly wrong: (servers: Servers) => Auth;
  readonly code: string;
}

const flipped = (bytes: Bytes): Bytes => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

const logins: Readonly<Record<LoginName, Login>> = {
  psk: {
    kind: "psk",
    auth: () => psk({ identity, key: sharedKey }),
    wrong: () => psk({ identity, key: flipped(sharedKey) }),
    code: "authentication_failed",
  },
  password: {
    kind: "password",
    auth: () => password({ identity, password: sharedPassword }),
    wrong: () => password({ identity, password: "wrong" }),
    code: "authentication_failed",
  },
  key: {
    kind: "public_key",
    auth: (servers) => publicKey({ trusted: [fromBase64(servers.publicKey)] }),
    wrong: (servers) => publicKey({ trusted: [flipped(fromBase64(servers.publicKey))] }),
    code: "untrusted_public_key",
  },
  keys: {
    kind: "public_key",
    auth: (servers) =>
      publicKey({
        key: fromBase64(clientKey.privateKey),
        trusted: [fromBase64(servers.publicKey)],
      }),
    wrong: (servers) =>
      publicKey({
        key: flipped(fromBase64(clientKey.privateKey)),
        trusted: [fromBase64(servers.publicKey)],
      }),
    code: "credential_rejected",
  },
};

for (const login of Object.keys(logins) as LoginName[]) {
  for (const server of SERVER_RUNTIMES) {
    test(`matrix: a server in ${server}, by ${login}`, (env) => {
      const { outside } = env.gateways!;
      const servers = outside.servers[server];
      const url = env.udp === "none" ? `${outside.webSocket}/${server}-${login}` : servers.urls[login];
      return talk(servers, login, (auth) => env.endpoint.connect(url, { auth, timeoutMs: 60_000 }));
    });
  }

  test(`matrix: a server in node through WebTransport, by ${login}`, async ({ endpoint, gateways }) => {
    const { outside, hasWebTransport } = gateways!;
    const servers = outside.servers.node;
    const { url, hashes } = outside.webTransport ?? { url: "https://127.0.0.1:1", hashes: "" };
    const connect = (auth: Auth) =>
      endpoint.connect(`${url}/node-${login}`, {
        auth,
        timeoutMs: 60_000,
        serverCertificateHashes: () => gatewayHashes(hashes),
      });
    if (hasWebTransport) await talk(servers, login, connect);
    else equal((await rejects(connect(logins[login].auth(servers)), SealgramError)).code, "no_webtransport");
  });
}

async function talk(
  servers: Servers,
  login: LoginName,
  connect: (auth: Auth) => Promise<Session>,
): Promise<void> {
  const { kind, auth, wrong, code } = logins[login];
  equal((await rejects(connect(wrong(servers)), SealgramError)).code, code);

  const session = await connect(auth(servers));
  equal(session.peer?.kind, kind);
  session.onrequest = (request) => request.slice().reverse();
  const secret = session.exportKeyingMaterial("EXPORTER-test", new Uint8Array(0), 16);
  const port = await exchange(session, 1);
  await session.rebind();
  // What is on its way may still come from the old port, and the server does not follow before it has tried the new one.
  let round = 2;
  while ((await exchange(session, round)) === port) round++;
  bytesEqual(session.exportKeyingMaterial("EXPORTER-test", new Uint8Array(0), 16), secret);
  session.close();
  equal((await session.closed).closeCode, 0);
}

/** Datagrams and requests in both directions. Resolves to the port that the server has us at. */
async function exchange(session: Session, round: number): Promise<number> {
  const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7 + round);
  for (const length of [1, 1000]) {
    const datagram = pattern(length);
    // An answer to an earlier one may still be on its way.
    let answer = await ask(session, datagram);
    while (answer.length !== length || answer[0] !== datagram[0]) answer = await ask(session, datagram);
    bytesEqual(answer, datagram);
  }
  const request = pattern(20_000);
  const response = await session.request(request);
  bytesEqual(response.subarray(2), request.reverse());
  return response[0]! * 256 + response[1]!;
}
