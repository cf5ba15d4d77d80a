// How the program starts, refuses to start and ends, seen from outside: arguments, variables,
// `.env`, ports in use, signals.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { accepts } from "../support/origin_server.ts";
import { freeProxyPorts, listenVariables, Proxy, runProxy, startProxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/wait.ts";

const STACK_LINE = /^\s+at /m;

Deno.test({
  name: "SIGTERM: not ready, nothing new, streams run to the end of the grace time, exit 0",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_GRACE_QUIT_TIMEOUT: "4s" });
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    await using publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(proxy.rtmpUrl("x"));
    await viewer.moreVideo(5);

    const signalledAt = performance.now();
    proxy.process.signal("SIGTERM");
    await until("readiness 503", async () => await proxy.readiness() === 503, { timeout: 2_000 });
    await until("no more connections", async () => !(await accepts(proxy.ports.rtmp)));
    await viewer.moreVideo(15);
    assert.ok(publisher.process.running);
    assertContiguous(viewer.video, 101);

    const end = await proxy.process.end();
    const took = performance.now() - signalledAt;
    assert.deepEqual(end, { code: 0, signal: null });
    assert.ok(took > 3_500 && took < 6_000, `it ended after ${Math.round(took)} ms`);
    await Promise.all([publisher.end(), viewer.process.end()]);
  },
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test({
    name: `${signal} without any stream ends the program at once with exit 0`,
    timeout: 30_000,
    async fn() {
      await using proxy = await Proxy.open();
      proxy.process.signal(signal);
      assert.deepEqual(await proxy.process.end(3_000), { code: 0, signal: null });
    },
  });
}

Deno.test({
  name: "a second SIGTERM ends the program at once, streams or not",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_GRACE_QUIT_TIMEOUT: "30s" });
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(proxy.rtmpUrl("x"));
    await viewer.moreVideo(5);
    const publisherGoesOn = () => viewer.moreVideo(25);
    proxy.process.signal("SIGTERM");
    // An echo of the first signal, such as from npm or `deno task` on Ctrl-C, is not a second one.
    proxy.process.signal("SIGTERM");
    await until("readiness 503", async () => await proxy.readiness() === 503, { timeout: 2_000 });
    await publisherGoesOn();
    proxy.process.signal("SIGTERM");
    const end = await proxy.process.end(2_000);
    assert.equal(end.signal, null, "the program did not end by itself");
  },
});

for (const variable of ["PROXY_RTMP_SERVER", "PROXY_SYSTEM_API", "PROXY_HTTP_SERVER"] as const) {
  Deno.test({
    name: `a port in use in ${variable} ends the program with one clear line`,
    timeout: 30_000,
    async fn() {
      using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = taken.addr;
      const variables = listenVariables(freeProxyPorts());
      const run = await runProxy([], { ...variables, [variable]: `127.0.0.1:${port}` });
      assert.notEqual(run.code, 0);
      assert.equal(run.signal, null);
      const lines = run.errors.split("\n").filter((line) => line.includes(`${port}`));
      assert.equal(lines.length, 1, run.errors);
      assert.match(lines[0]!, /Cannot listen/);
      assert.doesNotMatch(run.errors, STACK_LINE);
    },
  });
}

Deno.test({
  name: "all ports in use are named at once, with a line for each",
  timeout: 30_000,
  async fn() {
    await using other = await Proxy.open();
    const { systemApi } = freeProxyPorts();
    const run = await runProxy([], listenVariables({ ...other.ports, systemApi }));
    assert.equal(run.code, 1);
    const lines = run.errors.trim().split("\n").filter((line) => line.startsWith("Cannot listen"));
    const named = lines.map((line) => /^Cannot listen for ([\w ]+) on /.exec(line)?.[1]);
    assert.deepEqual(named, ["RTMP", "HTTP server", "HTTP API", "WebRTC", "SRT"], run.errors);
    assert.doesNotMatch(run.errors, STACK_LINE);
  },
});

