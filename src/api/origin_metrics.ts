// Combines the exporters of all origins: every sample names its origin, and each metric is explained once.
// Prometheus text format 0.0.4; anything else is left out.

import type { OriginReply } from "../core/origin_questions.ts";
import { type Collected, type OriginAnswers, refusedAnswer } from "./origin_answers.ts";

/** The samples of one metric, with the lines that explain it. */
interface Family {
  readonly explanations: string[];
  readonly samples: string[];
}

type Families = Map<string, Family>;

const LIMIT = 1024 * 1024;
const MOST_FAMILIES = 10_000;
/** `# HELP name …` and `# TYPE name …`. */
const EXPLANATION = /^# (?:HELP|TYPE) ([a-zA-Z_:][\w:]*)(?: |$)/;
const NAME = /^[a-zA-Z_:][\w:]*$/;
const LABELS = /^(?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"(?:,|$))*$/;
/** A number, and possibly a time stamp. */
const VALUE = /^ +[-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|\.\d+|Inf|NaN)(?: +-?\d+)?$/i;
const LONGEST_LINE = 8_192;
/** Suffixes of the series of a histogram or summary. */
const PART = /_(?:bucket|sum|count)$/;
const UP = "srs_proxy_origin_exporter_up";

/** The text of all exporters. @throws ProxyError `registry_unavailable` */
export async function originMetrics(answers: OriginAnswers): Promise<string> {
  const survey = { target: "/metrics", limit: LIMIT, read: readExporter };
  return mergedMetrics(await answers.collect(survey));
}

/** SRS answers in JSON if its exporter is off. */
function readExporter({ status, type, body }: OriginReply): string {
  if (status !== 200 || !/^text\/plain\b|^application\/openmetrics-text\b/i.test(type)) {
    throw refusedAnswer();
  }
  return new TextDecoder().decode(body);
}

function mergedMetrics({ answers, missing }: Collected<string>): string {
  const families: Families = new Map();
  for (const { origin, answer } of answers) addTo(families, answer, origin.id);
  const up = [
    ...answers.map(({ origin }) => `${UP}{${labelOf(origin.id)}} 1`),
    ...missing.map(({ origin }) => `${UP}{${labelOf(origin)}} 0`),
  ];
  families.set(UP, {
    explanations: [`# HELP ${UP} Whether the origin has told its figures.`, `# TYPE ${UP} gauge`],
    samples: up,
  });
  return [...families.values()]
    .map(({ explanations, samples }) => [...explanations, ...samples, ""].join("\n"))
    .join("");
}

function addTo(families: Families, text: string, origin: string): void {
  const label = labelOf(origin);
  const explained = new Set<string>();
  for (const line of text.split("\n")) {
    if (line.length > LONGEST_LINE) continue;
    const [, name] = EXPLANATION.exec(line) ?? [];
    if (name !== undefined) {
      explained.add(name);
      explain(families, name, line);
      continue;
    }
    const sample = sampleIn(line);
    if (sample === undefined) continue;
    const { metric, labels, value } = sample;
    const whole = metric.replace(PART, "");
    const family = familyOf(families, explained.has(whole) ? whole : metric);
    family?.samples.push(`${metric}{${label}${labels === "" ? "" : `,${labels}`}}${value}`);
  }
}

interface Sample {
  readonly metric: string;
  readonly labels: string;
  readonly value: string;
}

/** Undefined if malformed: one bad sample of one origin must not spoil all others. */
function sampleIn(line: string): Sample | undefined {
  const open = line.indexOf("{");
  const close = line.lastIndexOf("}");
  const end = open < 0 ? line.indexOf(" ") : open;
  const metric = line.slice(0, Math.max(0, end));
  const labels = open < 0 ? "" : line.slice(open + 1, close);
  const value = open < 0 ? line.slice(end) : line.slice(close + 1);
  const isSample = NAME.test(metric) && LABELS.test(labels) && VALUE.test(value);
  return isSample && !/(?:^|,)origin=/.test(labels) ? { metric, labels, value } : undefined;
}

/** The first explanation wins: origins of different versions may word it differently. */
function explain(families: Families, name: string, line: string): void {
  const family = familyOf(families, name);
  const kind = line.slice(0, "# HELP".length);
  if (family === undefined || family.explanations.some((known) => known.startsWith(kind))) return;
  family.explanations.push(line);
}

function familyOf(families: Families, name: string): Family | undefined {
  const known = families.get(name);
  if (known !== undefined || families.size >= MOST_FAMILIES) return known;
  const family = { explanations: [], samples: [] };
  families.set(name, family);
  return family;
}

function labelOf(origin: string): string {
  return `origin="${origin.replace(/[\\"\n]/g, (found) => found === "\n" ? "\\n" : `\\${found}`)}"`;
}
