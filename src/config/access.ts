// Combines the variables about tokens into who may register, manage and use the HTTP API, and finds
// conflicts between them. Does not know how a token is sent.

import type { Values } from "./table.ts";

/** The token to send; absent = none is needed. */
export interface AccessConfig {
  readonly token?: string | undefined;
}

/** Who may manage; without a token, any client on this machine. */
export interface AdminConfig extends AccessConfig {
  /** Whether requests to one origin's API are passed on. */
  readonly passes: boolean;
  /** `user:password` for the origins' APIs. */
  readonly originCredentials?: string | undefined;
  /** Web sites whose pages may manage, besides the proxy's own. */
  readonly sites: readonly string[];
}

export function toRegisterAccess(values: Values): AccessConfig {
  const long = values.PROXY_HTTP_API_AUTH_ENABLED ? values.PROXY_HTTP_API_AUTH_TOKEN : undefined;
  return { token: values.PROXY_REGISTER_TOKEN ?? long };
}

/** What clients must send to manage. */
export function toAdminAccess(values: Values): AdminConfig {
  return {
    token: values.PROXY_ADMIN_TOKEN,
    sites: values.PROXY_ADMIN_ORIGINS,
    passes: values.PROXY_API_PASS,
    originCredentials: values.PROXY_ORIGIN_API_AUTH,
  };
}

/** What WebRTC clients must send to the HTTP API. */
export function toApiAccess({ PROXY_API_TOKEN: token }: Values): AccessConfig {
  return { token };
}

/** Conflicts between values that are each valid on their own. */
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
  // A value that cannot be parsed is missing here, and was reported.
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
