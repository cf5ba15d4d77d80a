// How a metric is declared: its kind, its help, and what its labels may hold, which the compiler knows.

/** What Prometheus knows. */
export type Kind = "counter" | "gauge" | "histogram";

/** `L` has the names of the labels, and for each the union of what it may hold. */
export interface MetricDeclaration<K extends Kind = Kind, L = Readonly<Record<string, string>>> {
  readonly kind: K;
  readonly help: string;
  readonly labels: LabelValues<L>;
}

type LabelValues<L> = { readonly [Label in keyof L]: readonly L[Label][] };
type NoLabels = Readonly<Record<never, never>>;

function declare<K extends Kind>(kind: K) {
  return <L extends Readonly<Record<string, string>> = NoLabels>(
    help: string,
    labels = {} as LabelValues<L>,
  ): MetricDeclaration<K, L> => ({ kind, help, labels });
}

export const counter = declare("counter");
export const gauge = declare("gauge");
export const histogram = declare("histogram");
