// The list of sessions, as people get it from the System API.

import { fetchText } from "./origin_server.ts";
import type { SystemApi } from "./register.ts";

/** What the list says of one. */
export interface ListedSession {
  readonly session: string;
  readonly protocol: string;
  readonly intent: string;
  readonly transport: string;
  readonly client: string;
}

/** All that a proxy has. */
export async function sessionsOf(proxy: SystemApi): Promise<readonly ListedSession[]> {
  return JSON.parse(await fetchText(proxy.systemUrl("/api/v1/sessions"))).sessions;
}

/** What each does over which transport, in order: `play tcp`. */
export async function transportsOf(proxy: SystemApi): Promise<string[]> {
  const sessions = await sessionsOf(proxy);
  return sessions.map(({ intent, transport }) => `${intent} ${transport}`).toSorted();
}
