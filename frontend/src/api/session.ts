/**
 * The account that the page trades with. In the demo profile the exchange hands out a session: a cookie that scripts
 * cannot read, a token that state-changing requests carry as a header, and one that opens the private streams.
 * Without a session the page shows the market and cannot trade.
 */
import { Store } from "../reactive/store";
import { ApiError, request, type Answer, type Query } from "./http";
import type { DemoSession, SessionConfig, UserSession } from "./types";

export type Session =
  | { kind: "opening" }
  | { kind: "open"; account: number; name: string | null; secondFactor: boolean; csrfToken: string; streamToken: string }
  | { kind: "none"; reason: string };

const RETRY_MS = 2_000;
const NOT_FOUND = 404;
const LOG_IN = "Log in to trade";
const FROZEN = "the account is frozen"; // the end of what the streams say

/**
 * Where the streams are: where the exchange says, else behind the same address as the page. A page served over TLS may
 * open nothing but wss:, and an exchange that does not know about the proxy in front of it says ws:.
 */
export function streamsAt(said: string, page: { protocol: string; host: string }): string {
  const isSecure = page.protocol === "https:";
  if (said !== "" && !(isSecure && said.startsWith("ws:"))) return said;
  return `${isSecure ? "wss:" : "ws:"}//${page.host}/ws`;
}

export class SessionHolder {
  readonly store = new Store<Session>({ kind: "opening" });
  /** A frozen account may look and cancel, by requests; the streams do not take it. */
  readonly isFrozen = new Store(false);
  private wsUrl: string | null = null;
  private isAsking = false;

  /**
   * The address of the streams; null when the exchange cannot be reached. Asks for a session on the way, but market
   * data does not wait for an account that is not ready.
   */
  async streams(): Promise<string | null> {
    if (this.wsUrl !== null) return this.wsUrl;
    const config = await this.config();
    if (config === null) return null;
    this.wsUrl = streamsAt(config.wsUrl, location);
    if (config.signedIn && (await this.restore())) return this.wsUrl;
    if (config.demo) await this.renew();
    else this.store.set({ kind: "none", reason: LOG_IN });
    return this.wsUrl;
  }

  /** The session of the cookie that this browser still has, a user's or the demo's, as it is now. */
  async restore(): Promise<boolean> {
    try {
      const { body } = await request<UserSession>("GET", "/api/v1/session");
      const { account, name, secondFactor, csrfToken, streamToken } = body;
      this.store.set({ kind: "open", account, name, secondFactor, csrfToken, streamToken });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return false;
    }
  }

  /** The streams did not take the session, and said why. */
  async refused(why: string): Promise<void> {
    if (why.endsWith(FROZEN)) this.isFrozen.set(true);
    else await this.renew();
  }

  /** A new session of the demo account; what cannot be had now is asked for again later. */
  async renew(): Promise<void> {
    if (this.isAsking) return;
    const former = this.store.get();
    if (former.kind === "open" && former.name !== null) {
      this.store.set({ kind: "none", reason: "The session has ended: log in again" });
      return;
    }
    this.isAsking = true;
    try {
      const { body } = await request<DemoSession>("POST", "/api/v1/session/demo", { body: {} });
      this.wsUrl = streamsAt(body.wsUrl, location);
      const { account, csrfToken, streamToken } = body;
      this.store.set({ kind: "open", account, name: null, secondFactor: false, csrfToken, streamToken });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 0 || error.status >= 500) setTimeout(() => void this.renew(), RETRY_MS);
      else this.store.set({ kind: "none", reason: error.message });
    } finally {
      this.isAsking = false;
    }
  }

  get streamToken(): string | null {
    const session = this.store.get();
    return session.kind === "open" ? session.streamToken : null;
  }

  async get<T>(path: string, query: Query = {}): Promise<T> {
    return (await this.authorised(() => request<T>("GET", path, { query }))).body;
  }

  async send<T>(method: "POST" | "PATCH" | "DELETE", path: string, body: unknown): Promise<Answer<T>> {
    return this.authorised((headers) => request<T>(method, path, { body, headers }));
  }

  /** An exchange without this endpoint may still hand out sessions. */
  private async config(): Promise<SessionConfig | null> {
    try {
      return (await request<SessionConfig>("GET", "/api/v1/session/config")).body;
    } catch (error) {
      if (error instanceof ApiError) return error.status === NOT_FOUND ? { wsUrl: "", demo: true, signedIn: false } : null;
      throw error;
    }
  }

  /** One retry with a new session after 401: the old one expired, or the exchange was reset. */
  private async authorised<T>(attempt: (headers: Record<string, string>) => Promise<Answer<T>>): Promise<Answer<T>> {
    try {
      return await attempt(this.headers());
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      if (await this.restore()) throw error; // the session is valid: a password or a code was wrong
      await this.renew();
      if (this.store.get().kind !== "open") throw error;
      return attempt(this.headers());
    }
  }

  private headers(): Record<string, string> {
    const session = this.store.get();
    return session.kind === "open" ? { "X-CSRF-Token": session.csrfToken } : {};
  }
}
