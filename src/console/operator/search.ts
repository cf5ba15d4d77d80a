// Filters and sorts the rows of a list. Knows no DOM.

/** How a list is sorted. */
export interface Order {
  /** Key of a column. */
  readonly key: string;
  readonly isDescending: boolean;
}

/** What a row is sorted by. */
export type SortValue = string | number;

/** Rows that contain every word of the search, in upper or lower case. */
export function found<T>(
  rows: readonly T[],
  search: string,
  textOf: (row: T) => string,
): readonly T[] {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    const text = textOf(row).toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** A sorted copy; rows with equal values keep their order. */
export function sorted<T>(
  rows: readonly T[],
  valueOf: (row: T) => SortValue,
  isDescending: boolean,
): readonly T[] {
  const sign = isDescending ? -1 : 1;
  const keyed = rows.map((row) => ({ row, value: valueOf(row) }));
  keyed.sort(({ value: one }, { value: two }) => {
    if (one === two) return 0;
    return (one < two ? -1 : 1) * sign;
  });
  return keyed.map(({ row }) => row);
}
