/** The routes of one group; each opens to its parameters, body and answer. */
import { Fragment, type ReactElement } from "react";
import type { OpenApi, Schema } from "./documents";
import { Members } from "./Members";
import { referenceOf, type ApiRoute } from "./reading";
import style from "./docs.module.css";

export function Routes({ title, routes, openApi }: { title?: string; routes: ApiRoute[]; openApi: OpenApi }): ReactElement {
  return (
    <div className={style["routes"]}>
      {title !== undefined && <h3>{title}</h3>}
      {routes.map((route) => (
        <details key={`${route.method} ${route.path}`}>
          <summary>
            <b>{route.method}</b> <code>{route.path}</code> <span>{route.operation.summary}</span>
          </summary>
          <Opened route={route} openApi={openApi} />
        </details>
      ))}
    </div>
  );
}

function Opened({ route, openApi }: { route: ApiRoute; openApi: OpenApi }): ReactElement {
  const { operation, instruction } = route;
  const { schemas } = openApi.components;
  const parameters = (operation.parameters ?? []).map(({ name, schema, required }) => ({ name, schema, isRequired: required }));
  const asked: Schema = {
    properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
    required: parameters.filter(({ isRequired }) => isRequired).map(({ name }) => name),
  };
  const parts: [label: string, schema: Schema | undefined][] = [
    ["Parameters", asked],
    ["Body", operation.requestBody?.content["application/json"]?.schema],
    ["Answer", operation.responses["200"]?.content?.["application/json"]?.schema],
  ];
  return (
    <div className={style["opened"]}>
      {instruction !== null && (
        <p>
          Signed with the instruction <code>{instruction}</code>.
        </p>
      )}
      {parts.map(([label, schema]) => (
        <Fragment key={label}>{schema && <Members label={label} schema={schema} schemas={schemas} />}</Fragment>
      ))}
      <p>
        <a href={referenceOf(route)}>Try it in the reference</a>
      </p>
    </div>
  );
}
