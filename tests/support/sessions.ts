// The list of sessions from the System API.

import { fetchText } from "./origin_server.ts";
import type { SystemApi } from "./register.ts";
import { until } from "./wait.ts";

/** One session in the list. */
export interface ListedSession {
  readonly session: string;
  readonly protocol: string;
  readonly intent: string;
  readonly stream: string;
  readonly transport: string;
  readonly client: string;
}

export async function sessionsOf(proxy: SystemApi): Promise<readonly ListedSession[]> {
  return JSON.parse(await fetchText(proxy.systemUrl("/api/v1/sessions"))).sessions;
}

/**
 * Waits until what sessions do and over which transport, each pair once and in order, is
 * `expected`: `play tcp`. A page that waits for long opens another session, and a browser whose first
 * answer over UDP comes late begins over TCP.
 */
export async function untilTransports(
  proxy: SystemApi,
  expected: readonly string[],
): Promise<void> {
  let seen = "";
  await until(expected.join(" and "), async () => {
    const sessions = await sessionsOf(proxy);
    const pairs = new Set(sessions.map(({ intent, transport }) => `${intent} ${transport}`));
    seen = [...pairs].toSorted().join(" and ");
    return seen === expected.join(" and ");
  }, { describe: () => seen });
}
