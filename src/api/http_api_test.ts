import assert from "node:assert/strict";
import { answersOf, apiDependencies } from "../../tests/support/api_desk.ts";
import { managementWith } from "../../tests/support/system_desk.ts";
import { systemClock } from "../core/clock.ts";
import { httpApi, type HttpApiDependencies } from "./http_api.ts";

const PEER = { host: "203.0.113.7", port: 4711 };
const NUMBERS = { major: 1, minor: 2, revision: 3, version: "1.2.3" };
const ABOUT = {
  signature: "srs-proxy",
  version: "1.2.3",
  numbers: NUMBERS,
  service: "s7",
  pid: "1",
};

type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** An API whose signalling handler answers with who has asked for what. */
function apiWith(options: Partial<HttpApiDependencies> = {}): Ask {
  const { handle } = httpApi(apiDependencies({
    about: ABOUT,
    answers: answersOf([]),
    management: managementWith({ clock: systemClock, access: () => ({ token: "admin" }) }),
    corsOrigins: () => [],
    signal: (request, peer) => {
      if (request.url.endsWith("/broken/")) throw new Error("10.0.0.5 is broken");
      const said = `${request.method} ${new URL(request.url).pathname} ${peer.host}`;
      return Promise.resolve(new Response(said, { status: 201, headers: { vary: "Accept" } }));
    },
    ...options,
  }));
  return async (path, init) => await handle(new Request(`http://proxy:11985${path}`, init), PEER);
}

Deno.test("everything about WebRTC is passed to signalling", async () => {
  const ask = apiWith();
  for (const method of ["POST", "PATCH", "DELETE", "OPTIONS", "GET", "PUT"]) {
    const response = await ask("/rtc/v1/whip/?x=1", { method });
    assert.equal(response.status, 201);
    assert.equal(await response.text(), `${method} /rtc/v1/whip/ 203.0.113.7`);
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    const exposed = response.headers.get("access-control-expose-headers") ?? "";
    for (const name of ["Location", "ETag", "Link", "Accept-Patch"]) {
      assert.ok(exposed.includes(name));
    }
    assert.match(response.headers.get("access-control-allow-methods") ?? "", /PATCH, DELETE/);
    assert.match(response.headers.get("access-control-allow-headers") ?? "", /Authorization/);
  }
});

Deno.test("the version is shown, and unknown paths are refused", async () => {
  const ask = apiWith();
  const versions = await ask("/api/v1/versions");
  assert.equal(versions.status, 200);
  assert.equal((await versions.json()).data.version, "1.2.3");
  const posted = await ask("/api/v1/versions", { method: "POST" });
  assert.deepEqual([posted.status, (await posted.json()).code], [200, 0]);
  const missing = await ask("/nowhere");
  assert.deepEqual([missing.status, await missing.json()], [404, { code: 404, data: "Not found" }]);
  assert.equal(missing.headers.get("access-control-allow-origin"), "*");
  const options = await ask("/api/v1/versions", { method: "OPTIONS" });
  assert.deepEqual([options.status, await options.text()], [204, ""]);
});

Deno.test("an internal error reveals nothing to the client", async () => {
  const response = await apiWith()("/rtc/v1/broken/", { method: "POST" });
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /10\.0/);
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
});

Deno.test("a token is required, but not for preflight requests", async () => {
  const ask = apiWith({ access: () => ({ token: "s3cret" }) });
  for (const path of ["/rtc/v1/whip/", "/api/v1/versions", "/nowhere"]) {
    for (const authorization of ["", "Bearer wrong", "Basic czNjcmV0", "s3cret"]) {
      const response = await ask(path, { headers: { authorization } });
      assert.equal(response.status, 401, path);
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      assert.equal((await response.json()).code, 401);
      assert.equal(response.headers.get("access-control-allow-origin"), "*", "pages see why");
    }
  }
  assert.equal((await ask("/rtc/v1/whip/?token=s3cret")).status, 401, "the query is the origin's");
  assert.equal((await ask("/rtc/v1/whip/", { method: "OPTIONS" })).status, 201);
  const headers = { authorization: "Bearer s3cret" };
  assert.equal((await ask("/rtc/v1/whip/", { method: "POST", headers })).status, 201);
});

Deno.test("only listed web sites may read", async () => {
  const ask = apiWith({ corsOrigins: () => ["https://tv.example"] });
  const allowed = await ask("/rtc/v1/whip/", { headers: { origin: "https://tv.example" } });
  assert.equal(allowed.headers.get("access-control-allow-origin"), "https://tv.example");
  assert.equal(allowed.headers.get("vary"), "Accept, Origin");
  const other = await ask("/rtc/v1/whip/", { headers: { origin: "https://other.example" } });
  assert.equal(other.headers.get("access-control-allow-origin"), null);
  assert.equal(other.headers.get("vary"), "Accept, Origin");
});

Deno.test("with a list, a page of another site cannot publish, whether or not it can read the answer", async () => {
  const ask = apiWith({ corsOrigins: () => ["https://tv.example"] });
  const statusFrom = async (origin: string | undefined, method: string) => {
    const headers = { host: "proxy:11985", ...(origin === undefined ? {} : { origin }) };
    return (await ask("/rtc/v1/publish/", { method, headers })).status;
  };
  for (const method of ["POST", "DELETE", "PATCH"]) {
    assert.equal(await statusFrom("https://other.example", method), 403);
    assert.equal(await statusFrom("null", method), 403);
    assert.equal(await statusFrom("https://tv.example", method), 201);
    assert.equal(await statusFrom("http://proxy:11985", method), 201);
    assert.equal(await statusFrom(undefined, method), 201);
  }
  const all = apiWith();
  const headers = { origin: "https://any.example" };
  assert.equal((await all("/rtc/v1/publish/", { method: "POST", headers })).status, 201);
});

Deno.test("managing requires the administrator's token, and other sites cannot read it", async () => {
  const ask = apiWith({ access: () => ({ token: "s3cret" }) });
  for (
    const path of ["/api/v1/clients", "/api/v1/clients/x", "/api/v2/any", "/api/v1/versions/x"]
  ) {
    for (const authorization of ["", "Bearer s3cret"]) {
      const response = await ask(path, { headers: { authorization, origin: "https://a.example" } });
      assert.deepEqual([response.status, (await response.json()).code], [401, 401], path);
      assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer, Basic realm=/);
      assert.equal(response.headers.get("access-control-allow-origin"), null);
    }
  }
  const headers = { authorization: "Bearer admin" };
  assert.equal((await ask("/rtc/v1/whip/", { method: "POST", headers })).status, 401);
});
