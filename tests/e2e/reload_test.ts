// SIGHUP: the file of variables is read again, what can change does, and streams are not affected.

import assert from "node:assert/strict";
import { makeCertificates, tlsArguments } from "../support/certificates.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { fetchText } from "../support/origin_server.ts";
import { heartbeatOf, registeredOrigins, sendHeartbeat } from "../support/register.ts";
import { Service } from "../support/service.ts";
import { freePort } from "../support/ports.ts";
import { RedisServer } from "../support/redis_server.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until, within } from "../support/wait.ts";

const HEARTBEAT = heartbeatOf({ name: "o", rtmpPort: 1 }, "1");

/** Changes a service's file and makes it reload. */
async function reload(service: Service, file: string, lines: readonly string[]) {
  await Deno.writeTextFile(file, lines.join("\n"));
  service.process.signal("SIGHUP");
  return await service.reloaded();
}

async function lifeOf(service: Service, token: string): Promise<number> {
  await sendHeartbeat(service, HEARTBEAT, token);
  const url = service.systemUrl(`/api/v1/origins?token=${token}`);
  const { origins } = JSON.parse(await fetchText(url));
  const found = origins.find(({ server }: { server: string }) => server === "vid-o");
  return found.expires_in_ms / 1_000;
}

Deno.test({
  name: "SIGHUP applies tokens, limits, TTL, default backend and log level; streams continue",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = new TempFolder();
    const file = folder.file("env");
    await using origin = await NginxRtmp.open();
    const backend = [
      "PROXY_DEFAULT_BACKEND_ENABLED=on",
      `PROXY_DEFAULT_BACKEND_RTMP=${origin.rtmpPort}`,
    ];
    await Deno.writeTextFile(file, "PROXY_REGISTER_TOKEN=old\nPROXY_ORIGIN_SERVER_TTL=60s");
    // As with systemd, which reads the file too: variables from the file still follow it.
    const variables = { PROXY_ENV_FILE: file, PROXY_REGISTER_TOKEN: "old" };
    await using service = Service.start({ variables });
    await service.notice("READY");
    assert.ok(await lifeOf(service, "old") <= 60.1);
    await assert.rejects(sendHeartbeat(service, HEARTBEAT, "new"), /401/);

    const good = [
      "PROXY_REGISTER_TOKEN=new",
      "PROXY_ORIGIN_SERVER_TTL=600s",
      "PROXY_LOG_LEVEL=debug",
      ...backend,
    ];
    await reload(service, file, good);
    await assert.rejects(sendHeartbeat(service, HEARTBEAT, "old"), /401/);
    assert.ok(await lifeOf(service, "new") > 500);
    assert.deepEqual((await registeredOrigins(service)).toSorted(), [
      "default-backend",
      "vid-o",
    ]);

    // The backend serves at once, and its streams survive everything that follows.
    const url = `rtmp://127.0.0.1:${service.ports.rtmp}/live/x`;
    await reload(service, file, [...good, "PROXY_ORIGIN_SERVER_TTL=1s"]);
    await sendHeartbeat(service, HEARTBEAT, "new");
    await until("the origin gone", async () => {
      return (await registeredOrigins(service)).length === 1;
    });
    await using publisher = await Publisher.publish(url);
    await using viewer = new Viewer(url);
    await viewer.moreVideo(5);

    // Invalid values change nothing and are reported.
    const bad = [...good, "PROXY_REGISTER_TOKEN=newer", "PROXY_MAX_CONNECTIONS=many", "PROXY_"];
    const { STATUS } = await reload(service, file, bad);
    assert.match(STATUS!, /old configuration is kept: .*line 8.*PROXY_MAX_CONNECTIONS: Cannot/);
    assert.match(service.process.errorText, /Cannot reload.*PROXY_MAX_CONNECTIONS/);
    await sendHeartbeat(service, HEARTBEAT, "new");
    await assert.rejects(sendHeartbeat(service, HEARTBEAT, "newer"), /401/);

    // A limit below the current number refuses only new clients; the number of streams does not
    // change, and this is reported.
    await reload(service, file, [...good, "PROXY_MAX_CONNECTIONS=2", "PROXY_MAX_STREAMS=7"]);
    await until(
      "the warning",
      () => /only at the next start.*PROXY_MAX_STREAMS/.test(log(service)),
    );
    await using refused = new Viewer(url);
    await refused.process.end();
    assert.deepEqual(refused.video, []);

    // Without a backend the running stream continues. The backend is listed until the stream ends.
    await reload(service, file, ["PROXY_REGISTER_TOKEN=new"]);
    await until("no backend", async () => {
      const { origins } = JSON.parse(await fetchText(service.systemUrl("/api/v1/origins")));
      return origins.every(({ state }: { state: string }) => state === "expired");
    }, { describe: () => log(service) });
    await viewer.moreVideo(10);
    assert.ok(publisher.process.running);
    assertContiguous(viewer.video, 101);
    assert.doesNotMatch(log(service), /=old|=newer?\b/, "secrets are not logged");
  },
});

