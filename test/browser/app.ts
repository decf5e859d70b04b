import { connect, gatewayHashes, type Session } from "../../src/endpoint/index.ts";
import { password } from "../../src/login/index.ts";

// A page that talks to a UDP server through a gateway, as an application would. Its form has the URLs and the password.

const form = document.querySelector("form")!;
const state = document.querySelector("#state")!;
const log = document.querySelector("#log")!;
const field = (name: string): string => (form.elements.namedItem(name) as HTMLInputElement).value;

let session: Session | undefined;

function show(text: string): void {
  const line = document.createElement("li");
  line.textContent = text;
  log.append(line);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  state.textContent = "connecting";
  try {
    const hashes = field("hashes");
    session = await connect(field("url"), {
      auth: password({ identity: "alice", password: field("password") }),
      ...(hashes === "" ? {} : { serverCertificateHashes: () => gatewayHashes(hashes) }),
    });
  } catch (error) {
    state.textContent = `failed: ${(error as { code?: string }).code}`;
    return;
  }
  state.textContent = `connected as ${session.peer?.kind}`;
  session.ondatagram = (datagram) => show(new TextDecoder().decode(datagram));
  session.closed.then(
    () => {
      state.textContent = "closed";
    },
    (error) => {
      state.textContent = `lost: ${error.code}`;
    },
  );
});

document.querySelector("#send")!.addEventListener("click", () => {
  session?.sendDatagram(new TextEncoder().encode(field("message")));
});
document.querySelector("#close")!.addEventListener("click", () => session?.close());
