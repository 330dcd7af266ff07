import { expect, test } from "vitest";
import { policyOf } from "../../functions/background/dispatcher/index.ts";
import { backoff, isCapped } from "../../functions/background/dispatcher/limits/policy.ts";
import { loadConfig } from "../../shared/config.ts";
import { policy } from "./view.ts";

const most = (attempt: number) => backoff(policy, attempt, () => 1);

test("the backoff doubles from the shortest to the longest wait", () => {
  const attempts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 1e9];
  expect(attempts.map(most)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
});

test("full jitter spreads it evenly below, but never to a tight circle", () => {
  expect([0, 0.1, 0.5, 0.75].map((random) => backoff(policy, 4, () => random))).toEqual([250, 400, 2000, 3000]);
  for (let count = 0; count < 200; count += 1) {
    const wait = backoff(policy, 1 + (count % 10));
    expect(wait).toBeGreaterThanOrEqual(250);
    expect(wait).toBeLessThanOrEqual(most(1 + (count % 10)));
  }
});

test("two dispatchers that begin together do not wait alike", () => {
  expect(new Set(Array.from({ length: 20 }, () => backoff(policy, 8))).size).toBeGreaterThan(1);
});

test("the defaults are those of the documentation", () => {
  expect(policyOf(loadConfig({}))).toEqual({
    requestTimeout: 10_000,
    grace: 5000,
    maxAttempts: 20,
    minBackoff: 500,
    maxBackoff: 60_000,
    lease: expect.any(Number),
    maxAge: 0,
    caps: { maxInFlight: 0, maxInFlightPerUser: 0, ratePerSecond: 0 },
  });
});

test("every number comes from its variable", () => {
  const config = loadConfig({
    DMS_EVENT_WORKER_COUNT: "10",
    DMS_REQUEST_TIMEOUT_SECONDS: "2",
    DMS_DISPATCH_GRACE_SECONDS: "3",
    DMS_DISPATCH_MAX_ATTEMPTS: "4",
    DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.5",
    DMS_DISPATCH_MAX_BACKOFF_SECONDS: "6",
    DMS_DISPATCH_MAX_AGE_SECONDS: "7",
    DMS_DISPATCH_MAX_IN_FLIGHT: "8",
    DMS_DISPATCH_MAX_IN_FLIGHT_PER_USER: "9",
    DMS_DISPATCH_RATE_PER_SECOND: "0.25",
  });
  expect(policyOf(config)).toMatchObject({
    requestTimeout: 2000,
    grace: 3000,
    maxAttempts: 4,
    minBackoff: 500,
    maxBackoff: 6000,
    maxAge: 7000,
    caps: { maxInFlight: 8, maxInFlightPerUser: 9, ratePerSecond: 0.25 },
  });
});

test.each([
  ["1", 1],
  ["2", 1],
  ["4", 3],
  ["10", 5],
])("with %s workers a user's limit of 5 is %i, so that one user never takes all of several", (workers, limit) => {
  const config = loadConfig({ DMS_EVENT_WORKER_COUNT: workers, DMS_DISPATCH_MAX_IN_FLIGHT_PER_USER: "5" });
  expect(policyOf(config).caps.maxInFlightPerUser).toBe(limit);
});

test.each(["0.05", "1", "10", "600"])(
  "the lease is more than twice as long as a request of %s s may take",
  (seconds) => {
    const { lease, requestTimeout } = policyOf(loadConfig({ DMS_REQUEST_TIMEOUT_SECONDS: seconds }));
    expect(lease).toBeGreaterThan(2 * requestTimeout);
  },
);

test("any limit needs permits", () => {
  expect(isCapped(policy)).toBe(false);
  for (const cap of ["maxInFlight", "maxInFlightPerUser", "ratePerSecond"]) {
    expect(isCapped({ ...policy, caps: { ...policy.caps, [cap]: 1 } }), cap).toBe(true);
  }
});
