import type { Bytes } from "../../src/core/bytes.ts";
import { fromBase64 } from "../../src/crypto/bytes.ts";
import { type Auth, password, psk, publicKey, SealgramError } from "../../src/endpoint/api.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { ask } from "./ask.ts";
import type { Env } from "./env.ts";
import { bytesEqual, equal, rejects, test } from "./harness.ts";
import {
  clientKey,
  identity,
  type LoginName,
  SERVER_RUNTIMES,
  type ServerRuntime,
  type Servers,
  sharedKey,
  sharedPassword,
} from "./outside.ts";

// This runtime's client and the servers of every runtime, over UDP; from a page, through the WebSocket gateway in Node.

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

for (const server of SERVER_RUNTIMES) {
  for (const login of Object.keys(logins) as LoginName[]) {
    test(`matrix: a server in ${server}, by ${login}`, (env) => talk(env, server, login));
  }
}

async function talk(
  { endpoint, udp, gateways }: Env,
  server: ServerRuntime,
  login: LoginName,
): Promise<void> {
  const { outside } = gateways!;
  const servers = outside.servers[server];
  const url = udp === "none" ? `${outside.webSocket}/${server}-${login}` : servers.urls[login];
  const connect = (auth: Auth) => endpoint.connect(url, { auth, timeoutMs: 60_000 });

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
