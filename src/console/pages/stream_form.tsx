// The form that asks what to play and how.

/// <reference lib="dom" />

import { StreamField } from "./stream_field.tsx";
import { type PageRequest, PLAY_FORMATS } from "./stream_name.ts";
import { TokenField } from "./token_field.tsx";

interface StreamFormProps {
  readonly request: PageRequest;
  /** Whether the name can be played. */
  readonly isGood: boolean;
  readonly isPlaying: boolean;
  /** For the HTTP API. */
  readonly token: string;
  readonly onChange: (request: PageRequest) => void;
  readonly onToken: (token: string) => void;
  readonly onPlay: () => void;
  readonly onStop: () => void;
}

export function StreamForm(props: StreamFormProps) {
  const { request, isGood, isPlaying, onChange, onPlay, onStop } = props;
  const submit = (event: Event) => {
    event.preventDefault();
    if (isGood) onPlay();
  };
  return (
    <form onSubmit={submit}>
      <StreamField
        stream={request.stream}
        isGood={isGood}
        onChange={(stream) => onChange({ ...request, stream })}
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
      {request.format === "webrtc" && <TokenField token={props.token} onChange={props.onToken} />}
      <button type="submit" disabled={!isGood}>Play</button>
      <button type="button" disabled={!isPlaying} onClick={onStop}>Stop</button>
      <p id="stream-hint">
        {isGood
          ? "Application and stream as they were published; a token may follow a question mark"
          : "Enter an application and a stream, like live/show"}
      </p>
    </form>
  );
}
