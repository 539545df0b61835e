import { afterEach, expect, it, vi } from "vitest";
import { request } from "./http";

afterEach(() => vi.unstubAllGlobals());

it("says that the exchange did not answer, also when the connection is lost within the answer", async () => {
  const lost = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode('{"half": '));
      controller.error(new TypeError("network error"));
    },
  });
  vi.stubGlobal("fetch", async () => new Response(lost, { status: 200 }));
  await expect(request("GET", "/api/v1/markets")).rejects.toMatchObject({ code: "UNREACHABLE", status: 0 });
});

it("says what the exchange refused, and why", async () => {
  vi.stubGlobal("fetch", async () => Response.json({ code: "INVALID_PRICE", message: "too high" }, { status: 400 }));
  await expect(request("POST", "/api/v1/order", { body: {} })).rejects.toMatchObject({ code: "INVALID_PRICE", status: 400 });
  vi.stubGlobal("fetch", async () => new Response("", { status: 502 }));
  await expect(request("GET", "/api/v1/markets")).rejects.toMatchObject({ code: "ERROR", status: 502 });
});
