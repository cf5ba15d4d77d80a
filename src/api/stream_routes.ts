// Streams and sessions as operators see them on the System API, and how they end them. Authorization is
// checked before.

import type { Context, Env, Hono } from "hono";
import type { Clock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import type { Registrar, RegistryOperations, StreamStatus } from "../core/registrar.ts";
import { answerError } from "./json_answers.ts";
import { ratesOf } from "./rates.ts";
import { choiceOf, filterOf, pageOf } from "./paging.ts";
import type { SessionPage, SessionPageRequest, SessionStatus } from "./session_log.ts";
import type { SessionTallies, StreamTally } from "./session_tallies.ts";

/** The streams that clients publish and play through this process. */
export interface ClientSessions {
  /** Open sessions, oldest first. @throws ProxyError `bad_request` for a bad `after` */
  list(page: SessionPageRequest): SessionPage;
  /** Ends one. @returns false when there is none with that id */
  kick(session: string): boolean;
}

export interface StreamRouteDependencies {
  /** The sessions' clock. */
  readonly clock: Pick<Clock, "now">;
  readonly registrar: Registrar;
  readonly operations: RegistryOperations;
  readonly sessions: ClientSessions;
  readonly tallies: () => SessionTallies | Promise<SessionTallies>;
}

const STREAMS = "/api/v1/streams";
const SESSIONS = "/api/v1/sessions";

/** Adds the routes below `/api/v1/streams`. */
export function addStreams<E extends Env>(app: Hono<E>, deps: StreamRouteDependencies): void {
  const { clock, registrar, operations, tallies } = deps;
  app.get(STREAMS, async (context) => {
    const live = choiceOf(context, "live", ["true", "false"]);
    const { streams, next, total } = await registrar.streams({
      ...pageOf(context),
      origin: filterOf(context, "origin"),
      text: filterOf(context, "search"),
      live: live === undefined ? undefined : live === "true",
    });
    const counted = await tallies();
    const listed = streams.map((each) =>
      streamAnswer(each, counted.ofStream(each.stream), clock.now())
    );
    return context.json({ code: 0, streams: listed, next, total });
  });
  app.get(`${STREAMS}/:key{.+}`, async (context) => {
    const found = await operations.stream(keyOf(context));
    if (found === undefined) return unknownStream(context);
    const stream = streamAnswer(found, (await tallies()).ofStream(found.stream), clock.now());
    return context.json({ code: 0, stream });
  });
  app.delete(`${STREAMS}/:key{.+}`, async (context) => {
    const key = keyOf(context);
    const isKnown = await operations.stream(key) !== undefined;
    const ended = await operations.endStream(key);
    if (!isKnown && ended === 0) return unknownStream(context);
    return context.json({ code: 0, ended });
  });
}

/** Adds the routes below `/api/v1/sessions`. */
export function addSessions<E extends Env>(
  app: Hono<E>,
  { sessions }: StreamRouteDependencies,
): void {
  app.get(SESSIONS, (context) => {
    const { sessions: listed, ...page } = sessions.list({
      ...pageOf(context),
      stream: filterOf(context, "stream"),
      origin: filterOf(context, "origin"),
      protocol: filterOf(context, "protocol"),
      client: filterOf(context, "client"),
      intent: choiceOf(context, "intent", ["publish", "play"]),
    });
    return context.json({ code: 0, sessions: listed.map(sessionAnswer), ...page });
  });
  app.delete(`${SESSIONS}/:session`, (context) => {
    if (!sessions.kick(context.req.param("session"))) {
      return answerError(context, 404, "Cannot find a session with this id");
    }
    return context.json({ code: 0 });
  });
}

function sessionAnswer({ flowed, ...session }: SessionStatus): Record<string, unknown> {
  return { ...session, bytes_in: flowed.bytesIn, bytes_out: flowed.bytesOut, ...ratesOf(flowed) };
}

/** The rest of the path is the key: slashes may be escaped or not. */
function keyOf(context: Context): string {
  const path = new URL(context.req.url).pathname.slice(STREAMS.length + 1);
  try {
    return decodeURIComponent(path);
  } catch {
    throw new ProxyError("bad_request", "Cannot find a stream: its key is badly escaped");
  }
}

function streamAnswer(
  { stream, origin, confirmed, live, knownFor }: StreamStatus,
  { publishers, viewers, publisher, ...rates }: StreamTally,
  now: number,
): Record<string, unknown> {
  return {
    ...{ stream, origin, confirmed, live },
    seconds: Math.round(knownFor / 1000),
    publishers,
    publisher: publisher && {
      session: publisher.session,
      protocol: publisher.protocol,
      client: publisher.client,
      seconds: Math.round((now - publisher.since) / 1000),
    },
    viewers: Object.values(viewers).reduce((sum, count) => sum + count, 0),
    viewers_by_protocol: viewers,
    ...ratesOf(rates),
  };
}

function unknownStream(context: Context): Response {
  return answerError(context, 404, "Cannot find a stream with this key");
}
