/** Where the keyboard is, when the row that it was in goes or changes its form: by the same order, or by the next. */
import { useLayoutEffect, useRef } from "react";

interface KeptFocus {
  /** Before a row may go: the focus is then at the next one's first button, else at the one's before, else at the panel's tab. */
  watch: (id: string) => void;
  /** When a row is as it was again: the focus is then at the button of its menu. */
  giveBack: (id: string) => void;
}

const rowOf = (id: string): HTMLElement | null => document.querySelector(`tr[data-order="${id}"]`);

/** `ids`: of the rows, from above. */
export function useKeptFocus(ids: readonly string[]): KeptFocus {
  const watched = useRef<{ id: string; panel: Element | null } | null>(null);
  const given = useRef<string | null>(null);
  const before = useRef<readonly string[]>([]);
  useLayoutEffect(() => {
    // Whoever went elsewhere meanwhile stays there.
    const isLost = document.activeElement === document.body;
    const { current: back } = given;
    given.current = null;
    if (back !== null && ids.includes(back)) {
      watched.current = null;
      if (isLost) rowOf(back)?.querySelector<HTMLElement>("[aria-haspopup]")?.focus();
    }
    const { current: gone } = watched;
    if (gone !== null && !ids.includes(gone.id)) {
      watched.current = null;
      if (isLost) (besides(gone.id, before.current, ids) ?? tabOf(gone.panel))?.focus();
    }
    before.current = ids;
  });
  return {
    watch: (id) => (watched.current = { id, panel: rowOf(id)?.closest("[role=tabpanel]") ?? null }),
    giveBack: (id) => (given.current = id),
  };
}

function besides(id: string, before: readonly string[], ids: readonly string[]): HTMLElement | null {
  const at = before.indexOf(id);
  const near = before.slice(at + 1).find((each) => ids.includes(each)) ?? before.slice(0, at).findLast((each) => ids.includes(each));
  return near === undefined ? null : (rowOf(near)?.querySelector<HTMLElement>(".action button") ?? null);
}

function tabOf(panel: Element | null): HTMLElement | null {
  return document.getElementById(panel?.getAttribute("aria-labelledby") ?? "");
}
