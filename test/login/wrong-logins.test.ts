import { test } from "vitest";
import { attackLogins } from "./attack.ts";

test("10,000 wrong logins from as many addresses: memory is bounded, and no one else is kept out", async () => {
  await attackLogins(10_000);
});
