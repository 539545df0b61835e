/** Questions to the person before something is done: one at a time, each answered by a dialog. */
import { Store } from "../reactive/store";
import { confirmations, switchConfirmation, type Confirmation } from "./confirmations";

export interface Question {
  title: string;
  /** What will be done, and why it is asked. */
  lines: readonly string[];
  /** The word of the button that does it. */
  action: string;
  /** Which confirmations these are: with all of them switched off nobody is asked. Empty: always asked. */
  of: readonly Confirmation[];
}

export class Questions {
  readonly asked = new Store<Question | null>(null);
  private settle: (isYes: boolean) => void = () => {};

  /** Whether to go on. A question that comes while another is open is answered with no. */
  ask(question: Question): Promise<boolean> {
    const isWanted = question.of.length === 0 || question.of.some((each) => confirmations.get().has(each));
    if (!isWanted) return Promise.resolve(true);
    if (this.asked.get() !== null) return Promise.resolve(false);
    this.asked.set(question);
    return new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  answer(isYes: boolean, isNeverAgain = false): void {
    const question = this.asked.get();
    if (question === null) return;
    if (isYes && isNeverAgain) for (const each of question.of) switchConfirmation(each, false);
    this.asked.set(null);
    this.settle(isYes);
  }
}
