/** The UDP sockets that the runtime opens for the carriers, in the hands of a test: the system may do anything to them. */
import dgram from "node:dgram";
import { syncBuiltinESMExports } from "node:module";

/** A socket of the runtime. */
export interface SystemSocket {
  /** Closes it under the carrier. */
  close(): void;
  /** From now on the system answers each `send` by this error; `undefined` for as before. */
  fail(code: string | undefined): void;
}

type Any = Record<string, (...args: unknown[]) => unknown>;

const systemError = (code: string) => Object.assign(new Error(`${code}, as if by the system`), { code });

/** How each runtime tells that a datagram could not be sent. */
const failing: Readonly<Record<string, (socket: Any, code: string) => Any>> = {
  node: (socket, code) => ({
    send: (...args) => {
      const callback = args.at(-1);
      const error = systemError(code);
      queueMicrotask(() => {
        if (typeof callback === "function") callback(error);
        else socket.emit!("error", error);
      });
    },
  }),
  deno: (_socket, code) => ({ send: () => Promise.reject(systemError(code)) }),
  bun: (_socket, code) => {
    const send = () => {
      throw systemError(code);
    };
    return { send, sendMany: send };
  },
};

/**
 * Sees to it that all sockets of this runtime are known from now on.
 * @returns those that were opened, in this order
 */
export function recordSockets(runtime: string): readonly SystemSocket[] {
  const opened: SystemSocket[] = [];
  const kind = runtime.replace(/\d+$/, "");
  const record = (socket: Any) => {
    opened.push({
      close: () => void socket.close!(),
      fail(code) {
        for (const name of ["send", "sendMany"]) delete socket[name];
        if (code !== undefined) Object.assign(socket, failing[kind]!(socket, code));
      },
    });
    return socket;
  };
  if (kind === "node") {
    const { createSocket } = dgram;
    dgram.createSocket = ((...args: Parameters<typeof createSocket>) =>
      record(createSocket(...args) as unknown as Any)) as unknown as typeof createSocket;
    syncBuiltinESMExports();
    return opened;
  }
  const { Deno, Bun } = globalThis as unknown as { readonly Deno?: Any; readonly Bun?: Any };
  if (Deno !== undefined) {
    const { listenDatagram } = Deno;
    Deno.listenDatagram = (options) => record(listenDatagram!(options) as Any);
  } else {
    const { udpSocket } = Bun!;
    Bun!.udpSocket = async (options) => record((await udpSocket!(options)) as Any);
  }
  return opened;
}
