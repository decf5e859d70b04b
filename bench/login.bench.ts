import { derivePbkdf2 } from "../src/crypto/password.ts";
import { Acceptor } from "../src/dtls/acceptor.ts";
import { asClient } from "../src/dtls/client.ts";
import type { ClientConfig, ServerConfig } from "../src/dtls/config.ts";
import { Connection, type ConnectionHost } from "../src/dtls/connection.ts";
import { asServer } from "../src/dtls/server.ts";
import {
  LoginThrottle,
  MemoryRecordStore,
  type PasswordOptions,
  type PasswordRecord,
  password,
  register,
} from "../src/login/index.ts";
import { clientPake, loginContext } from "../src/login/spake2plus.ts";
import { crypto, pskClient, pskServer } from "./connection-pair.ts";
import type { Context, Figures, Group } from "./harness.ts";
import { type Comparison, compareAnswers, compareSalts } from "./login-timing.ts";

// Logins by password through the cookie exchange, both ends in this process: microseconds of CPU time of one side, all
// threads together, and how many of them one core serves in a second. Clients have done PBKDF2 before. Failing logins
// are there to be compared: an identity that does not exist should take a server as long as a wrong password, which
// login-timing.ts looks into with statistics.

type Bytes = Uint8Array<ArrayBuffer>;

const ITERATIONS = 30_000;

interface Case {
  readonly client: ClientConfig;
  readonly succeeds: boolean;
}

const login: Group = {
  everyRuntime: false,
  async run({ quick }: Context): Promise<Figures> {
    const right: PasswordOptions = { identity: "alice", password: "correct horse" };
    const record = await register({ ...right, iterations: ITERATIONS });
    const unlimited = Number.POSITIVE_INFINITY;
    const throttle = new LoginThrottle({
      placeFailures: unlimited,
      identityFailures: unlimited,
      addressFailures: unlimited,
    });
    const server = await serverOf(new MemoryRecordStore([record]), throttle);
    const who = ["alice", "bobby"].map((identity) => new TextEncoder().encode(identity));
    const salts = await compareSalts(server.pake!, who, quick ? 5_000 : 50_000);
    const answers = await compareAnswers(crypto, server.pake!, who, quick ? 500 : 5_000);
    const wrong = { ...right, password: "battery staple" };
    const cases: Case[] = [
      { client: await clientOf(right, record), succeeds: true },
      { client: await clientOf(wrong, record), succeeds: false },
      { client: await clientOf({ ...wrong, identity: "bobby" }, record), succeeds: false },
    ];
    const [ok, mismatch, unknown] = await medians(cases, server, quick ? 5 : 15, quick ? 20 : 60);
    return {
      server_us: ok!.serverUs,
      per_second: Math.round(1e6 / ok!.serverUs),
      client_us: ok!.clientUs,
      wrong_password_server_us: mismatch!.serverUs,
      unknown_identity_server_us: unknown!.serverUs,
      ...figures("unknown_minus_known_salt", salts),
      ...figures("unknown_minus_known_answer", answers),
    };
  },
};

export default login;

function figures(name: string, { differenceUs, confidenceUs, t }: Comparison): Figures {
  const rounded = (value: number) => Math.round(value * 100) / 100;
  return {
    [`${name}_us`]: rounded(differenceUs),
    [`${name}_ci95_us`]: rounded(confidenceUs),
    [`${name}_t`]: rounded(t),
  };
}

/** Without the client's own throttle, as it is to fail thousands of times. */
async function clientOf(whom: PasswordOptions, record: PasswordRecord): Promise<ClientConfig> {
  const identity = new TextEncoder().encode(whom.identity);
  const names = { identity, serverIdentity: new Uint8Array(0), context: loginContext };
  const identities = { idProver: names.identity, idVerifier: names.serverIdentity };
  const secret = await derivePbkdf2(whom.password, identities, record);
  return { ...pskClient, psks: [], pake: clientPake(crypto, names, () => secret) };
}

async function serverOf(store: MemoryRecordStore, throttle: LoginThrottle): Promise<ServerConfig> {
  const { choosePsk: _, ...common } = pskServer;
  const { pake } = await password(store, { throttle, iterations: ITERATIONS }).server({ crypto });
  return { ...common, pake: pake! };
}

