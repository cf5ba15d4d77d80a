// Short histories in which the registry once failed, found at random and kept. Each is named after
// what happens in it.

import type { Event, History } from "./history.ts";

const LATER: Omit<History, "seed" | "events"> = { variant: "redis", streamIdle: 20_000 };

function comes(
  at: number,
  client: string,
  stream: number,
  way: { readonly proxy: number; readonly protocol: "rtmp" | "srt" },
): Event {
  const kind = client.startsWith("player") ? "play" : "publish";
  return { at, kind, client, stream: `v/live/${stream}`, ...way };
}

export const KNOWN_HISTORIES: Readonly<Record<string, History>> = {
  "a publisher returns through another proxy while Redis is frozen": {
    ...LATER,
    seed: "ci-284",
    events: [
      comes(1_981, "encoder-201319", 1, { proxy: 0, protocol: "srt" }),
      { at: 2_701, kind: "freeze redis", lasts: 2_201 },
      comes(3_436, "encoder-92845", 1, { proxy: 1, protocol: "srt" }),
      { at: 3_861, kind: "leave", client: "encoder-201319" },
    ],
  },
  "a publisher returns through another proxy while Redis is away": {
    ...LATER,
    seed: "117",
    events: [
      comes(23_745, "encoder-759251", 2, { proxy: 1, protocol: "srt" }),
      { at: 27_714, kind: "cut redis", lasts: 1_344 },
      { at: 29_440, kind: "kill origin", origin: "a", lasts: 68 },
    ],
  },
  "an origin stops, and its registration expires before its probes have failed": {
    ...LATER,
    seed: "201319",
    streamIdle: 3_000,
    events: [
      comes(24_229, "encoder-782075", 3, { proxy: 0, protocol: "rtmp" }),
      comes(27_114, "player-608164", 3, { proxy: 0, protocol: "srt" }),
      { at: 29_852, kind: "freeze origin", origin: "c", lasts: 165 },
    ],
  },
  "a suspicion is written to a former master": {
    ...LATER,
    seed: "16689",
    events: [
      { at: 2_676, kind: "kill origin", origin: "c", lasts: 7_931 },
      comes(7_656, "encoder-183899", 3, { proxy: 2, protocol: "rtmp" }),
      { at: 13_858, kind: "fail over", lost: 1, skew: -300, keptBy: [0, 1], lasts: 13_240 },
      { at: 21_247, kind: "freeze origin", origin: "d", lasts: 13_066 },
      comes(26_084, "player-553680", 3, { proxy: 1, protocol: "srt" }),
    ],
  },
};
