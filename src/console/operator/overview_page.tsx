// The first page: totals, and the charts of the last quarter of an hour.

/// <reference lib="dom" />

import { useMemo } from "preact/hooks";
import { Chart } from "./chart.tsx";
import { routeTo } from "./route.ts";
import type { HistoryAnswer } from "./shapes.ts";
import { bitRate, count } from "./units.ts";
import { type Sources, useAnswer } from "./use_list.ts";

interface CountAnswer {
  readonly total?: number;
}

const perSecond = (value: number) => `${count(value)}/s`;
const milliseconds = (value: number) => `${count(value)} ms`;

export function OverviewPage(sources: Sources) {
  const { answer, failure } = useAnswer<HistoryAnswer>(sources, "api/v1/history");
  const times = useMemo(() => {
    const now = Date.now() / 1_000;
    return answer?.seconds_ago.map((ago) => now - ago) ?? [];
  }, [answer]);
  return (
    <main>
      <h1 class="unseen">Overview</h1>
      <Counts {...sources} />
      {failure && <p role="alert" class="bad">{failure}</p>}
      {answer && <Charts history={answer} times={times} />}
      {times.length === 0 && answer && (
        <p>The charts begin a few seconds after the proxy has started.</p>
      )}
    </main>
  );
}

function Charts({ history, times }: { history: HistoryAnswer; times: readonly number[] }) {
  return (
    <div class="charts">
      <Chart
        title="Traffic"
        times={times}
        format={bitRate}
        lines={[
          { label: "from clients", values: history.bits_from_clients },
          { label: "from origins", values: history.bits_from_origins },
        ]}
      />
      <Chart
        title="Sessions"
        times={times}
        format={count}
        lines={[
          { label: "publishers", values: history.publishers },
          { label: "viewers", values: history.viewers },
        ]}
      />
      <Chart
        title="New streams"
        times={times}
        format={perSecond}
        lines={[{ label: "given an origin", values: history.new_streams }]}
      />
      <Chart
        title="Failures"
        times={times}
        format={perSecond}
        lines={[
          { label: "clients refused", values: history.refused_clients },
          { label: "origins not reached", values: history.failed_dials },
        ]}
      />
      <Chart
        title="Event loop lag"
        times={times}
        format={milliseconds}
        lines={[{ label: "longest", values: history.loop_lag_ms }]}
      />
    </div>
  );
}

function Counts(sources: Sources) {
  return (
    <dl class="counts">
      {["origins", "streams", "sessions"].map((name) => (
        <CountOf key={name} name={name} sources={sources} />
      ))}
    </dl>
  );
}

function CountOf({ name, sources }: { name: string; sources: Sources }) {
  const { answer } = useAnswer<CountAnswer>(sources, `api/v1/${name}?limit=1`);
  return (
    <div>
      <dt>
        <a href={routeTo(name)}>{name}</a>
      </dt>
      <dd>{answer?.total === undefined ? "–" : count(answer.total)}</dd>
    </div>
  );
}
