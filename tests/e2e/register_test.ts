// Registration over HTTP, as an origin, a careless administrator and an attacker would try it.

import assert from "node:assert/strict";
import { Publisher, testFile } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Proxy } from "../support/proxy.ts";
import {
  type Heartbeat,
  heartbeatOf,
  registeredOrigins,
  sendHeartbeat,
} from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";

const PATH = "/api/v1/srs/register";
const GOOD: Heartbeat = heartbeatOf({ name: "good", rtmpPort: 19350 }, "first");

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly fields: readonly string[];
}

async function post(
  proxy: Proxy,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
  path = PATH,
): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(proxy.systemUrl(path), {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: text,
  });
  const fields = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  const kept = fields.filter((field) => !field.startsWith("date:"));
  return { status: response.status, body: await response.text(), fields: kept };
}

/**
 * Asserts that an answer is a 4xx whose body reveals neither success nor internals of the program.
 */
function assertRefused(answer: Answer, what: string): void {
  assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status}`);
  assert.notEqual(answer.body, "", what);
  assert.doesNotMatch(answer.body, /"pid"|"code":\s*0|\n\s+at /, what);
}

Deno.test({
  name: "a heartbeat is answered with code 0 and the proxy's pid as a string",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open();
    const answer = await post(proxy, { ...GOOD, an_unknown_key: [1, { two: 3 }] });
    assert.equal(answer.status, 200);
    const body: unknown = JSON.parse(answer.body);
    assert.deepEqual(body, { code: 0, pid: `${proxy.process.pid}` });
  },
});

Deno.test({
  name:
    "a heartbeat that repeats itself is answered alike, and registers an origin that was forgotten",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open();
    const [first, second] = [await post(proxy, GOOD), await post(proxy, GOOD)];
    assert.deepEqual(second, first);
    assert.deepEqual(await registeredOrigins(proxy), [GOOD.server]);
    const url = proxy.systemUrl(`/api/v1/origins/${GOOD.server}`);
    const { status, body } = await fetch(url, { method: "DELETE" });
    await body?.cancel();
    assert.equal(status, 200);
    assert.deepEqual(await registeredOrigins(proxy), []);
    assert.deepEqual(await post(proxy, GOOD), first);
    assert.deepEqual(await registeredOrigins(proxy), [GOOD.server]);
  },
});

Deno.test({
  name: "every form of endpoint that SRS sends is accepted",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open();
    const rtmp = ["19351", "127.0.0.1:1935", "[::]:1935"];
    const udp = ["udp://0.0.0.0:10081", "udp://:10081", "udp://10081", "tcp://0.0.0.0:8000"];
    const answer = await post(proxy, { ...GOOD, rtmp, srt: udp.slice(0, 3), rtc: udp });
    assert.equal(answer.status, 200, answer.body);
  },
});

Deno.test({
  name: "without the token, or with a wrong one, registration is refused with 401",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_REGISTER_TOKEN: "right" });
    const wrong = [{}, { authorization: "Bearer wrong" }, { authorization: "Basic right" }];
    for (const headers of wrong) {
      const answer = await post(proxy, GOOD, headers);
      assert.equal(answer.status, 401);
      assertRefused(answer, JSON.stringify(headers));
    }
    assert.equal((await post(proxy, GOOD, {}, `${PATH}?token=wrong`)).status, 401);
    assert.equal((await post(proxy, GOOD, {}, `${PATH}?token=right`)).status, 200);
    assert.equal((await post(proxy, GOOD, { authorization: "Bearer right" })).status, 200);
  },
});

Deno.test({
  name: "a start without any token logs who has access, one with tokens does not",
  timeout: 60_000,
  async fn() {
    const warning = "Anybody who can reach the System API can register an origin";
    const note = "Only clients on this machine can manage: PROXY_ADMIN_TOKEN is not set";
    await using open = await Proxy.open();
    await open.process.until("both", () => {
      return [warning, note].every((text) => open.process.errorText.includes(text));
    });
    const long = {
      PROXY_HTTP_API_AUTH_ENABLED: "on",
      PROXY_HTTP_API_AUTH_TYPE: "bearer",
      PROXY_HTTP_API_AUTH_TOKEN: "right",
    };
    for (const variables of [{ PROXY_REGISTER_TOKEN: "right" }, long]) {
      await using guarded = await Proxy.open({ ...variables, PROXY_ADMIN_TOKEN: "right" });
      guarded.process.signal("SIGTERM");
      assert.equal((await guarded.process.end()).code, 0);
      const { errorText } = guarded.process;
      assert.ok(![warning, note].some((text) => errorText.includes(text)), errorText);
    }
  },
});

Deno.test({
  name: "the PROXY_HTTP_API_AUTH_* variables guard registration, not the HTTP API",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({
      PROXY_HTTP_API_AUTH_ENABLED: "on",
      PROXY_HTTP_API_AUTH_TYPE: "bearer",
      PROXY_HTTP_API_AUTH_TOKEN: "right",
    });
    const body = JSON.stringify(GOOD);
    const headers = { "content-type": "application/json" };
    const refused = await fetch(proxy.systemUrl(PATH), { method: "POST", headers, body });
    assert.deepEqual([refused.status, refused.headers.get("www-authenticate")], [401, "Bearer"]);
    await refused.body?.cancel();
    // As SRS 8.0.28 sends it.
    assert.equal((await post(proxy, GOOD, { authorization: "Bearer right" })).status, 200);
    const whip = `http://127.0.0.1:${proxy.ports.httpApi}/rtc/v1/whip/?app=live&stream=x`;
    const offer = await fetch(whip, { method: "POST", body: "v=0" });
    await offer.body?.cancel();
    assert.notEqual(offer.status, 401);
  },
});

