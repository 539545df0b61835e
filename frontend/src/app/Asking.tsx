/** The dialog of the question that is open: Enter goes on, Escape does not. */
import { useEffect, useState, type ReactElement } from "react";
import { CONFIRMATIONS } from "../model/confirmations";
import type { Question } from "../model/questions";
import { useStore } from "../reactive/useStore";
import { Dialog } from "../ui/Dialog";
import { useVenue } from "../ui/useVenue";
import styles from "./Asking.module.css";
import forms from "../ui/form.module.css";

export function Asking(): ReactElement | null {
  const question = useStore(useVenue().questions.asked);
  return question && <Asked question={question} />;
}

function Asked({ question }: { question: Question }): ReactElement {
  const { questions } = useVenue();
  const [isNeverAgain, setNeverAgain] = useState(false);
  const [asker] = useState(() => document.activeElement as HTMLElement | null);
  useEffect(() => () => asker?.focus(), [asker]);
  return (
    <Dialog title={question.title} close={() => questions.answer(false)}>
      {question.lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
      {question.of.length > 0 && (
        <label className={styles["again"]}>
          <input type="checkbox" checked={isNeverAgain} onChange={(event) => setNeverAgain(event.target.checked)} />
          <span>Do not ask again: {question.of.map((each) => CONFIRMATIONS[each].toLowerCase()).join("; ")}</span>
        </label>
      )}
      <div className={forms["buttons"]}>
        <button type="button" className={forms["quiet"]} onClick={() => questions.answer(false)}>
          Back
        </button>
        {/* eslint-disable-next-line jsx-a11y/no-autofocus -- of a dialog that opened for this decision */}
        <button type="button" className={forms["primary"]} autoFocus onClick={() => questions.answer(true, isNeverAgain)}>
          {question.action}
        </button>
      </div>
    </Dialog>
  );
}
