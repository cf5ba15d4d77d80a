// Reads a whole list of the System API page by page. Knows no DOM.

/** What pages are requested from. */
export interface PageSource {
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
}

export interface LoadedList<T> {
  readonly rows: readonly T[];
  /** Number of entries at the proxy, which may be higher. */
  readonly total: number;
}

/** Which list. */
export interface ListPlace {
  /** `api/v1/streams`, relative to the page. */
  readonly path: string;
  /** The member of the answer that has the entries. */
  readonly field: string;
  /** Filters, as a query. */
  readonly query?: string;
}

type PageAnswer = Readonly<Record<string, unknown>> & {
  readonly next?: string;
  readonly total?: number;
};

const PAGE = 1_000;
/** Limit on rows: with more, people search. */
export const MOST_ROWS = 20_000;

/**
 * Reads all pages.
 *
 * @param onPart called with the rows read so far
 */
export async function loadList<T>(
  source: PageSource,
  { path, field, query = "" }: ListPlace,
  signal: AbortSignal,
  onPart: (part: LoadedList<T>) => void = () => {},
): Promise<LoadedList<T>> {
  const rows: T[] = [];
  let after: string | undefined;
  while (true) {
    const params = new URLSearchParams(query);
    params.set("limit", String(PAGE));
    if (after !== undefined) params.set("after", after);
    const answer = await source.get<PageAnswer>(`${path}?${params}`, signal);
    rows.push(...answer[field] as readonly T[]);
    const { next, total = rows.length } = answer;
    const part = { rows: [...rows], total: Math.max(total, rows.length) };
    if (next === undefined || rows.length >= MOST_ROWS) return part;
    onPart(part);
    after = next;
  }
}
