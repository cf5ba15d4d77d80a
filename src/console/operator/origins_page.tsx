// All origins, with a button to drain each.

/// <reference lib="dom" />

import { useMemo } from "preact/hooks";
import type { Act } from "./act.ts";
import { drainQuestion } from "./origin_questions.ts";
import { ListPage } from "./list_page.tsx";
import { RATE_COLUMNS } from "./rate_columns.ts";
import { routeTo } from "./route.ts";
import type { OriginEntry } from "./shapes.ts";
import { count } from "./units.ts";
import { type Sources, useList } from "./use_list.ts";
import type { Column } from "./virtual_table.tsx";

interface OriginsPageProps extends Sources {
  readonly search: string;
  readonly act: Act;
}

export function OriginsPage({ api, feed, search, act }: OriginsPageProps) {
  const list = useList<OriginEntry>({ api, feed }, { path: "api/v1/origins", field: "origins" });
  const columns = useMemo((): readonly Column<OriginEntry>[] => [
    {
      key: "name",
      title: "Origin",
      show: ({ server, device_id, ip }) => (
        <>
          <a href={routeTo("origins", server)}>{device_id || server}</a>
          <small>{ip}</small>
        </>
      ),
      sortBy: ({ server, device_id }) => device_id || server,
    },
    {
      key: "state",
      title: "State",
      show: ({ state }) => <StateBadge state={state} />,
      sortBy: ({ state }) => state,
    },
    ...(["streams", "publishers", "viewers", "weight"] as const).map((key) => ({
      key,
      title: key[0]!.toUpperCase() + key.slice(1),
      show: (origin: OriginEntry) => count(origin[key] ?? 0),
      sortBy: (origin: OriginEntry) => origin[key] ?? 0,
      isNumber: true,
    })),
    ...RATE_COLUMNS,
    {
      key: "labels",
      title: "Labels",
      show: ({ labels }) => labels?.join(", "),
      sortBy: ({ labels }) => labels?.join(" ") ?? "",
    },
    {
      key: "action",
      title: "Action",
      show: (origin) => (
        <button
          type="button"
          aria-label={`${origin.draining ? "Undrain" : "Drain"} ${origin.server}`}
          onClick={() => act(drainQuestion(api, origin), list.refresh)}
        >
          {origin.draining ? "Undrain" : "Drain"}
        </button>
      ),
    },
  ], [api, list.refresh]);
  return (
    <ListPage
      name="origins"
      {...{ list, columns, search }}
      keyOf={({ server }) => server}
      textOf={(origin) => textOf(origin)}
    />
  );
}

function textOf({ server, device_id, ip, state, labels }: OriginEntry): string {
  return `${server} ${device_id} ${ip} ${state} ${labels?.join(" ") ?? ""}`;
}

/** The state in words; the colour only repeats them. */
export function StateBadge({ state }: { state: OriginEntry["state"] }) {
  return <span class="badge" data-state={state}>{state}</span>;
}
