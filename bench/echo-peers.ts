import { createRequire } from "node:module";
import { join } from "node:path";
import { type EchoClient, LOOPBACK, rawEcho } from "./echo-raw.ts";
import { sealedEcho } from "./echo-sealed.ts";
import { Exchange } from "./exchange.ts";
import { type Figures, median } from "./harness.ts";
import { cpuUs } from "./other-process.ts";

// Echo through others' encrypted datagrams, beside ours: werift-dtls, DTLS 1.2 in JavaScript with AES-128-GCM of
// node:crypto, and node-datachannel, native, whose data channels are SCTP on DTLS 1.2. Both ends are in this process,
// so that its CPU time is that of both, with all threads. bench/peers has the packages; what is not there is left out.

const UNDER_WAY = 64;

export async function peers(quick: boolean): Promise<Figures> {
  const ways: Record<string, () => Promise<EchoClient>> = {
    raw: () => bothEnds(rawEcho("node20")),
    sealgram: () => bothEnds(sealedEcho("node20")),
    werift_dtls: weriftEcho,
    node_datachannel: dataChannelEcho,
  };
  const exchanges = new Map<string, Exchange>();
  const clients: EchoClient[] = [];
  for (const [name, open] of Object.entries(ways)) {
    try {
      const client = await open();
      clients.push(client);
      const exchange = new Exchange(client, UNDER_WAY);
      await exchange.verify();
      exchanges.set(name, exchange);
    } catch (error) {
      console.error(`  without ${name}: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  const turnMs = quick ? 40 : 100;
  for (const exchange of exchanges.values()) await exchange.runFor(10 * turnMs);
  const turns = new Map([...exchanges.keys()].map((name) => [name, [] as { us: number; cpu: number }[]]));
  for (let round = 0; round < (quick ? 5 : 15); round++) {
    for (const [name, exchange] of exchanges) {
      const before = cpuUs();
      const { count, elapsedMs } = await exchange.runFor(turnMs);
      turns.get(name)!.push({ us: (elapsedMs * 1000) / count, cpu: (cpuUs() - before) / count });
    }
  }
  for (const client of clients) client.close();
  const tenths = (value: number) => Math.round(value * 10) / 10;
  const figures = [...turns].map(([name, all]) => [
    name,
    {
      per_second: Math.round(1e6 / median(all.map(({ us }) => us))),
      cpu_us_each: tenths(median(all.map(({ cpu }) => cpu))),
    },
  ]);
  return Object.fromEntries(figures) as Figures;
}

async function bothEnds(ends: ReturnType<typeof rawEcho>): Promise<EchoClient> {
  const server = await ends.serve();
  const client = await ends.connect(server.port);
  const { close } = client;
  client.close = () => {
    close();
    server.close();
  };
  return client;
}

function requirePeer(name: string): unknown {
  return createRequire(join(process.cwd(), "bench/peers/package.json"))(name);
}

// As much of the packages as is used here.

interface Subscribable<T> {
  subscribe(listener: (value: T) => void): unknown;
}
interface WeriftSocket {
  readonly onConnect: Subscribable<void>;
  readonly onData: Subscribable<Uint8Array>;
  connect(): Promise<void>;
  send(datagram: Uint8Array): Promise<void>;
}
interface WeriftTransport {
  readonly port: number;
  rinfo?: { address: string; port: number };
  close(): Promise<void>;
}
interface Werift {
  readonly DtlsClient: new (options: object) => WeriftSocket;
  readonly DtlsServer: new (options: object) => WeriftSocket;
  readonly CipherContext: {
    createSelfSignedCertificateWithKey(
      signature: object,
      curve: number,
    ): Promise<{ certPem: string; keyPem: string; signatureHash: object }>;
  };
  readonly SignatureAlgorithm: { readonly ecdsa_3: number };
  readonly HashAlgorithm: { readonly sha256_4: number };
  readonly NamedCurveAlgorithm: { readonly secp256r1_23: number };
}

async function weriftEcho(): Promise<EchoClient> {
  const werift = requirePeer("werift-dtls/lib/dtls/src/index.js") as Werift;
  const { UdpTransport } = requirePeer("werift-dtls/lib/common/src/index.js") as {
    UdpTransport: { init(type: string): Promise<WeriftTransport> };
  };
  const { certPem, keyPem, signatureHash } = await werift.CipherContext.createSelfSignedCertificateWithKey(
    { signature: werift.SignatureAlgorithm.ecdsa_3, hash: werift.HashAlgorithm.sha256_4 },
    werift.NamedCurveAlgorithm.secp256r1_23,
  );
  const options = { cert: certPem, key: keyPem, signatureHash, extendedMasterSecret: true };
  const [atServer, atClient] = [await UdpTransport.init("udp4"), await UdpTransport.init("udp4")];
  atClient.rinfo = { address: LOOPBACK, port: atServer.port };
  const server = new werift.DtlsServer({ ...options, transport: atServer });
  server.onData.subscribe((datagram) => void server.send(datagram));
  const socket = new werift.DtlsClient({ ...options, transport: atClient });
  const ready = Promise.all([server, socket].map((end) => once((done) => end.onConnect.subscribe(done))));
  void socket.connect();
  await ready;
  const client: EchoClient = {
    send: (datagram) => socket.send(Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length)),
    onanswer: () => {},
    close: () => Promise.all([atServer.close(), atClient.close()]),
  };
  socket.onData.subscribe((datagram) => client.onanswer(datagram));
  return client;
}

interface NativeChannel {
  onOpen(done: () => void): void;
  onMessage(listener: (message: Uint8Array) => void): void;
  sendMessageBinary(message: Uint8Array): boolean;
}
interface NativePeer {
  onLocalDescription(listener: (sdp: string, type: string) => void): void;
  onLocalCandidate(listener: (candidate: string, mid: string) => void): void;
  setRemoteDescription(sdp: string, type: string): void;
  addRemoteCandidate(candidate: string, mid: string): void;
  onDataChannel(listener: (channel: NativeChannel) => void): void;
  createDataChannel(label: string, options: object): NativeChannel;
  close(): void;
}

async function dataChannelEcho(): Promise<EchoClient> {
  const { PeerConnection, cleanup } = requirePeer("node-datachannel") as {
    PeerConnection: new (name: string, options: object) => NativePeer;
    cleanup(): void;
  };
  const options = { iceServers: [], bindAddress: LOOPBACK };
  const [one, other] = [new PeerConnection("one", options), new PeerConnection("other", options)];
  const introduce = (from: NativePeer, to: NativePeer) => {
    from.onLocalDescription((sdp, type) => to.setRemoteDescription(sdp, type));
    from.onLocalCandidate((candidate, mid) => to.addRemoteCandidate(candidate, mid));
  };
  introduce(one, other);
  introduce(other, one);
  // Kept, or it would be collected.
  const echoing: NativeChannel[] = [];
  other.onDataChannel((channel) => {
    echoing.push(channel);
    channel.onMessage((message) => void channel.sendMessageBinary(message));
  });
  const channel = one.createDataChannel("echo", { unordered: true, maxRetransmits: 0 });
  await once((done) => channel.onOpen(done));
  const client: EchoClient = {
    send: (datagram) => channel.sendMessageBinary(datagram),
    onanswer: () => {},
    close() {
      echoing.length = 0;
      one.close();
      other.close();
      // Its threads would keep the process.
      cleanup();
    },
  };
  channel.onMessage((message) => client.onanswer(message));
  return client;
}

/** Rejects after ten seconds. */
function once(subscribe: (done: () => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no connection in ten seconds")), 10_000);
    subscribe(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
