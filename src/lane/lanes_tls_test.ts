// The main thread frees the OpenSSL objects of failed lanes, once their threads have ended.

import assert from "node:assert/strict";
import { Authority } from "../../tests/support/certificates.ts";
import { LANE_ENGINES, LanesWorld } from "../../tests/support/lanes_world.ts";
import { until } from "../../tests/support/wait.ts";
import { systemClock } from "../core/clock.ts";
import { newTicketKey } from "../net/tls/session_tickets.ts";
import type { ToLane } from "./messages.ts";

const CLIENTS = 300;

/** Records where each started lane keeps its objects. */
class WatchedLanes implements Disposable {
  readonly #real = globalThis.Worker;
  readonly #memories: SharedArrayBuffer[] = [];

  constructor() {
    const memories = this.#memories;
    globalThis.Worker = class extends this.#real {
      override postMessage(message: ToLane): void {
        if (message.type === "open") memories.push(message.init.openSslObjects);
        super.postMessage(message);
      }
    };
  }

  /** Number of objects of each lane, in the order in which they were started. */
  get objects(): number[] {
    return this.#memories.map((memory) => {
      return new BigUint64Array(memory).reduce((sum, slot) => slot === 0n ? sum : sum + 1, 0);
    });
  }

  [Symbol.dispose](): void {
    globalThis.Worker = this.#real;
  }
}

for (const engine of LANE_ENGINES) {
  Deno.test({
    name: `${engine}: nothing is left of the TLS connections of failed lanes`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      using watched = new WatchedLanes();
      await using authority = await Authority.open();
      const pair = await authority.pair();
      const keys = { pairs: [pair], ticketKeys: [newTicketKey()] };
      await using world = await LanesWorld.open(engine, {}, systemClock, keys);
      using clients = new DisposableStack();
      const { port } = world.lanes.http!.secureAddress!;
      const options = { hostname: "localhost", port, caCerts: [pair.authority] };
      for (let client = 0; client < CLIENTS; client++) {
        const conn = clients.use(await Deno.connectTls(options));
        await conn.handshake();
      }
      // Each lane has a context, too.
      assert.equal(watched.objects.reduce((sum, count) => sum + count), CLIENTS + 2);
      assert.ok(watched.objects.every((count) => count > 1));
      for (const lane of [1, 2]) world.lanes.fail(lane, new Error("on purpose"));
      const contextsOfNewLanes = "0,0,1,1";
      await until("it be freed", () => watched.objects.join() === contextsOfNewLanes, {
        describe: () => watched.objects.join(),
      });
      await until("other lanes serve", () => world.lanes.alive === 2);
    },
  });
}
