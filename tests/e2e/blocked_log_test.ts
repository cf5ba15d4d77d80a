// The reader of the program's output stops reading: clients are not affected, log lines beyond the
// buffer are lost and counted, and every way to end the program still works.

import assert from "node:assert/strict";
import { PERMISSIONS } from "../../scripts/permissions.ts";
import { Child } from "../support/child.ts";
import { Faults, FRAGILE_PROGRAM } from "../support/faults.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { HeldPipe } from "../support/held_pipe.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import {
  freeProxyPorts,
  listenVariables,
  proxyCommand,
  type ProxyPorts,
} from "../support/proxy.ts";
import { PROJECT_FOLDER } from "../support/project.ts";
import { Registration } from "../support/register.ts";
import { pause, until, within } from "../support/wait.ts";

/** The longest name that an origin may have, in characters of three bytes. */
const LONG_NAME = "源".repeat(256);
/** More lines with two such names than fit into the program's buffer and the pipe. */
const LINES = 1_500;

/** A proxy whose output goes to a pipe that nobody reads. */
class UnreadProxy implements AsyncDisposable {
  readonly ports: ProxyPorts = freeProxyPorts();
  readonly pipe: HeldPipe;
  readonly process: Child;
  #restarts = 0;

  private constructor(pipe: HeldPipe, variables: Record<string, string>, command: string[]) {
    this.pipe = pipe;
    this.process = run(command, pipe, { ...listenVariables(this.ports), ...variables });
  }

  static async open(
    variables: Record<string, string> = {},
    command = proxyCommand(),
  ): Promise<UnreadProxy> {
    const proxy = new UnreadProxy(await HeldPipe.open(), variables, command);
    await proxy.process.until("the proxy become ready", async () => {
      return await proxy.get("/readyz").then(() => true, () => false);
    }, 30_000);
    return proxy;
  }

  rtmpUrl(stream: string): string {
    return `rtmp://127.0.0.1:${this.ports.rtmp}/live/${stream}`;
  }

  systemUrl(path: string): string {
    return `http://127.0.0.1:${this.ports.systemApi}${path}`;
  }

  async get(path: string): Promise<string> {
    const response = await fetch(this.systemUrl(path), { signal: AbortSignal.timeout(2_000) });
    return await response.text();
  }

  /** Lost log lines, from the metrics. */
  lost(): Promise<number> {
    return this.figure("srs_proxy_log_lines_lost_total");
  }

  /** The value of a metric. */
  async figure(name: string): Promise<number> {
    const line = (await this.get("/metrics")).split("\n").find((each) =>
      each.startsWith(`${name} `)
    );
    return Number(line?.split(" ")[1]);
  }

  /** Makes the lanes refuse this many requests, with a log line each. */
  async refuse(requests: number): Promise<void> {
    let left = requests;
    const url = `http://127.0.0.1:${this.ports.httpServer}/live/nobody.flv`;
    const ask = async () => {
      while (left-- > 0) {
        // A connection for each, so that all lanes get some.
        const headers = { connection: "close" };
        const answer = await fetch(url, { headers, signal: AbortSignal.timeout(5_000) });
        await answer.body?.cancel();
        assert.equal(answer.status, 503);
      }
    };
    await Promise.all(Array.from({ length: 16 }, ask));
  }

  /** Makes the program log this many lines. */
  async log(lines: number): Promise<void> {
    let left = lines;
    const restart = async () => {
      while (left-- > 0) {
        const pid = String(++this.#restarts);
        const names = { server: LONG_NAME, device_id: LONG_NAME };
        const body = { ip: "127.0.0.1", ...names, service: "s", pid, rtmp: ["127.0.0.1:1"] };
        const request = { method: "POST", body: JSON.stringify(body) };
        const signal = AbortSignal.timeout(5_000);
        const headers = { "content-type": "application/json" };
        const url = this.systemUrl("/api/v1/srs/register");
        await (await fetch(url, { ...request, headers, signal })).text();
      }
    };
    await Promise.all(Array.from({ length: 16 }, restart));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.pipe[Symbol.asyncDispose]();
  }
}

/** Runs a command with its output going to the pipe. */
function run(command: string[], pipe: HeldPipe, variables: Record<string, string>): Child {
  return new Child({
    command: "sh",
    args: ["-c", 'exec "$@" > "$PIPE" 2>&1', "sh", ...command],
    env: { ...variables, NO_COLOR: "1", PIPE: pipe.path },
  });
}

/** Connects and waits for the beginning of the answer to an RTMP handshake. */
async function shakeHands(port: number): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(Uint8Array.of(3, ...new Uint8Array(1536)));
  const answer = new Uint8Array(1);
  await within("an RTMP handshake", 2_000, connection.read(answer));
  assert.equal(answer[0], 3);
}

