// Runs one history from its start to an empty cluster, and reports what should not have happened.

import { Chance } from "./chance.ts";
import { heal, perform } from "./deeds.ts";
import type { History } from "./history.ts";
import { ORIGIN_TTL } from "./model_proxy.ts";
import type { Violation } from "./truth.ts";
import { World } from "./world.ts";

export interface Outcome {
  /** The first thing that should not have happened; undefined if all was well. */
  readonly violation: Violation | undefined;
  /** What has happened, if requested. */
  readonly trace: readonly string[];
  /** Number of fired timers, the size of the run. */
  readonly turns: number;
}

const DURATION = 30_000;
/** Time from the end of all trouble until everything must be in order, milliseconds. */
const HEALING = 30_000;
/**
 * Time from the end of the last session until every mapping must be gone, in addition to the idle
 * time, milliseconds.
 */
const ENDING = 18_000;
/** How often to check what proxies believe, milliseconds. */
const CLOSELY = 1_000;
const STOPPING = 5_000;

/** Thrown to end a run immediately. */
class Ended extends Error {}

export async function runHistory(history: History, keepsTrace = false): Promise<Outcome> {
  const world = new World(history, keepsTrace);
  const { truth, clock } = world;
  try {
    await world.open();
    for (const event of history.events) {
      clock.after(event.at, () => {
        world.note(() => `== ${event.kind} ${JSON.stringify(event)}`);
        perform(world, event);
      });
    }
    await watchClosely(world, DURATION);
    world.note(() => "== healing");
    heal(world, new Chance(`${history.seed}/heal`).next);
    await watchClosely(world, HEALING);
    await checkQuiet(world);
    world.note(() => "== the end");
    for (const client of world.clients.values()) client.leave();
    await pass(world, history.streamIdle + ENDING);
    await checkEmpty(world);
    await stop(world);
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
  }
  return { violation: truth.violations[0], trace: world.trace ?? [], turns: clock.turns };
}

async function watchClosely(world: World, milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += CLOSELY) {
    await pass(world, CLOSELY);
    world.truth.look(await world.beliefs());
    if (world.truth.violations.length > 0) throw new Ended();
  }
}

async function pass(world: World, milliseconds: number): Promise<void> {
  await world.clock.pass(milliseconds, () => {
    world.watch();
    if (world.truth.violations.length > 0) throw new Ended();
  });
}

async function checkQuiet(world: World): Promise<void> {
  const { truth } = world;
  for (const { number, trouble, relay } of world.proxies) {
    if (!relay || trouble !== undefined) {
      truth.violate("no recovery", `proxy ${number} says ${trouble ?? "nothing"}`);
    }
  }
  const divided = world.proxies.reduce((sum, { counts }) => {
    return sum + counts.sum("srs_proxy_registry_divided_streams_total");
  }, 0);
  truth.quiet(await world.beliefs(), divided);
  for (const client of world.clients.values()) {
    if (client.hasLeft || client.isServed) continue;
    const publishers = truth.publishers(client.stream).length;
    if (client.intent === "play" || publishers === 0) {
      truth.violate("stuck", `${client.name} is not served, ${publishers} publish the stream`);
    }
  }
  checkViewers(world);
  await checkOrigins(world);
  if (truth.violations.length > 0) throw new Ended();
}

/** Checks that exactly the origins that send heartbeats are registered everywhere. */
async function checkOrigins({ proxies, origins, truth }: World): Promise<void> {
  const alive = [...origins.values()].filter(({ isRunning }) => isRunning).map(({ id }) => id);
  for (const { number, registry } of proxies) {
    const known = (await registry?.origins() ?? []).map(({ origin }) => origin.id).toSorted();
    if (known.join() === alive.join()) continue;
    truth.violate("origins", `proxy ${number} knows ${known.join()}, there are ${alive.join()}`);
  }
}

/** Checks that viewers of a live stream are at its origin. */
function checkViewers({ proxies, truth }: World): void {
  for (const session of proxies.flatMap(({ relay }) => relay?.sessions ?? [])) {
    const { intent, toldAt, stream, origin, id } = session;
    const origins = truth.origins(stream);
    if (intent !== "play" || toldAt === undefined || origins.size === 0) continue;
    if (!origins.has(origin!)) {
      truth.violate("astray", `${id} waits at ${origin}, ${stream} is at ${[...origins]}`);
    }
  }
}

async function checkEmpty(world: World): Promise<void> {
  const { truth, network, history } = world;
  for (const { proxy, streams } of await world.beliefs()) {
    if (streams.length > 0) truth.violate("left behind", `proxy ${proxy} knows ${streams[0]}`);
  }
  const keys = network.server.keys.filter((key) => key.includes(":stream:"));
  if (history.variant === "redis" && keys.length > 0) {
    truth.violate("left behind", `Redis has ${keys.join(", ")}`);
  }
  if (truth.violations.length > 0) throw new Ended();
}

/** Shuts everything down, and checks that only the origins' timers are left. */
async function stop({ proxies, truth, clock, origins }: World): Promise<void> {
  let stopped = 0;
  for (const proxy of proxies) {
    proxy.stop().then(() => {
      stopped++;
    }, (error) => truth.violate("cannot stop", String(error)));
  }
  await clock.pass(STOPPING);
  if (stopped < proxies.length) truth.violate("cannot stop", `${stopped} of ${proxies.length}`);
  await clock.pass(ORIGIN_TTL);
  const timers = clock.pending - origins.size;
  if (timers > 0) truth.violate("timers left", String(timers));
}
