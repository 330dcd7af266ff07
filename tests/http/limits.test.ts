import { expect, test } from "vitest";
import { useService } from "../support/service.ts";
import {
  aliceTask,
  aliceTasks,
  detailIn,
  expectProblem,
  parseAnswer,
  requestBytes,
  sendBytes,
  submit,
  taskIn,
} from "./support.ts";

const service = useService();
const KiB = 1024;
const manyParameters = (count: number) => `?${Array.from({ length: count }, (_, index) => `p${index}=x`).join("&")}`;

test("100 parameters are kept, 101 are 413 and nothing is stored", async () => {
  const id = await submit(service, manyParameters(100));
  expect(Object.keys(taskIn(await service.get(aliceTask(id))).parameters)).toHaveLength(100);
  const before = await service.redis.client.dbsize();
  for (const count of [101, 20_000]) {
    const reply = await service.post(aliceTasks + manyParameters(count));
    expectProblem(reply, 413);
    expect(detailIn(reply)).toMatch(/100/);
  }
  expect(await service.redis.client.dbsize()).toBe(before);
});

test("names and values may take 64 KiB together and not a byte more", async () => {
  const id = await submit(service, `?src=${"a".repeat(64 * KiB - 3)}`);
  expect(taskIn(await service.get(aliceTask(id))).parameters.src).toHaveLength(64 * KiB - 3);
  const before = await service.redis.client.dbsize();
  for (const query of [`?src=${"a".repeat(64 * KiB - 2)}`, `?${"a".repeat(64 * KiB + 1)}`, manyBytes(80)]) {
    const reply = await service.post(aliceTasks + query);
    expectProblem(reply, 413);
    expect(detailIn(reply)).toMatch(/65536|64 KiB/);
  }
  expect(await service.redis.client.dbsize()).toBe(before);
});

test("60 KiB are accepted when every byte of them is percent-encoded", async () => {
  const value = "한".repeat(20 * KiB);
  const id = await submit(service, `?src=${encodeURIComponent(value)}`);
  expect(taskIn(await service.get(aliceTask(id))).parameters.src).toBe(value);
});

test.each([300, 2 * KiB, 16 * KiB])("a query of %i KiB is 413 or 414", async (size) => {
  const reply = await service.post(`${aliceTasks}?src=${"a".repeat(size * KiB)}`);
  expect([413, 414]).toContain(reply.status);
  expectProblem(reply, reply.status);
});

test.each([
  ["one header of 300 KiB", [`X-Long: ${"a".repeat(300 * KiB)}`]],
  ["3,000 headers", Array.from({ length: 30_000 }, (_, index) => `X-${index}: value`)],
])("%s is 414 or 431, as JSON", async (_, headers) => {
  const reply = parseAnswer(await sendBytes(service, requestBytes("GET", "/api/v1/help", headers)));
  expect([414, 431]).toContain(reply.status);
  expectProblem(reply, reply.status);
});

test.each([65, 1 * KiB, 16 * KiB])("a body of %i KiB is 413, as JSON", async (size) => {
  const reply = await service.post(aliceTasks, { body: "a".repeat(size * KiB) });
  expectProblem(reply, 413);
});

test("a path of 20 KiB is an error with a detail", async () => {
  const reply = await service.get(`/services/${"a".repeat(20 * KiB)}/users`);
  expect([404, 414, 422]).toContain(reply.status);
  expectProblem(reply, reply.status);
});

test("after what is too large, the next request on the same connection is answered", async () => {
  await service.post(aliceTasks + manyParameters(101));
  expect((await service.get("/healthz")).status).toBe(200);
});

function manyBytes(count: number): string {
  return `?${Array.from({ length: count }, (_, index) => `p${index}=${"a".repeat(KiB)}`).join("&")}`;
}
