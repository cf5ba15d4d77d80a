// Chooses the library that a format needs and starts to play.

/// <reference lib="dom" />

import { openHlsPlayer } from "./hls_player.ts";
import { openMpegtsPlayer } from "./mpegts_player.ts";
import type { Player, PlayerOptions } from "./player.ts";

/** Starts to play. */
export function openPlayer(options: PlayerOptions): Player {
  const player = options.format === "hls" ? openHlsPlayer(options) : openMpegtsPlayer(options);
  // A browser may refuse to play with sound before the viewer has clicked; the controls are there.
  options.video.play().catch(() => {});
  return player;
}
