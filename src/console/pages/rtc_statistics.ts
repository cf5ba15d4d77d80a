// Figures about a WebRTC session, from the browser's statistics. W3C webrtc-stats.

/// <reference lib="dom" />

import { SlidingRate } from "./measure.ts";

/** One measurement of what is sent or received. */
export interface RtcNumbers {
  /** Bits per second, audio included; undefined before the second measurement. */
  readonly bitrate: number | undefined;
  /** Seconds for which media waits to be shown; only when receiving. */
  readonly buffer: number | undefined;
  /** Bytes of media sent or received so far. */
  readonly bytes: number;
  /** Pictures sent or shown so far, and pictures per second. */
  readonly frames: number;
  readonly framesPerSecond: number | undefined;
  readonly width: number;
  readonly height: number;
  /** Round-trip time in seconds, as the other side reports; only when sending. */
  readonly roundTrip: number | undefined;
  /** Share of packets lost on the way, 0–1; only when sending. */
  readonly lost: number | undefined;
}

/** Seconds over which rates are averaged. */
const SPAN = 3;

/** The members of a report's entry that are read. */
interface Entry {
  readonly type: string;
  readonly kind?: string;
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  readonly framesSent?: number;
  readonly framesDecoded?: number;
  readonly frameWidth?: number;
  readonly frameHeight?: number;
  readonly roundTripTime?: number;
  readonly fractionLost?: number;
  readonly jitterBufferDelay?: number;
  readonly jitterBufferEmittedCount?: number;
}

/** Samples a connection periodically. */
export class RtcStatistics {
  readonly #connection: RTCPeerConnection;
  readonly #bits = new SlidingRate(SPAN);
  readonly #pictures = new SlidingRate(SPAN);
  #before: { bytes: number; frames: number; at: number } | undefined;

  constructor(connection: RTCPeerConnection) {
    this.#connection = connection;
  }

  /** To be called a few times a second, since rates are measured between calls. */
  async read(): Promise<RtcNumbers> {
    const entries: Entry[] = [];
    (await this.#connection.getStats()).forEach((entry: Entry) => entries.push(entry));
    const streams = entries.filter(({ type }) => type === "outbound-rtp" || type === "inbound-rtp");
    const bytes = sum(streams, ({ bytesSent = 0, bytesReceived = 0 }) => bytesSent + bytesReceived);
    const video = streams.find(({ kind }) => kind === "video");
    const frames = video?.framesSent ?? video?.framesDecoded ?? 0;
    this.#add(bytes, frames);
    const remote = entries.find(({ type, kind }) => {
      return type === "remote-inbound-rtp" && kind === "video";
    });
    const { jitterBufferDelay = 0, jitterBufferEmittedCount = 0 } = video ?? {};
    return {
      bitrate: this.#bits.perSecond,
      buffer: jitterBufferEmittedCount > 0
        ? jitterBufferDelay / jitterBufferEmittedCount
        : undefined,
      bytes,
      frames,
      framesPerSecond: this.#pictures.perSecond,
      width: video?.frameWidth ?? 0,
      height: video?.frameHeight ?? 0,
      roundTrip: remote?.roundTripTime,
      lost: remote?.fractionLost,
    };
  }

  #add(bytes: number, frames: number): void {
    const at = performance.now();
    const before = this.#before;
    this.#before = { bytes, frames, at };
    if (before === undefined) return;
    const seconds = (at - before.at) / 1000;
    this.#bits.add((bytes - before.bytes) * 8, seconds);
    this.#pictures.add(Math.max(0, frames - before.frames), seconds);
  }
}

function sum(entries: readonly Entry[], amount: (entry: Entry) => number): number {
  return entries.reduce((total, entry) => total + amount(entry), 0);
}
