// @vitest-environment happy-dom
import { decodeQR } from "qr/decode.js";
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eventually } from "../eventually";
import { browserOf } from "../model/access/security";
import { Venue } from "../model/venue";
import { VenueContext } from "../ui/useVenue";
import { QrCode } from "./QrCode";
import { SecurityDialog } from "./SecurityDialog";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const USER = { kind: "open", account: 5, name: "ada", secondFactor: false, csrfToken: "token", streamToken: "stream" } as const;
const URI = "otpauth://totp/Exchange:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Exchange";

let venue: Venue;
let root: Root;
let host: HTMLElement;

beforeEach(() => {
  venue = new Venue();
  host = document.createElement("div");
  document.body.append(host);
  root = createRoot(host);
  HTMLDialogElement.prototype.showModal = vi.fn();
});

afterEach(async () => {
  await act(async () => root.unmount());
  host.remove();
  vi.unstubAllGlobals();
});

/** What a camera sees of the drawing: RGBA, `scale` pixels a module. */
function pixels(svg: Element, scale: number): { data: Uint8ClampedArray; width: number; height: number } {
  const modules = Number(svg.getAttribute("viewBox")?.split(" ")[2]);
  const width = modules * scale;
  const data = new Uint8ClampedArray(width * width * 4).fill(255);
  for (const [, x = 0, y = 0] of [...(svg.querySelector("path")?.getAttribute("d") ?? "").matchAll(/M(\d+) (\d+)/g)].map((m) => m.map(Number))) {
    for (let row = y * scale; row < (y + 1) * scale; row += 1) {
      for (let column = x * scale; column < (x + 1) * scale; column += 1) data.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3);
    }
  }
  return { data, width, height: width };
}

it("draws a QR code that a scanner reads", async () => {
  await act(async () => root.render(<QrCode text={URI} label="the secret" />));
  const svg = host.querySelector("svg");
  expect(svg?.getAttribute("aria-label")).toBe("the secret");
  expect(decodeQR(pixels(svg as Element, 4))).toBe(URI);
});

it("sends no new password that was not typed the same twice", async () => {
  const sent: string[] = [];
  vi.stubGlobal("fetch", async (_: string, { method }: RequestInit) => {
    sent.push(String(method));
    return Response.json([]);
  });
  venue.session.store.set(USER);
  await act(async () =>
    root.render(
      <VenueContext.Provider value={venue}>
        <SecurityDialog close={() => {}} />
      </VenueContext.Provider>,
    ),
  );
  await act(async () => host.querySelector<HTMLButtonElement>("section button")?.click());
  const fill = (name: string, text: string): void => {
    const input = host.querySelector<HTMLInputElement>(`input[name=${name}]`);
    if (input) input.value = text;
  };
  const submit = (): Promise<void> =>
    act(async () => host.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })) as never);
  fill("password", "nine green bottles");
  fill("new", "ten green bottles");
  fill("again", "ten green battles");
  await submit();
  expect(host.querySelector("[role=alert]")?.textContent).toContain("not the same");
  expect(sent).not.toContain("PATCH");
  fill("again", "ten green bottles");
  await submit();
  await eventually(() => expect(sent).toContain("PATCH"));
});

it("names a browser as its user knows it", () => {
  const mozilla = "Mozilla/5.0 (X11; Linux x86_64)";
  expect(browserOf(`${mozilla} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36`)).toBe("Chrome on Linux");
  expect(browserOf(`${mozilla} AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`)).toBe("Edge on Linux");
  expect(browserOf("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Safari/604")).toBe("Safari on iPhone");
  expect(browserOf("python-httpx/0.28")).toBe("python-httpx/0.28");
  expect(browserOf("")).toBe("An unknown client");
});
