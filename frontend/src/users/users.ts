/** Signing up, in and out, and a user's API keys. After a change of who one is, the page is loaded anew. */
import { request } from "../api/http";
import type { SessionHolder } from "../api/session";

export type Permission = "read" | "trade" | "withdraw";

export interface ApiKey {
  apiKey: string;
  permissions: Permission[];
}

export interface NewApiKey extends ApiKey {
  secret: string | null;
}

const SESSION = "/api/v1/session";
const KEYS = "/api/v1/keys";

export type Entrance = "login" | "signup";

export async function enter(entrance: Entrance, name: string, password: string): Promise<void> {
  const path = entrance === "signup" ? `${SESSION}/signup` : SESSION;
  await request("POST", path, { body: { name, password } });
}

export async function leave(session: SessionHolder): Promise<void> {
  await session.send("DELETE", SESSION, {});
}

export async function keys(session: SessionHolder): Promise<ApiKey[]> {
  return session.get<ApiKey[]>(KEYS);
}

export async function makeKey(session: SessionHolder, permissions: Permission[]): Promise<NewApiKey> {
  return (await session.send<NewApiKey>("POST", KEYS, { permissions })).body;
}

export async function revokeKey(session: SessionHolder, apiKey: string): Promise<void> {
  await session.send("DELETE", KEYS, { apiKey });
}
