// What every page with a list has: a search, the number of rows, and the table.

/// <reference lib="dom" />

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { MOST_ROWS } from "./list_loader.ts";
import { found } from "./search.ts";
import { count, countOf } from "./units.ts";
import type { ListState } from "./use_list.ts";
import { type Column, VirtualTable } from "./virtual_table.tsx";

interface ListPageProps<T> {
  /** Plural: `streams`. */
  readonly name: string;
  readonly list: ListState<T>;
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string;
  /** The text of a row that a search looks at. */
  readonly textOf: (row: T) => string;
  /** As in the page's address. */
  readonly search: string;
  readonly children?: ComponentChildren;
}

export function ListPage<T>(
  { name, list, columns, keyOf, textOf, search, children }: ListPageProps<T>,
) {
  const [wanted, setWanted] = useState(search);
  useEffect(() => setWanted(search), [search]);
  const rows = useMemo(() => found(list.rows, wanted, textOf), [list.rows, wanted]);
  const type = (text: string) => {
    setWanted(text);
    history.replaceState(null, "", addressWith(text));
  };
  const nothing = wanted === "" ? `There are no ${name}` : `No ${name} have this in them`;
  return (
    <main class="list">
      <h1 class="unseen">{name[0]!.toUpperCase() + name.slice(1)}</h1>
      <div class="tools">
        <label class="search">
          <span>Search {name}</span>
          <input
            type="search"
            value={wanted}
            onInput={({ currentTarget }) => type(currentTarget.value)}
          />
        </label>
        {children}
        <p role="status">{sentence(name, rows.length, list)}</p>
      </div>
      {list.failure && <p role="alert" class="bad">{list.failure}</p>}
      <VirtualTable
        {...{ name, columns, rows, keyOf }}
        empty={list.isWhole ? nothing : "Reading …"}
      />
    </main>
  );
}

function sentence<T>(name: string, shown: number, { rows, total, isWhole }: ListState<T>): string {
  if (!isWhole) return `Reading ${name}: ${count(rows.length)} of ${count(total)} …`;
  if (rows.length < total) {
    return `${count(shown)} shown of the first ${count(MOST_ROWS)} of ${count(total)}`;
  }
  const all = countOf(total, name.replace(/s$/, ""));
  return shown === total ? all : `${count(shown)} of ${all}`;
}

/** The page's address with another search. */
function addressWith(search: string): string {
  const [path = "", query = ""] = location.hash.split("?", 2);
  const params = new URLSearchParams(query);
  if (search === "") params.delete("q");
  else params.set("q", search);
  return params.size === 0 ? path : `${path}?${params}`;
}
