import type { ReactElement } from "react";
import { Dialog } from "../ui/Dialog";
import { Keys } from "./Keys";

export function KeysDialog({ close }: { close: () => void }): ReactElement {
  return (
    <Dialog title="API keys" close={close}>
      <Keys />
    </Dialog>
  );
}
