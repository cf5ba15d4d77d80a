// The HTTP API of a proxy, like that of one SRS: what several origins have, who may see it, which
// client it ends, and how long a silent origin delays it.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { RecordedSrs, recordingOf } from "../support/recorded_srs.ts";
import { fetchText } from "../support/origin_server.ts";
import { freePort } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, registeredOrigins, sendHeartbeat } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";

/**
 * Longest that an origin may delay an answer, and what a busy machine may add, milliseconds. The API's
 * own tests hold it to less than a second.
 */
const PATIENCE = 2_000;

interface Entry {
  readonly id: string;
  readonly name: string;
  readonly origin: string;
  readonly publish: boolean | { readonly active: boolean };
}

interface Answer {
  readonly code: number;
  readonly streams: readonly Entry[];
  readonly clients: readonly Entry[];
  readonly missing: readonly { readonly origin: string }[];
}

async function ask(proxy: Proxy, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${proxy.ports.httpApi}${path}`, init);
  return await response.json();
}

async function register(proxy: Proxy, origin: RecordedSrs): Promise<void> {
  const { port } = origin.status.origin.endpoints.api[0]!;
  const registered = { name: origin.id, rtmpPort: 1, apiPort: port };
  await sendHeartbeat(proxy, heartbeatOf(registered, "1"));
}

Deno.test("lists, figures and exporters of all origins, for clients with the token", async (t) => {
  await using proxy = await Proxy.open({ PROXY_ADMIN_TOKEN: "right", PROXY_API_PASS: "on" });
  await using one = new RecordedSrs("one", "one");
  await using two = new RecordedSrs("two", "two");
  for (const origin of [one, two]) await register(proxy, origin);
  const headers = { authorization: "Bearer right" };
  await t.step("the lists contain both origins' entries", async () => {
    const { clients, missing } = await ask(proxy, "/api/v1/clients", { headers });
    const origins = clients.map(({ origin }) => origin);
    assert.deepEqual(origins, [...Array(3).fill("vid-one"), ...Array(3).fill("vid-two")]);
    assert.deepEqual(missing, []);
  });
  await t.step("a client is described and ended at its origin", async () => {
    const [client] = JSON.parse(recordingOf("two")["/api/v1/clients"]!).clients;
    const path = `/api/v1/clients/${client.id}`;
    assert.equal((await ask(proxy, path, { headers })).code, 0);
    assert.equal((await ask(proxy, path, { headers, method: "DELETE" })).code, 0);
    assert.ok(two.asked.includes(`DELETE ${path}`));
    assert.ok(!one.asked.includes(`DELETE ${path}`));
  });
  await t.step("one scrape contains both exporters", async () => {
    const url = proxy.systemUrl("/metrics/origins");
    const refused = await fetch(url);
    await refused.body?.cancel();
    assert.equal(refused.status, 401);
    const text = await (await fetch(url, { headers })).text();
    assert.match(text, /^srs_streams\{origin="vid-one"\} 2$/m);
    assert.match(text, /^srs_proxy_origin_exporter_up\{origin="vid-two"\} 0$/m);
  });
  await t.step("a single origin can be asked for anything", async () => {
    const { code } = await ask(proxy, "/api/v1/origins/vid-one/proxy/api/v1/versions", { headers });
    assert.equal(code, 0);
    assert.equal(one.asked.at(-1), "GET /api/v1/versions");
  });
  await t.step("none of this works without the token", async () => {
    const before = one.asked.length;
    for (const path of ["clients", "summaries", "origins/vid-one/proxy/api/v1/raw"]) {
      assert.equal((await ask(proxy, `/api/v1/${path}`)).code, 401);
    }
    assert.equal((await ask(proxy, "/api/v1/clients/any", { method: "DELETE" })).code, 401);
    assert.equal(one.asked.length, before);
    const text = await (await fetch(proxy.systemUrl("/metrics"))).text();
    assert.match(text, /^srs_proxy_management_refused_total\{reason="no_token"\} 5$/m);
  });
});

Deno.test("a silent origin delays an answer by at most a second", async () => {
  await using proxy = await Proxy.open();
  await using one = new RecordedSrs("one", "one");
  await using two = new RecordedSrs("two", "two");
  for (const origin of [one, two]) await register(proxy, origin);
  two.isFrozen = true;
  const begun = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => ask(proxy, "/api/v1/streams")),
  );
  assert.ok(performance.now() - begun < PATIENCE);
  for (const { streams, missing } of answers) {
    assert.equal(streams.length, 2);
    assert.deepEqual(missing.map(({ origin }) => origin), ["vid-two"]);
  }
  assert.equal(two.asked.filter((asked) => asked.includes("/streams/")).length, 1);
});

Deno.test({
  name: "two real SRS: streams, clients and pages of both, and the right client is ended",
  ignore: SRS_BIN === undefined,
  timeout: 120_000,
  async fn(t) {
    await using proxy = await Proxy.open();
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    const openSrs = (name: string) => {
      const exporter = `exporter { enabled on; listen ${freePort()}; }`;
      return Srs.open({ name, heartbeatUrl, top: [`server_id vid-${name};`, exporter] });
    };
    await using one = await openSrs("one");
    await using two = await openSrs("two");
    await until("both SRS register", async () => (await registeredOrigins(proxy)).length === 2);
    await using stack = new AsyncDisposableStack();
    const names = Array.from({ length: 12 }, (_, at) => `s${at}`);
    for (const name of names) stack.use(await Publisher.publish(proxy.rtmpUrl(name)));
    const watched = names.slice(0, 2);
    const viewers = watched.map((name) => stack.use(new Viewer(proxy.rtmpUrl(name))));
    const list = async (path: string) => await ask(proxy, `/api/v1/${path}`);
    await t.step("all are listed once, each with the origin that has it", async () => {
      await until("both viewers be counted", async () => {
        return (await list("clients?count=100")).clients.length === names.length + 2;
      });
      const { streams } = await list("streams?count=100");
      assert.deepEqual(streams.map(({ name }) => name).toSorted(), names.toSorted());
      for (const [id, srs] of [["vid-one", one], ["vid-two", two]] as const) {
        const here = streams.filter(({ origin }) => origin === id).map(({ name }) => name);
        assert.deepEqual(here.toSorted(), (await srs.publishedStreams()).toSorted());
      }
    });
    await t.step("pages are consecutive parts of the whole list", async () => {
      const pages = [
        await list("streams?start=0&count=10"),
        await list("streams?start=10&count=10"),
      ];
      const paged = pages.flatMap(({ streams }) => streams.map(({ name }) => name));
      assert.deepEqual([paged.length, paged.toSorted()], [names.length, names.toSorted()]);
    });
    await t.step("one scrape has the streams of both", async () => {
      const text = await fetchText(proxy.systemUrl("/metrics/origins"));
      const counts = [
        ...text.matchAll(/^srs_streams{origin="vid-(?:one|two)"(?:,[^}]*)?} (\d+)$/gm),
      ];
      assert.equal(counts.length, 2, text);
      assert.equal(Number(counts[0]![1]) + Number(counts[1]![1]), names.length);
    });
    await t.step("only the given client is ended", async () => {
      const { clients } = await list("clients?count=100");
      const player = clients.find(({ name, publish }) => name === "s1" && publish === false)!;
      const ended = await ask(proxy, `/api/v1/clients/${player.id}`, { method: "DELETE" });
      assert.equal(ended.code, 0);
      await viewers[1]!.process.end(20_000);
      await until("it be counted no more", async () => {
        const left = (await list("clients?count=100")).clients;
        return left.length === names.length + 1 && !left.some(({ id }) => id === player.id);
      });
    });
    await t.step(
      "a stopped SRS is reported within a second, and is back when it resumes",
      async () => {
        two.process.signal("SIGSTOP");
        try {
          const begun = performance.now();
          const { streams, missing } = await list("streams?count=200");
          assert.ok(performance.now() - begun < PATIENCE, `${performance.now() - begun} ms`);
          assert.deepEqual(missing.map(({ origin }) => origin), ["vid-two"]);
          assert.ok(streams.every(({ origin }) => origin === "vid-one"));
        } finally {
          two.process.signal("SIGCONT");
        }
        await until(
          "both be there",
          async () => (await list("streams?count=200")).missing.length === 0,
        );
      },
    );
  },
});
