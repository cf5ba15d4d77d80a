// What a relay does for a session, in the same order as the real ones: ask the registry, dial, ask
// again if that fails, let the origin decide, confirm, tell the client, and at the end release.
// Decides nothing itself. Modelled on src/relay/rtmp and src/relay/srt.

import type { Resolver } from "../../src/core/contracts.ts";
import type { ProcessClock } from "../support/virtual_clock.ts";
import type { Chance } from "./chance.ts";
import type { Decision, ModelOrigin } from "./model_origin.ts";
import type { ModelSession } from "./model_session.ts";

export interface RelayEvents {
  /** The registry is about to be asked. */
  onAsk(session: ModelSession): Promise<void>;
  /** The registry has chosen an origin. */
  onPlaced(session: ModelSession, origin: string): void;
  /** The client is told that it is served. */
  onTold(session: ModelSession): void;
  /** The session has ended, served or refused. */
  onOver(session: ModelSession, why: string): void;
}

export interface RelayParts {
  /** The registry as seen by the thread of a session. */
  readonly registryOf: (session: ModelSession) => Resolver;
  readonly clock: ProcessClock;
  readonly chance: Chance;
  readonly origins: ReadonlyMap<string, ModelOrigin>;
  /** Whether the process can reach an origin that would answer. */
  readonly canReach: (origin: string) => boolean;
  readonly events: RelayEvents;
}

const DIAL_TIMEOUT = { rtmp: 2_000, srt: 1_000 };
const ANSWER_TIMEOUT = 5_000;
/** How long an origin waits for its operator's hook, milliseconds. */
const HOOK = 1_200;

export class ModelRelay {
  readonly #parts: RelayParts;
  readonly #sessions = new Map<string, ModelSession>();

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** Sessions that have not ended. */
  get sessions(): readonly ModelSession[] {
    return [...this.#sessions.values()];
  }

  /** Serves a client, or refuses it. */
  async serve(session: ModelSession): Promise<void> {
    this.#sessions.set(session.id, session);
    const { registryOf, clock, events } = this.#parts;
    const registry = registryOf(session);
    const failed: string[] = [];
    const giveUpAt = clock.now() + ANSWER_TIMEOUT;
    while (clock.now() < giveUpAt && !session.isOver) {
      const origin = await this.#resolve(session, failed);
      if (origin === undefined) return;
      session.origin = origin;
      events.onPlaced(session, origin);
      const isReached = await this.#dial(session, origin);
      if (session.isOver) return;
      if (isReached) {
        registry.reached(origin, session.protocol);
        return await this.#ask(session, this.#parts.origins.get(origin)!);
      }
      registry.unreachable(origin, session.protocol);
      failed.push(origin);
    }
    this.finish(session, "no origin in time");
  }

  /** Ends a session for any reason. */
  finish(session: ModelSession, why: string): void {
    if (session.isOver) return;
    session.isOver = true;
    this.#sessions.delete(session.id);
    this.#originOf(session)?.drop(session);
    if (!session.isAsking) this.#parts.registryOf(session).release(session.id);
    this.#parts.events.onOver(session, why);
  }

  /** SRT sessions notice that the origin has fallen silent. */
  endSilent(origin: string): void {
    for (const session of this.sessions) {
      const isSilent = session.protocol === "srt" && session.toldAt !== undefined;
      if (isSilent && session.origin === origin) this.finish(session, "the origin is silent");
    }
  }

  /** The process is killed: everything ends without telling the registry. */
  kill(): void {
    for (const session of this.sessions) {
      session.isOver = true;
      this.#originOf(session)?.drop(session);
      this.#parts.events.onOver(session, "proxy killed");
    }
    this.#sessions.clear();
  }

  /** The registry ends a session. */
  readonly end = (id: string, reason: string): void => {
    const session = this.#sessions.get(id);
    if (session) this.finish(session, reason);
  };

  /** The bytes that the origin has sent for a session; any increasing measure. */
  readonly received = (id: string): number | undefined => {
    const session = this.#sessions.get(id);
    const origin = session && this.#originOf(session);
    if (!session || !origin) return undefined;
    if (origin.isRunning && session.toldAt !== undefined && origin.hasPublisher(session.stream)) {
      session.received = this.#parts.clock.now();
    }
    return session.received;
  };

  /** @returns undefined when the session has ended */
  async #resolve(session: ModelSession, failed: readonly string[]): Promise<string | undefined> {
    const { registryOf, clock, events } = this.#parts;
    const registry = registryOf(session);
    const { id, stream, protocol, intent } = session;
    session.askedAt = clock.now();
    session.isAsking = true;
    await events.onAsk(session);
    try {
      const origin = await registry.resolve({ stream, protocol, intent, session: id, failed });
      session.isAsking = false;
      if (!session.isOver) return origin.id;
    } catch (error) {
      session.isAsking = false;
      if (!session.isOver) this.finish(session, String(error));
      return undefined;
    }
    registry.release(id);
    return undefined;
  }

  async #dial(session: ModelSession, origin: string): Promise<boolean> {
    const { chance, canReach, origins } = this.#parts;
    const answers = canReach(origin);
    const isRefused = origins.get(origin)!.isDead;
    const time = answers || isRefused ? chance.between(1, 6) : DIAL_TIMEOUT[session.protocol];
    await this.#pause(time);
    // Its answer is lost if it dies or stops meanwhile.
    return answers && canReach(origin);
  }

  async #ask(session: ModelSession, origin: ModelOrigin): Promise<void> {
    const { registryOf, clock, chance, events } = this.#parts;
    const delay = chance.happens(0.15) ? HOOK : chance.between(1, 8);
    const decision = await Promise.race([
      new Promise<Decision>((resolve) => {
        origin.ask(session, delay, (decided) => clock.deliver(() => resolve(decided)));
      }),
      this.#pause(ANSWER_TIMEOUT).then(() => "no answer" as const),
    ]);
    if (session.isOver) return;
    if (decision !== "accepted") return this.finish(session, `the origin says ${decision}`);
    const confirmed = attempt(() => registryOf(session).confirm(session.id));
    // Only a publisher waits for the confirmation.
    const problem = session.intent === "publish" ? await confirmed : undefined;
    if (session.isOver) return;
    if (problem !== undefined) return this.finish(session, `not confirmed: ${problem}`);
    session.toldAt = clock.now();
    events.onTold(session);
  }

  #originOf({ origin }: ModelSession): ModelOrigin | undefined {
    return origin === undefined ? undefined : this.#parts.origins.get(origin);
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.after(milliseconds, resolve));
  }
}

/** @returns why it failed; undefined when it has not */
async function attempt(call: () => Promise<void> | void): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return String(error);
  }
}
