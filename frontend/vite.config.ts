import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { guide } from "./scripts/guide.mjs";

/**
 * `npm run dev` serves the page with hot reload and hands the API through to a running exchange.
 * EXCHANGE_HTTP names its address; the WebSocket address comes from the exchange itself. Host stays as the browser sent
 * it: the exchange compares it with Origin.
 */
const exchange = { target: process.env["EXCHANGE_HTTP"] ?? "http://127.0.0.1:8080", changeOrigin: false };

/** The font goes out with its licence, as that asks. */
const licence = {
  name: "licence",
  apply: "build" as const,
  generateBundle(this: { emitFile: (file: { type: "asset"; fileName: string; source: string }) => string }): void {
    const source = readFileSync(new URL("node_modules/@fontsource-variable/inter/LICENSE", import.meta.url), "utf8");
    this.emitFile({ type: "asset", fileName: "assets/inter-licence.txt", source });
  },
};

export default defineConfig({
  plugins: [react(), guide(), licence],
  // The content-security policy allows nothing inline: no data: addresses, no inline preload script.
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "chart", test: /lightweight-charts|fancy-canvas/ }] } } },
  },
  server: { proxy: { "^/(w?api/|openapi.json|asyncapi.json|docs/.|static-offline-docs/)": exchange } },
  test: {
    environment: "node",
    testTimeout: 120_000, // of one that hangs; on a busy machine a property of many cases may well take ten seconds
    hookTimeout: 120_000,
    projects: [
      // Modules share one copy of what they import, which halves what the tests cost; components have theirs alone.
      { extends: true, test: { name: "modules", include: ["src/**/*.test.ts"], isolate: false } },
      { extends: true, test: { name: "components", include: ["src/**/*.test.tsx"] } },
    ],
  },
});
