// All sessions, with a button to end each.

/// <reference lib="dom" />

import { useMemo } from "preact/hooks";
import type { Act } from "./act.ts";
import type { ApiClient } from "./api_client.ts";
import { ListPage } from "./list_page.tsx";
import type { Question } from "./question.tsx";
import { rateColumn } from "./rate_columns.ts";
import { routeTo } from "./route.ts";
import type { SessionEntry } from "./shapes.ts";
import { Filter } from "./streams_page.tsx";
import { duration, streamName } from "./units.ts";
import { type Sources, useList } from "./use_list.ts";
import type { Column } from "./virtual_table.tsx";

interface SessionsPageProps extends Sources {
  readonly search: string;
  /** Only sessions of this origin; empty for all. */
  readonly origin: string;
  readonly stream: string;
  readonly act: Act;
}

const FACTS: readonly Column<SessionEntry>[] = [
  {
    key: "name",
    title: "Client",
    show: ({ client }) => client,
    sortBy: ({ client }) => client,
  },
  {
    key: "what",
    title: "Does",
    show: ({ intent, protocol }) => `${intent} ${protocol}`,
    sortBy: ({ intent, protocol }) => `${intent} ${protocol}`,
  },
  {
    key: "stream",
    title: "Stream",
    show: ({ stream }) => <a href={routeTo("streams", stream)}>{streamName(stream)}</a>,
    sortBy: ({ stream }) => stream,
  },
  {
    key: "origin",
    title: "Origin",
    show: ({ origin }) => <a href={routeTo("origins", origin)}>{origin}</a>,
    sortBy: ({ origin }) => origin,
  },
  rateColumn("rate", "Rate", mediaRateOf),
  {
    key: "since",
    title: "For",
    show: ({ seconds }) => duration(seconds),
    sortBy: ({ seconds }) => seconds,
    isNumber: true,
  },
];

export function SessionsPage({ api, feed, search, origin, stream, act }: SessionsPageProps) {
  const given = Object.entries({ origin, stream }).filter(([, value]) => value !== "");
  const query = new URLSearchParams(given).toString();
  const list = useList<SessionEntry>({ api, feed }, {
    path: "api/v1/sessions",
    field: "sessions",
    query,
  });
  const columns = useMemo((): readonly Column<SessionEntry>[] => [
    ...FACTS,
    {
      key: "action",
      title: "Action",
      show: (session) => (
        <button
          type="button"
          class="danger"
          aria-label={`End the session of ${session.client}`}
          onClick={() => act(kickQuestion(api, session), list.refresh)}
        >
          End
        </button>
      ),
    },
  ], [api, list.refresh]);
  return (
    <ListPage
      name="sessions"
      {...{ list, columns, search }}
      keyOf={({ session }) => session}
      textOf={textOf}
    >
      {given.length > 0 && (
        <Filter text={`at ${given.map(([, value]) => value).join(", ")}`} page="sessions" />
      )}
    </ListPage>
  );
}

export function kickQuestion(
  api: ApiClient,
  { session, intent, protocol, stream, client }: Omit<
    SessionEntry,
    "origin" | "seconds" | "bit_rate_in" | "bit_rate_out"
  >,
): Question {
  const who = intent === "publish" ? "The publisher" : "A viewer";
  return {
    title: `End the session of ${client}?`,
    text: `${who} of ${streamName(stream)} over ${protocol} is disconnected. It may come back.`,
    action: "End session",
    run: () => api.change("DELETE", `api/v1/sessions/${encodeURIComponent(session)}`),
  };
}

/** The rate in the direction of the media. */
function mediaRateOf({ intent, bit_rate_in, bit_rate_out }: SessionEntry): number {
  return intent === "publish" ? bit_rate_in : bit_rate_out;
}

function textOf({ client, intent, protocol, stream, origin }: SessionEntry): string {
  return `${client} ${intent} ${protocol} ${stream} ${origin}`;
}
