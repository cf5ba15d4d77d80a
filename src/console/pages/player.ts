// What the page knows of whatever library plays a stream. What went wrong comes out as a sentence
// that a viewer can read.

/// <reference lib="dom" />

import type { Received } from "./measure.ts";
import type { PlayFormat } from "./stream_name.ts";

/** A player at work. */
export interface Player {
  readonly received: Received;
  /** Stops and lets go of the video element. */
  close(): void;
}

/** What to play, and whom to tell how it ends. */
export interface PlayerOptions {
  readonly video: HTMLVideoElement;
  readonly url: string;
  readonly format: PlayFormat;
  /** For the HTTP API, which WebRTC goes through; empty when there is none. */
  readonly token: string;
  /** Called at most once: the stream is over or cannot be played. */
  readonly onEnd: (reason: string) => void;
}