Deno.test({
  name: "a real SRS registers, with the token in the path if there is one",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    for (
      const [variables, path] of [[{}, PATH], [
        { PROXY_REGISTER_TOKEN: "right" },
        `${PATH}/right`,
      ]] as const
    ) {
      await using proxy = await Proxy.open(variables);
      const heartbeatUrl = proxy.systemUrl(path);
      await using _srs = await Srs.open({ name: "real", heartbeatUrl, rtc: true, srt: true });
      await until(
        "SRS registered",
        async () => (await registeredOrigins(proxy)).length === 1,
      );
    }
  },
});

Deno.test({
  name: "addresses that cannot belong to an origin are refused",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_REGISTER_ALLOW: "" });
    const refused = [
      ...["0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::", "ff02::1"],
      ...["::ffff:0.0.0.0", "::ffff:169.254.169.254", "::ffff:224.0.0.1", "fe80::1"],
      ...["origin.example.com", "localhost", "", "1.2.3", "0x7f.1", "127.0.0.1:80", " 10.0.0.1"],
    ];
    for (const ip of refused) assertRefused(await post(proxy, { ...GOOD, ip }), `ip ${ip}`);
    assert.equal((await post(proxy, { ...GOOD, ip: "10.1.2.3" })).status, 200);
  },
});

Deno.test({
  name: "only addresses within PROXY_REGISTER_ALLOW are accepted, and never the proxy's own",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_REGISTER_ALLOW: "10.0.0.0/8,127.0.0.1" });
    assert.equal((await post(proxy, { ...GOOD, ip: "10.1.2.3" })).status, 200);
    assertRefused(await post(proxy, { ...GOOD, ip: "11.1.2.3" }), "not in the list");
    assert.equal((await post(proxy, GOOD)).status, 200);
    const itself = { ...GOOD, rtmp: [`127.0.0.1:${proxy.ports.rtmp}`] };
    assertRefused(await post(proxy, itself), "the proxy's own listener");
    assertRefused(await post(proxy, { ...GOOD, rtmp: [`${proxy.ports.rtmp}`] }), "its own port");
  },
});

Deno.test({
  name: "bodies of the wrong form or size are refused with only an error",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open();
    const { ip: _ip, ...withoutIp } = GOOD;
    const { rtmp: _rtmp, ...withoutRtmp } = GOOD;
    const bad: unknown[] = [
      ...["", "not json", "{", "[]", "null", "5", '"text"', withoutIp, withoutRtmp],
      ...[{ ...GOOD, rtmp: [] }, { ...GOOD, rtmp: "19350" }, { ...GOOD, rtmp: [19350] }],
      ...["0", "70000", "-1", "port", "", "1.5", "127.0.0.1:0"].map((rtmp) => {
        return { ...GOOD, rtmp: [rtmp] };
      }),
      ...[{ ...GOOD, server: "" }, { ...GOOD, server: 5 }, { ...GOOD, pid: null }],
      ...[{ ...GOOD, ip: 5 }, { ...GOOD, service: {} }, { ...GOOD, srt: ["70000"] }],
      { ...GOOD, rtmp: Array.from({ length: 10_000 }, (_, index) => `${index + 1}`) },
      { ...GOOD, server: "x".repeat(100_000) },
    ];
    for (const body of bad) {
      assertRefused(await post(proxy, body), JSON.stringify(body).slice(0, 100));
    }
    assertRefused(await post(proxy, { ...GOOD, padding: "x".repeat(10_000_000) }), "10 MB");
    assert.equal(await proxy.isReady(), true);
    assert.equal((await post(proxy, GOOD)).status, 200);
  },
});

