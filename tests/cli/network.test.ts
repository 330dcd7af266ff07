import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { type CertificateOptions, makeCertificate } from "./support/certificate.ts";
import { run } from "./support/run.ts";
import { useService } from "./support/service.ts";

const service = useService();
const args = ["tasks", "list", "--service", "sync", "--user", "alice", "--retries", "0"];
const nothing = '{"tasks":[]}';

async function listen(server: Server): Promise<number> {
  server.listen(0, "localhost");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** An HTTPS server with its own certificate, and the file of the certificate. */
async function startSecure(options: CertificateOptions = {}) {
  const certificate = makeCertificate(options);
  const directory = await mkdtemp(join(tmpdir(), "dms-cli-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, "ca.pem");
  await writeFile(file, certificate.cert);
  const port = await listen(createSecureServer(certificate, (_request, response) => void response.end(nothing)));
  return { file, base: `https://localhost:${port}/api/v1` };
}

test("a certificate that DMS_CLI_CA_BUNDLE names is trusted, and no other", async () => {
  const { base, file } = await startSecure();
  const trusted = await run(args, { env: { DMS_API_BASE: base, DMS_CLI_CA_BUNDLE: file } });
  expect(trusted).toEqual({ code: 0, signal: null, stdout: `${nothing}\n`, stderr: "" });
  const unknown = await run(args, { env: { DMS_API_BASE: base } });
  expect(unknown).toMatchObject({ code: 5, stderr: expect.stringMatching(/self-signed.*DMS_CLI_CA_BUNDLE/) });
  const missing = await run(args, { env: { DMS_API_BASE: base, DMS_CLI_CA_BUNDLE: "/nowhere/ca.pem" } });
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("/nowhere/ca.pem") });
});

test("a certificate file without a certificate is an error", async () => {
  const { base, file } = await startSecure();
  await writeFile(file, "no certificate");
  const refused = await run(args, { env: { DMS_API_BASE: base, DMS_CLI_CA_BUNDLE: file } });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("DMS_CLI_CA_BUNDLE") });
});

test("DMS_CLI_CA_BUNDLE adds to the certificates that Node trusts", async () => {
  const [asked, other] = [await startSecure(), await startSecure()];
  const env = { DMS_API_BASE: asked.base, DMS_CLI_CA_BUNDLE: other.file, NODE_EXTRA_CA_CERTS: asked.file };
  expect(await run(args, { env })).toMatchObject({ code: 0, stderr: "" });
});

test("TLS errors are explained", async () => {
  const explained = async ({ base, file }: { base: string; file: string }) =>
    run(args, { env: { DMS_API_BASE: base, DMS_CLI_CA_BUNDLE: file } });
  const day = 86_400_000;
  const expired = { from: new Date(Date.now() - 2 * day), until: new Date(Date.now() - day) };
  expect(await explained(await startSecure(expired))).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("has expired"),
  });
  const other = await explained(await startSecure({ name: "other.example" }));
  expect(other).toMatchObject({ code: 5, stderr: expect.stringContaining("is for another name") });
});

test("http instead of https, and https instead of http, is reported", async () => {
  const secure = await startSecure();
  const plain = await listen(createServer((_request, response) => void response.end(nothing)));
  const tooSecure = await run(args, { env: { DMS_API_BASE: `https://localhost:${plain}/api/v1` } });
  expect(tooSecure).toMatchObject({ code: 5, stderr: expect.stringContaining("http:// instead of https://") });
  const tooPlain = await run(args, { env: { DMS_API_BASE: secure.base.replace("https", "http") } });
  expect(tooPlain).toMatchObject({ code: 5, stderr: expect.stringContaining("https:// instead of http://") });
});

/** A proxy that records its requests. */
async function startProxy() {
  const seen: string[] = [];
  const proxy = createServer((incoming, outgoing) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    const onward = request(incoming.url ?? "", { method: incoming.method ?? "GET" }, (answer: IncomingMessage) => {
      outgoing.writeHead(answer.statusCode ?? 500);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  proxy.on("connect", (incoming, socket) => {
    seen.push(`CONNECT ${incoming.url}`);
    const { hostname, port } = new URL(`http://${incoming.url}`);
    const onward = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) end.on("error", () => {});
  });
  return { seen, url: `http://localhost:${await listen(proxy)}` };
}

test("requests go through the proxy of the environment, except to hosts that NO_PROXY names", async () => {
  const port = await listen(createServer((_request, response) => void response.end(nothing)));
  const env = { DMS_API_BASE: `http://localhost:${port}/api/v1` };
  const { seen, url } = await startProxy();
  expect((await run(args, { env: { ...env, HTTP_PROXY: url } })).stdout).toBe(`${nothing}\n`);
  expect(seen).toEqual([`GET http://localhost:${port}/api/v1/services/sync/users/alice/tasks`]);
  expect((await run(args, { env: { ...env, http_proxy: url, no_proxy: "localhost" } })).code).toBe(0);
  expect(seen).toHaveLength(1);
});

test("an unavailable proxy, or one that refuses the connection, is not mistaken for the API", async () => {
  const { base } = await startSecure();
  const port = await listen(createServer((_request, response) => void response.end(nothing)));
  const unavailable = `http://me:sesame@127.0.0.1:${await freePort()}`;
  for (const [name, address] of [["HTTP_PROXY", `http://localhost:${port}`] as const, ["HTTPS_PROXY", base] as const]) {
    const { code, stderr } = await run(args, { env: { DMS_API_BASE: address, [name]: unavailable } });
    expect([code, stderr]).toEqual([
      5,
      expect.stringContaining(`could not reach the proxy ${new URL(unavailable).host}`),
    ]);
    expect(stderr).not.toContain("sesame");
  }
  const strict = createServer((_request, response) => void response.writeHead(407).end());
  strict.on("connect", (_request, socket) => void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
  const proxy = `http://localhost:${await listen(strict)}`;
  expect(await run(args, { env: { DMS_API_BASE: `http://localhost:${port}`, HTTP_PROXY: proxy } })).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("The proxy requires authentication"),
  });
  expect(await run(args, { env: { DMS_API_BASE: base, HTTPS_PROXY: proxy } })).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/the proxy refused the connection: .*407/),
  });
});

