// One lane as the main thread has it: starts its thread, hands on what it says, tells it what to do, and
// cleans up behind it, however it ends.

import { ProxyError } from "../core/errors.ts";
import type { TlsKeys } from "../net/tls/tls_keys.ts";
import type { EndedBy } from "../core/contracts.ts";
import { type Clock, pause, within } from "../core/clock.ts";
import { openLibc } from "../net/udp/libc.ts";
import { DescriptorSet } from "../net/libc/descriptor_set.ts";
import { WakeHandle } from "../net/udp/wake_handle.ts";
import { Desk, type DeskServices } from "./desk.ts";
import type { UdpProtocol } from "../relay/udp/figures.ts";
import type { FromForwarder } from "../relay/udp/forwarder.ts";
import type {
  FromLane,
  LaneAddresses,
  LaneInit,
  RelayName,
  ToLane,
  ToLaneForwarder,
} from "./messages.ts";
import { receiveError } from "./sent_error.ts";

/** How long a lane may take to open its ports, and to end, milliseconds. */
const START_DEADLINE = 20_000;
const END_DEADLINE = 3_000;
/** A thread that was told to end runs no longer than that: it may wait for its sockets just now. */
const LAST_BREATH = 3_000;

/** What a lane needs. */
export interface LaneOptions {
  readonly init: Omit<LaneInit, "mail" | "wake" | "descriptors" | "changes">;
  readonly clock: Clock;
  readonly services: DeskServices;
  /** Takes what a forwarder of a lane says. */
  readonly onForwarder: (
    lane: Lane,
    protocol: UdpProtocol,
    message: FromForwarder<unknown>,
  ) => void;
}

