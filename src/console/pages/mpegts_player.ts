// Plays HTTP-FLV and HTTP-TS with mpegts.js, tuned for a live stream over a good network: plays what it has,
// and speeds up a little when it has fallen behind.

/// <reference lib="dom" />

import {
  describeFailure,
  describeStatus,
  ENDED,
  type Failure,
  LOST,
  UNREACHABLE,
  UNSUPPORTED,
} from "./failures.ts";
import { jumpFrom, type Latency, rangesOf } from "./live_edge.ts";
import { SlidingRate } from "./measure.ts";
import { mpegts } from "./mpegts.ts";
import type { Player, PlayerOptions } from "./player.ts";
import { StreamLoader } from "./stream_loader.ts";

/** Seconds over which the bitrate is averaged. */
const BITRATE_SPAN = 5;
/** Reports to skip: an origin first sends what it has kept, which says nothing about the bitrate. */
const BURST_REPORTS = 3;
/** Beyond this, speeding up would take too long. */
const JUMP: Latency = { most: 4, aim: 1.2 };
const SETTINGS: Parameters<typeof mpegts.createPlayer>[1] = {
  // Workers would be created from blobs, which the page's security policy forbids.
  enableWorker: false,
  enableStashBuffer: false,
  lazyLoad: false,
  liveSync: true,
  liveSyncMaxLatency: 2.5,
  liveSyncTargetLatency: 1.2,
  autoCleanupSourceBuffer: true,
  customLoader: StreamLoader,
};

export function openMpegtsPlayer({ video, url, format, onEnd }: PlayerOptions): Player {
  const rate = new SlidingRate(BITRATE_SPAN);
  const received = {
    get bitrate() {
      return rate.perSecond;
    },
  };
  if (!mpegts.getFeatureList().mseLivePlayback) {
    queueMicrotask(() => onEnd(UNSUPPORTED));
    return { received, close: () => {} };
  }
  mpegts.LoggingControl.enableAll = false;
  const type = format === "flv" ? "flv" : "mpegts";
  const player = mpegts.createPlayer({ type, isLive: true, url }, SETTINGS);
  let receivedAt = performance.now();
  let reports = 0;
  player.on(mpegts.Events.STATISTICS_INFO, ({ speed = 0 }: { speed?: number }) => {
    const now = performance.now();
    const seconds = (now - receivedAt) / 1000;
    receivedAt = now;
    if (speed > 0) reports++;
    // In kilobytes of 1,024 bytes per second, since the last report.
    if (reports > BURST_REPORTS) rate.add(speed * 1024 * 8 * seconds, seconds);
  });
  player.on(
    mpegts.Events.ERROR,
    (_type: string, detail: string, info?: { code?: number; msg?: string }) => {
      onEnd(
        info?.code && info.code > 0 ? describeStatus(info.code, info.msg) : describeDetail(detail),
      );
    },
  );
  player.on(mpegts.Events.LOADING_COMPLETE, () => onEnd(ENDED));
  player.attachMediaElement(video);
  player.load();
  return {
    received,
    catchUp: () => {
      const target = jumpFrom(video.currentTime, rangesOf(video.buffered), JUMP);
      if (target !== undefined && !video.seeking) video.currentTime = target;
    },
    close: () => player.destroy(),
  };
}

function describeDetail(detail: string): Failure {
  switch (detail) {
    case mpegts.ErrorDetails.NETWORK_UNRECOVERABLE_EARLY_EOF:
      return LOST;
    case mpegts.ErrorDetails.NETWORK_EXCEPTION:
      return UNREACHABLE;
    case mpegts.ErrorDetails.MEDIA_CODEC_UNSUPPORTED:
      return UNSUPPORTED;
    default:
      return describeFailure(detail);
  }
}
