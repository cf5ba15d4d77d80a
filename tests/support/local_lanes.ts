// Lanes without threads: the forwarders of a UDP relay run in this thread, on either engine, where
// a test can move their clock and make one fail. Messages are copied and arrive later, as between
// threads.

import type { Clock } from "../../src/core/clock.ts";
import type { Address } from "../../src/core/address.ts";
import { FORWARDERS } from "../../src/lane/served_forwarders.ts";
import { laneTally } from "../../src/lane/lane_columns.ts";
import { SharedTally } from "../../src/lane/shared_tally.ts";
import { EventLoop } from "../../src/net/libc/event_loop.ts";
import { chooseLibc, openEngine, type UdpEngineChoice } from "../../src/net/udp/engine.ts";
import { FrontSockets } from "../../src/net/udp/front_sockets.ts";
import type { UdpEngine } from "../../src/net/udp/port.ts";
import type {
  ForwarderEvents,
  ForwarderHost,
  ForwarderKind,
  Forwarders,
  FromForwarder,
  ToForwarder,
} from "../../src/relay/udp/forwarder.ts";
import { type CreateForwarder, ServedForwarder } from "../../src/relay/udp/served_forwarder.ts";

export interface LocalLanesOptions {
  readonly clock: Clock;
  readonly engine?: UdpEngineChoice;
  readonly count?: number;
  /** Creates the forwarders; the program's own unless given. */
  // deno-lint-ignore no-explicit-any -- of whichever protocol it is
  readonly create?: CreateForwarder<any, any, any>;
}

/**
 * See `ForwarderHost`. Deno's engine cannot share a port, so there the first lane has the only one.
 */
export class LocalLanes implements ForwarderHost, AsyncDisposable {
  readonly count: number;
  readonly #options: LocalLanesOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #loop: EventLoop | undefined;
  #opened: LocalForwarders | undefined;

  constructor(options: LocalLanesOptions) {
    this.#options = options;
    this.count = options.count ?? 1;
    const library = chooseLibc(options.engine ?? "auto");
    if (library === undefined) return;
    const loop = new EventLoop(library.symbols);
    const running = loop.run({ blocks: false });
    this.#loop = loop;
    this.#stack.defer(async () => {
      loop.stop();
      await running;
      loop[Symbol.dispose]();
      library.close();
    });
  }

  openForwarders<Init extends object, Command, Report>(
    kind: ForwarderKind<Init>,
    events: ForwarderEvents<Report>,
  ): Promise<Forwarders<Init, Command>> {
    const opened = new LocalForwarders(this.#options, {
      loop: this.#loop,
      count: this.#loop === undefined ? 1 : this.count,
      kind,
      events: events as ForwarderEvents<unknown>,
    });
    this.#opened = opened;
    this.#stack.use(opened);
    return Promise.resolve(opened as unknown as Forwarders<Init, Command>);
  }

  /** The lanes that have sent a report of that type. */
  lanesThatTold(type: string): ReadonlySet<number> {
    return this.#opened!.told.get(type) ?? new Set();
  }

  /** Ends a lane silently; its socket stays open and keeps receiving. */
  fail(lane: number): void {
    this.#opened!.fail(lane);
  }

  /** Loses everything that a lane says from now on. */
  mute(lane: number): void {
    this.#opened!.mute(lane);
  }

  /** Starts a replacement for a lane. */
  replace(lane: number): void {
    this.#opened!.openIn(lane);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface LocalSurroundings {
  readonly loop: EventLoop | undefined;
  readonly count: number;
  readonly kind: ForwarderKind<object>;
  readonly events: ForwarderEvents<unknown>;
}

interface Served {
  readonly engine: UdpEngine;
  readonly forwarder: ServedForwarder<object, unknown, unknown>;
}

class LocalForwarders implements Forwarders<object, unknown>, Disposable {
  readonly told = new Map<string, Set<number>>();
  readonly #options: LocalLanesOptions;
  readonly #around: LocalSurroundings;
  readonly #fronts: FrontSockets | undefined;
  readonly #sessions;
  readonly #sockets;
  readonly #served = new Map<number, Served>();
  readonly #muted = new Set<number>();
  #init: object;
  #address: Address;

  constructor(options: LocalLanesOptions, around: LocalSurroundings) {
    this.#options = options;
    this.#around = around;
    const { loop, count, kind: { listen, reusePort, init } } = around;
    this.#init = init;
    this.#sessions = laneTally(count);
    this.#sockets = laneTally(count);
    if (loop) this.#fronts = FrontSockets.open({ listen, count, reusePort });
    for (let lane = 1; lane <= count; lane++) this.openIn(lane);
    this.#address = this.#served.get(1)!.engine.address;
  }

  get address(): Address {
    return this.#address;
  }

  get engine(): Forwarders<object, unknown>["engine"] {
    return this.#served.get(1)!.engine;
  }

  openIn(lane: number): void {
    const { loop, kind } = this.#around;
    const { clock, create = FORWARDERS[kind.protocol] } = this.#options;
    const front = this.#fronts?.descriptors[lane - 1];
    const engine = openEngine(loop, { ...kind, front, clock });
    const post = (message: FromForwarder<unknown>) =>
      this.#later(() => this.#take(lane, served, message));
    const forwarder = new ServedForwarder<object, unknown, unknown>({
      engine,
      tallies: {
        sessions: new SharedTally(this.#sessions, lane),
        sockets: new SharedTally(this.#sockets, lane),
      },
      init: structuredClone(this.#init),
      create: create as CreateForwarder<object, unknown, unknown>,
      post: (message) => post(structuredClone(message)),
    });
    const served = { engine, forwarder };
    this.#served.set(lane, served);
  }

  fail(lane: number): void {
    const served = this.#served.get(lane)!;
    this.#served.delete(lane);
    served.engine.close();
    for (const memory of [this.#sessions, this.#sockets]) new SharedTally(memory, 0).clear(lane);
    this.#around.events.gone(lane);
  }

  mute(lane: number): void {
    this.#muted.add(lane);
  }

  send(lane: number, command: unknown): boolean {
    return this.#tell(lane, { type: "command", command });
  }

  sendAll(command: unknown): void {
    for (const lane of this.#served.keys()) this.send(lane, command);
  }

  configure(init: object): void {
    this.#init = init;
    for (const lane of this.#served.keys()) this.#tell(lane, { type: "configure", init });
  }

  async close(): Promise<void> {
    for (const lane of this.#served.keys()) this.#tell(lane, { type: "close" });
    await Promise.all([...this.#served.values()].map(({ forwarder }) => forwarder.closed));
    await Promise.resolve();
    this.#fronts?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const { engine } of this.#served.values()) engine.close();
    this.#fronts?.[Symbol.dispose]();
  }

  #tell(lane: number, message: ToForwarder<object, unknown>): boolean {
    const served = this.#served.get(lane);
    if (served === undefined) return false;
    const copy = structuredClone(message);
    this.#later(() => {
      if (this.#served.get(lane) === served) served.forwarder.take(copy);
    });
    return true;
  }

  #take(lane: number, served: Served, message: FromForwarder<unknown>): void {
    if (this.#served.get(lane) !== served || this.#muted.has(lane)) return;
    const { events } = this.#around;
    if (message.type === "report") {
      const { type } = message.report as { readonly type: string };
      this.told.set(type, new Set([...this.told.get(type) ?? [], lane]));
      events.report(lane, message.report);
    } else if (message.type === "lost") events.lost(message.drops);
  }

  #later(act: () => void): void {
    queueMicrotask(act);
  }
}
