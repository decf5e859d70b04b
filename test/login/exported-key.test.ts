/** After one login, no password: a strong key for later sessions. */
import { expect, test } from "vitest";
import {
  exportPsk,
  MemoryRecordStore,
  type PresharedKey,
  password,
  psk,
} from "../../src/endpoint/node-index.ts";
import { failure } from "../endpoint/support.ts";
import { alice, grounds, quickRecord, serve } from "./support.ts";

const aliceRecord = await quickRecord(alice);

test.each(grounds)(
  "a session by password leaves both sides a key for sessions without (%s)",
  async (_name, open) => {
    const ground = open();
    const first = await serve(ground, { auth: password(new MemoryRecordStore([aliceRecord])) });
    const session = await ground.connect(first.server.url, { auth: password(alice) });
    await expect.poll(() => first.sessions.length).toBe(1);
    const own = exportPsk(session);
    // The server remembers who it was.
    const users = new Map<string, PresharedKey & { readonly user: string }>();
    const theirs = exportPsk(first.sessions[0]!);
    users.set(theirs.identity, { ...theirs, user: first.sessions[0]!.peer!.identity });
    expect(theirs).toEqual(own);
    expect(own.key).toHaveLength(32);
    expect(exportPsk(session)).toEqual(own);
    const context = Uint8Array.of(1, 2, 3);
    const another = exportPsk(session, context);
    expect(another).toEqual(exportPsk(first.sessions[0]!, context));
    expect(another.identity).not.toBe(own.identity);
    expect(another.key).not.toEqual(own.key);
    session.close();

    const later = await serve(ground, { auth: psk((identity) => users.get(identity)) });
    const again = await ground.connect(later.server.url, { auth: psk(own) });
    await expect.poll(() => later.sessions.length).toBe(1);
    expect(users.get(later.sessions[0]!.peer!.identity)?.user).toBe("alice");
    again.close();

    const other = await ground.connect(first.server.url, { auth: password(alice) });
    const otherKey = exportPsk(other);
    expect(otherKey.identity).not.toBe(own.identity);
    expect(otherKey.key).not.toEqual(own.key);
    other.close();
    const mixed = { identity: own.identity, key: otherKey.key };
    const refused = failure(ground.connect(later.server.url, { auth: psk(mixed) }));
    expect((await refused).code).toBe("authentication_failed");
    expect(() => exportPsk(session)).toThrow("the session is closed");
  },
);
