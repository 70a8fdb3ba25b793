/** Every field of a Project, as clients of Copr add, edit and read it. */
import { BOOTSTRAPS, ISOLATIONS, REPO_URL } from '../../crds/common.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import { bool, intOrEmpty, text, words } from '../http/fields.ts';
import type { FieldRow, MappedRow } from './field.ts';
import {
  answerRow,
  choiceRow,
  daysUntil,
  expiryOf,
  flagRow,
  itemsSchema,
  lineRow,
  listRow,
  proseRow,
} from './values.ts';

export const REPO_RULE = {
  maxItems: 20,
  pattern: REPO_URL,
  message: 'is no repository: it must begin with http://, https:// or copr://OWNER/PROJECT',
};
const URL = /^https?:\/\/[^\s/]+(\/\S*)?$/;
const MAIL = /^[^\s@]+@[^\s@]+$/;
const MAX_DAYS = 720;

/** Same key in all three. */
function everywhere(key: string): { add: string; edit: string; answer: string } {
  return { add: key, edit: key, answer: key };
}

function inForms(key: string): { add: string; edit: string } {
  return { add: key, edit: key };
}

const NAMES: readonly FieldRow[] = [
  answerRow('id', 'status.id, else the label kopr.dev/id', 'int', 'Number of the project.'),
  {
    add: 'name',
    answer: 'name',
    place: 'spec.name, else metadata.name',
    type: 'str',
    schema: text(200),
    sentence: 'Name; one that no object can have is in spec.name.',
  },
  answerRow('ownername', 'owner of the namespace', 'str', 'User, or group with "@".'),
  answerRow('full_name', 'owner and name', 'str', 'Both, joined by "/".'),
];

const TEXTS: readonly MappedRow[] = [
  proseRow({ ...everywhere('description'), place: 'spec.description', sentence: 'What the project is, in Markdown.' }),
  proseRow({
    ...everywhere('instructions'),
    place: 'spec.instructions',
    sentence: 'How its packages are installed, in Markdown.',
  }),
  lineRow(
    { ...everywhere('homepage'), place: 'spec.homepage', sentence: 'Web page of the project.' },
    2048,
    URL,
    'must be a URL that begins with http:// or https://',
  ),
  lineRow(
    { ...everywhere('contact'), place: 'spec.contact', sentence: 'Mail address or web page of its maintainers.' },
    1024,
    new RegExp(`${URL.source}|${MAIL.source}`),
    'must be a mail address, or a URL that begins with http:// or https://',
  ),
];

interface ExternalRepo {
  baseurl: string;
}