Deno.test({
  name:
    "a blocked log reader blocks nothing; lost lines are counted and reported, and logging resumes",
  timeout: 120_000,
  async fn() {
    await using proxy = await UnreadProxy.open();
    await proxy.log(LINES);
    const lost = await proxy.lost();
    assert.ok(lost > 500, `${lost} lines are lost`);
    await shakeHands(proxy.ports.rtmp);
    const text = await proxy.pipe.readUntil(/Log lines lost[^\n]*\n/);
    assert.match(text, new RegExp(`ERROR app: Log lines lost.* lines=${lost}\n`));
    assert.match(text, /^RTMP /m, "the first lines are kept");
    await proxy.log(1);
    await proxy.pipe.readUntil(/Origin restarted[^\n]*\n/);
    assert.equal(await proxy.lost(), lost);
    proxy.process.signal("SIGTERM");
    const [, end] = await Promise.all([proxy.pipe.readUntil(/Ended\n/), proxy.process.end(3_000)]);
    assert.deepEqual(end, { code: 0, signal: null });
  },
});

Deno.test({
  name: "with a blocked log reader, SIGTERM ends the program properly, and streams run until then",
  timeout: 120_000,
  async fn() {
    await using proxy = await UnreadProxy.open({ PROXY_GRACE_QUIT_TIMEOUT: "3s" });
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(proxy.rtmpUrl("x"));
    await viewer.moreVideo(5);
    await proxy.log(LINES);
    await viewer.moreVideo(5);
    proxy.process.signal("SIGTERM");
    const signalledAt = performance.now();
    await viewer.moreVideo(10);
    assertContiguous(viewer.video, 101);
    assert.deepEqual(await proxy.process.end(10_000), { code: 0, signal: null });
    const took = performance.now() - signalledAt;
    assert.ok(took > 2_500 && took < 8_000, `it ended after ${Math.round(took)} ms`);
  },
});

Deno.test({
  name: "with a blocked log reader, lanes serve, refuse, fail and are replaced",
  timeout: 120_000,
  async fn() {
    const faults = new Faults();
    const variables = { PROXY_LANES: "2", PROXY_LOG_LEVEL: "debug", ...faults.variables };
    await using proxy = await UnreadProxy.open(variables, proxyCommand(FRAGILE_PROGRAM));
    await using origin = await NginxRtmp.open();
    await proxy.log(LINES);
    await proxy.refuse(1_000);
    for (const fault of ["throw", "reject"] as const) {
      for (const lane of [1, 2]) {
        const failures = await proxy.figure("srs_proxy_lane_failures_total");
        await faults.failLane(lane, fault);
        await until("it have failed", async () => {
          return await proxy.figure("srs_proxy_lane_failures_total") > failures;
        }, { timeout: 3_000 });
        await until("both serve", async () => await proxy.figure("srs_proxy_lanes") === 2);
      }
    }
    for (let time = 0; time < 20; time++) await shakeHands(proxy.ports.rtmp);
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(proxy.rtmpUrl("x"));
    await viewer.moreVideo(10);
    assert.ok(await proxy.lost() > 500);
    await proxy.pipe.readUntil(/Log lines lost[^\n]*\n/);
  },
});

for (const how of ["a second signal", "PROXY_FORCE_QUIT_TIMEOUT"]) {
  Deno.test({
    name: `with a blocked log reader, ${how} ends the program at once`,
    timeout: 120_000,
    async fn() {
      const isForced = how !== "a second signal";
      const force = isForced ? "1s" : "40s";
      const graces = { PROXY_GRACE_QUIT_TIMEOUT: "30s", PROXY_FORCE_QUIT_TIMEOUT: force };
      await using proxy = await UnreadProxy.open(graces);
      await using origin = await NginxRtmp.open();
      await using _registration = await Registration.open([proxy], origin);
      await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
      await proxy.log(LINES);
      proxy.process.signal("SIGTERM");
      await until("the end of the listener", async () => {
        const isShut = (error: unknown) => error instanceof Deno.errors.ConnectionRefused;
        return await Deno.connect({ hostname: "127.0.0.1", port: proxy.ports.rtmp })
          .then((connection) => connection.close(), isShut);
      }, { timeout: 2_000 });
      // One that comes sooner counts as an echo of the first.
      if (!isForced) await pause(300);
      if (!isForced) proxy.process.signal("SIGTERM");
      assert.deepEqual(await proxy.process.end(3_000), { code: 0, signal: null });
    },
  });
}

Deno.test({
  name: "with a blocked log reader, an uncaught error ends the program too",
  timeout: 30_000,
  async fn() {
    await using pipe = await HeldPipe.open();
    const program = `${PROJECT_FOLDER}/tests/support/failing_program.ts`;
    const configuration = `--config=${PROJECT_FOLDER}/deno.json`;
    const command = [Deno.execPath(), "run", "--quiet", configuration, ...PERMISSIONS, program];
    await using process = run(command, pipe, listenVariables(freeProxyPorts()));
    assert.deepEqual(await process.end(20_000), { code: 1, signal: null });
  },
});
