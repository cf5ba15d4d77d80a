import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { parseCidr } from "../core/cidr.ts";
import { ProxyError } from "../core/errors.ts";
import { Management, type ManagementOptions, type ManagementRefusal } from "./management.ts";

const HERE = { host: "127.0.0.1", port: 4711 };
const AWAY = { host: "203.0.113.7", port: 4711 };
const HOST = "proxy.example:11985";

interface Gate {
  readonly clock: VirtualClock;
  readonly management: Management;
  readonly refused: ManagementRefusal[];
  /** The status that a request would get. */
  status(headers?: Record<string, string>, peer?: typeof HERE, method?: string): number;
}

function gateWith(options: Partial<ManagementOptions> = {}): Gate {
  const clock = new VirtualClock();
  const refused: ManagementRefusal[] = [];
  const management = new Management({
    clock,
    access: () => ({ token: "s3cret" }),
    sites: () => [],
    trustedProxies: () => [],
    onRefused: (reason) => refused.push(reason),
    ...options,
  });
  const status: Gate["status"] = (headers = {}, peer = AWAY, method = "GET") => {
    const url = "http://proxy.example:11985/api/v1/clients/";
    try {
      management.admit(new Request(url, { method, headers: { host: HOST, ...headers } }), peer);
      return 200;
    } catch (error) {
      assert.ok(error instanceof ProxyError);
      return error.httpStatus;
    }
  };
  return { clock, management, refused, status };
}

function open(options: Partial<ManagementOptions> = {}): Gate {
  return gateWith({ access: () => ({}), ...options });
}

function basic(text: string): Record<string, string> {
  return { authorization: `Basic ${btoa(text)}` };
}

Deno.test("the token gives access from anywhere, as bearer token or as password", () => {
  const { status, refused } = gateWith();
  assert.equal(status({ authorization: "Bearer s3cret" }), 200);
  assert.equal(status(basic("admin:s3cret")), 200);
  assert.equal(status(basic(":s3cret")), 200);
  assert.deepEqual(refused, []);
  const wrong = [
    ...["Bearer wrong", "Bearer s3cret ours", "Basic s3cret", "Basic %%%", "s3cret", "Digest x"],
    ...[basic("s3cret:")["authorization"]!, basic("s3cret")["authorization"]!],
  ];
  for (const authorization of wrong) assert.equal(status({ authorization }, HERE), 401);
  assert.equal(status({}, HERE), 401, "being here is nothing once there is a token");
});

Deno.test("a password may contain colons", () => {
  const { status } = gateWith({ access: () => ({ token: "a:b" }) });
  assert.equal(status(basic("any:a:b")), 200);
});

Deno.test("a client that guesses must wait, others need not", async () => {
  const { status, refused, clock } = gateWith();
  for (let guess = 0; guess < 10; guess++) {
    assert.equal(status({ authorization: `Bearer ${guess}` }), 401);
  }
  assert.equal(status({ authorization: "Bearer s3cret" }), 429, "or guessing would go on");
  assert.equal(status(), 401, "without any token nothing is guessed");
  assert.equal(status({ authorization: "Bearer s3cret" }, { host: "203.0.113.8", port: 1 }), 200);
  assert.deepEqual(refused, [...Array(10).fill("wrong_token"), "failures", "no_token"]);
  await clock.pass(60_000);
  assert.equal(status({ authorization: "Bearer s3cret" }), 200);
});

Deno.test("guesses are counted by address group, those behind a balancer separately", () => {
  const { status } = gateWith({ trustedProxies: () => [parseCidr("10.0.0.1")] });
  const from = (host: string, headers = {}) =>
    status({ authorization: "Bearer wrong", ...headers }, { host, port: 1 });
  for (let guess = 0; guess < 10; guess++) from(`2001:db8::${guess}`);
  assert.equal(from("2001:db8::ffff"), 429);
  assert.equal(from("2001:db8:0:1::1"), 401);
  for (let guess = 0; guess < 10; guess++) from("10.0.0.1", { "x-forwarded-for": "192.0.2.1" });
  assert.equal(from("10.0.0.1", { "x-forwarded-for": "192.0.2.1" }), 429);
  assert.equal(from("10.0.0.1", { "x-forwarded-for": "192.0.2.2" }), 401);
});

Deno.test("guesses count even if the request need not manage, without counting as refused", () => {
  const { management, status, refused } = gateWith();
  const asked = (authorization: string) =>
    management.admits(new Request("http://proxy/", { headers: { authorization } }), AWAY);
  assert.equal(asked("Bearer s3cret"), true);
  for (let guess = 0; guess < 10; guess++) assert.equal(asked("Bearer wrong"), false);
  assert.equal(asked("Bearer s3cret"), false);
  assert.deepEqual(refused, []);
  assert.equal(status({ authorization: "Bearer s3cret" }), 429);
});

Deno.test("without a token clients on this machine may manage, and nobody else", () => {
  const { status, refused } = open();
  for (const host of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]) {
    assert.equal(status({}, { host, port: 1 }), 200, host);
  }
  for (const host of ["10.0.0.1", "203.0.113.7", "::2", "fe80::1", "", "localhost"]) {
    assert.equal(status({ authorization: "Bearer s3cret" }, { host, port: 1 }), 403, host);
  }
  assert.deepEqual(refused, Array(6).fill("address"));
});

Deno.test("a client behind a reverse proxy on this machine is not local", () => {
  const { status } = open();
  for (const name of ["x-forwarded-for", "x-real-ip", "forwarded", "via"]) {
    assert.equal(status({ [name]: "127.0.0.1" }, HERE), 403, name);
  }
});

Deno.test("a page of another site cannot manage, whatever its visitor may do", () => {
  const foreign = [
    { origin: "https://evil.example" },
    { origin: "http://proxy.example:8080" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
  ];
  for (const headers of foreign) {
    for (const method of ["DELETE", "POST", "PATCH", "PUT"]) {
      const { status, refused } = gateWith();
      assert.equal(status({ ...headers, ...basic("admin:s3cret") }, AWAY, method), 403);
      assert.equal(open().status(headers, HERE, method), 403);
      assert.deepEqual(refused, ["site"]);
    }
  }
});

Deno.test("the proxy's own pages may manage, and those of configured sites", () => {
  const sites = ["https://console.example"];
  for (const origin of [`http://${HOST}`, ...sites]) {
    const { status } = gateWith({ sites: () => sites });
    const headers = { origin, "sec-fetch-site": "same-site", ...basic("admin:s3cret") };
    const relation = origin === sites[0] ? "same-site" : "same-origin";
    assert.equal(status({ ...headers, "sec-fetch-site": relation }, AWAY, "DELETE"), 200);
  }
});

Deno.test("a stranger's name that points here does not make a browser local", () => {
  const { status, refused } = open();
  const browser = { "accept-language": "en" };
  assert.equal(status({ ...browser, host: "rebound.example:11985" }, HERE), 403);
  assert.equal(status({ ...browser, host: "127.0.0.1:11985" }, HERE), 200);
  assert.equal(status({ host: "proxy.example:11985" }, HERE), 200, "no browser");
  assert.deepEqual(refused, ["site"]);
});
