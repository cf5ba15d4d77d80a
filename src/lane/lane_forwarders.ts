// The forwarders of one protocol in all lanes, as the main thread sees them. With the C library every
// lane has one, on a socket that the main thread owns. Deno's engine cannot share a UDP port, so there
// only the first lane has one.

import { type Clock, within } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/address.ts";
import { FrontSockets } from "../net/udp/front_sockets.ts";
import type { UdpEngine } from "../net/udp/port.ts";
import type {
  ForwarderEvents,
  ForwarderKind,
  Forwarders,
  FromForwarder,
  ToForwarder,
} from "../relay/udp/forwarder.ts";
import type { Lane } from "./lane.ts";
import type { UdpProtocol } from "../relay/udp/figures.ts";
import type { ForwarderTallies } from "./messages.ts";
import type { TallyMemory } from "./shared_tally.ts";

/** Milliseconds a lane may take to open a forwarder, and to close it. */
const OPEN_DEADLINE = 20_000;
const END_DEADLINE = 3_000;

interface LaneForwardersOptions<Init, Report> {
  readonly kind: ForwarderKind<Init>;
  readonly events: ForwarderEvents<Report>;
  readonly engine: UdpEngine["kind"];
  readonly clock: Clock;
  /** Number of lanes. */
  readonly count: number;
  readonly tallies: ForwarderTallies;
}

type Opened = Extract<FromForwarder<never>, { type: "opened" }>;

interface Served {
  readonly lane: Lane;
  readonly opened: PromiseWithResolvers<Opened>;
  readonly closed: PromiseWithResolvers<void>;
}

