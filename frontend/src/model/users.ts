/**
 * Signing up, in and out, and a user's API keys. After a change of who one is, the page is loaded anew: here and in the
 * browser's other tabs, which have the same cookie and would go on showing somebody else's account.
 */
import { request } from "../api/http";
import type { SessionHolder } from "../api/session";

export type Permission = "read" | "trade" | "withdraw";

export interface ApiKey {
  apiKey: string;
  permissions: Permission[];
}

export interface NewApiKey extends ApiKey {
  secret: string | null;
  withdrawsFrom: number | null;
}

/** The password again and, where there is a second factor, a code of it: a session alone changes nothing that matters. */
export interface Proof {
  password?: string;
  code?: string;
}

export const SESSION = "/api/v1/session";
const OTHER_TABS = "session";
const KEYS = "/api/v1/keys";

export type Entrance = "login" | "signup";

export async function enter(entrance: Entrance, name: string, proof: Proof): Promise<void> {
  const path = entrance === "signup" ? `${SESSION}/signup` : SESSION;
  await request("POST", path, { body: { name, ...proof } });
  changed();
}

export async function leave(session: SessionHolder): Promise<void> {
  await session.send("DELETE", SESSION, {});
  changed();
}

function changed(): void {
  const tabs = new BroadcastChannel(OTHER_TABS);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel is of one origin
  tabs.postMessage("changed");
  tabs.close();
}

/** Calls back when another tab of this browser has become somebody else. */
export function onChanged(reload: () => void): void {
  new BroadcastChannel(OTHER_TABS).addEventListener("message", reload);
}

export async function keys(session: SessionHolder): Promise<ApiKey[]> {
  return session.get<ApiKey[]>(KEYS);
}

export async function makeKey(session: SessionHolder, permissions: Permission[], proof: Proof): Promise<NewApiKey> {
  return (await session.send<NewApiKey>("POST", KEYS, { permissions, ...proof })).body;
}

export async function revokeKey(session: SessionHolder, apiKey: string): Promise<void> {
  await session.send("DELETE", KEYS, { apiKey });
}
