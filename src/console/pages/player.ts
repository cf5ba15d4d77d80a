// What the page knows of any library that plays a stream. Failures are reported as sentences that a
// viewer can read.

/// <reference lib="dom" />

import type { Failure } from "./failures.ts";
import type { Received } from "./measure.ts";
import type { PlayFormat } from "./stream_name.ts";

export interface Player {
  readonly received: Received;
  /** Advances while media arrives; only where the video element's time advances without any. */
  readonly position?: number;
  /** Milliseconds that the picture may stand still; five seconds where it does not say. */
  readonly patience?: number;
  /** What tells the newest of what has come from something newer, where nothing else does. */
  readonly newest?: string | undefined;
  /** Goes to the live picture if that is far ahead. To be called a few times a second. */
  catchUp?(): void;
  /** Stops and releases the video element. */
  close(): void;
}

export interface PlayerOptions {
  readonly video: HTMLVideoElement;
  readonly url: string;
  readonly format: PlayFormat;
  /** For the HTTP API, which WebRTC goes through; empty when there is none. */
  readonly token: string;
  /** `newest` of the player before: what has been shown is not shown again. */
  readonly seen?: string | undefined;
  /** Called at most once: the stream is over or cannot be played. */
  readonly onEnd: (failure: Failure) => void;
}
