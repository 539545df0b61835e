import { useId, type ReactElement } from "react";
import styles from "./settings.module.css";

interface ChoiceProps<T extends string> {
  legend: string;
  options: Readonly<Record<T, string>>;
  chosen: T;
  choose: (option: T) => void;
}

/** One of a few. */
export function Choice<T extends string>({ legend, options, chosen, choose }: ChoiceProps<T>): ReactElement {
  const id = useId();
  return (
    <fieldset className={styles["choice"]}>
      <legend>{legend}</legend>
      {(Object.entries(options) as [T, string][]).map(([option, label]) => (
        <label key={option} className="check">
          <input type="radio" name={id} checked={option === chosen} onChange={() => choose(option)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
