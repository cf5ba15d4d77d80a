// One stream: its origin, its publisher, its viewers, and a preview.

/// <reference lib="dom" />

import type { Act } from "./act.ts";
import type { ApiClient } from "./api_client.ts";
import { Facts } from "./facts.tsx";
import { Preview, type PreviewPlace } from "./preview.tsx";
import type { Question } from "./question.tsx";
import { routeTo } from "./route.ts";
import { kickQuestion } from "./sessions_page.tsx";
import type { StreamEntry } from "./shapes.ts";
import { bitRate, count, countOf, duration, streamName } from "./units.ts";
import { type Sources, useAnswer } from "./use_list.ts";

interface StreamPageProps extends Sources {
  /** `vhost/app/stream`. */
  readonly stream: string;
  readonly place: PreviewPlace;
  readonly act: Act;
}

export function StreamPage({ api, feed, stream, place, act }: StreamPageProps) {
  const { answer, failure, refresh } = useAnswer<{ stream: StreamEntry }>(
    { api, feed },
    pathOf(stream),
  );
  const entry = answer?.stream;
  const publisher = entry?.publisher;
  return (
    <main>
      <h1>{streamName(stream)}</h1>
      {failure && <p role="alert" class="bad">{failure}</p>}
      {entry && (
        <>
          <Facts facts={factsOf(entry)} />
          <p class="links">
            <a href={routeTo("sessions", "", { stream })}>Its sessions</a>
          </p>
          <div class="buttons">
            {publisher && (
              <button
                type="button"
                class="danger"
                onClick={() => {
                  const session = { ...publisher, intent: "publish", stream } as const;
                  act(kickQuestion(api, session), refresh);
                }}
              >
                End the publisher
              </button>
            )}
            <button
              type="button"
              class="danger"
              onClick={() => act(endQuestion(api, entry), refresh)}
            >
              End all sessions
            </button>
          </div>
          <Preview key={stream} stream={stream} place={place} />
        </>
      )}
    </main>
  );
}

function factsOf(entry: StreamEntry): Parameters<typeof Facts>[0]["facts"] {
  const { origin, live, publisher, viewers, viewers_by_protocol: by = {}, seconds } = entry;
  const elsewhere = live ? "at another proxy" : "none";
  const protocols = Object.entries(by).map(([protocol, some]) => `${protocol} ${count(some)}`);
  return [
    ["Origin", <a key="origin" href={routeTo("origins", origin)}>{origin}</a>],
    ["Publisher", publisher ? `${publisher.client}, ${publisher.protocol}` : elsewhere],
    ...(publisher ? [["Publishing for", duration(publisher.seconds)] as const] : []),
    ["Viewers", [count(viewers ?? 0), ...protocols].join(" · ")],
    ["Bit rate in", bitRate(entry.bit_rate_in)],
    ["Bit rate out", bitRate(entry.bit_rate_out)],
    ["Known for", seconds === undefined ? "–" : duration(seconds)],
  ];
}

function endQuestion(api: ApiClient, { stream, viewers, live }: StreamEntry): Question {
  const who = [...(live ? ["the publisher"] : []), countOf(viewers ?? 0, "viewer")].join(" and ");
  return {
    title: `End all sessions of ${streamName(stream)}?`,
    text: `At every proxy ${who} of this stream are disconnected. They may come back.`,
    action: "End all sessions",
    run: () => api.change("DELETE", pathOf(stream)),
  };
}

function pathOf(stream: string): string {
  return `api/v1/streams/${encodeURIComponent(stream)}`;
}
