// Polls the proxy for the live streams while the page is visible.

/// <reference lib="dom" />

import { useEffect, useState } from "preact/hooks";

/** A stream that is published now, and how it can be played. */
export interface LiveStream {
  /** `app/stream`. */
  readonly stream: string;
  readonly formats: readonly string[];
}

/** What the proxy tells. */
export interface LiveStreams {
  readonly streams: readonly LiveStream[];
  /** Whether there are others. */
  readonly more: boolean;
}

/** Milliseconds from one answer to the next question. */
const INTERVAL = 5000;
const DEADLINE = 4000;

/**
 * The list as it was last told; undefined before that, and where there is none.
 *
 * @param url undefined when the proxy keeps its list to itself
 */
export function useLiveStreams(url: string | undefined): LiveStreams | undefined {
  const [streams, setStreams] = useState<LiveStreams>();
  useEffect(() => {
    if (url === undefined) return;
    const leave = new AbortController();
    const { signal } = leave;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      clearTimeout(timer);
      if (document.hidden) return;
      // What is not answered is not news: the streams may go on without the proxy's list.
      const answer = await read(url, signal).catch(() => undefined);
      if (signal.aborted) return;
      if (answer !== undefined) setStreams(answer);
      timer = setTimeout(ask, INTERVAL);
    };
    document.addEventListener("visibilitychange", ask, { signal });
    ask();
    return () => {
      leave.abort();
      clearTimeout(timer);
    };
  }, [url]);
  return streams;
}

async function read(url: string, leave: AbortSignal): Promise<LiveStreams> {
  const signal = AbortSignal.any([leave, AbortSignal.timeout(DEADLINE)]);
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`Cannot read the list: the answer was ${response.status}`);
  return await response.json();
}
