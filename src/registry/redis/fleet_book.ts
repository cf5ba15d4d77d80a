// Where the other proxies of the fleet listen, as they announce it in Redis periodically. Decides nothing;
// that is up to the caller.

import type { ProxyPlace, SessionCounts } from "../../core/fleet.ts";
import { murmur3 } from "../../core/murmur3.ts";
import type { Fleet } from "../store.ts";
import type { Gate } from "./gate.ts";
import { parseCounts, parsePlace } from "./records.ts";
import type { Remote } from "./remote.ts";

const DEADLINE = 1_000;
const TEXT = new TextEncoder();

export class FleetBook implements Fleet {
  readonly #remote: Remote;
  readonly #gate: Gate;
  #own: string | undefined;
  #others: readonly ProxyPlace[] = [];
  #names: readonly string[] = [];

  constructor(remote: Remote, gate: Gate) {
    this.#remote = remote;
    this.#gate = gate;
  }

  /** As they were when Redis was last asked: the same list until one comes, goes or moves. */
  get others(): readonly ProxyPlace[] {
    return this.#others;
  }

  isOurs(origin: string): boolean {
    const { writer } = this.#remote;
    const own = numberOf(writer, origin);
    // Without Redis nobody learns what another proxy finds out.
    return !this.#gate.isOpen || this.#names.every((name) => numberOf(name, origin) < own);
  }

  async tellSessions(counts: SessionCounts): Promise<void> {
    const text = JSON.stringify(counts);
    await this.#gate.ask(DEADLINE, async (connection) => {
      await this.#remote.tellCounts(connection, text);
    });
  }

  async otherSessions(): Promise<readonly SessionCounts[]> {
    const said = await this.#gate.ask(DEADLINE, (connection) => {
      return this.#remote.counts(connection, this.#names);
    });
    const counts = (said ?? []).map((text) => parseCounts(text));
    this.#remote.countIgnored(counts.filter((each) => each === undefined).length);
    return counts.filter((each) => each !== undefined);
  }

  /** Sets where this proxy listens; it is announced from the next exchange on. */
  announce(place: ProxyPlace): void {
    this.#own = JSON.stringify({ by: this.#remote.writer, ...place });
  }

  /** Announces this proxy and reads the others. */
  async exchange(): Promise<void> {
    const own = this.#own;
    if (own === undefined) return;
    const said = await this.#gate.ask(DEADLINE, (connection) => {
      return this.#remote.exchangePlaces(connection, own);
    });
    if (said === undefined) return;
    const places = said.map((text) => parsePlace(text));
    this.#remote.countIgnored(places.filter((place) => place === undefined).length);
    const others = places.filter((place) => place !== undefined)
      .filter(({ by }) => by !== this.#remote.writer);
    const now = others.map(({ place }) => place);
    if (JSON.stringify(now) !== JSON.stringify(this.#others)) this.#others = now;
    this.#names = others.map(({ by }) => by);
  }
}

/** Rendezvous hashing, as in rendezvous.ts. */
function numberOf(proxy: string, origin: string): number {
  return murmur3(TEXT.encode(`${proxy} ${origin}`), 0);
}
