import { expect, onTestFinished, test } from "vitest";
import { createCertificateVerifier } from "../../src/crypto/certificate.ts";
import { generateCertificate } from "../../src/crypto/certificate-generate.ts";
import { certificate } from "../../src/endpoint/auth.ts";
import { dial, echoServer, failure } from "./support.ts";

const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const authority = await generateCertificate({ subject: "authority", authority: {}, ...validity });
const verifier = createCertificateVerifier({ trustAnchors: [authority.certificate] });

async function serverNamed(names: readonly string[], heard: (string | undefined)[]) {
  const own = await generateCertificate({ subject: "server", names, issuer: authority, ...validity });
  const opened = await echoServer({
    auth: certificate({ chain: [own.certificate], key: own.privateKey }),
    onsession: (session) => heard.push(session.handshake.serverName),
  });
  onTestFinished(() => opened.close());
  return opened;
}

test.each([
  ["server.example", "server.example"],
  ["127.0.0.1", undefined],
  ["::1", undefined],
])("a server's certificate is for %s, and server_name says %s (RFC 6066 §3)", async (serverName, said) => {
  const heard: (string | undefined)[] = [];
  const opened = await serverNamed([serverName], heard);
  const session = await dial(opened, { auth: certificate({ verifier, serverName }) });
  expect(session.peer?.kind).toBe("certificate");
  session.close();
  const other = certificate({ verifier, serverName: "192.0.2.1" });
  expect((await failure(dial(opened, { auth: other }))).code).toBe("invalid_certificate");
  expect(heard[0]).toBe(said);
});
