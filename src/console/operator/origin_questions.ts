// What an operator may do with an origin, as questions. Knows the paths of the System API.

import type { ApiClient } from "./api_client.ts";
import type { Question } from "./question.tsx";
import type { OriginEntry } from "./shapes.ts";
import { countOf } from "./units.ts";

type Origin = Pick<OriginEntry, "server" | "draining" | "streams" | "viewers">;

/** Drains an origin, or ends that. */
export function drainQuestion(
  api: ApiClient,
  { server, draining, streams, viewers }: Origin,
): Question {
  const path = pathOf(server);
  if (draining) {
    return {
      title: `Undrain ${server}?`,
      text: "It gets new streams again.",
      action: "Undrain",
      run: () => api.change("POST", `${path}/undrain`),
    };
  }
  const what = `${countOf(streams, "stream")} and ${countOf(viewers ?? 0, "viewer")}`;
  return {
    title: `Drain ${server}?`,
    text: `No new stream goes there. Running streams stay: ${what}.`,
    action: "Drain",
    run: () => api.change("POST", `${path}/drain`),
  };
}

export function weightQuestion(api: ApiClient, server: string, weight: number): Question {
  return {
    title: `Give ${server} the weight ${weight}?`,
    text: weight === 0
      ? "It gets a new stream only if no other origin would do. Running streams stay."
      : "It decides how many of the new streams it gets, compared with others. Running streams stay.",
    action: "Change weight",
    run: () => api.change("PATCH", pathOf(server), { weight }),
  };
}

export function labelsQuestion(
  api: ApiClient,
  server: string,
  labels: readonly string[],
): Question {
  return {
    title: `Change the labels of ${server}?`,
    text: labels.length === 0
      ? "It belongs to no group: streams that are placed by a label no longer go there."
      : `It belongs to: ${labels.join(", ")}. New streams are placed accordingly.`,
    action: "Change labels",
    run: () => api.change("PATCH", pathOf(server), { labels }),
  };
}

export function forgetQuestion(api: ApiClient, server: string): Question {
  return {
    title: `Forget ${server}?`,
    text: "It is gone until its next heartbeat, and its settings are lost.",
    action: "Forget",
    run: () => api.change("DELETE", pathOf(server)),
  };
}

function pathOf(server: string): string {
  return `api/v1/origins/${encodeURIComponent(server)}`;
}
