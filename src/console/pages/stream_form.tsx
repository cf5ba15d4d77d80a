// The form that says what to play and how.

/// <reference lib="dom" />

import type { PageRequest } from "./stream_name.ts";
import { PLAY_FORMATS } from "./stream_name.ts";

interface StreamFormProps {
  readonly request: PageRequest;
  /** Whether the name can be played. */
  readonly isGood: boolean;
  readonly isPlaying: boolean;
  readonly onChange: (request: PageRequest) => void;
  readonly onPlay: () => void;
  readonly onStop: () => void;
}

/** Name, format and the button. */
export function StreamForm(props: StreamFormProps) {
  const { request, isGood, isPlaying, onChange, onPlay, onStop } = props;
  const submit = (event: Event) => {
    event.preventDefault();
    if (isGood) onPlay();
  };
  return (
    <form onSubmit={submit}>
      <label htmlFor="stream">Stream</label>
      <input
        id="stream"
        value={request.stream}
        placeholder="application/stream"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        aria-invalid={!isGood}
        aria-describedby="stream-hint"
        onInput={({ currentTarget }) => onChange({ ...request, stream: currentTarget.value })}
      />
      <fieldset>
        <legend>Format</legend>
        {PLAY_FORMATS.map(({ format, label }) => (
          <label key={format}>
            <input
              type="radio"
              name="format"
              value={format}
              checked={request.format === format}
              onChange={() => onChange({ ...request, format })}
            />
            {label}
          </label>
        ))}
      </fieldset>
      <button type="submit" disabled={!isGood}>Play</button>
      <button type="button" disabled={!isPlaying} onClick={onStop}>Stop</button>
      <p id="stream-hint">
        {isGood
          ? "Application and stream as they were published; a token may follow a question mark"
          : "Write an application and a stream, like live/livestream"}
      </p>
    </form>
  );
}
