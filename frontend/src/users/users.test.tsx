// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "../decimal/decimal";
import { eventually } from "../eventually";
import { leave, onChanged } from "../model/access/users";
import { Venue } from "../model/venue";
import { VenueContext } from "../ui/useVenue";
import { times } from "./KeyList";
import { KeysDialog } from "./KeysDialog";
import { SignInDialog } from "./SignInDialog";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

let venue: Venue;
let root: Root;
let host: HTMLElement;

beforeEach(() => {
  venue = new Venue();
  venue.session.store.set({ kind: "open", account: 5, name: "ada", secondFactor: false, csrfToken: "token", streamToken: "stream" });
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

it("shows the secret of a new key only as long as there is that key", async () => {
  const keys: { apiKey: string; permissions: string[] }[] = [];
  vi.stubGlobal("fetch", async (_: string, { method, body }: RequestInit) => {
    if (method === "POST") keys.push({ apiKey: "made", permissions: ["read"] });
    if (method === "DELETE") keys.splice(keys.findIndex(({ apiKey }) => apiKey === (JSON.parse(String(body)) as { apiKey: string }).apiKey), 1);
    return Response.json(method === "POST" ? { apiKey: "made", permissions: ["read"], secret: null } : keys);
  });
  await canBeRevoked();
});

it("shows the secret also where the server that lists the keys hears of the new one later", async () => {
  vi.stubGlobal("fetch", async (_: string, { method }: RequestInit) =>
    Response.json(method === "POST" ? { apiKey: "made", permissions: ["read"], secret: null } : []),
  );
  await canBeRevoked();
});

it("copies a new key and its secret, and says when it cannot", async () => {
  const copied: string[] = [];
  vi.stubGlobal("fetch", async (_: string, { method }: RequestInit) =>
    Response.json(method === "POST" ? { apiKey: "made", permissions: ["read"], secret: null } : []),
  );
  await showKeys();
  await act(async () => host.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })));
  const buttons = (): HTMLButtonElement[] => [...host.querySelectorAll<HTMLButtonElement>("[data-testid=new-key] button")];
  await eventually(() => expect(buttons().map(({ textContent }) => textContent)).toEqual(["Copy API key", "Copy Secret"]));
  vi.spyOn(navigator.clipboard, "writeText").mockImplementation(async (text) => void copied.push(text));
  await act(async () => buttons()[0]?.click());
  vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("not allowed"));
  await act(async () => buttons()[1]?.click());
  expect(copied).toEqual(["made"]);
  expect(buttons().map(({ textContent }) => textContent)).toEqual(["Copied API key", "Not copied: select Secret"]);
});

it("makes no key that may do nothing", async () => {
  vi.stubGlobal("fetch", async () => Response.json([]));
  await showKeys();
  const make = host.querySelector<HTMLButtonElement>("form [type=submit]");
  expect(make?.disabled).toBe(false);
  for (const name of ["read", "trade"]) await act(async () => host.querySelector<HTMLInputElement>(`[name=${name}]`)?.click());
  expect(make?.disabled).toBe(true);
  expect(host.textContent).toContain("Choose at least one thing that the key may do.");
});

it("says what is known of a key's times, and claims nothing of one whose times cannot be had", () => {
  const key = { apiKey: "k", permissions: [], name: "bot" };
  const at = new Date(2026, 2, 4, 5, 6).getTime();
  expect(times({ ...key, createdAt: at, lastUsedAt: null })).toEqual(["made 2026-03-04 05:06", "never used"]);
  expect(times({ ...key, createdAt: null, lastUsedAt: at })).toEqual(["last used 2026-03-04 05:06"]);
  expect(times({ ...key })).toEqual(["its times cannot be had now"]);
});

it("sends the name that was typed, without the spaces around it", async () => {
  const sent: unknown[] = [];
  vi.stubGlobal("fetch", async (_: string, { method, body }: RequestInit) => {
    if (method !== "POST") return Response.json([]);
    sent.push((JSON.parse(String(body)) as { name: string }).name);
    return Response.json({ apiKey: "made", permissions: ["read"], name: "grid bot", secret: null, withdrawsFrom: null });
  });
  await showKeys();
  const name = host.querySelector<HTMLInputElement>("[name=keyName]");
  if (name) name.value = " grid bot ";
  await act(async () => host.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })));
  await eventually(() => expect(host.querySelector("li b")?.textContent).toBe("grid bot"));
  expect(sent).toEqual(["grid bot"]);
  expect(host.querySelector("li button")?.getAttribute("aria-label")).toBe("Revoke grid bot");
});

async function showKeys(): Promise<void> {
  await act(async () => {
    root.render(
      <VenueContext.Provider value={venue}>
        <KeysDialog close={() => {}} />
      </VenueContext.Provider>,
    );
  });
}

/** A key is made and revoked. */
async function canBeRevoked(): Promise<void> {
  await showKeys();
  const shown = (): string[] => [...host.querySelectorAll<HTMLInputElement>("[data-testid=new-key] input")].map(({ value }) => value);
  await act(async () => host.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })));
  await eventually(() => expect(shown()).toEqual(["made", expect.stringMatching(/^.{43}=$/)]));
  await act(async () => host.querySelector<HTMLButtonElement>('[aria-label^="Revoke"]')?.click());
  await act(async () => venue.questions.answer(true));
  await eventually(() => expect(shown()).toEqual([]));
}

it("says which names and passwords there may be before one is typed", async () => {
  await act(async () => root.render(<SignInDialog close={() => {}} />));
  const described = (name: string): string | undefined => {
    const id = host.querySelector(`input[name=${name}]`)?.getAttribute("aria-describedby");
    return id ? (document.getElementById(id)?.textContent ?? "") : undefined;
  };
  expect([described("name"), described("password")]).toEqual([undefined, undefined]);
  await act(async () => [...host.querySelectorAll("button")].find(({ textContent }) => textContent === "New here? Sign up")?.click());
  expect(described("name")).toBe("3 to 32 characters: letters, digits, and . _ - after the first one.");
  expect(described("password")).toBe("8 to 256 characters, without the name in it, and none of the passwords that are tried first.");
});

it("notifies the browser's other tabs of a log-out", async () => {
  vi.stubGlobal("fetch", async () => Response.json({}));
  const reload = vi.fn();
  onChanged(reload);
  await leave(venue.session);
  await eventually(() => expect(reload).toHaveBeenCalledOnce());
});

it("clears the account's state when the session ends or changes hands", async () => {
  vi.stubGlobal("WebSocket", class extends EventTarget { static readonly OPEN = 1; });
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 503 }));
  const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const open = { kind: "open", account: 5, name: "ada", secondFactor: false, csrfToken: "token" } as const;
  venue.start();
  venue.session.store.set({ ...open, streamToken: "new one" });
  await frame();
  venue.account.balances.set(new Map([["USDC", { available: parse("7"), locked: 0n }]]));
  venue.session.store.set({ ...open, streamToken: "newer" });
  await frame();
  expect(venue.account.balances.get().size).toBe(1);
  venue.session.store.set({ kind: "none", reason: "The session has ended: log in again" });
  await eventually(() => expect(venue.account.balances.get().size).toBe(0));
  expect(venue.account.isCurrent.get()).toBe(false);
});
