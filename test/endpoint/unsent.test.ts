import { expect, test } from "vitest";
import { Unsent } from "../../src/transport/unsent.ts";

test("after a refusal there is room again once half is sent, and that is said once", () => {
  let drained = 0;
  const unsent = new Unsent(4, () => {
    drained++;
  });
  expect([1, 2, 3, 4, 5].map(() => unsent.add())).toEqual([true, true, true, true, false]);
  expect(unsent.count).toBe(4);
  unsent.sent();
  expect(drained).toBe(0);
  unsent.sent();
  expect(drained).toBe(1);
  unsent.sent();
  expect(drained).toBe(1);
  expect(unsent.add()).toBe(true);
});

test("who closes waits for the last one, or until nothing is sent any more", async () => {
  const unsent = new Unsent(2, () => {});
  await unsent.none();
  unsent.add();
  unsent.add();
  let isDone = false;
  const done = unsent.none().then(() => {
    isDone = true;
  });
  unsent.sent();
  await Promise.resolve();
  expect(isDone).toBe(false);
  unsent.sent();
  await done;

  unsent.add();
  const abandoned = unsent.none();
  unsent.abandon();
  await abandoned;
});
