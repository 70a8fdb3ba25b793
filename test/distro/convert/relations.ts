import { type ControlFields, parseRelations, type Relation } from '../deb/control.ts';
import { ANY, EQUAL, GREATER, LESS, type RpmDependency } from '../rpm/model.ts';
import { toRpmEvr } from './version.ts';

const FLAGS: Readonly<Record<Relation['op'], number>> = {
  '': ANY,
  '<<': LESS,
  '<=': LESS | EQUAL,
  '=': EQUAL,
  '>=': GREATER | EQUAL,
  '>>': GREATER,
};
const SIGNS: readonly string[] = ['', '', '<', '', '>', '', '', '', '=', '', '<=', '', '>='];

/** Depends and Pre-Depends as RPM requirements; alternatives become rich dependencies '(a or b)'. */
export function toRequires(control: ControlFields): RpmDependency[] {
  const conditions = [...parseRelations(control.get('pre-depends')), ...parseRelations(control.get('depends'))];
  return unique(conditions.map(toRequirement));
}

export function toProvides(control: ControlFields): RpmDependency[] {
  return unique(parseRelations(control.get('provides')).flat().map(toDependency));
}

/**
 * Only unversioned Conflicts: RPM lets an unversioned Provides satisfy any versioned Conflicts, which makes packages
 * uninstallable that live together in Debian. Breaks and Replaces only matter while upgrading from older Debian.
 */
export function toConflicts(control: ControlFields): RpmDependency[] {
  const relations = parseRelations(control.get('conflicts')).flat();
  return unique(relations.filter((relation) => relation.op === '').map(toDependency));
}

/** Without repetitions, the first of each kept in place. */
export function unique(dependencies: readonly RpmDependency[]): RpmDependency[] {
  return [...new Map(dependencies.map((one) => [`${one.name} ${one.flags} ${one.version}`, one])).values()];
}

function toRequirement(alternatives: readonly Relation[]): RpmDependency {
  const distinct = unique(alternatives.map(toDependency));
  const [first] = distinct;
  if (first !== undefined && distinct.length === 1) return first;
  return { name: `(${distinct.map(spell).join(' or ')})`, flags: ANY, version: '' };
}

function spell({ name, flags, version }: RpmDependency): string {
  return flags === ANY ? name : `${name} ${SIGNS[flags]} ${version}`;
}

/**
 * RPM compares no release where the dependency names none: 2.47-1 is not greater than 2.47 there. So '>> 2.47' must
 * become '>= 2.47', and '<< 2.47-.', Debian's idiom for "any 2.47", '<= 2.47'.
 */
function toDependency({ name, op, version }: Relation): RpmDependency {
  if (op === '>>' && !version.includes('-')) return { name, flags: GREATER | EQUAL, version: toRpmEvr(version) };
  if (op === '<<' && version.endsWith('-.'))
    return { name, flags: LESS | EQUAL, version: toRpmEvr(version.slice(0, -2)) };
  return { name, flags: FLAGS[op], version: op === '' ? '' : toRpmEvr(version) };
}
