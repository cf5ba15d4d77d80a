// Chooses the library that a format needs and starts playing.

/// <reference lib="dom" />

import { openHlsPlayer } from "./hls_player.ts";
import { openMpegtsPlayer } from "./mpegts_player.ts";
import type { Player, PlayerOptions } from "./player.ts";
import { openWhepPlayer } from "./whep_player.ts";

export function openPlayer(options: PlayerOptions): Player {
  const player = openWith(options);
  // A browser may refuse to play sound before the viewer has clicked; the controls are there.
  options.video.play().catch(() => {});
  return player;
}

function openWith(options: PlayerOptions): Player {
  switch (options.format) {
    case "hls":
      return openHlsPlayer(options);
    case "webrtc":
      return openWhepPlayer(options);
    default:
      return openMpegtsPlayer(options);
  }
}
