/** One request from its parts to its bytes on the wire. The exchange made it a moment ago, with the code that verifies. */
import type { ReactElement } from "react";
import type { SignedExample } from "./documents";
import { Example } from "./Prose";

export function SignedRequest({ example }: { example: SignedExample }): ReactElement {
  const head = [`${example.method} ${example.path}`, ...example.headers.map(({ name, value }) => `${name}: ${value}`)];
  return (
    <>
      <h3>A worked example</h3>
      <p>
        The exchange made it when you opened this page. Your own code is right when it makes the same signature of the same
        text. The key is in every copy of this page, so never register it.
      </p>
      <Example label="The secret: 32 bytes, base64" text={example.seed} />
      <Example
        label={`The text: the instruction of the route (${example.instruction}), the members sorted by name, timestamp, window`}
        text={example.text}
        wraps
      />
      <Example label="Its bytes, UTF-8" text={example.hex} wraps />
      <Example label="Their ED25519 signature, base64" text={example.signature} wraps />
      <Example label="The request" text={[...head, "", example.body].join("\n")} />
    </>
  );
}
