import { defineConfig, type ViteUserConfig } from "vitest/config";

// `npm test` runs "unit"; "interop" needs programs beyond Node and npm, and "attack" (`npm run attack`) takes long.
const interop = "test/interop/**/*.test.ts";
const attack = "test/attack/**/*.long.test.ts";
// On a machine with much to do nothing is late.
const limits = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 30_000 } } };

const config: ViteUserConfig = defineConfig({
  test: {
    // Most tests wait for something else than the processor.
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [interop, attack, "**/node_modules/**"],
          ...limits,
        },
      },
      { test: { name: "interop", include: [interop], ...limits } },
      {
        test: {
          name: "attack",
          include: [attack],
          ...limits,
          testTimeout: 3_600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

export default config;