/** A running lane. */
export class Lane implements AsyncDisposable {
  readonly number: number;
  /** Rejects when the lane dies by itself; resolves once it is disposed of. */
  readonly closed: Promise<void>;
  /** Resolves once nothing is left of it; of an ended lane only. */
  freed: Promise<void> = Promise.resolve();
  readonly #options: LaneOptions;
  readonly #worker: Worker;
  readonly #wake: WakeHandle | undefined;
  #isTerminated = false;
  /** Whether the thread has closed everything and is no more. */
  #hasEnded = false;
  readonly #desk: Desk;
  readonly #mail = new SharedArrayBuffer(4);
  readonly #descriptors = DescriptorSet.memory();
  readonly #count = new Int32Array(this.#mail);
  readonly #opened = Promise.withResolvers<LaneAddresses>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #idle = {
    rtmp: Promise.withResolvers<void>(),
    http: Promise.withResolvers<void>(),
  };
  readonly #pings = new Map<number, () => void>();
  #pingCount = 0;
  #isEnding = false;
  #where: LaneAddresses | undefined;

  private constructor(options: LaneOptions) {
    const { init, services } = options;
    this.#options = options;
    this.number = init.lane;
    this.#wake = init.engine === "libc" ? new WakeHandle(openLibc()) : undefined;
    this.#desk = new Desk(services, (message) => this.#post(message));
    this.closed = this.#ended.promise;
    this.closed.catch(() => {});
    const module = import.meta.resolve("./lane_worker.ts");
    this.#worker = new Worker(module, { type: "module", name: `lane ${init.lane}` });
    this.#worker.onmessage = ({ data }: MessageEvent<FromLane>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(new Error(`Lane ${init.lane} has failed: ${event.message}`));
    };
  }

  /** @throws ProxyError `internal` when a port cannot be bound */
  static async open(options: LaneOptions): Promise<Lane> {
    const lane = new Lane(options);
    try {
      await lane.#open();
      return lane;
    } catch (error) {
      lane.#terminate("lane_failed");
      throw error;
    }
  }

  get addresses(): LaneAddresses {
    return this.#where!;
  }

  /** Whether a session is this lane's. */
  has(session: string): boolean {
    return this.#desk.has(session);
  }

  /** See `RelaySessions`. */
  received(session: string): number | undefined {
    return this.#desk.received(session);
  }

  /** What the lane says of itself by that name. */
  gauge(name: string): number {
    return this.#desk.gauge(name);
  }

  endSession(session: string, reason: EndedBy): void {
    this.#post({ type: "end_session", session, reason });
  }

  configure(variables: LaneInit["variables"]): void {
    this.#post({ type: "configure", variables });
  }

  tellForwarder(protocol: UdpProtocol, message: ToLaneForwarder): void {
    this.#post({ type: "forwarder", protocol, message });
  }

  certify(tls: TlsKeys): void {
    this.#post({ type: "certify", tls });
  }

  /** Takes no new client and no new stream; `idle` resolves when the last one has left. */
  drain(relay: RelayName): void {
    this.#post({ type: "drain", relay });
  }

  kill(relay: RelayName): void {
    this.#post({ type: "kill", relay });
  }

  /** Resolves when a relay that was told to drain has no client left, or the lane has ended. */
  idle(relay: RelayName): Promise<void> {
    return Promise.race([this.#idle[relay].promise, this.closed.catch(() => {})]);
  }

  /** Resolves once the lane has shown that it goes on; at once when it is to end. */
  beat(): Promise<void> {
    if (this.#isEnding) return Promise.resolve();
    const id = ++this.#pingCount;
    return new Promise((resolve) => {
      this.#pings.set(id, resolve);
      this.#post({ type: "ping", id });
    });
  }

  /** Ends the lane as one that has failed. */
  fail(error: Error): void {
    this.#die(error);
  }

  /** Ends its clients and frees its sockets; a thread that does not end is ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnding) return await this.closed.catch(() => {});
    this.#post({ type: "close" });
    this.#isEnding = true;
    this.#answerPings();
    const { clock } = this.#options;
    await within(clock, END_DEADLINE, this.closed.catch(() => {}), () => this.#ended.resolve());
    this.#terminate("shutdown");
  }

  async #open(): Promise<void> {
    const { init, clock, services } = this.#options;
    const whole = {
      ...init,
      changes: services.resolver.changes.memory,
      mail: this.#mail,
      descriptors: this.#descriptors,
      wake: this.#wake?.fd,
    };
    this.#worker.postMessage({ type: "open", init: whole } satisfies ToLane);
    this.#where = await within(clock, START_DEADLINE, this.#opened.promise, () => {
      throw new ProxyError("internal", `Cannot start lane ${init.lane} in time`);
    });
  }

  #post(message: ToLane): void {
    if (this.#isTerminated) return;
    this.#worker.postMessage(message);
    Atomics.add(this.#count, 0, 1);
    this.#wake?.wake();
  }

  #take(message: FromLane): void {
    switch (message.type) {
      case "question":
        return void this.#desk.answer(message);
      case "notice":
        return this.#desk.take(message.notice);
      case "opened":
        return this.#opened.resolve(message);
      case "pong":
        this.#pings.get(message.id)?.();
        this.#pings.delete(message.id);
        return;
      case "idle":
        return this.#idle[message.relay].resolve();
      case "forwarder":
        return this.#options.onForwarder(this, message.protocol, message.message);
      case "failed":
        return this.#die(receiveError(message.error));
      case "closed":
        this.#hasEnded = true;
        if (this.#isEnding) this.#ended.resolve();
        else this.#die(new Error(`Lane ${this.number} has ended`));
    }
  }

  /** Nobody waits for a lane that is to end. */
  #answerPings(): void {
    for (const answer of this.#pings.values()) answer();
    this.#pings.clear();
  }

  #die(error: Error): void {
    this.#opened.promise.catch(() => {});
    this.#opened.reject(error);
    this.#ended.reject(error);
    this.#terminate("lane_failed");
  }

  #terminate(reason: string): void {
    if (this.#isTerminated) return;
    this.#isTerminated = true;
    this.#isEnding = true;
    this.#answerPings();
    this.#worker.terminate();
    this.#desk.end(reason);
    if (this.#hasEnded) return this.#wake?.[Symbol.dispose]();
    if (this.#wake === undefined) {
      this.freed = pause(this.#options.clock, LAST_BREATH);
      return;
    }
    this.#wake.wake();
    const library = openLibc();
    const left = new DescriptorSet(this.#descriptors);
    left.shutDown(library.symbols);
    this.freed = pause(this.#options.clock, LAST_BREATH).then(() => {
      left.closeAll(library.symbols);
      library.close();
      this.#wake![Symbol.dispose]();
    });
  }
}
