import { expect, test } from "vitest";
import { AddressGroups } from "../../src/endpoint/address-groups.ts";

function groups(...entries: readonly (readonly [group: string, path: string])[]): AddressGroups<string> {
  const all = new AddressGroups<string>();
  for (const [group, path] of entries) all.add(path, group, `of ${path}`);
  return all;
}

test("groups take turns, each beginning with its oldest", () => {
  const all = groups(["a", "a1"], ["a", "a2"], ["a", "a3"], ["b", "b1"], ["c", "c1"], ["c", "c2"]);
  const taken = Array.from({ length: 7 }, () => all.take());
  expect(taken).toEqual(["of a1", "of b1", "of c1", "of a2", "of c2", "of a3", undefined]);
  expect(all.size).toBe(0);
});

test("the oldest of the largest group is to give way", () => {
  const all = groups(["a", "a1"], ["b", "b1"], ["b", "b2"]);
  expect(all.oldestOfLargest).toBe("of b1");
  all.delete("b1");
  // Of equal groups that which came first.
  expect(all.oldestOfLargest).toBe("of a1");
  all.delete("a1");
  all.delete("b2");
  expect(all.oldestOfLargest).toBeUndefined();
});

test("what is deleted is found no more, and takes no turn", () => {
  const all = groups(["a", "a1"], ["a", "a2"]);
  all.delete("a1");
  all.delete("a1");
  expect([all.get("a1"), all.get("a2"), all.size]).toEqual([undefined, "of a2", 1]);
  expect([all.take(), all.take()]).toEqual(["of a2", undefined]);
  all.add("a1", "a", "again");
  all.clear();
  expect([all.size, all.take(), all.oldestOfLargest]).toEqual([0, undefined, undefined]);
});
