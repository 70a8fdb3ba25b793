/** The reference page of all fields, made from the tables. */
import { BUILD_ANSWERS, BUILD_CHROOT_ANSWERS, BUILD_OPTIONS } from './build-fields.ts';
import { CHROOT_FIELDS, CHROOT_PLACE } from './chroot-fields.ts';
import type { FieldRow } from './field.ts';
import { PACKAGE_FIELDS } from './package-fields.ts';
import { PROJECT_FIELDS } from './project-fields.ts';

interface Table {
  title: string;
  intro: string;
  rows: readonly FieldRow[];
  /** In front of each place that is one of the resource. */
  prefix?: string;
}

const TABLES: readonly Table[] = [
  {
    title: 'Project',
    intro:
      'Of `project/add`, `project/edit` and every answer about a project. Fields of the resource without a row (`suspend`, `retention`, `deletionPolicy`, `options.timeoutSeconds`, keys of external repositories) keep what they have, whatever clients change.',
    rows: PROJECT_FIELDS,
  },
  {
    title: 'Chroot of a project',
    intro: 'Of `project-chroot/edit` and `project-chroot`. Places are in the entry of the chroot in the Project.',
    rows: CHROOT_FIELDS,
    prefix: CHROOT_PLACE,
  },
  { title: 'Options of a build', intro: 'Of every route that submits a Build.', rows: BUILD_OPTIONS },
  {
    title: 'Build',
    intro: 'Of every answer about a build. One that has ended is answered alike from the history.',
    rows: BUILD_ANSWERS,
  },
  { title: 'Chroot of a build', intro: 'Of `build-chroot` and `build-chroot/list`.', rows: BUILD_CHROOT_ANSWERS },
  {
    title: 'Package',
    intro: 'Of `package/add`, `package/edit` and every answer about a package.',
    rows: PACKAGE_FIELDS,
  },
];

const HEAD = `# Fields of the REST API and of the resources

What clients of Copr call each field, and where kopr keeps it: in the resource, so that \`kubectl\` and the API change the
same thing. *add* and *edit* are keys of requests, *answer* is the key in answers; "-" means that there is none. This page
is generated from \`api/mapping/\`: \`node api/mapping/generate.ts\`.

In requests \`null\` is as good as absent, a list may also be text with blanks, and an empty text clears a field.
`;

export function mappingPage(): string {
  return [HEAD, ...TABLES.map(section)].join('\n');
}

function section({ title, intro, rows, prefix }: Table): string {
  const lines = rows.map((row) => {
    const cells = [row.add, row.edit, row.answer].map((key) => (key === undefined ? '-' : `\`${key}\``));
    return `| ${cells.join(' | ')} | ${cell(row.type)} | ${placeOf(row.place, prefix)} | ${cell(row.sentence)} |`;
  });
  const head = '| add | edit | answer | type | place | meaning |\n|---|---|---|---|---|---|';
  return `## ${title}\n\n${intro}\n\n${head}\n${lines.join('\n')}\n`;
}

/** A path is code, words are words. */
function placeOf(place: string, prefix: string | undefined): string {
  if (!/^[a-zA-Z.[\]]+$/.test(place)) return cell(place);
  return `\`${prefix === undefined ? place : `${prefix}.${place}`}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
