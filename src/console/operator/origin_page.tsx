// One origin: its state, and what operators may do with it.

/// <reference lib="dom" />

import { useEffect, useState } from "preact/hooks";
import type { Act } from "./act.ts";
import {
  drainQuestion,
  forgetQuestion,
  labelsQuestion,
  weightQuestion,
} from "./origin_questions.ts";
import { StateBadge } from "./origins_page.tsx";
import { Facts } from "./facts.tsx";
import { routeTo } from "./route.ts";
import type { OriginEntry } from "./shapes.ts";
import { bitRate, count, duration } from "./units.ts";
import { type Sources, useAnswer } from "./use_list.ts";

interface OriginPageProps extends Sources {
  readonly server: string;
  readonly act: Act;
}

const PROTOCOLS = ["rtmp", "http", "api", "srt", "rtc"] as const;
const HEAVIEST = 100;

export function OriginPage({ api, feed, server, act }: OriginPageProps) {
  const path = `api/v1/origins/${encodeURIComponent(server)}`;
  const { answer, failure, refresh } = useAnswer<{ origin: OriginEntry }>({ api, feed }, path);
  const origin = answer?.origin;
  return (
    <main>
      <h1>{origin?.device_id || server}</h1>
      {failure && <p role="alert" class="bad">{failure}</p>}
      {origin && (
        <>
          <Facts facts={factsOf(origin)} />
          <p class="links">
            <a href={routeTo("streams", "", { origin: server })}>Its streams</a>
            <a href={routeTo("sessions", "", { origin: server })}>Its sessions</a>
          </p>
          <div class="buttons">
            <button type="button" onClick={() => act(drainQuestion(api, origin), refresh)}>
              {origin.draining ? "Undrain" : "Drain"}
            </button>
            <button
              type="button"
              class="danger"
              onClick={() => act(forgetQuestion(api, server), () => location.hash = "#/origins")}
            >
              Forget
            </button>
          </div>
          <WeightForm
            weight={origin.weight}
            onWeight={(weight) => act(weightQuestion(api, server, weight), refresh)}
          />
          <LabelsForm
            labels={origin.labels ?? []}
            onLabels={(labels) => act(labelsQuestion(api, server, labels), refresh)}
          />
        </>
      )}
    </main>
  );
}

function factsOf(origin: OriginEntry): Parameters<typeof Facts>[0]["facts"] {
  const { last_heartbeat_ms: heartbeat, failures = {} } = origin;
  const failed = Object.entries(failures).map(([protocol, times]) => `${protocol} ${times}`);
  return [
    ["State", <StateBadge key="state" state={origin.state} />],
    ["Id", origin.server],
    ["Last heartbeat", heartbeat === null ? "needs none" : `${duration(heartbeat / 1_000)} ago`],
    ["Streams", count(origin.streams)],
    ["Publishers", count(origin.publishers ?? 0)],
    ["Viewers", count(origin.viewers ?? 0)],
    ["Bit rate in", bitRate(origin.bit_rate_in)],
    ["Bit rate out", bitRate(origin.bit_rate_out)],
    ["Failures", failed.length === 0 ? "none" : failed.join(", ")],
    ...PROTOCOLS.filter((protocol) => origin[protocol]?.length > 0)
      .map((protocol) => [protocol.toUpperCase(), origin[protocol].join(" ")] as const),
  ];
}

function WeightForm({ weight, onWeight }: { weight: number; onWeight: (weight: number) => void }) {
  const [wanted, setWanted] = useState(String(weight));
  useEffect(() => setWanted(String(weight)), [weight]);
  const value = Number(wanted);
  const isGood = wanted !== "" && Number.isInteger(value) && value >= 0 && value <= HEAVIEST;
  const submit = (event: Event) => {
    event.preventDefault();
    if (isGood && value !== weight) onWeight(value);
  };
  return (
    <form onSubmit={submit}>
      <label htmlFor="weight">Weight, 0 to {HEAVIEST}</label>
      <input
        id="weight"
        type="number"
        min={0}
        max={HEAVIEST}
        value={wanted}
        onInput={({ currentTarget }) => setWanted(currentTarget.value)}
      />
      <button type="submit" disabled={!isGood || value === weight}>Change</button>
    </form>
  );
}

interface LabelsFormProps {
  readonly labels: readonly string[];
  readonly onLabels: (labels: readonly string[]) => void;
}

function LabelsForm({ labels, onLabels }: LabelsFormProps) {
  const text = labels.join(" ");
  const [wanted, setWanted] = useState(text);
  useEffect(() => setWanted(text), [text]);
  const given = wanted.split(/[\s,]+/).filter((label) => label !== "");
  const isSame = given.join(" ") === text;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!isSame) onLabels(given);
  };
  return (
    <form onSubmit={submit}>
      <label htmlFor="labels">Labels</label>
      <input
        id="labels"
        value={wanted}
        onInput={({ currentTarget }) => setWanted(currentTarget.value)}
      />
      <button type="submit" disabled={isSame}>Change</button>
    </form>
  );
}