/** One end of a login. */
class End implements ConnectionHost {
  readonly sent: Bytes[] = [];
  connection: Connection | undefined;
  isConnected = false;
  isClosed = false;
  #woken: (() => void) | undefined;

  now(): number {
    return performance.now();
  }

  transmit(datagram: Bytes): void {
    this.sent.push(datagram.slice());
  }

  data(): void {}

  connected(): void {
    this.isConnected = true;
  }

  ticket(): void {}

  closed(): void {
    this.isClosed = true;
    this.#woken?.();
  }

  moved(): void {}

  newConnectionId(): Bytes {
    return crypto.random(8);
  }

  wake(): void {
    this.#woken?.();
  }

  /** Until nothing is computed any more. */
  async idle(): Promise<void> {
    while (this.connection?.isComputing) {
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
    }
  }
}

class ServerEnd extends End {
  readonly #config: ServerConfig;
  readonly #acceptor: Acceptor;
  readonly #address: Bytes;

  constructor(config: ServerConfig, acceptor: Acceptor, address: Bytes) {
    super();
    this.#config = config;
    this.#acceptor = acceptor;
    this.#address = address;
  }

  async take(datagram: Bytes): Promise<void> {
    if (this.connection !== undefined) {
      this.connection.handleDatagram(datagram, "1 192.0.2.1");
      return;
    }
    let verdict = this.#acceptor.judge(datagram, this.#address, performance.now());
    if (verdict.kind === "later") verdict = await verdict.verdict;
    if (verdict.kind === "answer") this.sent.push(verdict.datagram);
    else if (verdict.kind === "accept") {
      const options = { path: "1 192.0.2.1", pathValidated: true };
      this.connection = new Connection(asServer(this.#config, verdict.retry), this, options);
      this.connection.handleDatagram(verdict.datagram, "1 192.0.2.1");
    }
  }
}

interface Times {
  clientUs: number;
  serverUs: number;
}

/** CPU time of what `action` does, in microseconds. */
async function timed(action: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await action();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function logIn({ client: config, succeeds }: Case, server: ServerEnd): Promise<Times> {
  const client = new End();
  const times: Times = { clientUs: 0, serverUs: 0 };
  times.clientUs += await timed(async () => {
    client.connection = new Connection(asClient(config), client, { path: "server", pathValidated: true });
    client.connection.start();
    await client.idle();
  });
  while (client.sent.length > 0 || server.sent.length > 0) {
    times.serverUs += await timed(async () => {
      for (const datagram of client.sent.splice(0)) await server.take(datagram);
      await server.idle();
    });
    times.clientUs += await timed(async () => {
      for (const datagram of server.sent.splice(0)) client.connection!.handleDatagram(datagram, "server");
      await client.idle();
    });
  }
  if (succeeds !== (client.isConnected && server.isConnected))
    throw new Error("a login ends as it should not");
  if (!succeeds && !(client.isClosed && server.isClosed)) throw new Error("a failed login stays open");
  client.connection!.close();
  server.connection!.close();
  return times;
}

/** Median times of each case, in rounds that take all in turn. */
async function medians(
  cases: readonly Case[],
  config: ServerConfig,
  rounds: number,
  count: number,
): Promise<Times[]> {
  const acceptor = new Acceptor(config);
  const address = new TextEncoder().encode("client");
  const run = async (each: Case): Promise<Times> => {
    const sum: Times = { clientUs: 0, serverUs: 0 };
    for (let i = 0; i < count; i++) {
      const { clientUs, serverUs } = await logIn(each, new ServerEnd(config, acceptor, address));
      sum.clientUs += clientUs / count;
      sum.serverUs += serverUs / count;
    }
    return sum;
  };
  for (const each of cases) for (let i = 0; i < 3; i++) await run(each);
  const times = cases.map((): Times[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, each] of cases.entries()) times[i]!.push(await run(each));
  }
  return times.map((each) => ({
    clientUs: median(each.map(({ clientUs }) => clientUs)),
    serverUs: median(each.map(({ serverUs }) => serverUs)),
  }));
}

function median(values: number[]): number {
  return Math.round(values.sort((a, b) => a - b)[values.length >> 1]!);
}
