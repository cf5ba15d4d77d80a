// Combines the figures of several SRS into the shape that one has: amounts are added up, shares are averaged,
// and figures of a machine count once for each machine. Pure.

import { isObject, type JsonObject } from "../core/json_object.ts";

/** Figures that every origin has, in one shape. */
export const FIGURES = [
  ...["summaries", "rusages", "self_proc_stats", "system_proc_stats", "meminfos"],
  ...["authors", "features"],
] as const;

export interface OriginFigures {
  /** Address of its machine. */
  readonly ip: string;
  readonly data: JsonObject;
}

type Rule = (values: readonly number[]) => number;
type RuleOf = (name: string) => Rule;

/** Amounts that belong to a process; its other numbers are ids, flags and addresses. */
const AMOUNTS: readonly string[] = [
  ...["mem_kbyte", "minflt", "cminflt", "majflt", "cmajflt", "utime", "stime", "cutime", "cstime"],
  ...["num_threads", "vsize", "rss", "nswap", "cnswap", "delayacct_blkio_ticks"],
  ...["guest_time", "cguest_time"],
];
/** Figures that belong to a machine. */
const OF_MACHINES: readonly string[] = ["system_proc_stats", "meminfos"];
/** Members of these that nevertheless belong to the process. */
const OF_PROCESS = /^(?:srs_(?:recv|send)_bytes|conn_srs)$/;

const sum: Rule = (values) => values.reduce((total, value) => total + value, 0);
const mean: Rule = (values) => sum(values) / values.length;
const highest: Rule = (values) => values.reduce((most, value) => Math.max(most, value));
const lowest: Rule = (values) => values.reduce((least, value) => Math.min(least, value));
const common: Rule = ([first = 0, ...rest]) => rest.every((value) => value === first) ? first : 0;

/**
 * Combines the `data` of all origins.
 *
 * @param name which figures
 * @param all from at least one origin
 */
export function mergedFigures(name: string, all: readonly OriginFigures[]): JsonObject {
  const data = (OF_MACHINES.includes(name) ? onePerMachine(all) : all).map(({ data }) => data);
  if (name === "summaries") return mergedSummaries(all);
  if (name === "self_proc_stats") return merged(data, ruleOfProcess);
  return merged(
    data,
    name === "rusages" || OF_MACHINES.includes(name) ? ruleOfAmounts : () => common,
  );
}

function mergedSummaries(all: readonly OriginFigures[]): JsonObject {
  const systems = (origins: readonly OriginFigures[]) =>
    origins.map(({ data }) => data["system"]).filter(isObject);
  const ofMachines = merged(systems(onePerMachine(all)), ruleOfAmounts);
  const ofProcesses = merged(systems(all), ruleOfAmounts);
  const system = Object.entries(ofMachines)
    .map(([name, value]) => [name, OF_PROCESS.test(name) ? ofProcesses[name] : value]);
  const data = merged(all.map(({ data }) => data), ruleOfProcess);
  return "system" in data ? { ...data, system: Object.fromEntries(system) } : data;
}

/** The first origin of each machine. */
function onePerMachine(all: readonly OriginFigures[]): OriginFigures[] {
  const seen = new Set<string>();
  return all.filter(({ ip }) => !seen.has(ip) && seen.add(ip));
}

function ruleOfAmounts(name: string): Rule {
  return ruleOfName(name) ?? sum;
}

function ruleOfProcess(name: string): Rule {
  return ruleOfName(name) ?? (AMOUNTS.includes(name) ? sum : common);
}

function ruleOfName(name: string): Rule | undefined {
  if (/percent|^load_/.test(name)) return mean;
  if (/sample_time$|^now_ms$/.test(name)) return highest;
  // The lowest uptime shows a restart.
  return /uptime$/.test(name) ? lowest : undefined;
}

function merged(objects: readonly JsonObject[], ruleOf: RuleOf): JsonObject {
  const names = new Set(objects.flatMap((object) => Object.keys(object)));
  return Object.fromEntries([...names].map((name) => {
    const values = objects.map((object) => object[name]).filter((value) => value !== undefined);
    return [name, mergedValue(name, values, ruleOf)];
  }));
}

/** What is neither an amount nor a share is kept only if all agree on it. */
function mergedValue(name: string, values: readonly unknown[], ruleOf: RuleOf): unknown {
  if (values.every((value) => typeof value === "number")) return ruleOf(name)(values);
  if (values.every((value) => typeof value === "boolean")) return values.every(Boolean);
  if (values.every(isObject)) return merged(values, ruleOf);
  const [first, ...rest] = values;
  return rest.every((value) => value === first) ? first : "";
}
