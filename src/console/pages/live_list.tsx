// The list of live streams, each of which plays at a click.

/// <reference lib="dom" />

import type { LiveStream, LiveStreams } from "./live_streams.ts";
import { FORMAT_LABELS } from "./stream_name.ts";

interface LiveListProps {
  readonly live: LiveStreams;
  /** The stream that is playing, if any. */
  readonly playing: string | undefined;
  readonly onChoose: (stream: LiveStream) => void;
}

/** A button for each stream, with its formats. */
export function LiveList({ live, playing, onChoose }: LiveListProps) {
  return (
    <section aria-labelledby="live" class="live">
      <h2 id="live">Live now</h2>
      {live.streams.length === 0 && <p>Nobody is publishing at the moment.</p>}
      <ul>
        {live.streams.map((each) => (
          <li key={each.stream}>
            <button
              type="button"
              aria-pressed={each.stream === playing}
              onClick={() => onChoose(each)}
            >
              <strong>{each.stream}</strong> <small>{labelsOf(each)}</small>
            </button>
          </li>
        ))}
      </ul>
      {live.more && <p>There are more than these.</p>}
    </section>
  );
}

function labelsOf({ formats }: LiveStream): string {
  return formats.map((format) => FORMAT_LABELS[format] ?? format).join(" · ");
}
