// The reference for the HTTP relay: Deno's own server passing on the body of Deno's own fetch,
// which can be neither counted nor stopped. Arguments: the listening port and the origin's.

import { answerQuestions } from "./answer_questions.ts";

const [front, origin] = Deno.args.map(Number);

Deno.serve({ hostname: "127.0.0.1", port: front!, onListen: () => {} }, async (request) => {
  const { pathname } = new URL(request.url);
  return new Response((await fetch(`http://127.0.0.1:${origin}${pathname}`)).body);
});
answerQuestions(() => "ready");
