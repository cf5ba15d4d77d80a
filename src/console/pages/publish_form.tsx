// The form that asks what to publish and from which source.

/// <reference lib="dom" />

import { type SourceKind, SOURCES } from "./media_source.ts";
import { StreamField } from "./stream_field.tsx";
import { TokenField } from "./token_field.tsx";

interface PublishFormProps {
  readonly stream: string;
  readonly source: SourceKind;
  /** For the HTTP API. */
  readonly token: string;
  /** Whether the name is valid. */
  readonly isGood: boolean;
  readonly isPublishing: boolean;
  readonly onStream: (stream: string) => void;
  readonly onSource: (source: SourceKind) => void;
  readonly onToken: (token: string) => void;
  readonly onPublish: () => void;
  readonly onStop: () => void;
}

export function PublishForm(props: PublishFormProps) {
  const { isGood, isPublishing, onPublish, onStop } = props;
  const submit = (event: Event) => {
    event.preventDefault();
    if (isGood) onPublish();
  };
  return (
    <form onSubmit={submit}>
      <StreamField stream={props.stream} isGood={isGood} onChange={props.onStream} />
      <fieldset>
        <legend>Source</legend>
        {SOURCES.map(({ kind, label }) => (
          <label key={kind}>
            <input
              type="radio"
              name="source"
              value={kind}
              checked={props.source === kind}
              onChange={() => props.onSource(kind)}
            />
            {label}
          </label>
        ))}
      </fieldset>
      <TokenField token={props.token} onChange={props.onToken} />
      <button type="submit" disabled={!isGood || isPublishing}>Publish</button>
      <button type="button" disabled={!isPublishing} onClick={onStop}>Stop</button>
      <p id="stream-hint">
        {isGood
          ? "A token for the origin may follow a question mark, like live/show?token=x"
          : "Enter an application and a stream, like live/show"}
      </p>
    </form>
  );
}
