/** The route of what a person chooses: how the page looks and asks, and the account's keys and security. */
import type { ReactElement } from "react";
import { CONFIRMATIONS, confirmations, switchConfirmation, type Confirmation } from "../model/confirmations";
import { chooseNumbers, numbers } from "../decimal/language";
import { useStore } from "../reactive/useStore";
import { choosePalette, chooseTheme, palette, theme } from "../ui/colours";
import { PageFrame } from "../ui/PageFrame";
import { useVenue } from "../ui/useVenue";
import { Keys } from "../users/Keys";
import { AccountSettings } from "./AccountSettings";
import { Choice } from "./Choice";
import { Hotkeys } from "./Hotkeys";
import { Section } from "./Section";

const THEMES = { auto: "As the system", dark: "Dark", light: "Light" } as const;
const PALETTES = { standard: "Green and red", safe: "Blue and orange" } as const;
const NUMBERS = { auto: "As the browser's language", point: "1,234.5", comma: "1.234,5" } as const;

export default function SettingsPage(): ReactElement {
  const asked = useStore(confirmations);
  const isOpen = useStore(useVenue().session.store).kind === "open";
  return (
    <PageFrame title="Settings">
      <Section title="Appearance">
        <Choice legend="Theme" options={THEMES} chosen={useStore(theme)} choose={chooseTheme} />
        <Choice legend="Up and down" options={PALETTES} chosen={useStore(palette)} choose={choosePalette} />
      </Section>
      <Section title="Numbers">
        <Choice legend="A number is typed as" options={NUMBERS} chosen={useStore(numbers)} choose={chooseNumbers} />
        <p className="hint">The page itself writes 1,234.5. What can be read in two ways is never guessed.</p>
      </Section>
      <Section title="Ask before">
        {(Object.keys(CONFIRMATIONS) as Confirmation[]).map((each) => (
          <label key={each} className="check">
            <input type="checkbox" checked={asked.has(each)} onChange={(event) => switchConfirmation(each, event.target.checked)} />
            <span>{CONFIRMATIONS[each]}</span>
          </label>
        ))}
      </Section>
      <Hotkeys />
      <AccountSettings />
      {isOpen && (
        <Section title="API keys">
          <Keys />
        </Section>
      )}
    </PageFrame>
  );
}
