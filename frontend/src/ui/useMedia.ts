/** Whether a media query holds now; the component is rendered again when that changes. */
import { useCallback, useSyncExternalStore } from "react";

export const PHONE = "(max-width: 699px)";

export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}
