/** The members of an object as a table; nothing where there are none. */
import type { ReactElement } from "react";
import type { Schema } from "./documents";
import { membersOf } from "./reading";
import { Table } from "./Table";

interface MembersProps {
  label: string;
  schema: Schema;
  schemas: Record<string, Schema>;
}

export function Members({ label, schema, schemas }: MembersProps): ReactElement | null {
  const members = membersOf(schema, schemas);
  if (members.length === 0) return null;
  return (
    <>
      <h4>{label}</h4>
      <Table head={["Member", "Type", ""]} label={label}>
        {members.map((member) => (
          <tr key={member.name}>
            <td>
              <code>{member.name}</code>
              {!member.isRequired && <small> optional</small>}
            </td>
            <td>{member.kind}</td>
            <td>{member.note}</td>
          </tr>
        ))}
      </Table>
    </>
  );
}
