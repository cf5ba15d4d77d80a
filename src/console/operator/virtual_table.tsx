// A table of any length in which only the visible rows exist. All rows have the same height, so that a
// division tells which ones are visible.

/// <reference lib="dom" />

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Order, sorted, type SortValue } from "./search.ts";

export interface Column<T> {
  readonly key: string;
  readonly title: string;
  readonly show: (row: T) => ComponentChildren;
  /** Absent = the table cannot be sorted by this column. */
  readonly sortBy?: (row: T) => SortValue;
  readonly isNumber?: boolean;
}

interface VirtualTableProps<T> {
  /** What the rows are, for screen readers and the style sheet. */
  readonly name: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  /** Shown if there are no rows. */
  readonly empty: string;
}

/** Extra rows beyond the visible ones, so that fast scrolling shows no gap. */
const BEYOND = 5;
/** Height of a row in pixels, as in the style sheet. */
const ROW = 44;
const ROW_OF_PHONE = 96;
const PHONE = "(max-width: 45rem)";

export function VirtualTable<T>({ name, columns, rows, keyOf, empty }: VirtualTableProps<T>) {
  const [order, setOrder] = useState<Order>();
  const box = useRef<HTMLDivElement>(null);
  const rowHeight = useMedia(PHONE) ? ROW_OF_PHONE : ROW;
  const [from, to] = useSight(box, rowHeight, rows.length);
  const ordered = useMemo(() => {
    const sortBy = columns.find(({ key }) => key === order?.key)?.sortBy;
    return order && sortBy ? sorted(rows, sortBy, order.isDescending) : rows;
  }, [rows, order]);
  const sort = (column: Column<T>) => {
    const isSame = order?.key === column.key;
    const isDescending = isSame ? !order.isDescending : column.isNumber ?? false;
    setOrder({ key: column.key, isDescending });
  };
  return (
    <div
      class={`table ${name}`}
      role="table"
      aria-label={name}
      aria-rowcount={rows.length + 1}
      ref={box}
      tabIndex={0}
    >
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex={1}>
          {columns.map((column) => (
            <Heading
              key={column.key}
              column={column}
              order={order}
              onSort={() => sort(column)}
            />
          ))}
        </div>
      </div>
      <div role="rowgroup" class="body" style={{ height: `${rows.length * rowHeight}px` }}>
        {rows.length === 0 && <Empty text={empty} width={columns.length} />}
        {ordered.slice(from, to).map((row, index) => (
          <Row
            key={keyOf(row)}
            columns={columns}
            row={row}
            at={from + index}
            top={(from + index) * rowHeight}
          />
        ))}
      </div>
    </div>
  );
}

function Empty({ text, width }: { text: string; width: number }) {
  return (
    <div role="row" class="empty">
      <div role="cell" aria-colspan={width}>{text}</div>
    </div>
  );
}

interface HeadingProps<T> {
  readonly column: Column<T>;
  readonly order: Order | undefined;
  readonly onSort: () => void;
}

function Heading<T>({ column, order, onSort }: HeadingProps<T>) {
  const { key, title, sortBy, isNumber } = column;
  const direction = order?.isDescending ? "descending" : "ascending";
  const sort = order?.key === key ? direction : "none";
  return (
    <div
      role="columnheader"
      class={isNumber ? `${key} number` : key}
      aria-sort={sortBy ? sort : undefined}
    >
      {sortBy
        ? <button type="button" class="sort" data-sort={sort} onClick={onSort}>{title}</button>
        : title}
    </div>
  );
}

interface RowProps<T> {
  readonly columns: readonly Column<T>[];
  readonly row: T;
  /** Its index in the whole table. */
  readonly at: number;
  /** In pixels. */
  readonly top: number;
}

function Row<T>({ columns, row, at, top }: RowProps<T>) {
  // The elements of an unchanged row are not compared again while scrolling.
  return useMemo(() => (
    <div
      role="row"
      class={at % 2 === 0 ? "row" : "row odd"}
      aria-rowindex={at + 2}
      style={{ transform: `translateY(${top}px)` }}
    >
      {columns.map(({ key, title, show, isNumber }) => (
        <div key={key} role="cell" class={isNumber ? `${key} number` : key} data-title={title}>
          {show(row)}
        </div>
      ))}
    </div>
  ), [columns, row, at, top]);
}

/** The range of visible rows, and some more. */
function useSight(
  box: { readonly current: HTMLDivElement | null },
  rowHeight: number,
  count: number,
): readonly [from: number, to: number] {
  const [sight, setSight] = useState<readonly [number, number]>([0, 0]);
  useEffect(() => {
    const element = box.current!;
    const leave = new AbortController();
    const look = () => {
      const first = Math.floor(element.scrollTop / rowHeight);
      const inSight = Math.ceil(element.clientHeight / rowHeight);
      // In steps, so that most movements change nothing.
      const from = Math.max(0, Math.floor(first / BEYOND - 1) * BEYOND);
      const to = from + inSight + 3 * BEYOND;
      setSight((now) => now[0] === from && now[1] === to ? now : [from, to]);
    };
    element.addEventListener("scroll", look, { signal: leave.signal, passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    look();
    return () => {
      leave.abort();
      sizes.disconnect();
    };
  }, [rowHeight, count]);
  return sight;
}

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const onChange = () => setMatches(list.matches);
    list.addEventListener("change", onChange);
    return () => list.removeEventListener("change", onChange);
  }, [query]);
  return matches;
}
