import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { certificateVerifyContent, checkFinished } from "../../src/tls/authentication.ts";
import { constantTimeEqual } from "../../src/tls/constant-time.ts";
import { Transcript } from "../../src/tls/transcript.ts";
import { crypto, fromHex, toHex } from "./provider.ts";
import rfc8448 from "./vectors/rfc8448.json" with { type: "json" };

const { simple, resumed, retry } = rfc8448;

describe("the transcript (RFC 8448)", () => {
  test("§3: every digest on the way, the hash being known after the ServerHello only", () => {
    const transcript = new Transcript(crypto);
    transcript.add(fromHex(simple.clientHello)).add(fromHex(simple.serverHello));
    expect(() => transcript.digest()).toThrow("no hash yet");
    transcript.selectHash("SHA-256");
    expect(toHex(transcript.digest())).toBe(simple.helloHash);
    transcript.add(fromHex(simple.encryptedExtensions));
    transcript.add(fromHex(simple.certificate)).add(fromHex(simple.certificateVerify));
    transcript.add(fromHex(simple.serverFinished));
    expect(toHex(transcript.digest())).toBe(simple.serverFinishedHash);
    transcript.add(fromHex(simple.clientFinished));
    expect(toHex(transcript.digest())).toBe(simple.clientFinishedHash);
    expect(() => transcript.selectHash("SHA-256")).toThrow("already");
  });

  test("§4: what a binder covers, before and after the hash is known", () => {
    const clientHello = fromHex(resumed.clientHello);
    const truncated = clientHello.subarray(0, clientHello.length - 35);
    const transcript = new Transcript(crypto);
    expect(toHex(transcript.binderDigest("SHA-256", truncated))).toBe(resumed.binderHash);
    transcript.selectHash("SHA-256");
    expect(toHex(transcript.binderDigest("SHA-256", truncated))).toBe(resumed.binderHash);
    expect(toHex(transcript.add(clientHello).digest())).toBe(resumed.clientHelloHash);
  });

  test("§5: message_hash in place of the first ClientHello, kept or carried in a cookie", () => {
    const first = new Transcript(crypto).add(fromHex(retry.clientHello1));
    first.selectHash("SHA-256");
    const clientHello1Hash = first.replaceByMessageHash("SHA-256");
    first.add(fromHex(retry.helloRetryRequest));
    const rebuilt = Transcript.afterRetry(
      crypto,
      "SHA-256",
      clientHello1Hash,
      fromHex(retry.helloRetryRequest),
    );
    for (const transcript of [first, rebuilt]) {
      transcript.add(fromHex(retry.clientHello2)).add(fromHex(retry.serverHello));
      expect(toHex(transcript.digest())).toBe(retry.helloHash);
    }
    expect(toHex(clientHello1Hash)).toBe(
      createHash("sha256").update(fromHex(retry.clientHello1)).digest("hex"),
    );
  });

  test("a binder after HelloRetryRequest covers all that came before it", () => {
    const transcript = Transcript.afterRetry(crypto, "SHA-384", new Uint8Array(48).fill(1), Uint8Array.of(2));
    const expected = createHash("sha384")
      .update(Uint8Array.of(254, 0, 0, 48))
      .update(new Uint8Array(48).fill(1))
      .update(Uint8Array.of(2, 3))
      .digest("hex");
    expect(toHex(transcript.binderDigest("SHA-384", Uint8Array.of(3)))).toBe(expected);
    expect(toHex(transcript.add(Uint8Array.of(3)).digest())).toBe(expected);
  });
});

describe("authentication", () => {
  test("what a CertificateVerify signs is the example of RFC 9846 §4.5.2", () => {
    const content = certificateVerifyContent("server", new Uint8Array(32).fill(1));
    expect(toHex(content)).toBe(
      "2020202020202020202020202020202020202020202020202020202020202020" +
        "2020202020202020202020202020202020202020202020202020202020202020" +
        "544c5320312e332c207365727665722043657274696669636174655665726966" +
        "79" +
        "00" +
        "0101010101010101010101010101010101010101010101010101010101010101",
    );
    expect(new TextDecoder().decode(certificateVerifyContent("client", new Uint8Array(0)))).toBe(
      `${" ".repeat(64)}TLS 1.3, client CertificateVerify\0`,
    );
  });

  test("a Finished that does not match, or is of another length, is decrypt_error", () => {
    const expected = new Uint8Array(32).fill(5);
    expect(() => checkFinished(expected, expected.slice())).not.toThrow();
    const wrong = expected.slice();
    for (let i = 0; i < 256; i++) {
      wrong[i >> 3]! ^= 1 << (i & 7);
      expect(() => checkFinished(expected, wrong)).toThrow(
        expect.objectContaining({ alert: "decrypt_error" }),
      );
      wrong[i >> 3]! ^= 1 << (i & 7);
    }
    for (const length of [0, 31, 33]) {
      expect(() => checkFinished(expected, new Uint8Array(length).fill(5))).toThrow(
        expect.objectContaining({ alert: "decrypt_error" }),
      );
    }
    expect(constantTimeEqual(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  });
});
