import assert from "node:assert/strict";
import { loadConfig } from "../config/config.ts";
import { HttpOrigin, live } from "../../tests/support/http_origin.ts";
import { heartbeatOf, sendHeartbeat } from "../../tests/support/register.ts";
import { systemClock } from "../core/clock.ts";
import { App } from "./app.ts";

const LISTENERS = {
  PROXY_RTMP_SERVER: "127.0.0.1:0",
  PROXY_HTTP_SERVER: "127.0.0.1:0",
  PROXY_HTTP_API: "127.0.0.1:0",
  PROXY_SYSTEM_API: "127.0.0.1:0",
  PROXY_WEBRTC_SERVER: "127.0.0.1:0",
  PROXY_SRT_SERVER: "127.0.0.1:0",
};
const SITE = "https://tv.example";

/** A proxy in this process whose configuration can be changed. */
class ChangingApp implements AsyncDisposable {
  readonly #app: App;

  private constructor(app: App) {
    this.#app = app;
  }

  static async open(variables: Record<string, string> = {}): Promise<ChangingApp> {
    const config = loadConfig({ variables: { ...LISTENERS, ...variables }, problems: [] });
    return new ChangingApp(await App.open(config, { lost: 0 }, systemClock));
  }

  async change(variables: Record<string, string>): Promise<void> {
    const all = { ...LISTENERS, ...variables };
    await this.#app.reconfigure(loadConfig({ variables: all, problems: [] }));
  }

  portOf(name: string): number {
    return this.#app.listeners.find((listener) => listener.name === name)!.address.port;
  }

  readonly systemUrl = (path: string): string =>
    `http://127.0.0.1:${this.portOf("System API")}${path}`;

  /** The status of the answer and whom CORS lets read it; the body is discarded. */
  async ask(name: string, path: string): Promise<[status: number, cors: string | null]> {
    const url = `http://127.0.0.1:${this.portOf(name)}${path}`;
    const response = await fetch(url, { headers: { origin: SITE, connection: "close" } });
    await response.body?.cancel();
    return [response.status, response.headers.get("access-control-allow-origin")];
  }

  /** Milliseconds for which a silent client is kept. */
  async patience(name: string): Promise<number> {
    const start = performance.now();
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: this.portOf(name) });
    await isOver(conn);
    return performance.now() - start;
  }

  /** A connection on which these bytes were sent. */
  async send(name: string, bytes: Uint8Array): Promise<Deno.Conn> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: this.portOf(name) });
    await conn.write(bytes);
    return conn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app[Symbol.asyncDispose]();
  }
}

async function isOver(conn: Deno.Conn): Promise<void> {
  while (await conn.read(new Uint8Array(1_024)).catch(() => null) !== null);
}

Deno.test("tokens, sites and allowed addresses are those of the last reload", async () => {
  await using app = await ChangingApp.open();
  assert.deepEqual(await app.ask("HTTP API", "/rtc/v1/whip/"), [405, "*"]);
  assert.deepEqual(await app.ask("HTTP server", "/live/nobody.flv"), [503, "*"]);
  await app.change({ PROXY_API_TOKEN: "t", PROXY_CORS_ORIGINS: "https://tv.example" });
  assert.deepEqual(await app.ask("HTTP API", "/rtc/v1/whip/"), [401, SITE]);
  assert.deepEqual(await app.ask("HTTP server", "/live/nobody.flv"), [503, SITE]);
  await app.change({ PROXY_CORS_ORIGINS: "https://other.example" });
  assert.deepEqual(await app.ask("HTTP server", "/live/nobody.flv"), [503, null]);

  const heartbeat = heartbeatOf({ name: "o", rtmpPort: 1 }, "1");
  await sendHeartbeat(app, heartbeat);
  await app.change({ PROXY_REGISTER_ALLOW: "10.0.0.0/8" });
  await assert.rejects(sendHeartbeat(app, heartbeat), /400/);
  await app.change({ PROXY_REGISTER_TOKEN: "t" });
  await assert.rejects(sendHeartbeat(app, heartbeat), /401/);
  await sendHeartbeat(app, heartbeat, "t");
  assert.deepEqual(await app.ask("HTTP API", "/api/v1/streams"), [200, null]);
  await app.change({ PROXY_ADMIN_TOKEN: "t", PROXY_ADMIN_ORIGINS: SITE });
  assert.deepEqual(await app.ask("HTTP API", "/api/v1/streams"), [401, SITE]);
  assert.deepEqual(await app.ask("System API", "/api/v1/streams"), [401, SITE]);
});

