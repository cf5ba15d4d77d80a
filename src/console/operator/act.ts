// How a page asks the operator before it does something.

import type { Question } from "./question.tsx";

/** @param onDone called once the operator has agreed and it is done */
export type Act = (question: Question, onDone: () => void) => void;
