/** An address that the page does not have. */
import { useEffect, type ReactElement } from "react";
import { Link } from "wouter";
import { Notice } from "../ui/Notice";

export function Nowhere(): ReactElement {
  useEffect(() => {
    document.title = "Not found";
  }, []);
  return (
    <Notice title="There is no such page">
      <Link href="/">Go to the market</Link>
    </Notice>
  );
}
