// Origins for tests: as complete as registered ones, with nothing at their addresses.

import type { Address } from "../../src/core/address.ts";
import type { Origin, Protocol } from "../../src/core/origin.ts";

export interface SampleOrigin {
  readonly generation?: string;
  /** What it offers; only RTMP unless given. */
  readonly offers?: readonly Protocol[];
}

/** An origin with that id at 192.0.2.1, an address reserved for documentation. */
export function sampleOrigin(id: string, sample: SampleOrigin = {}): Origin {
  const ip = "192.0.2.1";
  const { generation = "first/1", offers = ["rtmp"] } = sample;
  const at = (protocol: Protocol, port: number): Address[] =>
    offers.includes(protocol) ? [{ host: ip, port }] : [];
  const endpoints = {
    rtmp: at("rtmp", 1935),
    http: at("http", 8080),
    api: at("api", 1985),
    srt: at("srt", 10080),
    rtc: at("rtc", 8000),
  };
  return { id, generation, deviceId: "", ip, endpoints };
}
