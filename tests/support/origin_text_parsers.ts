// The places where the program examines texts in origins' answers to its own questions, or about
// such questions, in addition to those in web_parsers.ts.

import { DEFAULT_SETTINGS } from "../../src/core/origin.ts";
import { httpApi } from "../../src/api/http_api.ts";
import { OriginAnswers } from "../../src/api/origin_answers.ts";
import { originMetrics } from "../../src/api/origin_metrics.ts";
import { systemClock } from "../../src/core/clock.ts";
import { apiDependencies, HERE } from "./api_desk.ts";
import { ORIGIN, SHORT_HEAD, type TextParser, within } from "./text_parsers.ts";
import { requestWith, SITE } from "./web_parsers.ts";

/** An origin that gives this answer to every question. */
function answersWith(type: string, text: string): OriginAnswers {
  const endpoints = { ...ORIGIN.endpoints, api: ORIGIN.endpoints.http };
  const origin = { ...ORIGIN, endpoints };
  const status = {
    ...{ origin, streams: 0, expiresIn: null, setAsideFor: {}, down: false },
    ...{ sinceHeartbeat: null, failures: {}, settings: DEFAULT_SETTINGS },
  };
  const reply = { status: 200, type, location: text, body: new TextEncoder().encode(text) };
  return new OriginAnswers({
    clock: systemClock,
    registrar: { origins: () => Promise.resolve([status]) },
    questions: { ask: () => Promise.resolve(reply) },
  });
}

async function askWith(answer: string, requests: readonly Request[]): Promise<void> {
  using answers = answersWith("application/json", answer);
  const { handle } = httpApi(apiDependencies({ answers, passes: () => true }));
  for (const request of requests) {
    const response = await handle(request, HERE);
    await response.body?.cancel();
  }
}

export const ORIGIN_TEXT_PARSERS: readonly TextParser[] = [
  {
    name: "exporters of origins",
    special: '{}",= #\\.\n',
    texts: ["$", "a$ 1", 'a{b="$"} 1', "a{$} 1", "a $", "a 1$", "# HELP a$", 'a{b="c",$} 1'],
    parse: async (text) => {
      using answers = answersWith("text/plain", text);
      using typed = answersWith(text, "");
      await Promise.all([originMetrics(answers), originMetrics(typed)]);
    },
  },
  {
    name: "figures of origins",
    special: '"{}[]:,',
    texts: ["$", '{"code":0,"data":{"$":1}}', '{"code":0,"data":{"system":{"$":1},"$":"$"}}'],
    parse: (text) => {
      const names = ["summaries", "rusages", "streams"];
      return askWith(text, names.map((name) => new Request(`${SITE}/api/v1/${name}`)));
    },
  },
  ...[
    "/api/v1/clients/$",
    "/api/v1/streams?callback=$",
    "/api/v1/origins/a/proxy/$",
    "/api/v1/origins/$/proxy/x",
    "/api/v1/streams?start=$",
    "/api/v1/streams?count=$",
    "/api/v1/streams?origin=$",
  ].map((path): TextParser => ({
    name: `requests for ${path}`,
    special: "/?&=%.-",
    texts: ["$", "a$", "/$"],
    parse: (text) => {
      const whole = path.replace("$", () => within(SHORT_HEAD, text));
      return askWith("{}", [new Request(`${SITE}${whole}`)]);
    },
  })),
  {
    name: "pages that ask for scripts",
    special: "/:.?#@",
    texts: ["$", "http://$", "http://a/$"],
    parse: async (whole) => {
      const referer = within(SHORT_HEAD, whole);
      const url = `${SITE}/api/v1/versions?callback=f`;
      const request = requestWith(url, { referer, host: "h" });
      if (request !== undefined) await askWith("{}", [request]);
    },
  },
];
