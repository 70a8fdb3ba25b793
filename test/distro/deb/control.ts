/** The fields of one Debian control stanza, by lower-case name; continuation lines keep their line breaks. */
export type ControlFields = ReadonlyMap<string, string>;

/** Parses one stanza of RFC-822-like control data. */
export function parseControl(stanza: string): ControlFields {
  const fields = new Map<string, string>();
  let current = '';
  for (const line of stanza.split('\n')) {
    if (line.startsWith(' ') || line.startsWith('\t')) {
      fields.set(current, `${fields.get(current) ?? ''}\n${line.slice(1)}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    current = line.slice(0, colon).toLowerCase();
    fields.set(current, line.slice(colon + 1).trim());
  }
  return fields;
}

/** One alternative of a relation: `name (op version)`; `op` is '' where any version will do. */
export interface Relation {
  name: string;
  op: '' | '<<' | '<=' | '=' | '>=' | '>>';
  version: string;
}

const RELATION = /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^)\s]+)\s*\))?$/;

/** 'a | b (>= 1), c:any' → [[a, b >= 1], [c]]: a list of conditions, each a list of alternatives. */
export function parseRelations(value: string | undefined): Relation[][] {
  if (value === undefined || value.trim() === '') return [];
  const conditions = value.split(',').map((condition) => condition.trim());
  return conditions.filter((condition) => condition !== '').map((condition) => condition.split('|').map(parseRelation));
}

function parseRelation(text: string): Relation {
  const match = RELATION.exec(text.trim());
  if (match === null) throw new Error(`'${text.trim()}' is not a Debian package relation`);
  return { name: match[1] ?? '', op: (match[2] ?? '') as Relation['op'], version: match[3] ?? '' };
}
