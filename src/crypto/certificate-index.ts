/** X.509 certificates, apart from everything else because of their size. */
export { createCertificateVerifier } from "./certificate.ts";
export { generateCertificate } from "./certificate-generate.ts";
export { toPem } from "./key-format.ts";
export type { CertificateChain, CertificateVerifier } from "./provider.ts";
