/** Whether what is on the screen is live: always visible in the header, and a bar across the page when it is not. */
import type { ReactElement } from "react";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import "./connection.css";

interface Shown {
  tone: "live" | "busy" | "away";
  label: string;
}

function useShown(): Shown {
  const venue = useVenue();
  const feed = useStore(venue.feed.state);
  const book = useStore(venue.book.state);
  if (feed === "away") return { tone: "away", label: "Reconnecting" };
  if (feed === "opening") return { tone: "busy", label: "Connecting" };
  if (book !== "live") return { tone: "busy", label: "Synchronising" };
  return { tone: "live", label: "Live" };
}

export function Connection(): ReactElement {
  const { tone, label } = useShown();
  return (
    <span className={`connection ${tone}`} role="status" data-testid="connection">
      <i aria-hidden="true" />
      {label}
    </span>
  );
}

export function ConnectionBar(): ReactElement | null {
  const { tone } = useShown();
  if (tone !== "away") return null;
  return (
    <p className="connection-bar" role="alert">
      The connection to the exchange is lost: what you see is not current. Your open orders stay in the market.
    </p>
  );
}
