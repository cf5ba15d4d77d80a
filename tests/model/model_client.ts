// An encoder or player: it connects, and whenever it is refused or disconnected it reconnects after
// a moment, sometimes through another proxy, until it leaves. Knows no origin and no registry.

import type { Clock } from "../../src/core/clock.ts";
import type { Chance } from "./chance.ts";
import type { ModelSession } from "./model_session.ts";

/** What a client wants, and where. */
export interface ClientParts {
  readonly name: string;
  readonly stream: string;
  readonly intent: "publish" | "play";
  readonly protocol: "rtmp" | "srt";
  readonly clock: Clock;
  readonly chance: Chance;
  readonly proxies: number;
  /** Connects to a proxy. @returns false when it accepts no connections */
  readonly come: (proxy: number, session: ModelSession) => boolean;
  /** Tells the proxy, as soon as it can notice, that the client has left. */
  readonly gone: (session: ModelSession) => void;
}

const PAUSE = { least: 300, most: 2_000 };
/** After this many failures a client waits longer. */
const PATIENT_AFTER = 5;
const SLOWER = 3;

export class ModelClient {
  readonly #parts: ClientParts;
  #session: ModelSession | undefined;
  #count = 0;
  #inVain = 0;
  #hasLeft = false;

  /** Two clients may have the same name, but not the same sessions. */
  readonly #id: string;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#id = `${parts.name}@${Math.round(parts.clock.now())}`;
  }

  get stream(): string {
    return this.#parts.stream;
  }

  get intent(): "publish" | "play" {
    return this.#parts.intent;
  }

  get name(): string {
    return this.#parts.name;
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Whether it has been told that it is served, and still is. */
  get isServed(): boolean {
    return this.#session?.toldAt !== undefined;
  }

  come(proxy: number): void {
    if (this.#hasLeft || this.#session) return;
    const { name, stream, intent, protocol, clock, come } = this.#parts;
    const session: ModelSession = {
      ...{ id: `${this.#id}.${++this.#count}`, client: name, proxy, stream, intent, protocol },
      ...{ askedAt: clock.now(), known: undefined, origin: undefined, toldAt: undefined },
      ...{ isAsking: false, isOver: false, isLeft: false, received: 0 },
    };
    this.#session = session;
    if (!come(proxy, session)) this.over(session);
  }

  /** A session of this client has ended. */
  over(session: ModelSession): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    this.#inVain = session.toldAt === undefined ? this.#inVain + 1 : 0;
    if (this.#hasLeft) return;
    const { clock, chance, proxies } = this.#parts;
    const proxy = chance.happens(0.5) ? session.proxy : chance.below(proxies);
    const factor = this.#inVain > PATIENT_AFTER ? SLOWER : 1;
    clock.after(factor * chance.between(PAUSE.least, PAUSE.most), () => this.come(proxy));
  }

  /** It gives up waiting for this proxy. */
  lose(proxy: number): void {
    const session = this.#session;
    if (session?.proxy !== proxy) return;
    session.isLeft = true;
    this.#parts.gone(session);
    this.over(session);
  }

  leave(): void {
    this.#hasLeft = true;
    const session = this.#session;
    if (!session) return;
    session.isLeft = true;
    this.#session = undefined;
    this.#parts.gone(session);
  }
}
