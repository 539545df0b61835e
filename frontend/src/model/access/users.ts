/**
 * Signing up, in and out, and a user's API keys. After a log-in or log-out the page is reloaded, here and in the browser's
 * other tabs, which share the cookie and would otherwise keep showing the previous account.
 */
import { request } from "../../api/http";
import type { SessionHolder } from "../../api/session";
import { newKeyPair } from "./keyPair";

export type Permission = "read" | "trade" | "withdraw";

export interface ApiKey {
  apiKey: string;
  permissions: Permission[];
  /** Empty: it was given none. Undefined, as the times: the exchange cannot say now. */
  name?: string;
  /** Null: not known, or not yet. */
  createdAt?: number | null;
  /** To the minute; null: never. */
  lastUsedAt?: number | null;
}

export interface NewApiKey extends ApiKey {
  /** Known to this page alone. */
  secret: string;
  withdrawsFrom: number | null;
}

/** The password again and, if the second factor is on, a code: a session alone is not enough for sensitive changes. */
export interface Proof {
  password?: string;
  code?: string;
}

export const SESSION = "/api/v1/session";
const OTHER_TABS = "session";
const KEYS = "/api/v1/keys";
export const MAX_KEY_NAME = 40;

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

/** Calls back when the account changes in another tab of this browser. */
export function onChanged(reload: () => void): void {
  new BroadcastChannel(OTHER_TABS).addEventListener("message", reload);
}

export async function keys(session: SessionHolder): Promise<ApiKey[]> {
  return session.get<ApiKey[]>(KEYS);
}

/** The pair is made here, and only its public key is sent. */
export async function makeKey(session: SessionHolder, name: string, permissions: Permission[], proof: Proof): Promise<NewApiKey> {
  const { publicKey, secret } = await newKeyPair();
  const { body } = await session.send<Omit<NewApiKey, "secret">>("POST", KEYS, { name, permissions, publicKey, ...proof });
  return { ...body, secret, createdAt: Date.now(), lastUsedAt: null };
}

export async function revokeKey(session: SessionHolder, apiKey: string): Promise<void> {
  await session.send("DELETE", KEYS, { apiKey });
}