Deno.test("streams are placed by the rules of the start, and then by those of the last reload", async () => {
  await using app = await ChangingApp.open({ PROXY_PLACEMENT: "*/live/a*=gpu" });
  const [first, second] = [["a0", "a1", "a2"], ["b0", "b1", "b2"]] as const;
  const names = [...first, ...second];
  const answer = live({ framing: "chunked", tagLength: 1_000, interval: 20 });
  const paths = Object.fromEntries(names.map((name) => [`/live/${name}.flv`, answer]));
  await using gpu = new HttpOrigin(paths);
  await using cpu = new HttpOrigin(paths);
  for (const [label, origin] of [["gpu", gpu], ["cpu", cpu]] as const) {
    const { httpPort, rtmpPort } = origin;
    const heartbeat = heartbeatOf({ name: label, httpPort, rtmpPort }, "1");
    await sendHeartbeat(app, { ...heartbeat, labels: [label] });
  }
  const play = async (name: string) => {
    const [status] = await app.ask("HTTP server", `/live/${name}.flv`);
    assert.equal(status, 200);
    const target = `/live/${name}.flv`;
    return gpu.requests.some((request) => request.target === target) ? "gpu" : "cpu";
  };
  // Without a rule the other origin would have been chosen, since it has fewer streams.
  for (const name of first) assert.equal(await play(name), "gpu");
  await app.change({ PROXY_PLACEMENT: "*/live/b*=gpu" });
  for (const name of second) assert.equal(await play(name), "gpu");
});

Deno.test("origins are shown the password of the last reload", async () => {
  await using app = await ChangingApp.open({ PROXY_ORIGIN_API_AUTH: "admin:old" });
  await using origin = new HttpOrigin({});
  const { rtmpPort, httpPort: apiPort } = origin;
  await sendHeartbeat(app, heartbeatOf({ name: "o", rtmpPort, apiPort }, "1"));
  const shownWith = async (path: string) => {
    await app.ask("HTTP API", path);
    const { fields } = origin.requests.find(({ target }) => target === path)!;
    return fields.find(([name]) => name === "authorization")?.[1];
  };
  assert.equal(await shownWith("/api/v1/summaries"), `Basic ${btoa("admin:old")}`);
  await app.change({ PROXY_ORIGIN_API_AUTH: "admin:new" });
  assert.equal(await shownWith("/api/v1/rusages"), `Basic ${btoa("admin:new")}`);
  await app.change({});
  assert.equal(await shownWith("/api/v1/features"), undefined);
});

Deno.test("deadlines and limits are those of the last reload, at every listener", async () => {
  await using app = await ChangingApp.open();
  await app.change({
    PROXY_RTMP_HANDSHAKE_TIMEOUT: "50ms",
    PROXY_HTTP_HEAD_TIMEOUT: "50ms",
    PROXY_IDLE_TIMEOUT: "30s",
  });
  const names = ["RTMP", "HTTP server", "HTTP API", "System API"];
  const patience = await Promise.all(names.map((name) => app.patience(name)));
  for (const milliseconds of patience) assert.ok(milliseconds > 40 && milliseconds < 5_000);

  await app.change({ PROXY_MAX_CONNECTIONS_PER_ADDRESS: "1" });
  for (const name of names) {
    const start = performance.now();
    using one = await Deno.connect({ hostname: "127.0.0.1", port: app.portOf(name) });
    using other = await Deno.connect({ hostname: "127.0.0.1", port: app.portOf(name) });
    // Different threads accept them, so either may have been the first.
    await Promise.race([isOver(one), isOver(other)]);
    assert.ok(performance.now() - start < 5_000, `${name} turns one of two clients away`);
  }
});

Deno.test("a PROXY header is required since the last reload, where balancers may be in front", async () => {
  await using app = await ChangingApp.open();
  const balanced = ["HTTP server", "HTTP API"];
  const header = "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n";
  const answer = async (name: string, before: string) => {
    const request = `${before}GET /api/v1/versions HTTP/1.1\r\nHost: a\r\n\r\n`;
    using conn = await app.send(name, new TextEncoder().encode(request));
    const begin = new Uint8Array(12);
    await conn.read(begin).catch(() => null);
    return new TextDecoder().decode(begin).replaceAll("\0", "");
  };
  for (const name of [...balanced, "System API"]) {
    assert.equal(await answer(name, ""), "HTTP/1.1 200", name);
  }
  await app.change({ PROXY_PROTOCOL: "required", PROXY_TRUSTED_PROXIES: "127.0.0.0/8" });
  for (const name of balanced) {
    assert.equal(await answer(name, ""), "", name);
    assert.equal(await answer(name, header), "HTTP/1.1 200", name);
  }
  const start = performance.now();
  using rtmp = await app.send("RTMP", Uint8Array.of(3));
  await isOver(rtmp);
  assert.ok(performance.now() - start < 5_000, "RTMP without a header ends at once");
  assert.equal(await answer("System API", ""), "HTTP/1.1 200");
});

Deno.test("memory for clients is that of the last reload", async () => {
  await using app = await ChangingApp.open();
  await app.change({ PROXY_IDENTIFY_MEMORY_PER_ADDRESS: "131072" });
  // Each head is short enough, but together they are too much for one address.
  const head = new TextEncoder().encode(`GET / HTTP/1.1\r\nA: ${"a".repeat(16_000)}`);
  using stack = new DisposableStack();
  const answers = Array.from({ length: 10 }, async () => {
    const conn = stack.use(await app.send("HTTP server", head));
    const answer = new Uint8Array(12);
    await conn.read(answer);
    return new TextDecoder().decode(answer);
  });
  assert.equal(await Promise.race(answers), "HTTP/1.1 503");
  stack.dispose();
  await Promise.allSettled(answers);
});
