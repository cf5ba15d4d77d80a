// Two lanes and all they share: which serves whom, and what happens when one fails.

import assert from "node:assert/strict";
import { LANE_ENGINES, LanesWorld } from "../../tests/support/lanes_world.ts";
import { Script } from "../../tests/support/rtmp_script.ts";
import { filler } from "../../tests/support/rtmp_wire.ts";
import { until, within } from "../../tests/support/wait.ts";
import { type Clock, systemClock } from "../core/clock.ts";

/** The machine's clock, except that deadlines can be made to pass before any answer arrives. */
class HurriedClock implements Clock {
  readonly now = systemClock.now;
  readonly every = systemClock.every;
  isHurried = false;

  after(delay: number, callback: () => void): Disposable {
    if (!this.isHurried) return systemClock.after(delay, callback);
    queueMicrotask(callback);
    return { [Symbol.dispose]: () => {} };
  }
}

for (const engine of LANE_ENGINES) {
  Deno.test(`${engine}: every lane serves clients, and sessions are known by lane`, async () => {
    await using world = await LanesWorld.open(engine);
    const byLane = await world.playersOfBoth();
    assert.deepEqual([...byLane.keys()].sort(), [1, 2]);
    const [one] = byLane.get(1)!;
    assert.equal(world.lanes.rtmp.endSession(one!.session, "kicked"), true);
    assert.equal(world.lanes.rtmp.endSession("nobody", "kicked"), false);
    await one!.peer.ends();
    await until("its end be told", () => {
      return world.closed.some(({ session, reason }) => {
        return session === one!.session && reason === "kicked";
      });
    });
    for (const { peer } of [...byLane.values()].flat()) peer[Symbol.dispose]();
    await until("all ends be told", () => world.closed.length === world.opened.length);
    assert.deepEqual(world.errors, []);
  });

  Deno.test(`${engine}: the bytes that origins have sent are current, not a second old`, async () => {
    await using world = await LanesWorld.open(engine);
    const byLane = await world.playersOfBoth();
    const players = [byLane.get(1)![0]!, byLane.get(2)![0]!];
    const sessions = players.map(({ session }) => session);
    const ask = () => world.lanes.rtmp.received([...sessions, "nobody"]);
    const before = await ask();
    assert.deepEqual([...before.keys()].toSorted(), sessions.toSorted());
    const frame = { chunkStream: 6, format: 0, type: 9, streamId: 1, body: filler(100) } as const;
    for (const link of world.origin.links) await link.say(new Script().message(frame));
    for (const { peer } of players) {
      await peer.sees("a frame", () => peer.messages.some(({ type }) => type === 9));
    }
    for (const [session, bytes] of await ask()) assert.equal(bytes, before.get(session)! + 112);
    for (const { peer } of [...byLane.values()].flat()) peer[Symbol.dispose]();
  });

  Deno.test(`${engine}: a lane that does not answer in time reports nothing`, async () => {
    const clock = new HurriedClock();
    await using world = await LanesWorld.open(engine, {}, clock);
    const { peer, session } = await world.player("one");
    clock.isHurried = true;
    const received = world.lanes.rtmp.received([session]);
    clock.isHurried = false;
    assert.deepEqual([...await received], []);
    assert.deepEqual([...(await world.lanes.rtmp.received([session])).keys()], [session]);
    peer[Symbol.dispose]();
  });

  Deno.test(`${engine}: connections, CPU time and lag are reported by lane`, async () => {
    await using world = await LanesWorld.open(engine);
    const players = (await world.playersOfBoth()).values().toArray().flat();
    const figure = async (name: string, lane: number) => {
      await world.lanes.report();
      const { text } = await world.metrics.expose();
      return Number(new RegExp(`^srs_proxy_${name}{lane="${lane}"} (.*)$`, "m").exec(text)?.[1]);
    };
    await until("all connections be told", async () => {
      const own = [await figure("lane_connections", 1), await figure("lane_connections", 2)];
      return own[0]! > 0 && own[1]! > 0 && own[0]! + own[1]! === players.length;
    });
    for (const lane of [1, 2]) {
      await until("it be asked", async () => await figure("lane_lag_seconds_count", lane) > 0);
      const cpu = await figure("lane_cpu_seconds_total", lane);
      assert.ok(Deno.build.os !== "linux" || (cpu > 0 && cpu < 60), `${cpu} s`);
    }
    for (const { peer } of players) peer[Symbol.dispose]();
  });

  Deno.test(`${engine}: a client gets a page from the main thread complete`, async () => {
    await using world = await LanesWorld.open(engine);
    const response = await fetch(`http://127.0.0.1:${world.lanes.http!.address.port}/about`);
    assert.equal(await response.text(), "a page\n");
  });

  Deno.test(`${engine}: a failed lane ends only its own sessions, and is replaced at once`, async () => {
    await using world = await LanesWorld.open(engine);
    const byLane = await world.playersOfBoth();
    const failedAt = performance.now();
    world.lanes.fail(1, new Error("for the test"));
    for (const { peer, session } of byLane.get(1)!) {
      await peer.ends();
      await until("its end be told", () => {
        return world.closed.some((end) => end.session === session && end.reason === "lane_failed");
      });
    }
    await until("it be back", () => world.lanes.alive === 2, { interval: 5 });
    const away = performance.now() - failedAt;
    // Waiting for the end of its thread first would take 3 s.
    assert.ok(away < 2_500, `back after ${Math.round(away)} ms`);
    assert.equal(byLane.get(2)!.some(({ peer }) => peer.isOver), false);
    const again = await world.playersAgain();
    assert.deepEqual([...again].sort(), [1, 2]);
    for (const { peer } of [...byLane.values()].flat()) peer[Symbol.dispose]();
  });

  Deno.test(`${engine}: the heart of a failed lane beats again once it is replaced`, async () => {
    await using world = await LanesWorld.open(engine);
    const { hearts } = world.lanes;
    assert.deepEqual(hearts.map(({ name }) => name), ["lane 1", "lane 2"]);
    world.lanes.fail(2, new Error("for the test"));
    await until("it be gone", () => world.lanes.alive === 1, { interval: 1 });
    assert.deepEqual(world.lanes.trouble, {
      reason: "Only 1 of 2 lanes serve clients",
      canServe: true,
    });
    let beats = 0;
    for (const heart of hearts) heart.beat().then(() => beats++);
    await until("the other beat", () => beats === 1, { interval: 1 });
    assert.equal(world.lanes.alive, 1);
    await until("both beat", () => beats === 2);
    assert.equal(world.lanes.alive, 2);
    assert.equal(world.lanes.trouble, undefined);
  });

  Deno.test(`${engine}: a lane that is not replaced because the process drains still has a beating heart`, async () => {
    await using world = await LanesWorld.open(engine);
    const [heart] = world.lanes.hearts;
    world.lanes.fail(1, new Error("for the test"));
    await until("it be gone", () => world.lanes.alive === 1, { interval: 1 });
    const beat = heart!.beat();
    world.lanes.rtmp.drain();
    await within("its heart", 2_000, beat);
    await within("its heart again", 2_000, heart!.beat());
    world.lanes.fail(2, new Error("for the test"));
    await within("the other's", 2_000, world.lanes.hearts[1]!.beat());
  });

  Deno.test(`${engine}: lanes that keep failing are reported, and are replaced more slowly`, async () => {
    await using world = await LanesWorld.open(engine);
    const pauses: number[] = [];
    for (let failure = 0; failure < 5; failure++) {
      assert.notEqual(world.lanes.trouble?.canServe, false);
      const failedAt = performance.now();
      world.lanes.fail(2, new Error("for the test"));
      await until("it be gone", () => world.lanes.alive === 1, { interval: 1 });
      await until("it be back", () => world.lanes.alive === 2, { interval: 5 });
      pauses.push(performance.now() - failedAt);
    }
    assert.ok(pauses[4]! > 400, `it was away for ${pauses.map(Math.round)} ms`);
    assert.deepEqual(world.lanes.trouble, {
      reason: "Lanes have failed 5 times within a minute",
      canServe: false,
    });
  });

  Deno.test(`${engine}: the limit on connections of an address holds over all lanes`, async () => {
    await using world = await LanesWorld.open(engine, { PROXY_MAX_CONNECTIONS_PER_ADDRESS: "6" });
    const peers: Deno.TcpConn[] = [];
    const { port } = world.lanes.rtmp.address;
    let refused = 0;
    for (let at = 0; at < 20; at++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      peers.push(conn);
      conn.read(new Uint8Array(1)).then(
        (count) => refused += count === null ? 1 : 0,
        () => refused++,
      );
    }
    await until("those beyond be turned away", () => refused === 14);
    for (const peer of peers) peer.close();
  });

  Deno.test(`${engine}: draining lanes take no new clients or streams, and are idle once the last client has left`, async () => {
    await using world = await LanesWorld.open(engine);
    const { peer } = await world.player("last");
    const { rtmp } = world.lanes;
    rtmp.drain();
    let isIdle = false;
    rtmp.idle().then(() => isIdle = true);
    await until("nobody listen", async () => {
      const isShut = (error: unknown) => error instanceof Deno.errors.ConnectionRefused;
      return await Deno.connect({ hostname: "127.0.0.1", port: rtmp.address.port })
        .then((conn) => void conn.close(), isShut);
    });
    assert.equal(isIdle, false);
    await peer.say(new Script().command(["play", 4, null, "another"], { streamId: 1 }));
    await peer.hears("onStatus:NetStream.Play.Failed");
    peer[Symbol.dispose]();
    await until("it be idle", () => isIdle);
  });
}
