/** What the exchange says of its own API: OpenAPI, AsyncAPI, and what only the code knows. Fetched when the page is opened. */
import { request } from "../api/http";

export interface Schema {
  type?: string;
  description?: string;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  items?: Schema;
  $ref?: string;
  properties?: Record<string, Schema>;
  required?: readonly string[];
  additionalProperties?: boolean | Schema;
  default?: unknown;
  examples?: readonly unknown[];
}

export interface Operation {
  summary: string;
  description?: string;
  tags: string[];
  operationId: string;
  parameters?: { name: string; required: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

export interface AsyncApi {
  servers: Record<string, { host: string; pathname: string; protocol: string }>;
  channels: Record<string, { address: string; messages: Record<string, unknown>; parameters?: Record<string, Schema> }>;
  components: { messages: Record<string, { name: string; summary: string; payload: Schema }>; schemas: Record<string, Schema> };
}

export interface SignedExample {
  method: string;
  path: string;
  instruction: string;
  seed: string;
  text: string;
  hex: string;
  signature: string;
  headers: { name: string; value: string }[];
  body: string;
}

export interface Explained {
  example: SignedExample;
  errors: { status: number; description: string; codes: { code: string; reasons: string[] }[] }[];
  limits: { of: string; each: string; tokens: number; seconds: number; burst: number }[];
  costs: string[];
  bounds: { rest: string; streams: string; orders: string };
  empty: string;
}

export interface Documents {
  openApi: OpenApi;
  asyncApi: AsyncApi;
  explained: Explained;
}

export async function documents(): Promise<Documents> {
  const [openApi, asyncApi, explained] = await Promise.all([
    request<OpenApi>("GET", "/openapi.json"),
    request<AsyncApi>("GET", "/asyncapi.json"),
    request<Explained>("GET", "/docs/explained.json"),
  ]);
  return { openApi: openApi.body, asyncApi: asyncApi.body, explained: explained.body };
}
