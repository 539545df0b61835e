/** A user's credentials: password, second factor, open sessions. */
import type { SessionHolder } from "../../api/session";
import { SESSION, type Proof } from "./users";

const PASSWORD = `${SESSION}/password`;
const SECOND_FACTOR = `${SESSION}/totp`;
const SESSIONS = `${SESSION}/all`;

/** For an authenticator app: the secret, and a link that carries it. It counts once a code has been confirmed. */
export interface SecondFactor {
  secret: string;
  uri: string;
}

export interface OpenSession {
  id: string;
  createdAt: number;
  expiresAt: number;
  address: string;
  userAgent: string;
  current: boolean;
}

/** Every other session ends. */
export async function changePassword(session: SessionHolder, proof: Proof, newPassword: string): Promise<void> {
  await session.send("PATCH", PASSWORD, { ...proof, newPassword });
}

export async function beginSecondFactor(session: SessionHolder, proof: Proof): Promise<SecondFactor> {
  return (await session.send<SecondFactor>("POST", SECOND_FACTOR, proof)).body;
}

export async function confirmSecondFactor(session: SessionHolder, code: string): Promise<void> {
  await session.send("PATCH", SECOND_FACTOR, { code });
  await session.restore();
}

export async function removeSecondFactor(session: SessionHolder, proof: Proof): Promise<void> {
  await session.send("DELETE", SECOND_FACTOR, proof);
  await session.restore();
}

/** The newest first. */
export async function openSessions(session: SessionHolder): Promise<OpenSession[]> {
  return session.get<OpenSession[]>(SESSIONS);
}

/** One session or, without an id, all but the present one. */
export async function endSessions(session: SessionHolder, id?: string): Promise<void> {
  await session.send("DELETE", SESSIONS, id === undefined ? {} : { id });
}

const BROWSERS: [sign: string, name: string][] = [
  ["Edg", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
];
const SYSTEMS: [sign: string, name: string][] = [
  ["Windows", "Windows"],
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
];

/** "Firefox on Linux", or the whole user agent if it is not a known browser. */
export function browserOf(userAgent: string): string {
  const [browser, system] = [BROWSERS, SYSTEMS].map((known) => known.find(([sign]) => userAgent.includes(sign))?.[1]);
  if (browser === undefined) return userAgent || "An unknown client";
  return system === undefined ? browser : `${browser} on ${system}`;
}
