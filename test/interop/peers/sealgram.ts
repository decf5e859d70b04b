/** Sealgram as a peer of the interop tests; the command line and the events are those of ../README.md. */
import { Acceptor } from "../../../src/dtls/acceptor.ts";
import { clientConfig, serverConfig } from "./sealgram/configure.ts";
import { Conversation, type End, emit } from "./sealgram/conversation.ts";
import { type Options, parseOptions, Unsupported } from "./sealgram/options.ts";
import { type Listener, type Run, UdpClient, UdpServer } from "./sealgram/udp.ts";

/** Holds one connection to its end; answers why it failed, if it did. */
async function hold(options: Options): Promise<string | undefined> {
  let end!: End;
  const ended = new Promise<string | undefined>((resolve) => {
    end = resolve;
  });
  const listen = (run: Run): Listener => new Conversation(options, run, end);
  const endpoint =
    options.role === "client" ? await connect(options, listen) : await serve(options, listen, end);
  const error = await ended;
  endpoint.close();
  return error;
}

async function connect(options: Options, listen: (run: Run) => Listener): Promise<UdpClient> {
  return UdpClient.connect(await clientConfig(options), options.address, options.cidLength, listen);
}

async function serve(options: Options, listen: (run: Run) => Listener, end: End): Promise<UdpServer> {
  const { address, cidLength, helloRetry, timeoutMs } = options;
  const config = await serverConfig(options);
  const deadline = setTimeout(() => end("timed out before the handshake"), timeoutMs);
  const server = await UdpServer.listen(config, address, {
    acceptor: helloRetry ? new Acceptor(config) : undefined,
    connectionIdLength: cidLength,
    listen(run) {
      clearTimeout(deadline);
      return listen(run);
    },
    refused(alert) {
      clearTimeout(deadline);
      end(`refused a ClientHello: ${alert}`);
    },
  });
  emit("listening", { port: server.port });
  return server;
}

try {
  const error = await hold(parseOptions(process.argv.slice(2)));
  if (error !== undefined) {
    emit("error", { message: error });
    process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof Unsupported)) throw error;
  emit("unsupported", { reason: `Sealgram has no ${error.message}` });
  process.exitCode = 89;
}
