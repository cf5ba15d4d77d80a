// Who may register and who may use the HTTP API: the variables about tokens combined, and what is
// wrong with the combination. Knows nothing of how a token is presented.

import type { Values } from "./table.ts";

/** The token to be shown; absent = none is needed. */
export interface AccessConfig {
  readonly token?: string | undefined;
}

/** Who manages; without a token whoever is on this machine. */
export interface AdminConfig extends AccessConfig {
  /** Whether requests for one origin are passed to it. */
  readonly passes: boolean;
  /** `user:password` for the APIs of origins. */
  readonly originCredentials?: string | undefined;
  /** Web sites whose pages may, besides the proxy's own. */
  readonly sites: readonly string[];
}

export function toRegisterAccess(values: Values): AccessConfig {
  const long = values.PROXY_HTTP_API_AUTH_ENABLED ? values.PROXY_HTTP_API_AUTH_TOKEN : undefined;
  return { token: values.PROXY_REGISTER_TOKEN ?? long };
}

/** What is shown to see and change what runs. */
export function toAdminAccess(values: Values): AdminConfig {
  return {
    token: values.PROXY_ADMIN_TOKEN,
    sites: values.PROXY_ADMIN_ORIGINS,
    passes: values.PROXY_API_PASS,
    originCredentials: values.PROXY_ORIGIN_API_AUTH,
  };
}

/** What WebRTC clients show to the HTTP API. */
export function toApiAccess({ PROXY_API_TOKEN: token }: Values): AccessConfig {
  return { token };
}

/** What is wrong with values that are each valid alone. */
export function findAccessConflicts(values: Partial<Values>): string[] {
  if (!values.PROXY_HTTP_API_AUTH_ENABLED) return [];
  const problems: string[] = [];
  const { PROXY_HTTP_API_AUTH_TYPE: type, PROXY_HTTP_API_AUTH_TOKEN: token } = values;
  if (type === undefined || type.toLowerCase() !== "bearer") {
    const current = type === undefined ? "empty" : type;
    problems.push(
      `PROXY_HTTP_API_AUTH_TYPE: Cannot use a kind of token other than bearer: current value is ${current}`,
    );
  }
  // A value that cannot be parsed is absent here, and has been reported.
  if ("PROXY_HTTP_API_AUTH_TOKEN" in values && token === undefined) {
    problems.push(
      "PROXY_HTTP_API_AUTH_TOKEN: Cannot be empty while PROXY_HTTP_API_AUTH_ENABLED is on",
    );
  }
  const { PROXY_REGISTER_TOKEN: short } = values;
  if (token !== undefined && short !== undefined && token !== short) {
    problems.push(
      "PROXY_REGISTER_TOKEN: Cannot differ from PROXY_HTTP_API_AUTH_TOKEN",
    );
  }
  return problems;
}
