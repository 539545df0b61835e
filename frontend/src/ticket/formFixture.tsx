/** The order form in a document of its own, and what a person does with it. For tests. */
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { parse } from "../decimal/decimal";
import { toMarket } from "../model/market/markets";
import { Venue } from "../model/venue";
import { VenueContext } from "../ui/useVenue";
import { OrderForm } from "./OrderForm";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

export const market = toMarket({
  symbol: "SOL_USDC",
  baseSymbol: "SOL",
  quoteSymbol: "USDC",
  marketType: "SPOT",
  orderBookState: "Open",
  visible: true,
  filters: {
    price: { tickSize: "0.01", minPrice: "0.01", maxPrice: null },
    quantity: { stepSize: "0.001", minQuantity: "0.001", maxQuantity: null },
  },
});

export class FormFixture {
  readonly host = document.createElement("div");
  private root: Root | null = null;

  private constructor(readonly venue: Venue) {}

  /** Of an account with a thousand USDC, between 99.99 and 100.01. */
  static async open(): Promise<FormFixture> {
    const venue = new Venue();
    venue.session.store.set({ kind: "open", account: 5, name: null, secondFactor: false, csrfToken: "token", streamToken: "stream" });
    venue.feed.state.set("live");
    venue.account.balances.set(new Map([["USDC", { available: parse("1000"), locked: 0n }]]));
    venue.book.touch.set({ bid: parse("99.99"), ask: parse("100.01") });
    const fixture = new FormFixture(venue);
    document.body.append(fixture.host);
    await fixture.mount();
    return fixture;
  }

  async mount(): Promise<void> {
    this.root = createRoot(this.host);
    await act(async () => {
      this.root?.render(
        <VenueContext.Provider value={this.venue}>
          <OrderForm market={market} />
        </VenueContext.Provider>,
      );
    });
  }

  async unmount(): Promise<void> {
    await act(async () => this.root?.unmount());
  }

  async close(): Promise<void> {
    await this.unmount();
    this.host.remove();
  }

  field(label: string): HTMLInputElement {
    const found = [...this.host.querySelectorAll("label")].find((each) => each.textContent === label);
    return document.getElementById(found?.htmlFor ?? "") as HTMLInputElement;
  }

  async type(label: string, text: string): Promise<void> {
    const input = this.field(label);
    const setter = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set;
    await act(async () => {
      setter?.call(input, text);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  /** Whoever types elsewhere next. */
  async leave(label: string): Promise<void> {
    await act(async () => this.field(label).dispatchEvent(new FocusEvent("focusout", { bubbles: true })));
  }

  async press(name: string): Promise<void> {
    const button = [...this.host.querySelectorAll("button")].find((each) => each.textContent === name);
    await act(async () => {
      button?.click();
      await Promise.resolve();
    });
  }

  /** One of the radio buttons. */
  async take(name: string): Promise<void> {
    const label = [...this.host.querySelectorAll("label")].find((each) => each.textContent === name);
    await act(async () => label?.querySelector("input")?.click());
  }

  /** What the page learns, and the frame in which it draws it. */
  async learn(change: () => void): Promise<void> {
    await act(async () => {
      change();
      await new Promise((resolve) => requestAnimationFrame(resolve));
    });
  }

  get submit(): HTMLButtonElement | null {
    return this.host.querySelector("[type=submit]");
  }

  get said(): string | null | undefined {
    return this.host.querySelector("[role=alert]")?.textContent;
  }
}
