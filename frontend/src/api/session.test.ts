import { expect, it } from "vitest";
import { streamsAt } from "./session";

const plain = { protocol: "http:", host: "127.0.0.1:8080" };
const secure = { protocol: "https:", host: "exchange.example" };

it("opens the streams where the exchange says, and by TLS when the page came so", () => {
  expect(streamsAt("ws://127.0.0.1:8081/ws", plain)).toBe("ws://127.0.0.1:8081/ws");
  expect(streamsAt("", plain)).toBe("ws://127.0.0.1:8080/ws");
  expect(streamsAt("wss://streams.example/ws", secure)).toBe("wss://streams.example/ws");
  expect(streamsAt("ws://10.0.0.7:8081/ws", secure)).toBe("wss://exchange.example/ws");
  expect(streamsAt("", secure)).toBe("wss://exchange.example/ws");
});
