// The numbers about the running player.

import type { Measurement } from "./measure.ts";

/** All numbers, with a dash for what is not known. */
export function MeasurementList({ measurement }: { measurement: Measurement | undefined }) {
  return (
    <dl aria-label="How it plays">
      {rows(measurement).map(([id, label, value]) => (
        <div key={id}>
          <dt>{label}</dt>
          <dd data-measure={id}>{value ?? "–"}</dd>
        </div>
      ))}
    </dl>
  );
}

type Row = readonly [id: string, label: string, value: string | undefined];

function rows(measured: Measurement | undefined): readonly Row[] {
  return [
    ["buffer", "Buffer", measured && `${measured.buffer.toFixed(1)} s`],
    ["bitrate", "Bitrate", measured?.bitrate === undefined ? undefined : bits(measured.bitrate)],
    ["dropped", "Dropped frames", measured && `${measured.droppedFrames} of ${measured.frames}`],
    ["rate", "Frame rate", measured && `${measured.framesPerSecond.toFixed(0)} per second`],
    ["size", "Picture", measured?.width ? `${measured.width} × ${measured.height}` : undefined],
  ];
}

function bits(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} Mbit/s`;
  return `${(perSecond / 1e3).toFixed(0)} kbit/s`;
}
