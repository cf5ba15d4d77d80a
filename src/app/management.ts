// Opens what both APIs have for managing: authorization, and the origins' answers. A part of app.ts.

import { Management } from "../api/management.ts";
import { OriginAnswers } from "../api/origin_answers.ts";
import { signature, version } from "../core/version.ts";
import { OriginAsker } from "../http1/origin_questions.ts";
import type { Surroundings } from "./surroundings.ts";

type Around = Pick<
  Surroundings,
  "clock" | "engine" | "state" | "registry" | "metrics" | "names" | "hopMark" | "trustedProxies"
>;

/** Opens both and puts on the stack what must be closed. */
export function openManagement(
  { clock, engine, state, registry, metrics, names, hopMark, trustedProxies }: Around,
  stack: AsyncDisposableStack,
): Pick<Surroundings, "management" | "answers"> {
  const management = new Management({
    ...{ clock, trustedProxies },
    access: () => state.config.admin,
    sites: () => state.config.admin.sites,
    onRefused: (reason) => metrics.count("srs_proxy_management_refused_total", { reason }),
  });
  const questions = new OriginAsker({
    ...{ engine, clock, hopMark },
    agent: `${signature}/${version}`,
    resolved: (origin) => names.resolved(origin),
    credentials: () => state.config.admin.originCredentials,
  });
  const answers = stack.use(new OriginAnswers({ clock, registrar: registry, questions }));
  return { management, answers };
}
