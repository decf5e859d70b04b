import { defineConfig, type ViteUserConfig } from "vitest/config";

// Two projects: `npm test` runs "unit"; "interop" needs programs beyond Node and npm.
const interop = "test/interop/**/*.test.ts";
// On a machine with much to do nothing is late.
const limits = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 30_000 } } };

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [interop, "**/node_modules/**"],
          ...limits,
        },
      },
      { test: { name: "interop", include: [interop], ...limits } },
    ],
  },
});

export default config;
