import { expect, onTestFinished, test, vi } from "vitest";
import { denoUdp } from "../../src/transport/deno-udp.ts";

/** A Deno whose sockets receive nothing, and cannot send for this reason. */
function withDeno(code: string): { readonly isClosed: boolean } {
  const state = { isClosed: false };
  vi.stubGlobal("Deno", {
    listenDatagram: () => ({
      addr: { transport: "udp", hostname: "0.0.0.0", port: 1 },
      receive: () => new Promise(() => {}),
      send: () => Promise.reject(Object.assign(new Error(code), { code })),
      close: () => {
        state.isClosed = true;
      },
    }),
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  return state;
}

const handler = { datagram() {}, drained() {}, refused() {}, failed() {} };

test("Deno: an address that there is no way to fails the carrier, before anything has come from it", async () => {
  const remote = { host: "255.255.255.255", port: 9 };
  for (const code of ["EACCES", "ENETUNREACH", "EHOSTUNREACH"]) {
    const state = withDeno(code);
    const failed = new Promise((resolve) => {
      void denoUdp
        .connect(remote, { ...handler, failed: resolve })
        .then((carrier) => carrier.send(new Uint8Array(1), remote));
    });
    expect(await failed).toMatchObject({ code: "unreachable" });
    expect(state.isClosed).toBe(true);
  }
});

test("Deno: a server's socket survives what cannot be sent", async () => {
  const state = withDeno("EHOSTUNREACH");
  const failed = vi.fn();
  const carrier = await denoUdp.bind({ host: "0.0.0.0", port: 1 }, { ...handler, failed });
  carrier.send(new Uint8Array(1), { host: "192.0.2.1", port: 9 });
  await vi.waitFor(() => expect(carrier.statistics.errors).toBe(1));
  expect([state.isClosed, failed.mock.calls.length]).toEqual([false, 0]);
});
