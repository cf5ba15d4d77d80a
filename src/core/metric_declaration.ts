// How a metric is declared: its kind, its help text, and the label values that the compiler allows.

export type Kind = "counter" | "gauge" | "histogram";

/** `L` maps the names of the labels to the union of their values. */
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