Deno.test({
  name: "all invalid variables are named at once, with exit code 2",
  timeout: 30_000,
  async fn() {
    const bad = {
      PROXY_RTMP_SERVER: "70000",
      PROXY_LOAD_BALANCER_TYPE: "file",
      PROXY_ORIGIN_SERVER_TTL: "-3s",
      PROXY_GRACE_QUIT_TIMEOUT: "soon",
      PROXY_REGISTER_ALLOW: "10.0.0.0/99",
      PROXY_HTTP_API_AUTH_ENABLED: "on",
    };
    for (const args of [[], ["--check"]]) {
      const run = await runProxy(args, bad);
      assert.equal(run.code, 2, run.errors);
      const named = Object.keys(bad).filter((name) => name !== "PROXY_HTTP_API_AUTH_ENABLED");
      named.push("PROXY_HTTP_API_AUTH_TYPE", "PROXY_HTTP_API_AUTH_TOKEN");
      for (const name of named) assert.match(run.errors, new RegExp(name));
      assert.doesNotMatch(run.errors, STACK_LINE);
    }
  },
});

Deno.test({
  name: "--help names the variables and their defaults, --version the version, both with exit 0",
  timeout: 30_000,
  async fn() {
    const help = await runProxy(["--help"]);
    assert.equal(help.code, 0);
    assert.match(help.output, /PROXY_RTMP_SERVER/);
    assert.match(help.output, /11935/);
    assert.match(help.output, /PROXY_ORIGIN_DIAL_TIMEOUT/);
    const version = await runProxy(["--version"]);
    assert.equal(version.code, 0);
    assert.match(version.output, /\d+\.\d+\.\d+/);
  },
});

Deno.test({
  name: "an unknown argument is refused with exit code 2 and named",
  timeout: 30_000,
  async fn() {
    const run = await runProxy(["--no-such-thing"]);
    assert.equal(run.code, 2);
    assert.match(run.errors, /--no-such-thing/);
  },
});

Deno.test({
  name: "--check accepts a valid configuration and opens no port",
  timeout: 30_000,
  async fn() {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const run = await runProxy(["--check"], { PROXY_RTMP_SERVER: `127.0.0.1:${taken.addr.port}` });
    assert.equal(run.code, 0, run.errors);
  },
});

Deno.test({
  name: "`.env` in the working directory is read and never overrides a set variable",
  timeout: 30_000,
  async fn() {
    await using folder = new TempFolder();
    const ports = freeProxyPorts();
    const { PROXY_SYSTEM_API, ...variables } = listenVariables(ports);
    const other = freeProxyPorts();
    const lines = [
      "# written by hand",
      `PROXY_SYSTEM_API=${PROXY_SYSTEM_API}`,
      `PROXY_RTMP_SERVER="127.0.0.1:${other.rtmp}"`,
    ];
    await Deno.writeTextFile(folder.file(".env"), lines.join("\n"));
    await using process = startProxy([], variables, { cwd: folder.path });
    await process.until("the System API of .env", () => accepts(ports.systemApi), 20_000);
    await process.until("the RTMP port of the variable", () => accepts(ports.rtmp));
    assert.equal(await accepts(other.rtmp), false);
  },
});

Deno.test({
  name: "a ready program has printed its addresses and answers /healthz and both versions",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open();
    const printed = () => `${proxy.process.outputText}${proxy.process.errorText}`;
    for (const port of [proxy.ports.rtmp, proxy.ports.systemApi, proxy.ports.httpApi]) {
      await until(`the address with port ${port}`, () => printed().includes(`${port}`), {
        describe: printed,
      });
    }
    const health = await fetch(proxy.systemUrl("/healthz"));
    await health.body?.cancel();
    assert.equal(health.status, 200);
    for (const port of [proxy.ports.systemApi, proxy.ports.httpApi, proxy.ports.httpServer]) {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/versions`);
      const versions: Record<string, unknown> = await response.json();
      assert.equal(response.status, 200);
      assert.equal(versions.code, 0);
      assert.equal(typeof versions.signature, "string");
      assert.equal(typeof versions.version, "string");
      const data = versions.data as Record<string, unknown>;
      assert.equal(typeof data.major, "number");
    }
  },
});
