// An SRT-only origin at a proxy, and the SRT sessions that the proxy has.

import type { Proxy } from "./proxy.ts";
import { fetchText } from "./origin_server.ts";
import { heartbeatOf, sendHeartbeat } from "./register.ts";

/** Registers an origin that speaks nothing but SRT. */
export async function registerSrt(proxy: Proxy, name: string, srtPort: number): Promise<void> {
  await sendHeartbeat(proxy, heartbeatOf({ name, rtmpPort: srtPort, srtPort }, "1"));
}

interface SessionsAnswer {
  readonly sessions: readonly { readonly protocol: string; readonly stream: string }[];
}

/** The streams of the SRT sessions that are open. */
export async function srtSessions(proxy: Proxy): Promise<string[]> {
  const answer: SessionsAnswer = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/sessions")));
  return answer.sessions.filter(({ protocol }) => protocol === "srt").map(({ stream }) => stream);
}
