// Watches one stream: plays it, and plays it again whenever it comes back, with growing pauses between failed
// attempts. Knows no page and no player library.

/// <reference lib="dom" />

import { ENDED, type Failure, SILENT, STALLED } from "./failures.ts";
import { type Measurement, Meter } from "./measure.ts";
import { openPlayer } from "./open_player.ts";
import { pauseBefore } from "./pauses.ts";
import type { Player } from "./player.ts";
import { Progress } from "./progress.ts";
import type { PlayFormat } from "./stream_name.ts";

export type WatchState =
  /** `after`: why the picture was lost, if there was an attempt before. */
  | { readonly phase: "connecting" | "silent"; readonly after?: Failure | undefined }
  | { readonly phase: "playing" }
  /** `seconds`: until the next attempt. */
  | { readonly phase: "retrying"; readonly after: Failure; readonly seconds: number }
  /** The viewer has paused, and the stream has gone in the meantime. */
  | { readonly phase: "paused" }
  /** Retrying is pointless. */
  | { readonly phase: "ended"; readonly after: Failure };

export interface WatchOptions {
  readonly video: HTMLVideoElement;
  readonly url: string;
  readonly format: PlayFormat;
  /** For the HTTP API; empty if there is none. */
  readonly token: string;
  readonly onState: (state: WatchState) => void;
  readonly onMeasurement: (measurement: Measurement | undefined) => void;
}

/** Milliseconds between two checks of the player. */
const LOOK = 500;
/**
 * Milliseconds without a picture after which the stream is requested again. Each failed attempt gives the
 * next one as much again, up to `MOST_PATIENCE` times: a slow device or network may need it.
 */
const LONGEST_SILENCE: Readonly<Record<PlayFormat, number>> = {
  // The proxy itself waits for these streams, so a new request is needed only for dead connections.
  flv: 30_000,
  ts: 30_000,
  hls: 20_000,
  webrtc: 10_000,
};
const MOST_PATIENCE = 3;
/** Milliseconds of playback after which the pauses start over. */
const PLAYS_WELL = 10_000;

export class Watch {
  readonly #options: WatchOptions;
  readonly #leave = new AbortController();
  /** Failed attempts since it last played well. */
  #attempts = 0;
  #after: Failure | undefined;
  #seen: string | undefined;
  #phase: WatchState["phase"] = "connecting";
  #playingSince = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #stopPlayer = () => {};

  constructor(options: WatchOptions) {
    this.#options = options;
    const { signal } = this.#leave;
    const { video } = options;
    video.addEventListener("playing", () => this.#onPlaying(), { signal });
    video.addEventListener("ended", () => this.#onEnd(ENDED), { signal });
    video.addEventListener("play", () => this.#phase === "paused" && this.#begin(), { signal });
    globalThis.addEventListener("online", () => this.retryNow(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.retryNow(), {
      signal,
    });
    this.#begin();
  }

  /** Does not wait for the next attempt any longer, for instance when the stream is known to be back. */
  retryNow(): void {
    if (this.#phase === "retrying") this.#begin();
  }

  close(): void {
    this.#leave.abort();
    clearTimeout(this.#retry);
    this.#stopPlayer();
  }

  #begin(): void {
    clearTimeout(this.#retry);
    const { video, url, format, token, onMeasurement } = this.#options;
    const begunAt = performance.now();
    const progress = new Progress(begunAt);
    this.#playingSince = 0;
    this.#tell({ phase: "connecting", after: this.#after });
    const meter = new Meter(video);
    let isOver = false;
    const player = openPlayer({
      ...{ video, url, format, token, seen: this.#seen },
      // Libraries report an end in the middle of their work: handle it when that is done.
      onEnd: (failure) => queueMicrotask(() => isOver || this.#onEnd(failure)),
    });
    const timer = setInterval(() => {
      onMeasurement(meter.measure(player.received));
      this.#look(player, progress, performance.now() - begunAt);
    }, LOOK);
    this.#stopPlayer = () => {
      isOver = true;
      this.#stopPlayer = () => {};
      this.#seen = player.newest ?? this.#seen;
      clearInterval(timer);
      player.close();
      onMeasurement(undefined);
    };
  }

  #look(player: Player, progress: Progress, age: number): void {
    const { video, format } = this.#options;
    const now = performance.now();
    const hasPlayed = this.#playingSince > 0;
    if (!video.paused) player.catchUp?.();
    if (hasPlayed && now - this.#playingSince > PLAYS_WELL) this.#attempts = 0;
    const position = player.position ?? video.currentTime;
    if (!progress.isStuck(position, video.paused, now, player.patience)) return;
    if (hasPlayed) return this.#onEnd(STALLED);
    const patience = LONGEST_SILENCE[format] * Math.min(1 + this.#attempts, MOST_PATIENCE);
    if (age >= patience) return this.#onEnd(SILENT);
    if (this.#phase !== "silent") this.#tell({ phase: "silent", after: this.#after });
  }

  #onPlaying(): void {
    if (this.#phase === "retrying" || this.#phase === "paused" || this.#phase === "ended") return;
    if (this.#playingSince === 0) this.#playingSince = performance.now();
    this.#after = undefined;
    this.#tell({ phase: "playing" });
  }

  #onEnd(failure: Failure): void {
    if (this.#phase === "retrying" || this.#phase === "paused" || this.#phase === "ended") return;
    const { paused, ended } = this.#options.video;
    const hasPaused = paused && !ended && this.#playingSince > 0;
    this.#phase = "retrying";
    this.#stopPlayer();
    if (failure.isFinal) return this.#tell({ phase: "ended", after: failure });
    if (hasPaused) return this.#tell({ phase: "paused" });
    this.#after = failure;
    const seconds = pauseBefore(this.#attempts++, Math.random());
    this.#retry = setTimeout(() => this.#begin(), seconds * 1000);
    this.#tell({ phase: "retrying", after: failure, seconds });
  }

  #tell(state: WatchState): void {
    this.#phase = state.phase;
    this.#options.onState(state);
  }
}
