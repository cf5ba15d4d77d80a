// Which parts of a configuration can change while the program runs. Every part reads its section at
// every use, so a change is made in place.

import type { Config } from "./config.ts";
import { VARIABLES } from "./table.ts";

/** Variables whose changes take effect only at the next start. */
const FIXED: readonly RegExp[] = [
  /_SERVER$/,
  /^PROXY_(?:HTTP|SYSTEM)_API$/,
  /^PROXY_(?:REUSE_PORT|STATIC_FILES|PLAYER_LIST|LOAD_BALANCER_TYPE|UDP_ENGINE|LOG_FORMAT|ENV_FILE)$/,
  /^PROXY_(?:STREAM_IDLE_TTL|REGISTER_MAX_ORIGINS|MAX_STREAMS|VHOSTS)$/,
  /^PROXY_(?:WEBRTC|SRT)_MAX_SESSIONS$/,
  /^PROXY_SRT_COOKIE_SECRET$/,
  /^PROXY_REDIS_/,
];

/** Whether a variable takes effect only when the program starts. */
export function isFixed(variable: string): boolean {
  return FIXED.some((pattern) => pattern.test(variable));
}

/** The variables that are not the same in both, by name. */
export function changedVariables(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(VARIABLES).flatMap(([name, variable]) => {
    const [one, other] = [before, after].map((set) => set[name]?.trim() || variable.default);
    return one === other ? [] : [name];
  });
}

/** Makes what can change of `config` like that of `next`; the objects and lists stay the same ones. */
export function changeInPlace(config: Config, next: Config): void {
  replaceObject(config.register, next.register);
  replaceObject(config.apiAuth, next.apiAuth);
  replaceObject(config.limits, next.limits);
  replaceObject(config.identifyMemory, next.identifyMemory);
  replaceObject(config.timeouts, next.timeouts);
  replaceObject(config.http, next.http);
  replaceObject(config.quit, next.quit);
  replaceList(config.webrtc.candidates, next.webrtc.candidates);
}

/** Gives an object the properties of another and no others; lists in it stay the same ones. */
export function replaceObject<T extends object>(target: T, source: T): void {
  const writable: { -readonly [Key in keyof T]?: T[Key] } = target;
  for (const key of Object.keys(target) as (keyof T)[]) {
    if (!(key in source)) delete writable[key];
  }
  for (const key of Object.keys(source) as (keyof T)[]) {
    const [old, value] = [target[key], source[key]];
    if (Array.isArray(old) && Array.isArray(value)) replaceList(old, value);
    else writable[key] = value;
  }
}

function replaceList<T>(target: readonly T[], source: readonly T[]): void {
  (target as T[]).splice(0, target.length, ...source);
}
