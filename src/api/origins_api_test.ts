import assert from "node:assert/strict";
import { ApiDesk } from "../../tests/support/api_desk.ts";
import { RecordedSrs, recordingOf } from "../../tests/support/recorded_srs.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";

/** Opens two recorded origins and an API for them. */
function openTwo(options: ConstructorParameters<typeof RecordedSrs>[2] = {}) {
  const stack = new AsyncDisposableStack();
  const one = stack.use(new RecordedSrs("vid-one", "one", options));
  const two = stack.use(new RecordedSrs("vid-two22", "two"));
  const desk = stack.use(new ApiDesk([two, one]));
  return { one, two, desk, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

// deno-lint-ignore no-explicit-any
function recorded(name: "one" | "two", path: string): any {
  return JSON.parse(recordingOf(name)[path]!);
}

Deno.test("lists contain the entries of all origins, each with its origin", async () => {
  await using world = openTwo();
  for (const name of ["vhosts", "streams", "clients"]) {
    const { status, body } = await world.desk.ask(`/api/v1/${name}/`);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ["code", "server", "service", "pid", name, "missing"]);
    const path = `/api/v1/${name}`;
    const of = (recording: "one" | "two", origin: string) =>
      recorded(recording, path)[name].map((entry: object) => ({ ...entry, origin }));
    assert.deepEqual(body[name], [...of("one", "vid-one"), ...of("two", "vid-two22")]);
    assert.deepEqual([body.code, body.missing], [0, []]);
  }
});

Deno.test("pages are right over the whole list, wherever origins begin and end", async () => {
  await using one = new RecordedSrs("a", "one", { streams: 25 });
  await using two = new RecordedSrs("b", "one", { streams: 0 });
  await using three = new RecordedSrs("c", "one", { streams: 130 });
  using desk = new ApiDesk([three, one, two]);
  const all = [one, two, three].flatMap(({ id }) => {
    const count = id === "a" ? 25 : id === "c" ? 130 : 0;
    return Array.from({ length: count }, (_, at) => `${id}-${at}`);
  });
  const page = async (query: string) => {
    const { body } = await desk.ask(`/api/v1/streams${query}`);
    return body.streams.map(({ name }: { name: string }) => name);
  };
  assert.deepEqual(await page(""), all.slice(0, 10), "as many as SRS gives");
  assert.deepEqual(await page("?count=3"), all.slice(0, 10), "and as few");
  assert.deepEqual(await page("?start=-5&count=x"), all.slice(0, 10));
  for (const [start, count] of [[0, 30], [20, 10], [24, 20], [25, 10], [90, 70], [0, 100_000]]) {
    assert.deepEqual(
      await page(`?start=${start}&count=${count}`),
      all.slice(start, start! + count!),
    );
  }
  assert.deepEqual(await page("?start=155"), []);
  assert.deepEqual(await page("?origin=c&start=5"), all.slice(30, 40));
  const { status, body } = await desk.ask("/api/v1/streams?start=99995");
  assert.deepEqual([status, body.code], [400, 400]);
});

Deno.test("fifty requests at once, and the next one, cause one question to each origin", async () => {
  await using world = openTwo();
  const { desk, one, two } = world;
  const answers = await Promise.all(Array.from({ length: 50 }, () => desk.ask("/api/v1/clients/")));
  for (const { body } of answers) assert.equal(body.clients.length, 6);
  await desk.ask("/api/v1/clients?start=3&count=20");
  for (const { asked } of [one, two]) {
    assert.deepEqual(asked, ["GET /api/v1/clients/?start=0&count=100"]);
  }
});

Deno.test("a frozen origin delays one answer, is reported missing, and is back with its first answer", async () => {
  await using world = openTwo();
  const { desk, one, two } = world;
  two.isFrozen = true;
  const timed = async (path: string) => {
    const begun = performance.now();
    const { body } = await desk.ask(path);
    return { body, took: performance.now() - begun };
  };
  const first = await timed("/api/v1/streams");
  assert.ok(first.took > 700 && first.took < 1_000, `${first.took}`);
  assert.equal(first.body.streams.length, 2);
  assert.deepEqual(first.body.missing, [{ origin: "vid-two22", reason: "timeout" }]);
  const second = await timed("/api/v1/summaries");
  assert.ok(second.took < 500, `${second.took}`);
  assert.deepEqual(second.body.origins.map(({ origin }: { origin: string }) => origin), [
    "vid-one",
  ]);
  assert.deepEqual(second.body.missing, [{ origin: "vid-two22", reason: "timeout" }]);
  two.isFrozen = false;
  let back = false;
  const deadline = performance.now() + 5_000;
  for (let at = 0; !back && performance.now() < deadline; at++) {
    back = (await desk.ask(`/api/v1/streams/none-${at}`)).body.missing === undefined;
  }
  assert.ok(back);
  assert.equal(one.asked.filter((asked) => asked.includes("streams/?")).length, 1);
});

Deno.test("an origin that does not answer like SRS is reported missing, with the reason", async () => {
  const answers = (answer: string | Response) => ({ answers: { "/api/v1/streams": answer } });
  await using good = new RecordedSrs("a", "one");
  await using broken = new RecordedSrs("b", "two", answers("<html>"));
  await using other = new RecordedSrs("c", "two", answers(new Response(null, { status: 404 })));
  await using coded = new RecordedSrs("d", "two", answers('{"code":100}'));
  await using shapeless = new RecordedSrs("e", "two", answers('{"code":0,"streams":{"a":1}}'));
  await using down = new RecordedSrs("f", "two");
  await using long = new RecordedSrs(
    "g",
    "two",
    answers(`{"code":0,"x":"${"x".repeat(300_000)}"}`),
  );
  await using gone = new RecordedSrs("h", "two");
  const { status } = gone;
  await gone[Symbol.asyncDispose]();
  down.isDown = true;
  const dead = Object.assign(Object.create(null), { status }) as RecordedSrs;
  using desk = new ApiDesk([good, broken, other, coded, shapeless, down, long, dead]);
  const { body } = await desk.ask("/api/v1/streams");
  assert.deepEqual(body.streams.map(({ origin }: { origin: string }) => origin), ["a", "a"]);
  assert.deepEqual(
    Object.fromEntries(body.missing.map(({ origin, reason }: Record<string, string>) => {
      return [origin, reason];
    })),
    {
      ...{ b: "unreadable", c: "refused", d: "refused", e: "unreadable" },
      ...{ f: "down", g: "gone", h: "unreachable" },
    },
  );
  assert.deepEqual(down.asked, []);
});

Deno.test("figures are added up, averaged or compared, and also shown one by one", async () => {
  await using world = openTwo();
  const { body } = await world.desk.ask("/api/v1/summaries");
  const [one, two] = [recorded("one", "/api/v1/summaries"), recorded("two", "/api/v1/summaries")];
  const data = [one.data, two.data];
  const sum = (pick: (from: typeof one.data) => number) => pick(data[0]) + pick(data[1]);
  assert.deepEqual(Object.keys(body.data), Object.keys(one.data), "the shape is SRS's");
  assert.deepEqual(Object.keys(body.data.self), Object.keys(one.data.self));
  assert.deepEqual(Object.keys(body.data.system), Object.keys(one.data.system));
  assert.equal(body.data.self.mem_kbyte, sum(({ self }) => self.mem_kbyte));
  assert.equal(body.data.self.cpu_percent, sum(({ self }) => self.cpu_percent) / 2);
  assert.equal(body.data.self.version, one.data.self.version);
  assert.equal(body.data.system.srs_recv_bytes, sum(({ system }) => system.srs_recv_bytes));
  assert.equal(body.data.system.mem_ram_kbyte, sum(({ system }) => system.mem_ram_kbyte));
  assert.equal(body.data.ok, true);
  assert.deepEqual(body.origins, [
    { origin: "vid-one", server: one.server, service: one.service, pid: one.pid, data: one.data },
    { origin: "vid-two22", server: two.server, service: two.service, pid: two.pid, data: two.data },
  ]);
  const names = [
    ...["rusages", "self_proc_stats", "system_proc_stats", "meminfos", "authors", "features"],
  ];
  for (const name of names) {
    const { body } = await world.desk.ask(`/api/v1/${name}`);
    const path = `/api/v1/${name}`;
    assert.deepEqual(Object.keys(body.data), Object.keys(recorded("one", path).data), name);
    assert.equal(body.origins.length, 2, name);
  }
});

Deno.test("there is an answer even without any origin", async () => {
  using desk = new ApiDesk([]);
  const { body } = await desk.ask("/api/v1/summaries");
  assert.deepEqual([body.code, body.data, body.origins, body.missing], [0, {}, [], []]);
  assert.deepEqual((await desk.ask("/api/v1/streams")).body.streams, []);
});

Deno.test("an entry is requested at its origin, and nowhere else once that is known", async () => {
  await using world = openTwo();
  const { desk, one, two } = world;
  const [client] = recorded("two", "/api/v1/clients").clients;
  const path = `/api/v1/clients/${client.id}`;
  const { body } = await desk.ask(path);
  assert.deepEqual(Object.keys(body), Object.keys(recorded("two", path)));
  assert.deepEqual(body.client, { ...recorded("two", path).client, origin: "vid-two22" });
  await desk.ask(path);
  assert.deepEqual(one.asked, [`GET ${path}`]);
  assert.deepEqual(two.asked, [`GET ${path}`, `GET ${path}`]);
});

Deno.test("a frozen origin that had an entry delays one request for it, by less than a second", async () => {
  await using world = openTwo();
  const { desk, one, two } = world;
  const [client, another] = recorded("two", "/api/v1/clients").clients;
  await desk.ask("/api/v1/clients");
  two.isFrozen = true;
  for (const [{ id }, most] of [[client, 1_000], [another, 500]]) {
    const begun = performance.now();
    const { body } = await desk.ask(`/api/v1/clients/${id}`);
    const took = performance.now() - begun;
    assert.ok(took < most, `${took}`);
    assert.deepEqual(body, { code: 2049, missing: [{ origin: "vid-two22", reason: "timeout" }] });
  }
  assert.equal(one.asked.length, 1, "nobody else is asked for its entries");
});

Deno.test("fifty requests for one client cause one question to its origin", async () => {
  await using world = openTwo();
  const { desk, two } = world;
  const [client] = recorded("two", "/api/v1/clients").clients;
  await desk.ask("/api/v1/clients");
  const path = `/api/v1/clients/${client.id}`;
  await Promise.all(Array.from({ length: 50 }, () => desk.ask(path)));
  assert.deepEqual(two.asked.slice(1), [`GET ${path}`]);
});

Deno.test("a look at any depth of a list, every second, causes one question a second", async () => {
  const clock = new VirtualClock();
  await using origin = new RecordedSrs("a", "one", { streams: 1_500 });
  using desk = new ApiDesk([origin], { clock });
  for (let second = 0; second < 30; second++) {
    for (const start of [0, 90, 700, 1_400, 0]) {
      assert.equal((await desk.ask(`/api/v1/streams?start=${start}`)).body.streams.length, 10);
    }
    await clock.pass(1_000);
  }
  // At first it is not known yet how deep people look.
  assert.ok(origin.asked.length <= 30 + 2, `${origin.asked.length} questions`);
});

Deno.test("an unknown id gets SRS's code, and origins that were not asked are named", async () => {
  await using world = openTwo();
  for (const [name, code] of [["vhosts", 2014], ["streams", 2048], ["clients", 2049]] as const) {
    const { status, body } = await world.desk.ask(`/api/v1/${name}/nope`);
    assert.deepEqual([status, body], [200, { code }]);
  }
  for (const id of ["%2e%2e%2fraw", "a%20b", "x".repeat(65)]) {
    const { body } = await world.desk.ask(`/api/v1/clients/${id}`);
    assert.deepEqual(body, { code: 2049 });
  }
  assert.equal(world.one.asked.length, 3, "no origin is asked for what cannot be an id");
  world.two.isDown = true;
  const { body } = await world.desk.ask("/api/v1/clients/other");
  assert.deepEqual(body, { code: 2049, missing: [{ origin: "vid-two22", reason: "down" }] });
});

Deno.test("a client is ended at the origin that has it, once", async () => {
  await using world = openTwo();
  const { desk, one, two } = world;
  const [client] = recorded("two", "/api/v1/clients").clients;
  const path = `/api/v1/clients/${client.id}`;
  const { status, body } = await desk.ask(path, { method: "DELETE" });
  assert.deepEqual([status, body], [200, recorded("two", `DELETE ${path}`)]);
  assert.deepEqual(two.asked, [`GET ${path}`, `DELETE ${path}`]);
  assert.deepEqual(one.asked, [`GET ${path}`]);
  const missing = await desk.ask("/api/v1/clients/nope", { method: "DELETE" });
  assert.deepEqual(missing.body, { code: 2049 });
  assert.ok(![...one.asked, ...two.asked].includes("DELETE /api/v1/clients/nope"));
});

Deno.test("an origin's bad answer when a client is ended is not the caller's fault", async () => {
  const [client] = recorded("one", "/api/v1/clients").clients;
  const path = `/api/v1/clients/${client.id}`;
  const senseless = ["<html>", "[]", '{"code":"0"}', new Response("no", { status: 500 })];
  for (const answer of senseless) {
    await using origin = new RecordedSrs("a", "one", { answers: { [`DELETE ${path}`]: answer } });
    using desk = new ApiDesk([origin]);
    const { status, body } = await desk.ask(path, { method: "DELETE" });
    assert.deepEqual([status, body.code], [502, 502]);
  }
});

Deno.test("an answer without the requested entry is unusable", async () => {
  const answers = { "/api/v1/clients/any": '{"code":0}' };
  await using origin = new RecordedSrs("a", "one", { answers });
  using desk = new ApiDesk([origin]);
  const { body } = await desk.ask("/api/v1/clients/any");
  assert.deepEqual(body, { code: 2049, missing: [{ origin: "a", reason: "unreadable" }] });
});

Deno.test("if two clients have the same id, none is ended until the origin is given", async () => {
  const [client] = recorded("one", "/api/v1/clients").clients;
  const path = `/api/v1/clients/${client.id}`;
  await using one = new RecordedSrs("a", "one");
  await using two = new RecordedSrs("b", "one");
  using desk = new ApiDesk([one, two]);
  await desk.ask("/api/v1/clients");
  const { status, body } = await desk.ask(path, { method: "DELETE" });
  assert.equal(status, 409);
  assert.match(body.data, /a, b/);
  const named = await desk.ask(`${path}?origin=b`, { method: "DELETE" });
  assert.equal(named.body.code, 0);
  assert.ok(!one.asked.includes(`DELETE ${path}`));
  assert.ok(two.asked.includes(`DELETE ${path}`));
});

Deno.test("other methods are refused", async () => {
  await using world = openTwo();
  for (const method of ["POST", "PUT", "DELETE"]) {
    const { status } = await world.desk.ask("/api/v1/streams/x", { method });
    assert.equal(status, 405);
  }
  assert.deepEqual(world.one.asked, []);
});

Deno.test("versions are the proxy's, and, for those who may manage, the origins'", async () => {
  await using world = openTwo();
  const { body } = await world.desk.ask("/api/v1/versions");
  assert.equal(body.data.version, "1.2.3");
  assert.equal(body.signature, "proxy");
  assert.deepEqual(
    body.origins.map(({ origin, data }: { origin: string; data: { version: string } }) => {
      return [origin, data.version];
    }),
    [["vid-one", "7.0.18"], ["vid-two22", "7.0.18"]],
  );
  const away = await world.desk.fetch("/api/v1/versions", {}, { host: "203.0.113.7", port: 1 });
  assert.deepEqual(
    Object.keys(await away.json()),
    ["code", "server", "service", "pid", "signature", "version", "data"],
  );
});

Deno.test("the request itself is shown, without secrets", async () => {
  using desk = new ApiDesk([]);
  const headers = { "x-any": "thing", cookie: "a=b", authorization: "Bearer any" };
  const { body } = await desk.ask("/api/v1/requests?x=1", { headers });
  assert.equal(body.data.METHOD, "GET");
  assert.equal(body.data.path, "/api/v1/requests");
  assert.deepEqual(body.data.headers, { "x-any": "thing" });
});

Deno.test("the configuration of all origins cannot be changed at once, and consoles are told so", async () => {
  await using origin = new RecordedSrs("a", "one");
  using desk = new ApiDesk([origin], { passes: () => true });
  const { body } = await desk.ask("/api/v1/raw?rpc=raw");
  assert.deepEqual([body.code, body.http_api.raw_api.enabled], [0, false]);
  assert.deepEqual((await desk.ask("/api/v1/raw?rpc=reload")).body, { code: 1061 });
  assert.deepEqual(origin.asked, []);
});
