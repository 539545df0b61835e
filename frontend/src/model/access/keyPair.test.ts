import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { expect, test } from "vitest";
import { newKeyPair, pairByBrowser, pairByScript, type KeyPair } from "./keyPair";

/** An independent implementation signs with the secret, and its signature counts under the public key. */
function belongTogether({ publicKey, secret }: KeyPair): boolean {
  const [seed, open] = [Buffer.from(secret, "base64"), Buffer.from(publicKey, "base64")];
  expect([seed.length, open.length]).toEqual([32, 32]);
  const wrap = (prefix: string, key: Buffer): Buffer => Buffer.concat([Buffer.from(prefix, "hex"), key]);
  const privateKey = createPrivateKey({ key: wrap("302e020100300506032b657004220420", seed), format: "der", type: "pkcs8" });
  const verifier = createPublicKey({ key: wrap("302a300506032b6570032100", open), format: "der", type: "spki" });
  const message = Buffer.from("instruction=balanceQuery");
  return verify(null, message, verifier, sign(null, message, privateKey));
}

test("by the browser and by the script alike, a new pair each time", async () => {
  const pairs = [await pairByBrowser(globalThis.crypto.subtle), await pairByScript(), await newKeyPair()];
  for (const pair of pairs) expect(pair !== null && belongTogether(pair)).toBe(true);
  expect(new Set(pairs.map((pair) => pair?.secret)).size).toBe(3);
});

test("where the browser has no cryptography, or not this curve, it makes none", async () => {
  expect(await pairByBrowser(undefined)).toBe(null);
  const generateKey = (): Promise<never> => Promise.reject(new DOMException("not here", "NotSupportedError"));
  expect(await pairByBrowser({ generateKey } as unknown as SubtleCrypto)).toBe(null);
});
