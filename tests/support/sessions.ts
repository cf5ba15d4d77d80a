// The list of sessions from the System API.

import { fetchText } from "./origin_server.ts";
import type { SystemApi } from "./register.ts";

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
 * What sessions do and over which transport, each pair once, in order: `play tcp`. A page that waits for
 * long opens another session.
 */
export async function transportsOf(proxy: SystemApi): Promise<string[]> {
  const sessions = await sessionsOf(proxy);
  return [...new Set(sessions.map(({ intent, transport }) => `${intent} ${transport}`))].toSorted();
}
