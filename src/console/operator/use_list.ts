// Lists and single answers of the System API that are kept up to date while the page is visible.

/// <reference lib="dom" />

import { useEffect, useState } from "preact/hooks";
import type { ApiClient } from "./api_client.ts";
import type { ChangeFeed } from "./change_feed.ts";
import { keepReading } from "./keep_reading.ts";
import { type ListPlace, type LoadedList, loadList } from "./list_loader.ts";

/** The list as last read. */
export interface ListState<T> extends LoadedList<T> {
  /** Whether it has been read completely at least once. */
  readonly isWhole: boolean;
  /** Why it could not be updated. */
  readonly failure: string | undefined;
  /** Reads it again at once. */
  readonly refresh: () => void;
}

type Told<T> = Omit<ListState<T>, "refresh">;

/** Where data comes from: the API, and the feed that says when something has changed. */
export interface Sources {
  readonly api: ApiClient;
  readonly feed: ChangeFeed;
}

export function useList<T>({ api, feed }: Sources, place: ListPlace): ListState<T> {
  const nothing: Told<T> = { rows: [], total: 0, isWhole: false, failure: undefined };
  const [state, setState] = useState(nothing);
  const [asked, setAsked] = useState(0);
  const { path, field, query } = place;
  useEffect(() => setState(nothing), [path, query]);
  useEffect(() => {
    const onPart = (part: LoadedList<T>) => {
      setState((now) => now.isWhole ? now : { ...now, ...part });
    };
    return keepReading(feed, async (signal) => {
      try {
        const list = await loadList<T>(api, place, signal, onPart);
        setState({ ...list, isWhole: true, failure: undefined });
      } catch (error) {
        if (signal.aborted) return;
        setState((now) => ({ ...now, failure: (error as Error).message }));
      }
    });
  }, [api, path, field, query, asked]);
  return { ...state, refresh: () => setAsked((times) => times + 1) };
}

/** One answer of the System API, kept up to date in the same way. */
export function useAnswer<T>(
  { api, feed }: Sources,
  path: string,
): { readonly answer: T | undefined; readonly failure: string | undefined; refresh(): void } {
  const [answer, setAnswer] = useState<T>();
  const [failure, setFailure] = useState<string>();
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    setAnswer(undefined);
    setFailure(undefined);
  }, [path]);
  useEffect(() => {
    return keepReading(feed, async (signal) => {
      try {
        setAnswer(await api.get<T>(path, signal));
        setFailure(undefined);
      } catch (error) {
        if (!signal.aborted) setFailure((error as Error).message);
      }
    });
  }, [api, path, asked]);
  return { answer, failure, refresh: () => setAsked((times) => times + 1) };
}
