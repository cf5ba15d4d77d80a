// Plays HLS with hls.js, or by the browser itself where hls.js cannot run.

/// <reference lib="dom" />

import Hls, { type ErrorData, type FragLoadedData } from "hls.js";
import { describeFailure, describeStatus, UNREACHABLE, UNSUPPORTED } from "./failures.ts";
import { SlidingRate } from "./measure.ts";
import type { Player, PlayerOptions } from "./player.ts";

/** Seconds of media over which the bitrate is averaged. */
const BITRATE_SPAN = 10;
const NATIVE_TYPE = "application/vnd.apple.mpegurl";

/** Starts to play. */
export function openHlsPlayer(options: PlayerOptions): Player {
  if (Hls.isSupported()) return openWithLibrary(options);
  if (options.video.canPlayType(NATIVE_TYPE) !== "") return openNatively(options);
  queueMicrotask(() => options.onEnd(UNSUPPORTED));
  return { received: { bitrate: undefined }, close: () => {} };
}

function openWithLibrary({ video, url, onEnd }: PlayerOptions): Player {
  const rate = new SlidingRate(BITRATE_SPAN);
  // Workers would have to be made of blobs, which the page's security policy does not allow.
  const hls = new Hls({ enableWorker: false, liveSyncDurationCount: 2 });
  hls.on(Hls.Events.FRAG_LOADED, (_, { frag }: FragLoadedData) => {
    if (frag.duration > 0) rate.add(frag.stats.total * 8, frag.duration);
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
  return { received, close: () => hls.destroy() };
}

function describeError({ type, response, details }: ErrorData): string {
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