Deno.test({
  name: "a burst of SIGHUPs, one before the ports are bound: the last state of the file applies",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = new TempFolder();
    const file = folder.file("env");
    await Deno.writeTextFile(file, "PROXY_REGISTER_TOKEN=t0");
    using redis = new SilentRedis();
    const variables = { ...redis.variables, PROXY_ENV_FILE: file };
    await using service = Service.start({ variables });
    await redis.called();
    await Deno.writeTextFile(file, "PROXY_REGISTER_TOKEN=early");
    service.process.signal("SIGHUP");
    await service.reloaded();
    await sendHeartbeat(service, HEARTBEAT, "early");
    for (let count = 1; count <= 20; count++) {
      await Deno.writeTextFile(file, `PROXY_REGISTER_TOKEN=t${count}`);
      service.process.signal("SIGHUP");
    }
    const isTaken = async () => {
      try {
        await sendHeartbeat(service, HEARTBEAT, "t20");
        return true;
      } catch {
        return false;
      }
    };
    await until("the last token", isTaken);
    assert.ok(service.process.running);
  },
});

Deno.test({
  name:
    "what cannot be applied changes nothing; what waits for the next start has no effect before",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = new TempFolder();
    const file = folder.file("env");
    const full = ["PROXY_REGISTER_MAX_ORIGINS=1", "PROXY_REGISTER_TOKEN=old"];
    await Deno.writeTextFile(file, full.join("\n"));
    await using service = Service.start({ variables: { PROXY_ENV_FILE: file } });
    await service.notice("READY");
    await sendHeartbeat(service, HEARTBEAT, "old");

    const backend = ["PROXY_REGISTER_TOKEN=new", "PROXY_DEFAULT_BACKEND_ENABLED=on"];
    const refused = await reload(service, file, backend);
    assert.match(refused.STATUS!, /kept: Cannot register another origin/);
    await sendHeartbeat(service, HEARTBEAT, "old");

    // Once there is room the backend has its current name, whatever the next start brings.
    await reload(service, file, ["PROXY_REGISTER_TOKEN=old", "PROXY_ORIGIN_SERVER_TTL=1ms"]);
    await sendHeartbeat(service, HEARTBEAT, "old");
    await until("room for the backend", async () => {
      const next = [...backend, "PROXY_LOAD_BALANCER_TYPE=redis"];
      return !/kept/.test((await reload(service, file, next)).STATUS!);
    });
    assert.deepEqual(await registeredOrigins(service), ["default-backend"]);

    // A missing file is not an empty one: otherwise its token would be dropped.
    await Deno.remove(file);
    service.process.signal("SIGHUP");
    assert.match((await service.reloaded()).STATUS!, /kept: .*Cannot read the file: it is gone/);
    await assert.rejects(sendHeartbeat(service, HEARTBEAT), /401/);
  },
});

Deno.test({
  name: "SIGTERM before the ports are bound ends the process as soon as they are",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using redis = new SilentRedis();
    await using service = Service.start({ variables: redis.variables });
    await redis.called();
    service.process.signal("SIGTERM");
    assert.deepEqual(await service.process.end(), { code: 0, signal: null });
  },
});

Deno.test({
  name:
    "SIGHUP reads certificates again: a proxy can connect to Redis once it trusts its authority",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = new TempFolder();
    await using strange = new TempFolder();
    await makeCertificates(strange);
    const ca = await makeCertificates(folder);
    const port = freePort();
    await using _redis = await RedisServer.open({
      port,
      access: { database: 0, tls: { ca } },
      args: tlsArguments(folder, port),
    });
    await using service = Service.start({
      variables: {
        PROXY_LOAD_BALANCER_TYPE: "redis",
        PROXY_REDIS_URL: `rediss://127.0.0.1:${port}`,
        PROXY_REDIS_TLS_CA: strange.file("ca.pem"),
      },
    });
    await service.notice("READY");
    const isDegraded = async () => /degraded/.test(await fetchText(service.systemUrl("/readyz")));
    assert.ok(await isDegraded());
    await Deno.remove(strange.file("ca.pem"));
    service.process.signal("SIGHUP");
    assert.match((await service.reloaded()).STATUS!, /kept: Cannot read .*ca\.pem/);
    await Deno.writeTextFile(strange.file("ca.pem"), ca);
    service.process.signal("SIGHUP");
    await service.reloaded();
    await until("Redis let it in", async () => !(await isDegraded()));
  },
});

/** Accepts connections and never answers, so that a proxy's start waits for it. */
class SilentRedis implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #taken: Deno.Conn[] = [];
  readonly #first = Promise.withResolvers<void>();

  constructor() {
    this.#take().catch((error) => {
      if (!(error instanceof Deno.errors.BadResource)) this.#first.reject(error);
    });
  }

  get variables() {
    const { port } = this.#listener.addr as Deno.NetAddr;
    return { PROXY_LOAD_BALANCER_TYPE: "redis", PROXY_REDIS_PORT: String(port) };
  }

  /** Resolves once a proxy has connected. */
  called(): Promise<void> {
    return within("a call", 20_000, this.#first.promise);
  }

  async #take(): Promise<void> {
    for (;;) {
      this.#taken.push(await this.#listener.accept());
      this.#first.resolve();
    }
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const conn of this.#taken) conn.close();
  }
}

function log(service: Service): string {
  return service.process.errorText;
}
