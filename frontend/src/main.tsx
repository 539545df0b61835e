import "./ui/font.css";
import "./ui/tokens.css";
import "./ui/base.css";
import "./ui/contrast.css";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { inspect } from "./app/inspect";
import { pathOfHash } from "./app/routes";
import { onChanged } from "./model/access/users";
import { Venue } from "./model/venue";
import { VenueContext } from "./ui/useVenue";

const path = pathOfHash(location);
if (path !== null) history.replaceState(null, "", path);

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
