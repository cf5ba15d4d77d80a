import assert from "node:assert/strict";
import type { MediaTarget } from "../../core/media_target.ts";
import { parseCidr } from "../../core/cidr.ts";
import { ProxyError } from "../../core/errors.ts";
import { ANSWERS, CHROMIUM_OFFER, SRS_ANSWER } from "../../../tests/support/cases/rtc_sdp_cases.ts";
import { decodeSessionTag } from "../../protocol/rtc/session_tag.ts";
import { type Answer, HttpOrigin, says } from "../../../tests/support/http_origin.ts";
import { SignalingWorld } from "../../../tests/support/signaling_world.ts";
import { until } from "../../../tests/support/wait.ts";

const USER = "yrg28861:iBXi";
const PASSWORD = "v9e94624n60285n163d67x50t1a65536";
const SRS_LOCATION =
  `/rtc/v1/whip/?action=delete&token=e64351a2a&app=live&stream=show&session=${USER}`;
const WHIP = "/rtc/v1/whip/?app=live&stream=show";

/** Answers by method; DELETE is granted unless given. */
function byMethod(answers: Readonly<Record<string, Answer>>): Answer {
  const all = { DELETE: says("200 OK"), ...answers };
  return (exchange) => {
    return all[exchange.request.method as "DELETE"](exchange);
  };
}

const ACCEPTS = says(
  "201 Created",
  SRS_ANSWER,
  "Content-Type: application/sdp",
  `Location: ${SRS_LOCATION}`,
  'ETag: "e1"',
  'Link: <stun:stun.example>; rel="ice-server"',
  "Access-Control-Allow-Origin: http://origin.example",
);

function offer(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = { "content-type": "application/sdp", ...init.headers };
  return fetch(url, { method: "POST", body: CHROMIUM_OFFER, ...init, headers });
}

/** Returns the status of a response, after checking that its body names no address. */
async function statusOf(response: Response): Promise<number> {
  assert.doesNotMatch(await response.text(), /127\.0\.0\.1/);
  return response.status;
}

Deno.test("an offer reaches the origin unchanged, and the answer leads to the proxy", async () => {
  await using origin = new HttpOrigin(() => byMethod({ POST: ACCEPTS }));
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort], [8000]);
  const response = await offer(world.url(`${WHIP}&token=a%20b`), {
    headers: { authorization: "Bearer hook-token", "x-forwarded-for": "6.6.6.6" },
  });
  assert.equal(response.status, 201);
  assert.equal(await response.text(), ANSWERS["SRS with its own address"]!.rewritten);
  assert.equal(response.headers.get("content-type"), "application/sdp");
  assert.equal(response.headers.get("etag"), '"e1"');
  assert.match(response.headers.get("link") ?? "", /ice-server/);
  assert.equal(response.headers.get("access-control-allow-origin"), "*");

  const [seen] = origin.requests;
  assert.equal(seen!.start, `POST ${WHIP}&token=a%20b HTTP/1.1`);
  assert.equal(seen!.body, CHROMIUM_OFFER);
  assert.equal(origin.field("host"), `127.0.0.1:${world.port}`);
  assert.equal(origin.field("authorization"), "Bearer hook-token");
  assert.equal(origin.field("content-type"), "application/sdp");
  assert.equal(
    origin.field("x-forwarded-for"),
    "127.0.0.1",
    "an untrusted peer's claim is not believed",
  );

  const session = {
    user: USER,
    password: PASSWORD,
    stream: "__defaultVhost__/live/show",
    intent: "publish",
    origin: "vid-1",
    media: { host: "127.0.0.1", port: 8000 },
  };
  assert.deepEqual(world.media.opened, [session]);
  assert.deepEqual(await world.record(USER), session);
  assert.deepEqual(await world.streams(), ["__defaultVhost__/live/show"]);
  const counted = 'srs_proxy_rtc_requests_total{kind="whip",status="2xx"}';
  assert.equal(await world.metric(counted), 1);
});

