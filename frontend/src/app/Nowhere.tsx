/** An address that the page does not have. */
import { useEffect, type ReactElement } from "react";
import { Link } from "wouter";

export function Nowhere(): ReactElement {
  useEffect(() => {
    document.title = "Not found";
  }, []);
  return (
    <main className="opening notice">
      <h1>There is no such page</h1>
      <Link href="/">Go to the market</Link>
    </main>
  );
}
