/** What the peer learns of the end. */
import { expect, test } from "vitest";
import { FrameType } from "../../src/session/frames.ts";
import { SessionPair } from "./pair.ts";

test("the code goes out again together with what ends the carrier, so that it is not taken for an end without one", () => {
  const pair = new SessionPair().ready();
  pair.clock.run(pair.clock.nowMs + 1000);
  let lost = 0;
  // Its type and the code; there may be an ACK before it.
  const close = Buffer.of(FrameType.connection_close_application, 0x52, 0x67);
  pair.client.filter = (packet) => !Buffer.from(packet).includes(close) || lost++ >= 3;
  // What comes from the peer would be answered.
  pair.server.filter = () => false;
  pair.client.engine.close(4711, "au revoir");
  pair.client.flush();
  expect(pair.until(() => pair.server.end !== undefined)).toBe(true);
  expect(pair.server.end).toMatchObject({ closeCode: 4711, reason: "au revoir" });
});