Deno.test("a session's URL finds its origin from any proxy, and ends it", async () => {
  await using other = new HttpOrigin(() => says("500 Wrong"));
  await using origin = new HttpOrigin(() => byMethod({ POST: ACCEPTS }));
  await using world = await SignalingWorld.open();
  const shared = { resolver: world.registry, rtcSessions: world.registry };
  await using second = await SignalingWorld.open(shared);
  await world.addOrigin("vid-1", [origin.httpPort]);
  const response = await offer(world.url(WHIP));
  await response.body?.cancel();
  await world.addOrigin("vid-2", [other.httpPort]);
  const location = response.headers.get("location") ?? "";
  const [own, tag = ""] = location.split("&spbsid=");
  assert.equal(own, SRS_LOCATION);
  assert.equal(decodeSessionTag(tag)?.user, USER);

  const options = await fetch(second.url(location), { method: "OPTIONS" });
  assert.equal(options.headers.get("accept-patch"), "application/trickle-ice-sdpfrag");
  for (const method of ["GET", "PUT", "POST"]) {
    const refused = await fetch(second.url(location), { method });
    assert.equal(await statusOf(refused), 405);
    assert.equal(refused.headers.get("allow"), "DELETE, PATCH, OPTIONS");
  }
  assert.equal(origin.requests.length, 1);

  const headers = { "if-match": '"e1"', authorization: "Bearer x" };
  const deleted = await fetch(second.url(location), { method: "DELETE", headers });
  assert.equal(await statusOf(deleted), 200);
  assert.equal(origin.requests.at(-1)!.start, `DELETE ${SRS_LOCATION} HTTP/1.1`);
  assert.equal(origin.field("if-match"), '"e1"');
  assert.equal(origin.field("authorization"), "Bearer x");
  assert.deepEqual(second.media.ended, [[USER, "deleted"]]);
  assert.equal(await world.record(USER), undefined);
  assert.equal(other.requests.length, 0);

  assert.equal(await statusOf(await fetch(world.url(location), { method: "DELETE" })), 200);
  assert.deepEqual(
    world.media.ended,
    [],
    "the session is no longer known, so the origin decides",
  );
});

Deno.test("a request that the origin refuses is refused, and the session continues", async () => {
  await using origin = new HttpOrigin(() =>
    byMethod({
      POST: ACCEPTS,
      DELETE: says("412 Precondition Failed", "no"),
      PATCH: says("428 Precondition Required"),
    })
  );
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const accepted = await offer(world.url(WHIP));
  await accepted.body?.cancel();
  const url = world.url(accepted.headers.get("location")!);
  const refused = await fetch(url, { method: "DELETE" });
  assert.deepEqual([refused.status, await refused.text()], [412, "no"]);
  const headers = { "content-type": "application/trickle-ice-sdpfrag" };
  const patched = await fetch(url, { method: "PATCH", headers, body: "a=mid:0\r\n" });
  assert.equal(await statusOf(patched), 428);
  assert.deepEqual(world.media.ended, []);
  assert.ok(await world.record(USER));
});

Deno.test("the older pair's JSON is passed on unchanged except for the answer's addresses", async () => {
  const body = `{ "code":0, "server":"vid-1","big":123456789012345678901,"sdp":${
    JSON.stringify(SRS_ANSWER)
  } ,"sessionid":"${USER}"}\n`;
  await using origin = new HttpOrigin(() => says("200 OK", body, "Content-Type: application/json"));
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort], [8000]);
  const streamurl = `webrtc://127.0.0.1:${world.port}/live/show?token=x`;
  const sent = JSON.stringify({ api: "x", clientip: null, sdp: CHROMIUM_OFFER, streamurl });
  for (const [path, intent] of [["/rtc/v1/play/", "play"], ["/rtc/v1/publish", "publish"]]) {
    const response = await fetch(world.url(path!), { method: "POST", body: sent });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("location"), null);
    const rewritten = ANSWERS["SRS with its own address"]!.rewritten;
    assert.equal(
      await response.text(),
      body.replace(JSON.stringify(SRS_ANSWER), JSON.stringify(rewritten)),
    );
    assert.equal(origin.requests.at(-1)!.body, sent);
    assert.match(origin.requests.at(-1)!.start, /^POST \/rtc\/v1\/(?:play|publish)\/ /);
    const { stream, intent: meant } = world.media.opened.at(-1)!;
    assert.deepEqual([stream, meant], ["__defaultVhost__/live/show", intent]);
  }
});

