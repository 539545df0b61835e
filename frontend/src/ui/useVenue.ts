/** The page's model, for every component below App. */
import { createContext, useContext } from "react";
import type { Venue } from "../model/venue";

export const VenueContext = createContext<Venue | null>(null);

export function useVenue(): Venue {
  const venue = useContext(VenueContext);
  if (!venue) throw new Error("No Venue above this component");
  return venue;
}
