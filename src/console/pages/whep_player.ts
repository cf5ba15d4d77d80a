// Plays a stream over WebRTC: requests it by WHEP and shows what arrives.

/// <reference lib="dom" />

import type { Received } from "./measure.ts";
import type { Player, PlayerOptions } from "./player.ts";
import { RtcLink } from "./rtc_link.ts";
import { RtcStatistics } from "./rtc_statistics.ts";

/** Milliseconds between two measurements. */
const LOOK = 500;

export function openWhepPlayer({ video, url, token, onEnd }: PlayerOptions): Player {
  const media = new MediaStream();
  video.srcObject = media;
  let received: Received & { readonly bytes: number } = { bitrate: undefined, bytes: 0 };
  const stop = () => {
    clearInterval(timer);
    video.srcObject = null;
  };
  const link = new RtcLink({
    url,
    token,
    prepare: (connection) => {
      for (const kind of ["video", "audio"]) {
        connection.addTransceiver(kind, { direction: "recvonly" });
      }
      connection.addEventListener("track", ({ track }) => media.addTrack(track));
    },
    onConnected: () => {},
    onEnd: (failure) => {
      stop();
      onEnd(failure);
    },
  });
  const statistics = new RtcStatistics(link.connection);
  const timer = setInterval(() => {
    statistics.read().then((numbers) => received = numbers, () => {});
  }, LOOK);
  return {
    get received() {
      return received;
    },
    get position() {
      return received.bytes;
    },
    close: () => {
      stop();
      link.close();
    },
  };
}
