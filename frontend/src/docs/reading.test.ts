import guide from "virtual:guide";
import { expect, it } from "vitest";
import type { AsyncApi, OpenApi, Schema } from "./documents";
import { atOrigin, kindOf, membersOf, referenceOf, routesByTag, streams } from "./reading";

const DEPTH: Schema = {
  type: "object",
  required: ["u"],
  properties: {
    u: { type: "integer" },
    b: { type: "array", items: { type: "array", items: { type: "string", description: "a plain decimal" } } },
    side: { anyOf: [{ enum: ["Ask", "Bid"] }, { type: "null" }] },
    fee: { $ref: "#/components/schemas/Fee" },
  },
};
const SCHEMAS = { Depth: DEPTH, Fee: { type: "object", description: "What it cost\nand more", properties: { atoms: { type: "string" } } } };

it("lists routes by their group, with what is signed", () => {
  const operation = { summary: "Place", operationId: "post_order", tags: ["Orders"], responses: {} };
  const signed = { ...operation, description: "Signed with instruction `orderExecute`." };
  const openApi: OpenApi = { paths: { "/order": { post: signed, get: operation } }, components: { schemas: {} } };
  const [post, get] = routesByTag(openApi).get("Orders") ?? [];
  expect([post?.method, post?.path, post?.instruction]).toEqual(["POST", "/order", "orderExecute"]);
  expect(get?.instruction).toBeNull();
  expect(post && referenceOf(post)).toBe("/docs/reference#/Orders/post_order");
});

it("shows a stream with its parameters and the type of its data", () => {
  const data = { $ref: "#/components/schemas/Depth" };
  const asyncApi: AsyncApi = {
    servers: {},
    channels: {
      orders: { address: "/ws/orders", messages: {} },
      depth: { address: "depth.{symbol}", messages: { depth: {} }, parameters: { symbol: { examples: ["SOL_USDC"] } } },
    },
    components: {
      messages: { depth: { name: "depth", summary: "Levels", payload: { properties: { data } } } },
      schemas: SCHEMAS,
    },
  };
  expect(streams(asyncApi)).toEqual([
    { name: "depth.{symbol}", summary: "Levels", parameters: [{ name: "symbol", values: "SOL_USDC" }], data },
  ]);
});

it("names the members of a type, of a list of it, and of what may be one of several", () => {
  const kinds = membersOf({ type: "array", items: { $ref: "#/x/Depth" } }, SCHEMAS).map(({ name, kind }) => `${name}: ${kind}`);
  expect(kinds).toEqual(["u: integer", "b: string[][]", "side: Ask | Bid | null", "fee: Fee"]);
  expect(membersOf({ anyOf: [{ type: "null" }, { $ref: "#/x/Fee" }] }, SCHEMAS).map((member) => member.name)).toEqual(["atoms"]);
  const [first, , , fee] = membersOf(DEPTH, SCHEMAS);
  expect([first?.isRequired, fee?.isRequired, fee?.note]).toEqual([true, false, "What it cost"]);
  expect(kindOf({ type: "object", additionalProperties: { type: "string" } })).toBe("{…: string}");
});

it("reads the guide from the repository's own text, without what a page cannot follow", () => {
  expect(Object.keys(guide)).toEqual(expect.arrayContaining(["The API", "Signatures", "Streams", "Order entry by WebSocket"]));
  const whole = Object.values(guide).join("");
  expect(whole).not.toMatch(/\.md["#]|<script|style=|<h1/);
  expect(guide["Signatures"]).toContain("X-Signature");
});

it("names the address that the page was opened at, in every example", () => {
  const whole = atOrigin(Object.values(guide).join(""), "https://venue.example");
  expect(whole).toContain("curl 'https://venue.example/api/v1/depth");
  expect(whole).not.toMatch(/127\.0\.0\.1|:80\d\d/);
});
