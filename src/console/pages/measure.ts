// Measures a running player: numbers from the video element and the player, averaged. Knows no player
// library.

/// <reference lib="dom" />

/** What a player adds to the numbers of the video element. */
export interface Received {
  /** Bits per second of the stream; undefined if unknown. */
  readonly bitrate: number | undefined;
  /** Seconds of media waiting to be shown, if the video element does not know. */
  readonly buffer?: number | undefined;
}

/** One measurement of a running player. */
export interface Measurement {
  /** Seconds of media buffered ahead of the playing position. */
  readonly buffer: number;
  readonly bitrate: number | undefined;
  readonly droppedFrames: number;
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly width: number;
  readonly height: number;
}

/** Seconds over which the frame rate is averaged. */
const FRAME_RATE_SPAN = 2;

/** Samples a video element periodically. */
export class Meter {
  readonly #video: HTMLVideoElement;
  readonly #frameRate = new SlidingRate(FRAME_RATE_SPAN);
  #frames = 0;
  #measuredAt = performance.now();

  constructor(video: HTMLVideoElement) {
    this.#video = video;
    this.#frames = video.getVideoPlaybackQuality().totalVideoFrames;
  }

  /** To be called a few times a second, since the frame rate is measured between calls. */
  measure(received: Received): Measurement {
    const { droppedVideoFrames, totalVideoFrames } = this.#video.getVideoPlaybackQuality();
    const now = performance.now();
    const shown = Math.max(0, totalVideoFrames - this.#frames);
    this.#frameRate.add(shown, (now - this.#measuredAt) / 1000);
    this.#frames = totalVideoFrames;
    this.#measuredAt = now;
    return {
      buffer: received.buffer ?? bufferedAhead(this.#video),
      bitrate: received.bitrate,
      droppedFrames: droppedVideoFrames,
      frames: totalVideoFrames,
      framesPerSecond: this.#frameRate.perSecond ?? 0,
      width: this.#video.videoWidth,
      height: this.#video.videoHeight,
    };
  }
}

function bufferedAhead(video: HTMLVideoElement): number {
  const { buffered, currentTime } = video;
  for (let index = 0; index < buffered.length; index++) {
    const isHere = buffered.start(index) <= currentTime && currentTime <= buffered.end(index);
    if (isHere) return buffered.end(index) - currentTime;
  }
  return 0;
}

/** Averages amounts over the last few seconds, per second. */
export class SlidingRate {
  readonly #span: number;
  readonly #samples: { amount: number; seconds: number }[] = [];

  /** @param span seconds */
  constructor(span: number) {
    this.#span = span;
  }

  /** @param seconds in which that amount accumulated */
  add(amount: number, seconds: number): void {
    this.#samples.push({ amount, seconds });
    while (this.#samples.length > 1 && this.#total("seconds") > this.#span) this.#samples.shift();
  }

  get perSecond(): number | undefined {
    const seconds = this.#total("seconds");
    return seconds > 0 ? this.#total("amount") / seconds : undefined;
  }

  #total(what: "amount" | "seconds"): number {
    return this.#samples.reduce((sum, sample) => sum + sample[what], 0);
  }
}
