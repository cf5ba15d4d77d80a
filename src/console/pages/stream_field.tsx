// The field for the name of a stream; the hint about valid names is beside the buttons.

/// <reference lib="dom" />

interface StreamFieldProps {
  readonly stream: string;
  /** Whether the name is valid. */
  readonly isGood: boolean;
  readonly onChange: (stream: string) => void;
}

export function StreamField({ stream, isGood, onChange }: StreamFieldProps) {
  return (
    <>
      <label htmlFor="stream">Stream</label>
      <input
        id="stream"
        value={stream}
        placeholder="application/stream"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        aria-invalid={!isGood && stream !== ""}
        aria-describedby="stream-hint"
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
    </>
  );
}
