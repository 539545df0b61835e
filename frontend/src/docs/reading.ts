/** The documents as a person reads them: routes by their group, streams with their messages, the members of a type. */
import type { AsyncApi, OpenApi, Operation, Schema } from "./documents";

export interface ApiRoute {
  method: string;
  path: string;
  operation: Operation;
  /** What is signed; null: nothing. */
  instruction: string | null;
}

export interface Stream {
  name: string;
  summary: string;
  parameters: { name: string; values: string }[];
  data: Schema;
}

export interface Member {
  name: string;
  kind: string;
  isRequired: boolean;
  note: string;
}

type Schemas = Record<string, Schema>;

/** In the order of the document. */
export function routesByTag(openApi: OpenApi): Map<string, ApiRoute[]> {
  const groups = new Map<string, ApiRoute[]>();
  for (const [path, methods] of Object.entries(openApi.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag = ""] = operation.tags;
      const instruction = /instruction `(\w+)`/.exec(operation.description ?? "")?.[1] ?? null;
      groups.set(tag, [...(groups.get(tag) ?? []), { method: method.toUpperCase(), path, operation, instruction }]);
    }
  }
  return groups;
}

/** The streams by name; not the two sockets themselves, whose messages are `messagesOf`. */
export function streams(asyncApi: AsyncApi): Stream[] {
  return Object.values(asyncApi.channels).flatMap((channel) => {
    const [message] = messages(asyncApi, channel.messages);
    const data = message?.payload.properties?.["data"];
    if (channel.address.startsWith("/") || !message || !data) return [];
    const parameters = Object.entries(channel.parameters ?? {}).map(([name, schema]) => ({
      name,
      values: (schema.enum ?? schema.examples ?? []).join(", "),
    }));
    return [{ name: channel.address, summary: plain(message.summary), parameters, data }];
  });
}

export function messagesOf(asyncApi: AsyncApi, channel: string): { name: string; summary: string; payload: Schema }[] {
  return messages(asyncApi, asyncApi.channels[channel]?.messages ?? {});
}

function messages(asyncApi: AsyncApi, named: Record<string, unknown>): { name: string; summary: string; payload: Schema }[] {
  return Object.keys(named).flatMap((name) => {
    const message = asyncApi.components.messages[name];
    return message ? [{ ...message, summary: plain(message.summary) }] : [];
  });
}

function resolved(schema: Schema, schemas: Schemas): Schema {
  const name = schema.$ref?.split("/").at(-1);
  return name === undefined ? schema : (schemas[name] ?? {});
}

/** Of an object, of each in a list of objects, or of the first of several that has any. */
export function membersOf(schema: Schema, schemas: Schemas): Member[] {
  const whole = resolved(schema, schemas);
  const inner = whole.items ?? (typeof whole.additionalProperties === "object" ? whole.additionalProperties : undefined);
  if (!whole.properties) {
    const candidates = inner ? [inner] : (whole.anyOf ?? []);
    return candidates.map((each) => membersOf(each, schemas)).find((members) => members.length > 0) ?? [];
  }
  return Object.entries(whole.properties).map(([name, member]) => ({
    name,
    kind: kindOf(member),
    isRequired: whole.required?.includes(name) ?? false,
    note: noteOf(resolved(member, schemas)),
  }));
}

export function kindOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1) ?? "";
  if (schema.enum) return schema.enum.map(String).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(kindOf).join(" | ");
  if (schema.type === "array") return `${kindOf(schema.items ?? {})}[]`;
  if (schema.type === "object" && typeof schema.additionalProperties === "object") return `{…: ${kindOf(schema.additionalProperties)}}`;
  return schema.type ?? "any";
}

function noteOf(schema: Schema): string {
  const said = schema.description ?? schema.anyOf?.find((each) => each.description !== undefined)?.description ?? "";
  return plain(said.split("\n")[0] ?? "");
}

/** Without the marks of Markdown, which these documents use for names. */
export function plain(text: string): string {
  return text.replaceAll("`", "");
}

/** Where the examples of docs/api.md, which names the address of a fresh `make run`, find the exchange that serves them. */
export function atOrigin(text: string, origin: string): string {
  return text.replaceAll("http://127.0.0.1:8080", origin);
}

/** The link to an operation in the interactive reference. */
export function referenceOf(route: ApiRoute): string {
  const [tag = ""] = route.operation.tags;
  return `/docs/reference#/${encodeURIComponent(tag)}/${route.operation.operationId}`;
}
