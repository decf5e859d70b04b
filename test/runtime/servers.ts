import { concatBytes, fromBase64, toBase64 } from "../../src/crypto/bytes.ts";
import { generatePkcs8, signerFromPkcs8 } from "../../src/crypto/signer.ts";
import {
  type Auth,
  LoginThrottle,
  MemoryRecordStore,
  password,
  psk,
  publicKey,
  register,
} from "../../src/endpoint/api.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import type { Endpoint, Gateways } from "./env.ts";
import { clientKey, identity, type Servers, sharedKey, sharedPassword } from "./outside.ts";
import { selfSigned } from "./self-signed.ts";

export interface OpenedServers extends Servers {
  close(): Promise<void>;
}

/** {@link Servers} in the runtime whose entry points these are. */
export async function openServers(
  { listen }: Endpoint,
  openGateway: NonNullable<Gateways["openGateway"]>,
): Promise<OpenedServers> {
  const open = (auth: Auth): Promise<Server> => listen("udp://127.0.0.1:0", { auth, onsession: answer });
  const serverKey = await generatePkcs8("Ed25519");
  const record = await register({ identity, password: sharedPassword, iterations: 30_000 });
  // Every runtime comes with wrong passwords too.
  const throttle = new LoginThrottle({ placeFailures: 1000, identityFailures: 1000, addressFailures: 1000 });
  const servers = await Promise.all([
    open(psk({ identity, key: sharedKey })),
    open(password(new MemoryRecordStore([record]), { throttle })),
    open(publicKey({ key: serverKey })),
    open(publicKey({ key: serverKey, trusted: [fromBase64(clientKey.publicKey)] })),
  ]);
  const [ofPsk, ofPassword, ofKey, ofKeys] = servers;
  const tls = await selfSigned();
  const gateway = await openGateway("https://127.0.0.1:0", { targets: { psk: ofPsk.url }, tls });
  return {
    urls: { psk: ofPsk.url, password: ofPassword.url, key: ofKey.url, keys: ofKeys.url },
    publicKey: toBase64((await signerFromPkcs8(serverKey)).publicKey),
    secure: { url: gateway.url.replace("https", "wss"), certificate: tls.cert },
    async close() {
      await gateway.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

function answer(session: Session): void {
  session.ondatagram = (datagram) => void session.sendDatagram(datagram);
  session.onrequest = async (request) => {
    const { port } = session.remoteAddress;
    return concatBytes(Uint8Array.of(port >> 8, port), await session.request(request));
  };
}
