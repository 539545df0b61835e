/** Three lights, always visible: whether market data, order entry and the account are live; and a bar when they are not. */
import type { ReactElement } from "react";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./Connection.module.css";

interface Light {
  tone: "live" | "busy" | "away";
  label: string;
}

function useData(): Light {
  const venue = useVenue();
  const feed = useStore(venue.feed.state);
  const book = useStore(venue.book.state);
  const market = useStore(venue.selected);
  if (feed === "away") return { tone: "away", label: "Reconnecting" };
  if (feed === "opening") return { tone: "busy", label: "Connecting" };
  if (market !== null && book !== "live") return { tone: "busy", label: "Synchronising" };
  return { tone: "live", label: "Live" };
}

function useOrders(): Light {
  const state = useStore(useVenue().orderEntry.state);
  if (state.kind === "open") return { tone: "live", label: "Order entry is open" };
  if (state.kind === "asking") return { tone: "busy", label: "Asking whether orders are taken" };
  return { tone: "away", label: `No orders are taken: ${state.reason}` };
}

function useAccount(): Light {
  const venue = useVenue();
  const session = useStore(venue.session.store);
  const isCurrent = useStore(venue.account.isCurrent);
  const isFrozen = useStore(venue.session.isFrozen);
  if (isFrozen) return { tone: "away", label: "This account is frozen: it can only cancel orders" };
  if (session.kind === "none") return { tone: "busy", label: session.reason };
  if (isCurrent) return { tone: "live", label: "Balances and orders are current" };
  return { tone: session.kind === "opening" ? "busy" : "away", label: "Waiting for balances and orders" };
}

export function Lights(): ReactElement {
  const data = useData();
  return (
    <div className={styles["lights"]} role="status">
      <span className={`${styles["light"]} ${styles[data.tone]}`} data-testid="connection" title={`Market data: ${data.label}`}>
        <i aria-hidden="true" />
        <span className={styles["label"]}>{data.label}</span>
      </span>
      <Small name="Orders" light={useOrders()} />
      <Small name="Account" light={useAccount()} />
    </div>
  );
}

function Small({ name, light }: { name: string; light: Light }): ReactElement {
  return (
    <span className={`${styles["light"]} ${styles[light.tone]}`} data-testid={`light-${name.toLowerCase()}`} data-tone={light.tone} title={`${name}: ${light.label}`}>
      <i aria-hidden="true" />
      <span className={styles["label"]}>{name}</span>
      <span className="hidden">: {light.label}</span>
    </span>
  );
}

export function ConnectionBar(): ReactElement | null {
  const data = useData();
  const orders = useOrders();
  const account = useAccount();
  const isFrozen = useStore(useVenue().session.isFrozen);
  if (data.tone === "away") {
    return (
      <p className={styles["bar"]} role="alert" data-testid="connection-bar">
        The connection to the exchange is lost: what you see is not current. Your open orders stay in the market.
      </p>
    );
  }
  if (orders.tone !== "away" && !isFrozen) return null;
  return (
    <p className={styles["bar"]} role="alert" data-testid="connection-bar">
      {isFrozen ? account.label : orders.label}. Your open orders stay in the market.
    </p>
  );
}
