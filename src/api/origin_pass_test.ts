import assert from "node:assert/strict";
import { answersOf, ApiDesk } from "../../tests/support/api_desk.ts";
import { RecordedSrs } from "../../tests/support/recorded_srs.ts";

const ON = { passes: () => true };
const BASE = "/api/v1/origins/vid-one/proxy";

Deno.test("a request to one origin reaches it complete with query and body", async () => {
  const redirect = new Response(null, {
    status: 301,
    headers: { location: "http://10.0.0.9:1985/api/v1/tests/errors?x=1" },
  });
  await using one = new RecordedSrs("vid-one", "one", {
    answers: {
      "/api/v1/raw": '{"code":0,"raw":true}',
      "/api/v1/tests/redirects": redirect,
      "POST /api/v1/any": '{"code":7}',
    },
  });
  await using two = new RecordedSrs("vid-two", "two");
  using desk = new ApiDesk([one, two], ON);
  const raw = await desk.ask(`${BASE}/api/v1/raw?rpc=raw&x=%2f`);
  assert.deepEqual([raw.status, raw.body], [200, { code: 0, raw: true }]);
  const headers = {
    authorization: "Bearer s3cret",
    cookie: "a=b",
    "content-type": "application/json",
  };
  const post = await desk.fetch(`${BASE}/api/v1/any`, { method: "POST", headers, body: "{}" });
  assert.deepEqual(await post.json(), { code: 7 });
  assert.match(post.headers.get("content-security-policy") ?? "", /^sandbox/);
  const moved = await desk.fetch(`${BASE}/api/v1/tests/redirects`, { redirect: "manual" });
  assert.equal(moved.status, 301);
  assert.equal(moved.headers.get("location"), `${BASE}/api/v1/tests/errors?x=1`);
  assert.deepEqual(one.asked, [
    "GET /api/v1/raw?rpc=raw&x=%2f",
    "POST /api/v1/any",
    "GET /api/v1/tests/redirects",
  ]);
  assert.deepEqual([one.bodies[1], one.headers[1]!.get("content-type")], [
    "{}",
    "application/json",
  ]);
  for (const name of ["authorization", "cookie"]) assert.equal(one.headers[1]!.get(name), null);
  assert.deepEqual(two.asked, []);
});

Deno.test("nothing is passed on unless enabled, or to an unknown origin", async () => {
  await using one = new RecordedSrs("vid-one", "one");
  using off = new ApiDesk([one]);
  const refused = await off.ask(`${BASE}/api/v1/raw?rpc=reload`);
  assert.equal(refused.status, 403);
  assert.match(refused.body.data, /PROXY_API_PASS/);
  using on = new ApiDesk([one], ON);
  assert.equal((await on.ask("/api/v1/origins/other/proxy/api/v1/raw")).status, 404);
  for (const path of ["/api/v1/origins/vid-one/proxy", "/api/v1/origins/vid-one"]) {
    assert.equal((await on.ask(path)).status, 404);
  }
  assert.deepEqual(one.asked, []);
});

Deno.test("a page of another site reloads no origin, not even by GET", async () => {
  await using one = new RecordedSrs("vid-one", "one");
  using desk = new ApiDesk([one], ON);
  const foreign = [
    { "accept-language": "en" },
    { "accept-language": "en", referer: "https://evil.example/" },
    { "sec-fetch-site": "cross-site" },
  ];
  for (const headers of foreign) {
    const { status } = await desk.ask(`${BASE}/api/v1/raw?rpc=reload`, {
      headers: { host: "127.0.0.1:11985", ...headers },
    });
    assert.equal(status, 403);
  }
  assert.deepEqual(one.asked, []);
  const own = { host: "127.0.0.1:11985", "sec-fetch-site": "same-origin" };
  assert.equal((await desk.ask(`${BASE}/api/v1/versions`, { headers: own })).status, 200);
});

Deno.test("a body that is too large is refused, a broken answer is the origin's fault", async () => {
  await using one = new RecordedSrs("vid-one", "one");
  const { status } = one;
  using desk = new ApiDesk([one], ON);
  const large = await desk.ask(`${BASE}/x`, { method: "POST", body: "x".repeat(70_000) });
  assert.equal(large.status, 413);
  await one[Symbol.asyncDispose]();
  const dead = Object.assign(Object.create(null), { status }) as RecordedSrs;
  using other = new ApiDesk([dead], ON);
  const answer = await other.ask(`${BASE}/x`);
  assert.equal(answer.status, 502);
  assert.doesNotMatch(JSON.stringify(answer.body), /127\.0\.0\.1/);
});

Deno.test("origins that require a password get the configured one", async () => {
  await using one = new RecordedSrs("vid-one", "one");
  using answers = answersOf([one], { credentials: "user:päss:word" });
  using desk = new ApiDesk([one], { answers });
  await desk.ask("/api/v1/streams");
  const header = one.headers[0]!.get("authorization") ?? "";
  const bytes = Uint8Array.from(atob(header.slice("Basic ".length)), (c) => c.charCodeAt(0));
  assert.equal(new TextDecoder().decode(bytes), "user:päss:word");
  assert.equal(one.headers[0]!.get("user-agent"), "proxy/1.2.3");
});
