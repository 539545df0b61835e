// Fails when the first load, compressed, is above its bar. Needs a build; without one it says so and passes.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT_BYTES = 300 * 1024;
const dist = new URL("../dist", import.meta.url).pathname;
if (!existsSync(dist)) {
  console.log("size: no build in dist/ (npm run build), not checked");
  process.exit(0);
}
const files = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.endsWith(".gz"));
const total = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(file.parentPath, file.name))).length, 0);
console.log(`size: first load ${(total / 1024).toFixed(1)} KiB compressed, bar ${LIMIT_BYTES / 1024} KiB`);
if (total > LIMIT_BYTES) process.exit(1);
