// All streams.

/// <reference lib="dom" />

import { ListPage } from "./list_page.tsx";
import { RATE_COLUMNS } from "./rate_columns.ts";
import { routeTo } from "./route.ts";
import type { StreamEntry } from "./shapes.ts";
import { count, duration, streamName } from "./units.ts";
import { type Sources, useList } from "./use_list.ts";
import type { Column } from "./virtual_table.tsx";

interface StreamsPageProps extends Sources {
  readonly search: string;
  /** Only streams of this origin; empty for all. */
  readonly origin: string;
}

const COLUMNS: readonly Column<StreamEntry>[] = [
  {
    key: "name",
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
  {
    key: "publisher",
    title: "Publisher",
    show: ({ live, publisher }) => {
      if (publisher) return `${publisher.protocol} ${publisher.client}`;
      return live ? "at another proxy" : "none";
    },
    sortBy: ({ live, publisher }) => publisher?.client ?? (live ? "0" : ""),
  },
  {
    key: "viewers",
    title: "Viewers",
    show: ({ viewers }) => count(viewers ?? 0),
    sortBy: ({ viewers }) => viewers ?? 0,
    isNumber: true,
  },
  ...RATE_COLUMNS,
  {
    key: "since",
    title: "For",
    show: ({ seconds }) => seconds === undefined ? "–" : duration(seconds),
    sortBy: ({ seconds }) => seconds ?? 0,
    isNumber: true,
  },
];

export function StreamsPage({ api, feed, search, origin }: StreamsPageProps) {
  const query = origin === "" ? "" : new URLSearchParams({ origin }).toString();
  const place = { path: "api/v1/streams", field: "streams", query };
  const list = useList<StreamEntry>({ api, feed }, place);
  return (
    <ListPage
      name="streams"
      columns={COLUMNS}
      {...{ list, search }}
      keyOf={({ stream }) => stream}
      textOf={({ stream, origin, publisher }) => `${stream} ${origin} ${publisher?.client ?? ""}`}
    >
      {origin !== "" && <Filter text={`at ${origin}`} page="streams" />}
    </ListPage>
  );
}

/** Says that a list is filtered, with a link to the whole list. */
export function Filter({ text, page }: { text: string; page: string }) {
  return (
    <p class="filter">
      {text} · <a href={routeTo(page)}>all {page}</a>
    </p>
  );
}
