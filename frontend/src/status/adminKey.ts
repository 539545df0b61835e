/**
 * An administrator's key, which signs in this browser: the secret leaves neither the page nor its memory, and is forgotten
 * with it. Non-goal: keys of users, whose page has a session.
 */
import { request, type Answer } from "../api/http";

const SEED_BYTES = 32;
const WINDOW_MS = "60000";
/** What stands before the seed in a PKCS #8 file of an Ed25519 key. */
const PKCS8 = Uint8Array.from([0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]);

export type Members = Record<string, string | number | boolean>;

/** The secret as it was printed: base64, or the whole JSON with its `secret`. Null: it is none. */
export function seedOf(typed: string): Uint8Array<ArrayBuffer> | null {
  const text = /"secret"\s*:\s*"([^"]*)"/.exec(typed)?.[1] ?? typed.trim();
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return bytes.length >= SEED_BYTES ? bytes.slice(0, SEED_BYTES) : null;
  } catch {
    return null;
  }
}

/** What is signed: see docs/api.md, "Signatures". */
export function signingText(instruction: string, members: Members, timestamp: string): string {
  const pairs = Object.keys(members)
    .toSorted()
    .map((name) => `${name}=${String(members[name])}`);
  return [`instruction=${instruction}`, ...pairs, `timestamp=${timestamp}`, `window=${WINDOW_MS}`].join("&");
}

export class AdminKey {
  private constructor(
    private readonly key: CryptoKey,
    readonly apiKey: string,
  ) {}

  static async of(seed: Uint8Array<ArrayBuffer>): Promise<AdminKey> {
    const file = Uint8Array.from([...PKCS8, ...seed]);
    const shown = await crypto.subtle.importKey("pkcs8", file, "Ed25519", true, ["sign"]);
    const { x = "" } = await crypto.subtle.exportKey("jwk", shown);
    const key = await crypto.subtle.importKey("pkcs8", file, "Ed25519", false, ["sign"]);
    return new AdminKey(key, `${x.replaceAll("-", "+").replaceAll("_", "/")}=`);
  }

  async send<T>(method: "GET" | "PATCH", path: string, instruction: string, members: Members): Promise<T> {
    const timestamp = String(Date.now());
    const text = new TextEncoder().encode(signingText(instruction, members, timestamp));
    const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", this.key, text));
    const headers = {
      "X-API-Key": this.apiKey,
      "X-Timestamp": timestamp,
      "X-Window": WINDOW_MS,
      "X-Signature": btoa(String.fromCharCode(...signature)),
    };
    const query = Object.fromEntries(Object.entries(members).map(([name, value]) => [name, String(value)]));
    const answer: Answer<T> = await request<T>(method, path, method === "GET" ? { query, headers } : { body: members, headers });
    return answer.body;
  }
}
