/**
 * A pair of Ed25519 keys, made in this browser: the secret one is shown to its owner and leaves it by no other way. Browsers
 * know the curve only where the page came over TLS or from this machine; elsewhere, and in old ones, a script makes the pair.
 */

/** Both as the exchange and its clients write them: base64 of 32 bytes, of the secret one the seed. */
export interface KeyPair {
  publicKey: string;
  secret: string;
}

const SEED_BYTES = 32;

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Null where the browser does not know the curve. */
export async function pairByBrowser(subtle: SubtleCrypto | undefined): Promise<KeyPair | null> {
  if (subtle === undefined) return null;
  try {
    const pair = (await subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    const [open, wrapped] = await Promise.all([subtle.exportKey("raw", pair.publicKey), subtle.exportKey("pkcs8", pair.privateKey)]);
    const seed = new Uint8Array(wrapped).slice(-SEED_BYTES); // the last field of the shortest form, RFC 8410
    return { publicKey: base64(new Uint8Array(open)), secret: base64(seed) };
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

/** The script is loaded only where it is needed. */
export async function pairByScript(): Promise<KeyPair> {
  const { ed25519 } = await import("@noble/curves/ed25519.js");
  const { secretKey, publicKey } = ed25519.keygen();
  return { publicKey: base64(publicKey), secret: base64(secretKey) };
}

export async function newKeyPair(): Promise<KeyPair> {
  return (await pairByBrowser(globalThis.crypto.subtle)) ?? pairByScript();
}