Deno.test({
  name: "300 origins register at once, one more is refused, and known ones can still register",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_REGISTER_MAX_ORIGINS: "300" });
    const heartbeats = Array.from({ length: 300 }, (_, index) => {
      return heartbeatOf({ name: `origin-${index}`, rtmpPort: 19350 }, "first");
    });
    await Promise.all(heartbeats.map((heartbeat) => sendHeartbeat(proxy, heartbeat)));
    const oneMore = await post(proxy, heartbeatOf({ name: "more", rtmpPort: 19350 }, "first"));
    assert.ok(oneMore.status >= 400, `${oneMore.status}`);
    assert.doesNotMatch(oneMore.body, /"pid"/);
    await sendHeartbeat(proxy, heartbeats[0]!);
    await sendHeartbeat(proxy, { ...heartbeats[1]!, service: "second", pid: "second" });
  },
});

Deno.test({
  name: "a restarted origin replaces itself at once",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using before = await NginxRtmp.open({ name: "before" });
    await using after = await NginxRtmp.open({ name: "after" });
    const first = heartbeatOf({ name: "the-same", rtmpPort: before.rtmpPort }, "first");
    const second = heartbeatOf({ name: "the-same", rtmpPort: after.rtmpPort }, "second");
    await sendHeartbeat(proxy, first);
    await using _one = await Publisher.publish(proxy.rtmpUrl("one"));
    assert.deepEqual(await before.publishedStreams(), ["one"]);
    await sendHeartbeat(proxy, second);
    await using _two = await Publisher.publish(proxy.rtmpUrl("two"));
    await using _three = await Publisher.publish(proxy.rtmpUrl("three"));
    assert.deepEqual((await after.publishedStreams()).sort(), ["three", "two"]);
    assert.deepEqual(await registeredOrigins(proxy), [first.server]);
  },
});

Deno.test({
  name: "an origin without heartbeats is forgotten when its TTL is over, not before",
  timeout: 60_000,
  async fn() {
    await testFile();
    await using proxy = await Proxy.open({ PROXY_ORIGIN_SERVER_TTL: "3s" });
    await using origin = await NginxRtmp.open();
    const heartbeat = heartbeatOf(origin, "first");
    const sentAt = performance.now();
    await sendHeartbeat(proxy, heartbeat);
    assert.deepEqual(await registeredOrigins(proxy), [heartbeat.server]);
    await until("the origin forgotten", async () => (await registeredOrigins(proxy)).length === 0);
    assert.ok(performance.now() - sentAt > 2_900);
    await using publisher = await Publisher.open(proxy.rtmpUrl("x"));
    assert.notEqual((await publisher.end()).code, 0);
    assert.match(publisher.process.errorText, /Server error/);
  },
});

Deno.test({
  name: "the lists show origins and their streams, only to clients with the token",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({
      PROXY_REGISTER_TOKEN: "of-origins",
      PROXY_ADMIN_TOKEN: "right",
    });
    await using origin = await NginxRtmp.open();
    const heartbeat = heartbeatOf(origin, "first");
    await sendHeartbeat(proxy, heartbeat, "of-origins");
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x?token=secret"));
    const origins = await list(proxy, "/api/v1/origins", "right");
    assert.equal(origins.status, 200);
    assert.match(origins.body, new RegExp(`"server":"${heartbeat.server}"`));
    const streams = await list(proxy, "/api/v1/streams", "right");
    assert.match(streams.body, /"stream":"__defaultVhost__\/live\/x"/);
    assert.match(streams.body, new RegExp(`"origin":"${heartbeat.server}"`));
    assert.doesNotMatch(streams.body, /secret/);
    for (const path of ["/api/v1/origins", "/api/v1/streams"]) {
      assert.equal((await list(proxy, path, "wrong")).status, 401);
      assert.equal((await list(proxy, path, "of-origins")).status, 401);
    }
  },
});

async function list(proxy: Proxy, path: string, token: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(proxy.systemUrl(path), { headers });
  return { status: response.status, body: await response.text(), fields: [] };
}

Deno.test({
  name: "the default backend serves streams without any registration",
  timeout: 60_000,
  async fn() {
    await using origin = await NginxRtmp.open();
    await using proxy = await Proxy.open({
      PROXY_DEFAULT_BACKEND_ENABLED: "on",
      PROXY_DEFAULT_BACKEND_IP: "127.0.0.1",
      PROXY_DEFAULT_BACKEND_RTMP: `${origin.rtmpPort}`,
    });
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    assert.deepEqual(await origin.publishedStreams(), ["x"]);
  },
});
