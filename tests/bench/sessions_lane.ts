// A lane of the sessions benchmark: a thread that opens and ends sessions as fast as the main
// thread allows, without sockets or clients. Told how many, with which streams, and whether it may
// answer known ones itself.

import { ChangeCounts } from "../../src/core/change_counts.ts";
import { MainThread } from "../../src/lane/main_thread.ts";
import type { FromLane, ToLane } from "../../src/lane/messages.ts";

export interface SessionsInit {
  readonly sessions: number;
  readonly atOnce: number;
  /** Number of streams that sessions use in turn. */
  readonly streams: number;
  readonly intent: "publish" | "play";
  /** Whether the lane may answer what it knows. */
  readonly mayKnow: boolean;
  readonly prefix: string;
  readonly changes: SharedArrayBuffer;
}

/** Sent to the benchmark, in addition to a lane's messages. */
export type SessionsDone = { readonly type: "done"; readonly times: readonly number[] };

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<SessionsInit | ToLane>) => void) | null;
  postMessage(message: FromLane | SessionsDone): void;
};

let main: MainThread | undefined;

scope.onmessage = ({ data }) => {
  if ("sessions" in data) {
    const now = () => data.mayKnow ? performance.now() : Infinity;
    const changes = new ChangeCounts(data.changes);
    main = new MainThread((message) => scope.postMessage(message), { changes, now });
    run(main, data).then((times) => scope.postMessage({ type: "done", times }));
  } else if (data.type === "answer") main?.answered(data.id, data.answer);
  else if (data.type === "refusal") main?.refused(data.id, data.error);
};

async function run(main: MainThread, init: SessionsInit): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  const worker = async () => {
    while (next < init.sessions) times.push(await oneSession(main, init, next++));
  };
  await Promise.all(Array.from({ length: init.atOnce }, worker));
  return times;
}

/** @returns the milliseconds until its origin was known */
async function oneSession(main: MainThread, init: SessionsInit, at: number): Promise<number> {
  const { intent, prefix, streams } = init;
  const session = `${prefix}_${at}`;
  const stream = `v/live/${prefix}${at % streams}`;
  const begun = performance.now();
  const request = { stream, protocol: "rtmp", intent, session, failed: [] } as const;
  const origin = await main.resolver.resolve(request);
  const time = performance.now() - begun;
  main.resolver.reached(origin.id, "rtmp");
  await main.resolver.confirm(session);
  const event = { session, protocol: "rtmp", intent, stream, origin: origin.id, client: "a:1" };
  main.sessions.opened(event);
  // Lets other things in the lane happen too.
  await new Promise((resolve) => setTimeout(resolve, 0));
  main.resolver.release(session);
  main.sessions.closed({ session, reason: "client_closed", bytesIn: 0, bytesOut: 0 });
  return time;
}
