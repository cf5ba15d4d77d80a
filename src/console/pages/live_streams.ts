// Polls the proxy for the live streams while the page is visible.

/// <reference lib="dom" />

import { useEffect, useState } from "preact/hooks";

/** A live stream, and how it can be played. */
export interface LiveStream {
  /** `app/stream`. */
  readonly stream: string;
  readonly formats: readonly string[];
}

/** The proxy's answer. */
export interface LiveStreams {
  readonly streams: readonly LiveStream[];
  /** Whether there are more streams. */
  readonly more: boolean;
}

/** Milliseconds from one answer to the next request. */
const INTERVAL = 5000;
const DEADLINE = 4000;

/**
 * The list as last received; undefined before that, and if there is none.
 *
 * @param url undefined if the proxy does not publish its list
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
      // A missing answer is not news: the streams may run on without the proxy's list.
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
