import type { Bytes } from "../../src/core/bytes.ts";
import type { Session } from "../../src/endpoint/session.ts";

/** The answer to a datagram, which is sent again while there is none: even here, full sockets lose some. */
export function ask(session: Session, datagram: Uint8Array): Promise<Bytes> {
  return new Promise((resolve) => {
    const again = setInterval(() => session.sendDatagram(datagram), 100);
    session.ondatagram = (answer) => {
      clearInterval(again);
      resolve(answer.slice());
    };
    session.sendDatagram(datagram);
  });
}
