// Asks before doing anything that clients notice, and says why it failed.

/// <reference lib="dom" />

import { useEffect, useRef, useState } from "preact/hooks";

/** Something that an operator is about to do. */
export interface Question {
  readonly title: string;
  /** What will happen, and to whom. */
  readonly text: string;
  /** The label of the button that does it. */
  readonly action: string;
  readonly run: () => Promise<void>;
}

interface QuestionDialogProps {
  readonly question: Question;
  /** @param isDone whether it was done */
  readonly onClose: (isDone: boolean) => void;
}

export function QuestionDialog({ question, onClose }: QuestionDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement;
    element.showModal();
    // Nothing else can have the focus while it is open.
    return () => {
      element.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const run = async () => {
    setBusy(true);
    setFailure("");
    try {
      await question.run();
      onClose(true);
    } catch (error) {
      setFailure((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="question"
      aria-describedby="consequence"
      onCancel={(event) => {
        event.preventDefault();
        onClose(false);
      }}
    >
      <h2 id="question">{question.title}</h2>
      <p id="consequence">{question.text}</p>
      {failure !== "" && <p role="alert" class="bad">{failure}</p>}
      <div class="buttons">
        <button type="button" onClick={() => onClose(false)}>Cancel</button>
        <button type="button" class="danger" disabled={isBusy} onClick={run}>
          {question.action}
        </button>
      </div>
    </dialog>
  );
}