Deno.test("an origin's refusal is passed on unchanged", async () => {
  const cases: [status: string, body: string, path: string, ...lines: string[]][] = [
    ["401 Unauthorized", "who are you", WHIP, 'WWW-Authenticate: Bearer realm="x"'],
    ["404 Not Found", '{"code":404}', WHIP],
    ["409 Conflict", "busy", WHIP],
    ["200 OK", '{"code":400}', WHIP, "Content-Type: application/json"],
    ["307 Temporary Redirect", "", WHIP, "Location: http://other.example/rtc/v1/whip/?x=1"],
  ];
  for (const [status, body, path, ...lines] of cases) {
    await using origin = new HttpOrigin(() => says(status, body, ...lines));
    await using world = await SignalingWorld.open();
    await world.addOrigin("vid-1", [origin.httpPort]);
    const response = await offer(world.url(path), { redirect: "manual" });
    assert.deepEqual([response.status, await response.text()], [parseInt(status), body]);
    for (const line of lines) {
      const [name = "", value] = line.split(": ");
      assert.equal(response.headers.get(name), value);
    }
    assert.deepEqual(world.media.opened, []);
    assert.deepEqual(await world.streams(), [], "no stream is claimed");
  }
});

Deno.test("a refusal in JSON is passed on unchanged", async () => {
  await using origin = new HttpOrigin(() => says("200 OK", '{"code":400}'));
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const body = JSON.stringify({ sdp: CHROMIUM_OFFER, streamurl: "webrtc://127.0.0.1/live/show" });
  const response = await fetch(world.url("/rtc/v1/publish/"), { method: "POST", body });
  assert.deepEqual([response.status, await response.text()], [200, '{"code":400}']);
  assert.deepEqual(world.media.opened, []);
});

Deno.test("a redirect to the origin's own address leads to the proxy", async () => {
  let port = 0;
  await using origin = new HttpOrigin(() =>
    says("307 Elsewhere", "", `Location: http://127.0.0.1:${port}/rtc/v1/whip/?x=1`)
  );
  port = origin.httpPort;
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const response = await offer(world.url(WHIP), { redirect: "manual" });
  assert.equal(response.headers.get("location"), "/rtc/v1/whip/?x=1");
  await response.body?.cancel();
});

Deno.test("an unreachable origin is skipped within one request", async () => {
  await using origin = new HttpOrigin(() => ACCEPTS);
  using closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = closed.addr as Deno.NetAddr;
  closed.close();
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [port]);
  assert.equal(await statusOf(await offer(world.url(WHIP))), 502);
  await world.addOrigin("vid-2", [origin.httpPort]);
  for (const path of [WHIP, "/rtc/v1/whep/?app=live&stream=show"]) {
    const response = await offer(world.url(path));
    assert.equal(response.status, 201);
    await response.body?.cancel();
  }
  assert.deepEqual(world.media.opened.map((session) => session.origin), ["vid-2", "vid-2"]);
  assert.deepEqual(world.media.opened.map(({ intent }) => intent), ["publish", "play"]);
});

Deno.test("clients are told the configured addresses, else what they ask for", async () => {
  await using origin = new HttpOrigin(() => ACCEPTS);
  const candidates = [{ host: "203.0.113.7" }, { host: "localhost", port: 443 }];
  const cases = [
    { candidates: [], query: "&eip=203.0.113.9", told: ["203.0.113.9 18000"] },
    { candidates: [], query: "&eip=203.0.113.9%3A777", told: ["203.0.113.9 777"] },
    { candidates: [], query: "&candidate=[2001:db8::9]:777", told: ["2001:db8::9 777"] },
    { candidates: [], query: "", told: ["10.0.0.5 18000"] },
    {
      candidates,
      query: "&eip=203.0.113.9",
      told: ["203.0.113.7 18000", "127.0.0.1 443"],
    },
  ];
  for (const { candidates, query, told } of cases) {
    await using world = await SignalingWorld.open({ candidates: () => candidates });
    await world.addOrigin("vid-1", [origin.httpPort]);
    const answer = await (await offer(world.url(WHIP + query))).text();
    const found = [...answer.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+ \d+) /gm)]
      .map((match) => match[1]!.replace("::1", "127.0.0.1"));
    assert.deepEqual([...new Set(found)], told, query);
  }
});

Deno.test("media over TCP is advertised at the same addresses, or at its own after a reload", async () => {
  await using origin = new HttpOrigin(() => ACCEPTS);
  const [none, own] = [[], [{ host: "198.51.100.1", port: 8443 }, { host: "198.51.100.2" }]];
  let [candidates, tcpCandidates]: MediaTarget[][] = [[], []];
  await using world = await SignalingWorld.open({
    candidates: () => candidates!,
    overTcp: { port: 443, candidates: () => tcpCandidates! },
  });
  await world.addOrigin("vid-1", [origin.httpPort]);
  const cases = [
    { udp: none, tcp: none, query: "", told: ["10.0.0.5 443"] },
    { udp: none, tcp: none, query: "&eip=203.0.113.9%3A777", told: ["203.0.113.9 443"] },
    { udp: [{ host: "203.0.113.7", port: 5 }], tcp: none, query: "", told: ["203.0.113.7 443"] },
    { udp: none, tcp: own, query: "", told: ["198.51.100.1 8443", "198.51.100.2 443"] },
  ];
  for (const { udp, tcp, query, told } of cases) {
    [candidates, tcpCandidates] = [udp, tcp];
    const answer = await (await offer(world.url(WHIP + query))).text();
    const found = answer.matchAll(
      /^a=candidate:\S+ 1 tcp \d+ (\S+ \d+) typ host tcptype passive\r$/gm,
    );
    assert.deepEqual([...new Set(Array.from(found, (match) => match[1]!))], told);
  }
});