/** See `Forwarders`. Disposing of it frees the port, so no lane may still use it. */
class LaneForwarders<Init extends object, Command, Report>
  implements Forwarders<Init, Command>, Disposable {
  readonly #options: LaneForwardersOptions<Init, Report>;
  readonly #fronts: FrontSockets | undefined;
  readonly #served = new Map<number, Served>();
  #init: Init;
  #where: Opened | undefined;
  #isClosing = false;

  /** @throws ProxyError `internal` when the port cannot be bound */
  constructor(options: LaneForwardersOptions<Init, Report>) {
    const { kind: { listen, reusePort, init }, engine, count } = options;
    this.#options = options;
    this.#init = init;
    if (engine === "libc") this.#fronts = FrontSockets.open({ listen, count, reusePort });
  }

  get address(): Address {
    return this.#fronts?.address ?? this.#where!.address;
  }

  get engine(): Pick<UdpEngine, "kind" | "buffers"> {
    const { buffers } = this.#fronts ?? this.#where!;
    return { kind: this.#options.engine, buffers };
  }

  /** Opens this lane's forwarder, if it is to have one. */
  async openIn(lane: Lane): Promise<void> {
    if (this.#isClosing || (this.#fronts === undefined && lane.number > 1)) return;
    const { kind, tallies, clock } = this.#options;
    const opened = Promise.withResolvers<Opened>();
    opened.promise.catch(() => {});
    this.#served.set(lane.number, { lane, opened, closed: Promise.withResolvers() });
    const front = this.#fronts?.descriptors[lane.number - 1];
    // If the system chose the port, a replacement for the first lane gets the same one.
    const listen = { ...kind.listen, port: this.#where?.address.port ?? kind.listen.port };
    const opening = { ...kind, listen, init: this.#init, front };
    lane.tellForwarder(kind.protocol, { type: "open", opening, tallies });
    this.#where = await within(clock, OPEN_DEADLINE, opened.promise, () => {
      throw new ProxyError("internal", `Cannot open a UDP port in lane ${lane.number} in time`);
    });
  }

  /** Handles a message from a lane's forwarder. */
  take(lane: Lane, message: FromForwarder<unknown>): void {
    const served = this.#served.get(lane.number);
    if (served?.lane !== lane) return;
    const { events } = this.#options;
    switch (message.type) {
      case "report":
        return events.report(lane.number, message.report as Report);
      case "lost":
        return events.lost(message.drops);
      case "opened":
        return served.opened.resolve(message);
      case "failed":
        this.#served.delete(lane.number);
        return served.opened.reject(new ProxyError(message.code, message.message));
      case "closed":
        this.#served.delete(lane.number);
        return served.closed.resolve();
    }
  }

  /** A lane has failed. */
  gone(lane: Lane): void {
    const served = this.#served.get(lane.number);
    if (served?.lane !== lane) return;
    this.#served.delete(lane.number);
    served.opened.reject(new ProxyError("internal", `Lane ${lane.number} has failed`));
    served.closed.resolve();
    this.#options.events.gone(lane.number);
  }

  send(lane: number, command: Command): boolean {
    const served = this.#served.get(lane);
    if (served !== undefined) this.#tell(served.lane, { type: "command", command });
    return served !== undefined;
  }

  sendAll(command: Command): void {
    for (const { lane } of this.#served.values()) this.#tell(lane, { type: "command", command });
  }

  configure(init: Init): void {
    this.#init = init;
    for (const { lane } of this.#served.values()) this.#tell(lane, { type: "configure", init });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const served = [...this.#served.values()];
    for (const { lane } of served) this.#tell(lane, { type: "close" });
    const closed = Promise.all(served.map((one) => one.closed.promise));
    // If it does not end it keeps using its socket, which is closed together with the lane.
    await within(this.#options.clock, END_DEADLINE, closed.then(() => this.#free()), () => {});
  }

  [Symbol.dispose](): void {
    this.#free();
  }

  #tell(lane: Lane, message: ToForwarder<Init, Command>): void {
    lane.tellForwarder(this.#options.kind.protocol, message);
  }

  #free(): void {
    this.#fronts?.[Symbol.dispose]();
  }
}

type AnyForwarders = LaneForwarders<object, unknown, unknown>;

/** What the forwarders of all protocols share. */
export interface ForwarderSetOptions {
  readonly engine: UdpEngine["kind"];
  readonly clock: Clock;
  readonly count: number;
  /** Memory for the lanes' counts. */
  tally(): TallyMemory;
}

export class ForwarderSet implements Disposable {
  readonly #options: ForwarderSetOptions;
  readonly #byProtocol = new Map<UdpProtocol, AnyForwarders>();

  constructor(options: ForwarderSetOptions) {
    this.#options = options;
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  async open<Init extends object, Command, Report>(
    kind: ForwarderKind<Init>,
    events: ForwarderEvents<Report>,
    lanes: readonly Lane[],
  ): Promise<Forwarders<Init, Command>> {
    const { tally, ...rest } = this.#options;
    const tallies = { sessions: tally(), sockets: tally() };
    const forwarders = new LaneForwarders<Init, Command, Report>({
      ...{ ...rest, kind, events, tallies },
    });
    this.#byProtocol.set(kind.protocol, forwarders as unknown as AnyForwarders);
    try {
      await Promise.all(lanes.map((lane) => forwarders.openIn(lane)));
      return forwarders;
    } catch (error) {
      await forwarders.close();
      throw error;
    }
  }

  /** Opens all forwarders in a replacement lane. */
  async openIn(lane: Lane): Promise<void> {
    await Promise.all([...this.#byProtocol.values()].map((one) => one.openIn(lane)));
  }

  take(lane: Lane, protocol: UdpProtocol, message: FromForwarder<unknown>): void {
    this.#byProtocol.get(protocol)?.take(lane, message);
  }

  /** A lane has failed. */
  gone(lane: Lane): void {
    for (const forwarders of this.#byProtocol.values()) forwarders.gone(lane);
  }

  /** Frees the ports; no lane may still run. */
  [Symbol.dispose](): void {
    for (const forwarders of this.#byProtocol.values()) forwarders[Symbol.dispose]();
  }
}
