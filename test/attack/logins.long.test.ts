import { test } from "vitest";
import { attackLogins } from "../login/attack.ts";

test("100,000 wrong logins from as many addresses: memory is bounded, and no one else is kept out", async () => {
  await attackLogins(100_000);
});
