// The field for the HTTP API's token, which few proxies require.

/// <reference lib="dom" />

interface TokenFieldProps {
  readonly token: string;
  readonly onChange: (token: string) => void;
}

export function TokenField({ token, onChange }: TokenFieldProps) {
  return (
    <label class="token">
      API token, if asked for
      <input
        type="password"
        value={token}
        autocomplete="off"
        onInput={({ currentTarget }) => onChange(currentTarget.value.trim())}
      />
    </label>
  );
}
