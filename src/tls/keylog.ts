/** Lines of the NSS key log format (draft-ietf-tls-keylogfile), which lets Wireshark decrypt a capture. */

/** `CLIENT_TRAFFIC_SECRET_N`: N counts key updates. */
export type KeyLogLabel =
  | "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
  | "SERVER_HANDSHAKE_TRAFFIC_SECRET"
  | `CLIENT_TRAFFIC_SECRET_${number}`
  | `SERVER_TRAFFIC_SECRET_${number}`
  | "EXPORTER_SECRET";

function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

/**
 * One line, without a line end. It holds the secret: it may go to a key log, and nowhere else.
 * @param clientRandom ClientHello.random
 */
export function keyLogLine(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): string {
  return `${label} ${toHex(clientRandom)} ${toHex(secret)}`;
}
