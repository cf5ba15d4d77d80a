// Asks for the token, or says why a token would not help.

/// <reference lib="dom" />

import { useState } from "preact/hooks";
import type { ApiError } from "./api_client.ts";

interface LoginProps {
  /** Why the operator has to log in. */
  readonly refusal: ApiError;
  readonly hasTried: boolean;
  readonly onToken: (token: string) => void;
}

export function Login({ refusal, hasTried, onToken }: LoginProps) {
  const [token, setToken] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    onToken(token);
  };
  if (refusal.status === 403) return <NoToken message={refusal.message} />;
  return (
    <main class="login">
      <h1>SRS Proxy console</h1>
      <form onSubmit={submit}>
        <label htmlFor="token">Admin token</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value.trim())}
        />
        <button type="submit" disabled={token === ""}>Log in</button>
        <p>It is the value of PROXY_ADMIN_TOKEN, and is forgotten when this tab is closed.</p>
      </form>
      {hasTried && <p role="alert" class="bad">{refusal.message}</p>}
    </main>
  );
}

function NoToken({ message }: { message: string }) {
  return (
    <main class="login">
      <h1>SRS Proxy console</h1>
      <p role="alert" class="bad">{message}</p>
      <p>
        Without PROXY_ADMIN_TOKEN this console is there for browsers on the proxy's own machine
        alone, such as at http://127.0.0.1 or through an SSH tunnel.
      </p>
    </main>
  );
}