test("a redirect is reported with its location", async () => {
  const port = await listen(
    createServer((_request, response) => void response.writeHead(301, { location: "https://api.example/" }).end()),
  );
  const { code, stderr } = await run(args, { env: { DMS_API_BASE: `http://localhost:${port}` } });
  expect([code, stderr]).toEqual([1, expect.stringContaining("It redirects to https://api.example/: set")]);
});

test("https goes through a tunnel of the proxy", async () => {
  const { base, file } = await startSecure();
  const { seen, url } = await startProxy();
  const tunnelled = await run(args, { env: { DMS_API_BASE: base, DMS_CLI_CA_BUNDLE: file, HTTPS_PROXY: url } });
  expect(tunnelled).toMatchObject({ code: 0, stdout: `${nothing}\n` });
  expect(seen).toEqual([`CONNECT ${new URL(base).host}`]);
});

test("an answer that breaks off is a network error, not a partial success", async () => {
  const port = await listen(
    createServer((_request, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"tasks":[');
      setTimeout(() => response.destroy(), 50);
    }),
  );
  const broken = await run(args, { env: { DMS_API_BASE: `http://localhost:${port}` } });
  expect(broken).toMatchObject({ code: 5, stderr: expect.stringContaining("was closed") });
});

test("several requests share one connection", async () => {
  let connections = 0;
  const server = createServer(
    (_request, response) => void response.end('{"task":{"task_id":"1","status":"completed"}}'),
  );
  server.on("connection", () => {
    connections += 1;
  });
  const env = { DMS_API_BASE: `http://localhost:${await listen(server)}`, DMS_SERVICE: "sync", DMS_USER: "alice" };
  expect((await run(["tasks", "status", "1-30", "--output", "id"], { env })).code).toBe(0);
  expect(connections).toBeLessThanOrEqual(8);
});

test("the wait for a connection does not count towards the request timeout", async () => {
  const answer = '{"task":{"task_id":"1","status":"completed"}}';
  const port = await listen(createServer((_request, response) => void setTimeout(() => response.end(answer), 50)));
  const env = { DMS_API_BASE: `http://localhost:${port}`, DMS_SERVICE: "sync", DMS_USER: "alice" };
  const impatient = ["--timeout-request", "2s", "--retries", "0", "--patience", "0"];
  const { code, stderr } = await run(["tasks", "wait", "1-600", ...impatient], { env });
  expect([code, stderr]).toEqual([0, ""]);
});

test.each([
  ["is lost", (outgoing: ServerResponse) => void outgoing.destroy()],
  [
    "breaks off",
    (outgoing: ServerResponse) =>
      void outgoing.writeHead(202, { "content-length": "40" }).write('{"task_id":"', () => outgoing.destroy()),
  ],
])("a submission whose answer %s is repeated, and the service makes one task of it", async (_, lose) => {
  const { owner } = service.newUser();
  let lost = 0;
  const port = await listen(
    createServer((incoming, outgoing) => {
      const { method = "GET", url = "", headers } = incoming;
      const onward = request(new URL(url, service.apiBase), { method, headers }, (answer) => {
        // The service has the task by now, but the client does not receive the answer.
        if (lost++ === 0) lose(outgoing);
        else answer.pipe(outgoing.writeHead(answer.statusCode ?? 500, answer.headers));
      });
      incoming.pipe(onward);
    }),
  );
  const env = { DMS_API_BASE: `http://localhost:${port}/api/v1`, DMS_SERVICE: owner.service, DMS_USER: owner.user };
  const { code, stdout } = await run(["tasks", "submit", "--output", "id"], { env });
  expect([code, lost]).toEqual([0, 2]);
  const { tasks } = await service.store.page(owner, { limit: 10, order: "asc" });
  expect(tasks.map((raw) => JSON.parse(raw).task_id)).toEqual([stdout.trim()]);
});
