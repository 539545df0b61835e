/**
 * An administrator's key, which signs in this browser: the secret leaves neither the page nor its memory, and is forgotten
 * with it. Browsers sign with the curve only where the page came over TLS or from this machine; elsewhere, and in old ones,
 * a script does. Non-goal: keys of users, whose page has a session.
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

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

interface Signer {
  apiKey: string;
  sign: (text: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;
}

/** Null where the browser does not know the curve. */
export async function signerByBrowser(subtle: SubtleCrypto | undefined, seed: Uint8Array<ArrayBuffer>): Promise<Signer | null> {
  if (subtle === undefined) return null;
  const file = Uint8Array.from([...PKCS8, ...seed]);
  try {
    const shown = await subtle.importKey("pkcs8", file, "Ed25519", true, ["sign"]);
    const { x = "" } = await subtle.exportKey("jwk", shown);
    const key = await subtle.importKey("pkcs8", file, "Ed25519", false, ["sign"]);
    const apiKey = `${x.replaceAll("-", "+").replaceAll("_", "/")}=`;
    return { apiKey, sign: async (text) => new Uint8Array(await subtle.sign("Ed25519", key, text)) };
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

/** The script is loaded only where it is needed. */
export async function signerByScript(seed: Uint8Array<ArrayBuffer>): Promise<Signer> {
  const { ed25519 } = await import("@noble/curves/ed25519.js");
  return { apiKey: base64(ed25519.getPublicKey(seed)), sign: async (text) => ed25519.sign(text, seed) };
}

export class AdminKey {
  private constructor(private readonly signer: Signer) {}

  static async of(seed: Uint8Array<ArrayBuffer>): Promise<AdminKey> {
    return new AdminKey((await signerByBrowser(globalThis.crypto.subtle, seed)) ?? (await signerByScript(seed)));
  }

  get apiKey(): string {
    return this.signer.apiKey;
  }

  async send<T>(method: "GET" | "PATCH", path: string, instruction: string, members: Members): Promise<T> {
    const timestamp = String(Date.now());
    const text = new TextEncoder().encode(signingText(instruction, members, timestamp));
    const signature = await this.signer.sign(text);
    const headers = {
      "X-API-Key": this.apiKey,
      "X-Timestamp": timestamp,
      "X-Window": WINDOW_MS,
      "X-Signature": base64(signature),
    };
    const query = Object.fromEntries(Object.entries(members).map(([name, value]) => [name, String(value)]));
    const answer: Answer<T> = await request<T>(method, path, method === "GET" ? { query, headers } : { body: members, headers });
    return answer.body;
  }
}
