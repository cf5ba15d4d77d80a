// Plays HLS with hls.js, or with the browser's own player where hls.js cannot run.

/// <reference lib="dom" />

import Hls, { type ErrorData, type FragLoadedData, type LevelDetails } from "hls.js";
import {
  describeFailure,
  describeStatus,
  type Failure,
  STALLED,
  UNREACHABLE,
  UNSUPPORTED,
} from "./failures.ts";
import { SlidingRate } from "./measure.ts";
import type { Player, PlayerOptions } from "./player.ts";

/** Seconds of media over which the bitrate is averaged. */
const BITRATE_SPAN = 10;
/** Plays a little faster while it is behind. */
const CATCHING_UP = { maxLiveSyncPlaybackRate: 1.2 };
/** Seconds behind the target after which it jumps. */
const MOST_BEHIND = 4;
/** Milliseconds. */
const LEAST_PATIENCE = 5000;
const NATIVE_TYPE = "application/vnd.apple.mpegurl";

export function openHlsPlayer(options: PlayerOptions): Player {
  if (Hls.isSupported()) return openWithLibrary(options);
  if (options.video.canPlayType(NATIVE_TYPE) !== "") return openNatively(options);
  queueMicrotask(() => options.onEnd(UNSUPPORTED));
  return { received: { bitrate: undefined }, close: () => {} };
}

function openWithLibrary({ video, url, seen, onEnd }: PlayerOptions): Player {
  const rate = new SlidingRate(BITRATE_SPAN);
  // Workers would be created from blobs, which the page's security policy forbids.
  const hls = new Hls({ enableWorker: false, liveSyncDurationCount: 2, ...CATCHING_UP });
  let details: LevelDetails | undefined;
  hls.on(Hls.Events.FRAG_LOADED, (_, { frag }: FragLoadedData) => {
    if (frag.duration > 0) rate.add(frag.stats.total * 8, frag.duration);
  });
  hls.on(Hls.Events.LEVEL_LOADED, (_, loaded) => {
    const isFirst = details === undefined;
    details = loaded.details;
    // A playlist remains after its publisher has gone; its last pictures have already been shown.
    if (isFirst && seen !== undefined && newestOf(details) === seen) onEnd(STALLED);
  });
  hls.on(Hls.Events.ERROR, (_, error: ErrorData) => {
    if (error.fatal) onEnd(describeError(error));
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  const received = {
    get bitrate() {
      return rate.perSecond;
    },
  };
  return {
    received,
    get patience() {
      return Math.max(LEAST_PATIENCE, (details?.targetduration ?? 0) * 1500);
    },
    get newest() {
      return details && newestOf(details);
    },
    catchUp: () => {
      const edge = hls.liveSyncPosition;
      if (!details?.live || edge === null || video.seeking) return;
      if (edge - video.currentTime > MOST_BEHIND) video.currentTime = edge;
    },
    close: () => hls.destroy(),
  };
}

/** The last segment of a playlist, without its query, which may be the viewer's own. */
function newestOf({ endSN, fragments }: LevelDetails): string {
  const last = fragments.at(-1);
  return `${endSN} ${last?.programDateTime ?? ""} ${last?.relurl?.split("?")[0] ?? ""}`;
}

function describeError({ type, response, details }: ErrorData): Failure {
  if (response?.code) return describeStatus(response.code, response.text);
  if (type === Hls.ErrorTypes.NETWORK_ERROR) return UNREACHABLE;
  return describeFailure(details);
}

function openNatively({ video, url, onEnd }: PlayerOptions): Player {
  const onError = () => onEnd(describeFailure(video.error?.message || "unknown reason"));
  video.addEventListener("error", onError);
  video.src = url;
  const close = () => {
    video.removeEventListener("error", onError);
    video.removeAttribute("src");
    video.load();
  };
  return { received: { bitrate: undefined }, close };
}
