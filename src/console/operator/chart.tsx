// One chart of the last quarter of an hour, drawn by uPlot. Its latest values are also shown as text below.

/// <reference lib="dom" />

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

export interface Line {
  readonly label: string;
  readonly values: readonly number[];
}

interface ChartProps {
  readonly title: string;
  /** Unix times of the values, seconds. */
  readonly times: readonly number[];
  /** At most two. */
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
}

const HEIGHT = 160;
/** Colours, in the order of the lines. */
const COLOURS = ["--line-1", "--line-2"] as const;
/** Charts with this key show the same moment when the pointer is over one of them. */
const TOGETHER = "history";

export function Chart({ title, times, lines, format }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = [times, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    // It is in the page now, but may no longer be when the clean-up runs.
    const element = box.current!;
    const draw = () => {
      plot.current?.destroy();
      const size = { width: element.clientWidth, height: HEIGHT };
      const options = { ...optionsFor(lines, format), ...size };
      plot.current = new uPlot(options, latest.current, element);
    };
    const leave = new AbortController();
    matchMedia("(prefers-color-scheme: dark)")
      .addEventListener("change", draw, { signal: leave.signal });
    draw();
    const sizes = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    sizes.observe(element);
    return () => {
      leave.abort();
      sizes.disconnect();
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [times]);
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <dl>
          {lines.map(({ label, values }, at) => (
            <div key={label}>
              <dt data-line={at + 1}>{label}</dt>
              <dd>{values.length === 0 ? "–" : format(values.at(-1)!)}</dd>
            </div>
          ))}
        </dl>
      </figcaption>
      <div ref={box} class="plot" aria-hidden="true" />
    </figure>
  );
}

function optionsFor(
  lines: readonly Line[],
  format: (value: number) => string,
): Omit<uPlot.Options, "width" | "height"> {
  const colour = (name: string) => {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  };
  const axis = {
    stroke: colour("--faint"),
    grid: { stroke: colour("--grid"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    cursor: { sync: { key: TOGETHER }, drag: { x: false, y: false } },
    legend: { show: false },
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(most * 1.1, 1)] } },
    axes: [
      { ...axis, space: 70, values: (_plot, ticks) => ticks.map(timeOfDay) },
      { ...axis, size: 80, space: 35, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ label }, at) => ({
        label,
        stroke: colour(COLOURS[at]!),
        width: 2,
        points: { show: false },
      })),
    ],
  };
}

/** Formats a Unix time as this browser does. */
function timeOfDay(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
