import { generateCertificate } from "../../src/crypto/certificate-generate.ts";
import { toPem } from "../../src/crypto/key-format.ts";
import type { TlsKeyPair } from "../../src/gateway/options.ts";

/** A certificate of this machine's own, for a day. */
export async function selfSigned(): Promise<TlsKeyPair> {
  const { certificate, privateKey } = await generateCertificate({
    // Two of one name cannot both be found among those that a program trusts.
    subject: `sealgram test ${crypto.randomUUID()}`,
    names: ["localhost", "127.0.0.1"],
    notBeforeMs: Date.now() - 3_600_000,
    notAfterMs: Date.now() + 86_400_000,
  });
  return { cert: toPem("CERTIFICATE", certificate), key: toPem("PRIVATE KEY", privateKey) };
}
