/** The AsyncAPI document as people read it: each stream with its data, each message of a socket. */
import type { ReactElement } from "react";
import type { AsyncApi } from "./documents";
import { Members } from "./Members";
import { messagesOf, plain, streams } from "./reading";
import style from "./docs.module.css";

interface Props {
  asyncApi: AsyncApi;
  bounds: string;
}

export function Streams({ asyncApi, bounds }: Props): ReactElement {
  return (
    <div className={style["routes"]}>
      <Address asyncApi={asyncApi} server="streams" />
      <h3>All streams</h3>
      {streams(asyncApi).map(({ name, summary, parameters, data }) => (
        <details key={name}>
          <summary>
            <code>{name}</code> <span>{summary}</span>
          </summary>
          <div className={style["opened"]}>
            {parameters.map((each) => (
              <p key={each.name}>
                <code>{each.name}</code>: {each.values}
              </p>
            ))}
            <Members label="data" schema={data} schemas={asyncApi.components.schemas} />
          </div>
        </details>
      ))}
      <Messages asyncApi={asyncApi} channel="streams" bounds={bounds} />
    </div>
  );
}

export function Messages({ asyncApi, channel, bounds }: Props & { channel: string }): ReactElement {
  return (
    <div className={style["routes"]}>
      {channel !== "streams" && <Address asyncApi={asyncApi} server={channel} />}
      <h3>Messages</h3>
      {messagesOf(asyncApi, channel).map(({ name, summary, payload }) => (
        <details key={name}>
          <summary>
            <code>{name}</code> <span>{summary}</span>
          </summary>
          <div className={style["opened"]}>
            <Members label="Members" schema={payload} schemas={asyncApi.components.schemas} />
          </div>
        </details>
      ))}
      <p>{plain(bounds)}</p>
    </div>
  );
}

function Address({ asyncApi, server }: { asyncApi: AsyncApi; server: string }): ReactElement | null {
  const at = asyncApi.servers[server];
  if (!at) return null;
  return (
    <p>
      Here: <code>{`${at.protocol}://${at.host}${at.pathname}`}</code>
    </p>
  );
}
