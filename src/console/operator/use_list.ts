// A list of the System API that is kept up to date while the page is visible.

/// <reference lib="dom" />

import { useEffect, useState } from "preact/hooks";
import type { ApiClient } from "./api_client.ts";
import type { ChangeFeed } from "./change_feed.ts";
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

/** Milliseconds between two readings; long lists are read less often. */
const PERIOD = 5_000;
const SHARE = 10;
/** Least milliseconds between a reading and the next one after a change. */
const AFTER_CHANGE = 1_000;

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
    const leave = new AbortController();
    const { signal } = leave;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let [isBusy, readAt, hasChanged] = [false, -Infinity, false];
    const look = async () => {
      clearTimeout(timer);
      if (isBusy || document.hidden) return;
      [isBusy, hasChanged] = [true, false];
      const startedAt = performance.now();
      const onPart = (part: LoadedList<T>) => {
        setState((now) => now.isWhole ? now : { ...now, ...part });
      };
      try {
        const list = await loadList<T>(api, place, signal, onPart);
        setState({ ...list, isWhole: true, failure: undefined });
      } catch (error) {
        if (signal.aborted) return;
        setState((now) => ({ ...now, failure: (error as Error).message }));
      }
      isBusy = false;
      readAt = performance.now();
      const pause = hasChanged ? AFTER_CHANGE : PERIOD;
      timer = setTimeout(look, Math.max(pause, SHARE * (readAt - startedAt)));
    };
    const onChange = () => {
      hasChanged = true;
      if (isBusy) return;
      clearTimeout(timer);
      timer = setTimeout(look, Math.max(0, AFTER_CHANGE - (performance.now() - readAt)));
    };
    document.addEventListener("visibilitychange", look, { signal });
    const unsubscribe = feed.subscribe(onChange);
    look();
    return () => {
      leave.abort();
      unsubscribe();
      clearTimeout(timer);
    };
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
    const leave = new AbortController();
    const { signal } = leave;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      clearTimeout(timer);
      if (document.hidden) return;
      try {
        setAnswer(await api.get<T>(path, signal));
        setFailure(undefined);
      } catch (error) {
        if (signal.aborted) return;
        setFailure((error as Error).message);
      }
      if (!signal.aborted) timer = setTimeout(look, PERIOD);
    };
    const onChange = () => {
      clearTimeout(timer);
      timer = setTimeout(look, AFTER_CHANGE);
    };
    document.addEventListener("visibilitychange", look, { signal });
    const unsubscribe = feed.subscribe(onChange);
    look();
    return () => {
      leave.abort();
      unsubscribe();
      clearTimeout(timer);
    };
  }, [api, path, asked]);
  return { answer, failure, refresh: () => setAsked((times) => times + 1) };
}
