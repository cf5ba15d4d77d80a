// The measure that the HTTP relay is held against: Deno's own server handing on the body of Deno's
// own fetch, which can be neither counted nor stopped. Run with the front port and the origin's.

import { answerQuestions } from "./answer_questions.ts";

const [front, origin] = Deno.args.map(Number);

Deno.serve({ hostname: "127.0.0.1", port: front!, onListen: () => {} }, async (request) => {
  const { pathname } = new URL(request.url);
  return new Response((await fetch(`http://127.0.0.1:${origin}${pathname}`)).body);
});
answerQuestions(() => "ready");
