import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: [
      "tests/support/run-directory.ts",
      "tests/support/install-redis.ts",
      "tests/support/install-faketime.ts",
      "tests/cli/support/build.ts",
    ],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
