// Numbers about the published stream.

import { bits, type Row, Rows } from "./measurement_list.tsx";
import type { RtcNumbers } from "./rtc_statistics.ts";

/** All numbers, with a dash for unknown ones. */
export function PublishNumbers({ numbers }: { numbers: RtcNumbers | undefined }) {
  return <Rows label="How it is published" rows={rows(numbers)} />;
}

function rows(numbers: RtcNumbers | undefined): readonly Row[] {
  const { bitrate, framesPerSecond, roundTrip, lost } = numbers ?? {};
  return [
    ["bitrate", "Bitrate", bitrate === undefined ? undefined : bits(bitrate)],
    ["rate", "Frame rate", framesPerSecond && `${framesPerSecond.toFixed(0)} per second`],
    ["frames", "Frames sent", numbers && String(numbers.frames)],
    ["size", "Picture", numbers?.width ? `${numbers.width} × ${numbers.height}` : undefined],
    ["delay", "Round trip", roundTrip && `${(roundTrip * 1000).toFixed(0)} ms`],
    ["lost", "Lost packets", lost === undefined ? undefined : `${(lost * 100).toFixed(1)} %`],
  ];
}
