// The places where the program examines texts in origins' answers to its own questions, or about
// such questions, in addition to those in web_parsers.ts.

import { DEFAULT_SETTINGS } from "../../src/core/origin.ts";
import { httpApi } from "../../src/api/http_api.ts";
import { OriginAnswers } from "../../src/api/origin_answers.ts";
import { originMetrics } from "../../src/api/origin_metrics.ts";
import { systemClock } from "../../src/core/clock.ts";
import { apiDependencies, HERE } from "./api_desk.ts";
import { ORIGIN, SHORT_HEAD, type TextParser, within } from "./text_parsers.ts";

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

async function askWith(answer: string, paths: readonly string[], headers: Record<string, string>) {
  using answers = answersWith("application/json", answer);
  const { handle } = httpApi(apiDependencies({ answers, passes: () => true }));
  for (const path of paths) {
    const url = `http://h${path}`;
    if (!URL.canParse(url)) continue;
    const response = await handle(new Request(url, { headers }), HERE);
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
    parse: (text) => askWith(text, ["/api/v1/summaries", "/api/v1/rusages", "/api/v1/streams"], {}),
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
      return askWith("{}", [path.replace("$", () => within(SHORT_HEAD, text))], {});
    },
  })),
  {
    name: "pages that ask for scripts",
    special: "/:.?#@",
    texts: ["$", "http://$", "http://a/$"],
    parse: async (whole) => {
      const text = within(SHORT_HEAD, whole);
      try {
        new Headers({ referer: text });
      } catch {
        return;
      }
      await askWith("{}", ["/api/v1/versions?callback=f"], { referer: text, host: "h" });
    },
  },
];
