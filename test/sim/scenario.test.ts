import { describe, test } from "vitest";
import { live } from "./scenario.ts";
import { seeds } from "./seeds.ts";

describe("whatever the network does", () => {
  test.each(seeds(2000, 100))("sessions of seeds %i to %i live and end as they must", async (from, to) => {
    for (let seed = from; seed <= to; seed++) {
      try {
        await live(seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });

  // Each stood still once: narrow paths, addresses that may get little, ServerHellos that are lost while the rest arrives,
  // or that are damaged on the way.
  test.each([111037, 88470, 66032, 88991, 50432, 3623, 7198])(
    "the session of seed %i lives and ends as it must",
    async (seed) => {
      await live(seed);
    },
  );
});
