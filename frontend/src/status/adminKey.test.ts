import { expect, it } from "vitest";
import { signerByBrowser, signerByScript, signingText } from "./adminKey";

/** The first pair of RFC 8032, section 7.1. */
const SEED = Uint8Array.from((("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".match(/../g) ?? []) as string[]).map((byte) => Number.parseInt(byte, 16)));
const PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const TEXT = new TextEncoder().encode(signingText("adminStatusQuery", {}, "1790000000000"));

it("signs the same with the browser's curve and without it", async () => {
  const [browser, script] = [await signerByBrowser(globalThis.crypto.subtle, SEED), await signerByScript(SEED)];
  expect(browser?.apiKey).toBe(PUBLIC);
  expect(script.apiKey).toBe(PUBLIC);
  expect(await script.sign(TEXT)).toEqual(await browser?.sign(TEXT));
});

it("does without where the page came neither over TLS nor from this machine, and in browsers that do not know the curve", async () => {
  expect(await signerByBrowser(undefined, SEED)).toBeNull();
  const old = { importKey: () => Promise.reject(new DOMException("Unrecognized name", "NotSupportedError")) } as unknown as SubtleCrypto;
  expect(await signerByBrowser(old, SEED)).toBeNull();
});
