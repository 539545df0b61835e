import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { inspect } from "./app/inspect";
import { onChanged } from "./model/users";
import { Venue } from "./model/venue";
import { VenueContext } from "./ui/useVenue";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/panels.css";
import "./styles/orders.css";
import "./styles/users.css";

const venue = new Venue();
venue.start();
inspect(venue);
onChanged(() => location.reload());

const root = document.getElementById("root");
if (!root) throw new Error("The page has no #root element");
createRoot(root).render(
  <VenueContext.Provider value={venue}>
    <App />
  </VenueContext.Provider>,
);
