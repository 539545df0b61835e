import type { ReactElement } from "react";
import { HOTKEYS, hotkeys, switchHotkeys } from "../model/hotkeys";
import { useStore } from "../reactive/useStore";
import { Section } from "./Section";
import styles from "./settings.module.css";

export function Hotkeys(): ReactElement {
  const isOn = useStore(hotkeys);
  return (
    <Section title="Keys">
      <dl className={styles["keys"]}>
        {HOTKEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input type="checkbox" checked={isOn} onChange={(event) => switchHotkeys(event.target.checked)} />
        <span>Keys of one character are on</span>
      </label>
    </Section>
  );
}
