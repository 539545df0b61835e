/** The route of all orders and fills of the account: filtered, and as a file. */
import { useState, type ReactElement } from "react";
import type { Side } from "../api/types";
import { CancelAll } from "../orders/CancelAll";
import { Fills } from "../orders/Fills";
import { History } from "../orders/History";
import { OpenOrders } from "../orders/OpenOrders";
import { PageFrame } from "../ui/PageFrame";
import { Tabs } from "../ui/Tabs";
import { Download } from "./Download";
import { Filters } from "./Filters";

const TABS = ["Open orders", "Order history", "Fills"] as const;
type Tab = (typeof TABS)[number];

export default function OrdersPage(): ReactElement {
  const [tab, setTab] = useState<Tab>("Open orders");
  const [onlySymbol, setSymbol] = useState<string | null>(null);
  const [onlySide, setSide] = useState<Side | null>(null);
  const Table = { "Open orders": OpenOrders, "Order history": History, Fills }[tab];
  return (
    <PageFrame title="Orders">
      <Filters symbol={onlySymbol} setSymbol={setSymbol} side={onlySide} setSide={setSide} />
      <Tabs
        label="Orders and fills"
        tabs={TABS}
        chosen={tab}
        choose={setTab}
        tools={tab === "Open orders" ? <CancelAll onlySymbol={onlySymbol} onlySide={onlySide} /> : <Download of={tab} symbol={onlySymbol} side={onlySide} />}
      >
        <Table onlySymbol={onlySymbol} onlySide={onlySide} />
      </Tabs>
    </PageFrame>
  );
}
