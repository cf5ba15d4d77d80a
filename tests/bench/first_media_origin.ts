// The origin of the first media benchmark: sends one frame as soon as it gets play. Answers every
// question with its port.

import { RtmpOrigin } from "../support/rtmp_origin.ts";
import { Script } from "../support/rtmp_script.ts";
import { answerQuestions } from "./answer_questions.ts";

const FRAME = {
  chunkStream: 6,
  format: 0,
  type: 9,
  streamId: 1,
  body: new Uint8Array(64),
} as const;
const origin = new RtmpOrigin({ plays: new Script().message(FRAME).bytes });
answerQuestions(() => String(origin.port));