const LISTS: readonly MappedRow[] = [
  {
    ...inForms('chroots'),
    place: 'spec.chroots',
    type: '[str]',
    schema: words({ maxItems: 100 }),
    sentence: 'Chroots that are built in; in an edit the complete new set, and when empty the old one.',
    fromAPI: (value, current) => {
      const names = [...new Set(value as string[])];
      return names.length === 0 ? (current ?? null) : names;
    },
    toAPI: (value) => value ?? [],
  },
  {
    ...inForms('repos'),
    answer: 'additional_repos',
    place: 'spec.externalRepos',
    type: '[str]',
    schema: itemsSchema(REPO_RULE),
    sentence:
      'Repositories for BuildRequires, each as it was given. Clients add them as `additional_repos` and edit them as `repos`; both are taken.',
    // A key or a priority that was set with kubectl stays with its repository.
    fromAPI: (value, current) => {
      const before = (current ?? []) as readonly ExternalRepo[];
      const repos = [...new Set(value as string[])].map(
        (baseurl) => before.find((repo) => repo.baseurl === baseurl) ?? { baseurl },
      );
      return repos.length === 0 ? null : repos;
    },
    toAPI: (value) => ((value ?? []) as readonly ExternalRepo[]).map(({ baseurl }) => baseurl),
  },
  listRow(
    {
      ...inForms('runtime_dependencies'),
      place: 'spec.runtimeDependencies',
      sentence: 'Repositories that users enable together with this one.',
    },
    { ...REPO_RULE, maxItems: 50 },
  ),
  {
    ...everywhere('packit_forge_projects_allowed'),
    place: 'spec.packitForgeProjects',
    type: '[str]',
    schema: words({ maxItems: 100 }),
    sentence: 'Forge projects whose Packit may build here, without the scheme of a URL; wildcards are allowed.',
    fromAPI: (value) => {
      const projects = (value as string[]).map((project) => project.replace(/^[a-z][a-z0-9+.-]*:\/\//i, ''));
      return projects.length === 0 ? null : [...new Set(projects)];
    },
    toAPI: (value) => value ?? [],
  },
];

function option(
  key: string,
  name: string,
  sentence: string,
  kept: { hidden?: boolean; standard?: boolean } = {},
): MappedRow {
  const names = kept.hidden === true ? inForms(key) : everywhere(key);
  return flagRow({ ...names, place: `spec.options.${name}`, sentence }, kept.standard ?? false);
}

const OPTIONS: readonly MappedRow[] = [
  option('devel_mode', 'develMode', 'New builds are in the public repositories only after regeneration.'),
  flagRow({ ...everywhere('unlisted_on_hp'), place: 'spec.unlisted', sentence: 'Not shown in public lists.' }, false),
  option('enable_net', 'network', 'May builds reach the network?'),
  flagRow(
    {
      add: 'persistent',
      answer: 'persistent',
      place: 'spec.persistent',
      sentence:
        'Neither it nor its builds can be deleted through the API. Site administrators only; excludes delete_after_days.',
    },
    false,
  ),
  option('auto_prune', 'autoPrune', 'May old builds be deleted? Only site administrators may say false.', {
    standard: true,
  }),
  choiceRow(
    { ...everywhere('bootstrap'), place: 'spec.options.bootstrap', sentence: 'How mock makes build roots.' },
    BOOTSTRAPS,
    'default',
  ),
  lineRow(
    {
      ...inForms('bootstrap_image'),
      place: 'spec.options.bootstrapImage',
      sentence: 'Image for bootstrap: image.',
    },
    512,
    /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/,
    'must be the reference of an image: letters, digits and . _ : / @ -',
  ),
  choiceRow(
    { ...everywhere('isolation'), place: 'spec.options.isolation', sentence: 'How mock isolates builds.' },
    ISOLATIONS,
    'default',
  ),
  option('follow_fedora_branching', 'followFedoraBranching', 'Get a chroot for each new Fedora release.', {
    standard: true,
  }),
  option('multilib', 'multilib', 'Offer the i386 repository to users of x86_64, too.', { hidden: true }),
  option('module_hotfixes', 'moduleHotfixes', 'Sets module_hotfixes=1 in .repo files.'),
  option('fedora_review', 'fedoraReview', 'Run fedora-review after builds for Fedora.', { hidden: true }),
  option('appstream', 'appstream', 'Put AppStream metadata into the repositories.'),
  {
    ...everywhere('repo_priority'),
    place: 'spec.options.repoPriority',
    type: 'int?',
    schema: intOrEmpty(1, 99),
    sentence: 'priority= in .repo files, from 1 to 99.',
    fromAPI: (value) => value,
    toAPI: (value) => value ?? null,
  },
  {
    ...inForms('delete_after_days'),
    place: 'spec.expiresAt',
    type: 'int',
    schema: intOrEmpty(-1, MAX_DAYS),
    sentence: `The project is deleted at the midnight after so many days and one; at most ${MAX_DAYS}. -1 and "" take that back.`,
    fromAPI: (value, _current, { now }) =>
      value === null || value === -1 ? null : toTimestamp(expiryOf(value as number, now)),
    toAPI: (value, { now }) => (value === undefined ? null : daysUntil(fromTimestamp(value as string), now)),
  },
];

const OTHERS: readonly FieldRow[] = [
  {
    ...inForms('use_bootstrap_container'),
    place: 'spec.options.bootstrap',
    type: 'bool',
    schema: bool(),
    sentence: 'Old name: true is bootstrap: on, false is bootstrap: off. bootstrap wins over it.',
  },
  {
    add: 'storage',
    answer: 'storage',
    place: 'none: always `backend`',
    type: 'str',
    schema: text(50),
    sentence: 'Where packages are kept. Site administrators only, and nothing but `backend`.',
  },
  answerRow(
    'chroot_repos',
    'spec.chroots',
    '{chroot: url}',
    'Base URL of the repository of each enabled chroot that is active.',
  ),
];

export const PROJECT_FIELDS: readonly FieldRow[] = [...NAMES, ...TEXTS, ...LISTS, ...OPTIONS, ...OTHERS];
