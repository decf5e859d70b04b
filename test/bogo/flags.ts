/** The runner's command line: which flags the shim understands, and what they say of each connection. */

/** Flags without a value. */
const switches = new Set([
  "-ipv6",
  "-server",
  "-dtls",
  // Which API of BoringSSL's does something: what is seen on the wire is the same.
  "-async",
  "-use-early-callback",
  "-use-old-client-cert-callback",
  "-use-ticket-callback",
  "-use-ticket-aead-callback",
  "-implicit-handshake",
  // Versions: DTLS 1.3 is all there is.
  "-no-tls1",
  "-no-tls12",
  // Authentication
  "-verify-peer",
  "-require-any-client-certificate",
  "-use-custom-verify-callback",
  "-verify-fail",
  "-reverify-on-resume",
  "-must-match-issuer",
  "-psk-importer-sha256",
  "-psk-importer-sha384",
  "-wrong-pake-role",
  // Extensions and tickets
  "-no-ticket",
  "-skip-ticket",
  "-renew-ticket",
  "-no-server-name-ack",
  "-decline-alpn",
  "-reject-alpn",
  "-select-empty-alpn",
  "-allow-unknown-alpn-protos",
  // What to do
  "-shim-writes-first",
  "-send-alert",
  "-key-update-before-read",
  "-use-export-context",
  // 0-RTT is never offered nor accepted; the tests that switch it on check that.
  "-enable-early-data",
  // What to check
  "-expect-verify-result",
  "-expect-no-peer-cert",
  "-expect-session-miss",
  "-expect-no-session",
  "-expect-hrr",
  "-expect-no-hrr",
  // Holds by itself: neither session IDs nor ECH exist here; see README.md on early data.
  "-expect-no-session-id",
  "-expect-no-ech-name-override",
  "-expect-accept-early-data",
  "-expect-ticket-supports-early-data",
]);

/** Flags with a value. */
const values = new Set([
  "-port",
  "-shim-id",
  "-resume-count",
  "-min-version",
  "-max-version",
  "-curves",
  "-key-shares",
  "-mtu",
  "-initial-timeout-duration-ms",
  "-private-key-delay-ms",
  "-max-cert-list",
  "-cert-file",
  "-key-file",
  "-signing-prefs",
  "-trust-cert",
  "-available-client-cert-types",
  "-psk-importer-key",
  "-psk-importer-identity",
  "-psk-importer-context",
  "-pake-context",
  "-pake-client-id",
  "-pake-server-id",
  "-pake-password",
  // There is no QUIC here that would use it.
  "-quic-use-legacy-codepoint",
  // Served only to peers that ask; none of the tests does.
  "-ocsp-response",
  "-signed-cert-timestamps",
  "-host-name",
  "-advertise-alpn",
  "-select-alpn",
  "-export-keying-material",
  "-export-label",
  "-export-context",
  "-expect-server-name",
  "-expect-alpn",
  "-expect-advertised-alpn",
  "-expect-selected-credential",
  "-expect-msg-callback",
  "-expect-early-data-reason",
]);

/** These begin a credential, to which the flags behind them belong. */
const credentialKinds = {
  "-new-x509-credential": "x509",
  "-new-rpk-credential": "rpk",
  "-new-psk-credential": "psk",
  "-new-spake2plusv1-credential": "pake",
} as const;

const credentialFlags = new Set([
  "-cert-file",
  "-key-file",
  "-signing-prefs",
  "-must-match-issuer",
  "-psk-importer-key",
  "-psk-importer-identity",
  "-psk-importer-context",
  "-psk-importer-sha256",
  "-psk-importer-sha384",
  "-pake-context",
  "-pake-client-id",
  "-pake-server-id",
  "-pake-password",
  "-wrong-pake-role",
  "-ocsp-response",
  "-signed-cert-timestamps",
]);

/** A flag that the shim does not know: the runner counts the test as not implemented. */
export class UnknownFlag extends Error {}

/** What was said of one thing. */
export class Flags {
  readonly #all = new Map<string, string[]>();

  add(name: string, value: string): void {
    const before = this.#all.get(name);
    if (before === undefined) this.#all.set(name, [value]);
    else before.push(value);
  }

  has(name: string): boolean {
    return this.#all.has(name);
  }

  /** The last value given. */
  value(name: string): string | undefined {
    return this.#all.get(name)?.at(-1);
  }

  number(name: string): number | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : Number(value);
  }

  numbers(name: string): number[] | undefined {
    return this.#all.get(name)?.map(Number);
  }
}

export interface CredentialFlags {
  readonly kind: "x509" | "rpk" | "psk" | "pake";
  readonly flags: Flags;
}

/** The flags of one connection. */
export class ConnectionFlags extends Flags {
  /** Of the legacy interface: comes after all others, and is number -1. */
  readonly defaultCredential: CredentialFlags = { kind: "x509", flags: new Flags() };
  readonly credentials: CredentialFlags[] = [];

  override add(name: string, value: string): void {
    const kind = credentialKinds[name as keyof typeof credentialKinds];
    if (kind !== undefined) this.credentials.push({ kind, flags: new Flags() });
    else if (credentialFlags.has(name))
      (this.credentials.at(-1) ?? this.defaultCredential).flags.add(name, value);
    else super.add(name, value);
  }
}

export interface CommandLine {
  readonly initial: ConnectionFlags;
  readonly resumed: ConnectionFlags;
}

/** @throws UnknownFlag */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const initial = new ConnectionFlags();
  const resumed = new ConnectionFlags();
  for (let i = 0; i < args.length; i++) {
    const [, scope, name] = /^(?:-on-(initial|resume|shim))?(-.*)$/.exec(args[i]!) ?? [];
    const takesValue = name !== undefined && values.has(name);
    if (name === undefined || !(takesValue || switches.has(name) || name in credentialKinds)) {
      throw new UnknownFlag(args[i]);
    }
    const value = takesValue ? args[++i] : "";
    if (value === undefined) throw new UnknownFlag(`${name} lacks its value`);
    if (scope !== "resume") initial.add(name, value);
    if (scope !== "initial") resumed.add(name, value);
  }
  return { initial, resumed };
}