Deno.test("trusted load balancers tell the client's address", async () => {
  await using origin = new HttpOrigin(() => ACCEPTS);
  await using world = await SignalingWorld.open({
    trustedProxies: () => [parseCidr("127.0.0.0/8")],
  });
  await world.addOrigin("vid-1", [origin.httpPort]);
  const headers = { "x-forwarded-for": "198.51.100.9", "x-forwarded-proto": "https" };
  await (await offer(world.url(WHIP), { headers })).body?.cancel();
  assert.equal(origin.field("x-forwarded-for"), "198.51.100.9, 127.0.0.1");
  assert.equal(origin.field("x-forwarded-proto"), "https");
  assert.equal(origin.field("x-real-ip"), "198.51.100.9");
});

Deno.test("a draining proxy accepts no new session and still ends old ones", async () => {
  await using origin = new HttpOrigin(() => byMethod({ POST: ACCEPTS }));
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const accepted = await offer(world.url(WHIP));
  await accepted.body?.cancel();
  world.isDraining = true;
  const refused = await offer(world.url(WHIP));
  assert.equal(await statusOf(refused), 503);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  const url = world.url(accepted.headers.get("location")!);
  assert.equal(await statusOf(await fetch(url, { method: "DELETE" })), 200);
  assert.deepEqual(world.media.ended, [[USER, "deleted"]]);
});

Deno.test("sessions work while the registry is unavailable", async () => {
  await using origin = new HttpOrigin(() => byMethod({ POST: ACCEPTS }));
  const down = () => Promise.reject(new ProxyError("registry_unavailable", "Redis is down"));
  const rtcSessions = { putSession: down, session: down, endSession: down, holdStream: down };
  await using world = await SignalingWorld.open({ rtcSessions });
  await world.addOrigin("vid-1", [origin.httpPort]);
  const accepted = await offer(world.url(WHIP));
  assert.equal(accepted.status, 201);
  await accepted.body?.cancel();
  assert.equal(world.media.opened.length, 1);
  assert.equal(await world.metric("srs_proxy_rtc_registry_errors_total"), 1);
  const url = world.url(accepted.headers.get("location")!);
  assert.equal(await statusOf(await fetch(url, { method: "DELETE" })), 200);
  assert.match(origin.requests.at(-1)!.start, /^DELETE /);
});

Deno.test("a client that leaves before the origin has answered opens no session", async () => {
  const asked = Promise.withResolvers<void>();
  await using origin = new HttpOrigin(() => () => asked.resolve());
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const leave = new AbortController();
  const waiting = offer(world.url(WHIP), { signal: leave.signal });
  await asked.promise;
  leave.abort();
  await assert.rejects(waiting);
  const counted = 'srs_proxy_rtc_refused_total{reason="client_gone"}';
  await until("it be noticed", async () => await world.metric(counted) === 1);
  await until("the origin be left", () => origin.connections === 0);
  assert.deepEqual(world.media.opened, []);
});

Deno.test("a session that the origin created for a client that has left is deleted there", async () => {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  await using origin = new HttpOrigin(() =>
    byMethod({
      POST: async (exchange) => {
        asked.resolve();
        await answered.promise;
        await ACCEPTS(exchange);
      },
    })
  );
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const leave = new AbortController();
  const waiting = offer(world.url(WHIP), { signal: leave.signal });
  await asked.promise;
  leave.abort();
  await assert.rejects(waiting);
  // By then the proxy has noticed, and another byte would come too late.
  await new Promise((resolve) => setTimeout(resolve, 100));
  answered.resolve();
  await until("the origin be told", () => origin.requests.length === 2);
  assert.equal(origin.requests[1]!.start, `DELETE ${SRS_LOCATION} HTTP/1.1`);
  assert.deepEqual(world.media.opened, []);
  assert.deepEqual(await world.streams(), []);
});
