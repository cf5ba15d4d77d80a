// What each event of a history does to a world, and how it ends. Also how a world heals: everything
// resumes, except what has died for good.

import type { Event } from "./history.ts";
import type { World } from "./world.ts";
import { clearWay } from "../support/simulated_connection.ts";

/** Performs an event, and schedules its end. */
export function perform(world: World, event: Event): void {
  const { clock, calm, network } = world;
  const now = clock.now();
  switch (event.kind) {
    case "publish":
    case "play":
      return world.addClient(event);
    case "leave":
      return world.clients.get(event.client)?.leave();
    case "kill origin":
    case "freeze origin":
    case "silence origin":
    case "hide origin":
      return harmOrigin(world, event);
    case "drain origin":
    case "weigh origin":
    case "forget origin":
      return decide(world, event);
    case "pause proxy":
    case "kill proxy":
      return harmProxy(world, event);
    case "slow way":
    case "block way":
    case "stall way":
    case "cut way":
      return harmWay(world, event);
    case "freeze redis":
      calm.isolate(now + event.lasts);
      network.freeze();
      world.later(event.lasts, () => network.thaw());
      return;
    case "cut redis":
      return restartRedis(world, event.lasts, true);
    case "restart redis":
      return restartRedis(world, event.lasts, event.keeps);
    case "refuse redis": {
      const { server } = network;
      calm.isolate(now + event.lasts);
      server.refusal = event.error;
      world.later(event.lasts, () => {
        server.refusal = undefined;
      });
      return;
    }
    case "flush redis":
      calm.lose(now);
      network.server.flush();
      return;
    case "fail over":
      return failOver(world, event);
  }
}

/** Everything resumes. What has died for good stays dead, but at least two origins run. */
export function heal(world: World, chance: () => number): void {
  const { network, clock, proxies } = world;
  world.healed();
  if (network.isDown) network.start(true);
  network.server.refusal = undefined;
  network.thaw();
  network.retire();
  proxies.forEach(({ clock: process, way }, number) => {
    Object.assign(way, clearWay());
    network.flow(process);
    if (process.isPaused) world.resumeProxy(number);
    for (const id of world.origins.keys()) world.hide(number, id, clock.now());
  });
  // By then all proxies have found Redis again, and all origins have sent heartbeats.
  clock.after(8_000, () => {
    for (const id of world.origins.keys()) undecide(world, id, 0);
  });
  let present = 0;
  for (const origin of world.origins.values()) {
    origin.isSilent = false;
    const isNeeded = present < 2;
    if (isNeeded || chance() < 0.5) {
      origin.thaw();
      origin.start();
    }
    if (origin.isRunning) present++;
  }
}

type OriginHarm = Extract<
  Event,
  { readonly kind: "kill origin" | "freeze origin" | "silence origin" | "hide origin" }
>;
type Decision = Extract<
  Event,
  { readonly kind: "drain origin" | "weigh origin" | "forget origin" }
>;
type ProxyHarm = Extract<Event, { readonly kind: "pause proxy" | "kill proxy" }>;
type WayHarm = Extract<
  Event,
  { readonly kind: "slow way" | "block way" | "stall way" | "cut way" }
>;
type FailOver = Extract<Event, { readonly kind: "fail over" }>;

function harmOrigin(world: World, event: OriginHarm): void {
  const { clock } = world;
  const origin = world.origins.get(event.origin)!;
  switch (event.kind) {
    case "kill origin":
      origin.kill();
      world.later(event.lasts, () => origin.start());
      return;
    case "freeze origin":
      world.freezeOrigin(origin);
      world.later(event.lasts, () => origin.thaw());
      return;
    case "silence origin":
      origin.isSilent = true;
      world.later(event.lasts, () => {
        origin.isSilent = false;
      });
      return;
    case "hide origin":
      return world.hide(event.proxy, event.origin, clock.now() + event.lasts);
  }
}

function decide(world: World, event: Decision): void {
  const { origin, proxy, kind } = event;
  if (kind === "forget origin") {
    return world.operate(proxy, async (operations) => void await operations.forgetOrigin(origin));
  }
  const change = kind === "drain origin" ? { draining: true } : { weight: 0 };
  world.operate(proxy, async (operations) => void await operations.changeOrigin(origin, change));
  world.later(event.lasts, () => undecide(world, origin, proxy));
}

function undecide(world: World, origin: string, proxy: number): void {
  world.operate(proxy, async (operations) => {
    await operations.changeOrigin(origin, { draining: false, weight: 100 });
  });
}

function harmProxy(world: World, { kind, proxy: number, lasts }: ProxyHarm): void {
  const { clock, calm } = world;
  const proxy = world.proxies[number]!;
  calm.isolate(clock.now() + lasts, number);
  if (kind === "pause proxy") {
    world.pauseProxy(number);
    world.later(lasts, () => {
      if (world.proxies[number] === proxy && proxy.clock.isPaused) world.resumeProxy(number);
    });
    return;
  }
  if (proxy.relay === undefined) return;
  proxy.kill();
  world.startProxy(number, lasts);
}

function harmWay(world: World, event: WayHarm): void {
  const { clock, calm, network } = world;
  const { way, clock: process } = world.proxies[event.proxy]!;
  switch (event.kind) {
    case "slow way": {
      const { request, reply, message } = event;
      calm.disturb(clock.now() + event.lasts + Math.max(request, reply, message), event.proxy);
      way.slow = { request, reply, message };
      world.later(event.lasts, () => {
        way.slow = { request: 0, reply: 0, message: 0 };
      });
      return;
    }
    case "block way": {
      const { requests, replies, messages } = event;
      calm.disturb(clock.now() + event.lasts, event.proxy);
      way.blocked = { requests, replies, messages };
      world.later(event.lasts, () => {
        way.blocked = { requests: false, replies: false, messages: false };
        network.flow(process);
      });
      return;
    }
    case "stall way":
      calm.disturb(clock.now() + 2_000, event.proxy);
      way.stall = { request: event.request, reply: event.reply };
      return;
    case "cut way":
      calm.isolate(clock.now(), event.proxy);
      return network.cut((connection) => connection.process === process);
  }
}

function restartRedis(world: World, lasts: number, keeps: boolean): void {
  const { clock, calm, network } = world;
  calm.isolate(clock.now() + lasts);
  network.stop();
  world.later(lasts, () => {
    if (!network.isDown) return;
    network.start(keeps);
    if (!keeps) calm.lose(clock.now());
  });
}

function failOver(world: World, { lost, skew, keptBy, lasts }: FailOver): void {
  const { clock, calm, network, proxies } = world;
  const kept = new Set(keptBy.map((number) => proxies[number]!.clock));
  calm.lose(clock.now());
  network.thaw();
  network.failOver(lost, skew, kept);
  if (kept.size === 0) return;
  // Writes to the old master are lost when the last process leaves it.
  calm.isolate(clock.now() + lasts);
  world.later(lasts, () => {
    calm.lose(clock.now());
    network.retire();
  });
}
