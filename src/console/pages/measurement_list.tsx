// Numbers about the running player, and the list that shows such numbers.

import type { Measurement } from "./measure.ts";

/** A number; undefined if unknown. */
export type Row = readonly [id: string, label: string, value: string | 0 | undefined];

/** All numbers, with a dash for unknown ones. */
export function MeasurementList({ measurement }: { measurement: Measurement | undefined }) {
  return <Rows label="How it plays" rows={rowsOf(measurement)} />;
}

export function Rows({ label, rows }: { label: string; rows: readonly Row[] }) {
  return (
    <dl aria-label={label}>
      {rows.map(([id, name, value]) => (
        <div key={id}>
          <dt>{name}</dt>
          <dd data-measure={id}>{value || "–"}</dd>
        </div>
      ))}
    </dl>
  );
}

function rowsOf(measured: Measurement | undefined): readonly Row[] {
  return [
    ["buffer", "Buffer", measured && `${measured.buffer.toFixed(1)} s`],
    ["bitrate", "Bitrate", measured?.bitrate === undefined ? undefined : bits(measured.bitrate)],
    ["dropped", "Dropped frames", measured && `${measured.droppedFrames} of ${measured.frames}`],
    ["rate", "Frame rate", measured && `${measured.framesPerSecond.toFixed(0)} per second`],
    ["size", "Picture", measured?.width ? `${measured.width} × ${measured.height}` : undefined],
  ];
}

/** Formats bits per second. */
export function bits(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} Mbit/s`;
  return `${(perSecond / 1e3).toFixed(0)} kbit/s`;
}
