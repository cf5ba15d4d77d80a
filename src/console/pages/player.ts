// What the page knows of any library that plays a stream. Failures are reported as sentences for the viewer.

/// <reference lib="dom" />

import type { Failure } from "./failures.ts";
import type { Received } from "./measure.ts";
import type { PlayFormat } from "./stream_name.ts";

export interface Player {
  readonly received: Received;
  /** Advances while media arrives; only if the video element's time also advances without media. */
  readonly position?: number;
  /** Milliseconds for which the picture may stand still; five seconds by default. */
  readonly patience?: number;
  /** Identifies the newest media received, to tell it from newer media, if nothing else does. */
  readonly newest?: string | undefined;
  /** Jumps to the live picture if that is far ahead. To be called a few times a second. */
  catchUp?(): void;
  /** Stops and releases the video element. */
  close(): void;
}

export interface PlayerOptions {
  readonly video: HTMLVideoElement;
  readonly url: string;
  readonly format: PlayFormat;
  /** For the HTTP API, which WebRTC uses; empty if there is none. */
  readonly token: string;
  /** `newest` of the previous player: what has been shown is not shown again. */
  readonly seen?: string | undefined;
  /** Called at most once: the stream is over or cannot be played. */
  readonly onEnd: (failure: Failure) => void;
}
