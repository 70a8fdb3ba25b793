/** Every field of a chroot of a project. Places are those of its entry in spec.chrootSettings of the Project. */
import { BOOTSTRAPS, ISOLATIONS } from '../../crds/common.ts';
import { bool, list, oneOf } from '../http/fields.ts';
import type { FieldRow, MappedRow } from './field.ts';
import { REPO_RULE } from './project-fields.ts';
import { answerRow, lineRow, listRow } from './values.ts';

/** Where the entry of a chroot is, for the documentation. */
export const CHROOT_PLACE = 'spec.chrootSettings[]';

const PACKAGE = /^[@A-Za-z0-9_.+:()/][@A-Za-z0-9_.+:()/-]*$/;
const MODULE = /^!?[A-Za-z0-9_.+-]+(:[A-Za-z0-9_.+-]+)?$/;
const CONDITION = /^[A-Za-z0-9_.+-]+$/;

/** In an entry, "unchanged" is what it is without one. */
function choice(key: string, place: string, choices: readonly [string, ...string[]], sentence: string): MappedRow {
  const all: readonly [string, ...string[]] = ['unchanged', ...choices];
  return {
    edit: key,
    place,
    type: all.join(', '),
    sentence,
    schema: oneOf(all),
    fromAPI: (value) => (value === 'unchanged' ? null : value),
    toAPI: (value) => value ?? 'unchanged',
  };
}

/** Forms call some fields otherwise than answers do; both names are taken. */
export const CHROOT_ALIASES = {
  additional_packages: 'buildroot_pkgs',
  additional_repos: 'repos',
  additional_modules: 'module_toggle',
} as const;

const bcond = {
  maxItems: 50,
  pattern: CONDITION,
  message: 'is no build condition: letters, digits and _ . + - only',
};

const SETTINGS: readonly MappedRow[] = [
  listRow(
    {
      edit: 'buildroot_pkgs',
      answer: 'additional_packages',
      place: 'packages',
      sentence: 'Packages that every build root has, too. Clients send them as `additional_packages`.',
    },
    { maxItems: 100, pattern: PACKAGE, message: 'is no package: no blanks, and no "-" in front' },
  ),
  listRow(
    {
      edit: 'repos',
      answer: 'additional_repos',
      place: 'repos',
      sentence: 'Repositories of this chroot alone. Clients send them as `additional_repos`.',
    },
    REPO_RULE,
  ),
  listRow(
    {
      edit: 'module_toggle',
      answer: 'additional_modules',
      place: 'modules',
      sentence:
        'Module streams to enable, or with "!" in front to disable; none twice. Clients send them as `additional_modules`, also as text with commas.',
    },
    { maxItems: 50, pattern: MODULE, message: 'is no module: NAME:STREAM, or !NAME:STREAM', also: ',' },
  ),
  listRow({ edit: 'with_opts', answer: 'with_opts', place: 'with', sentence: 'rpmbuild --with.' }, bcond),
  listRow({ edit: 'without_opts', answer: 'without_opts', place: 'without', sentence: 'rpmbuild --without.' }, bcond),
  choice('bootstrap', 'bootstrap', [...BOOTSTRAPS, 'custom_image'], 'How mock makes build roots.'),
  lineRow(
    {
      edit: 'bootstrap_image',
      place: 'bootstrapImage',
      sentence: 'Image for bootstrap: custom_image; given alone, it implies that.',
    },
    512,
    /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/,
    'must be the reference of an image: letters, digits and . _ : / @ -',
  ),
  {
    ...choice('isolation', 'isolation', ISOLATIONS, 'How mock isolates builds.'),
    answer: 'isolation',
  },
];

const OTHERS: readonly FieldRow[] = [
  answerRow('mock_chroot', 'name', 'str', 'Name of the chroot.'),
  answerRow('ownername', 'owner of the namespace', 'str', 'Owner of the project.'),
  answerRow('projectname', 'name of the Project', 'str', 'Name of the project.'),
  {
    answer: 'comps_name',
    place: 'comps.name',
    type: 'str?',
    sentence: 'File name of its comps.xml.',
  },
  {
    edit: 'delete_comps',
    place: 'comps',
    type: 'bool',
    schema: bool(),
    sentence: 'true removes the comps.xml. The file itself comes as part `upload_comps` of a multipart form.',
  },
  {
    edit: 'reset_fields',
    place: 'the fields it names',
    type: '[str]',
    schema: list(20),
    sentence: 'Names of fields, as answers have them, that become what they are without an entry.',
  },
  answerRow('delete_after_days', 'none: always null', 'int?', 'kopr keeps chroots until their project is deleted.'),
];

export const CHROOT_FIELDS: readonly FieldRow[] = [...OTHERS.slice(0, 3), ...SETTINGS, ...OTHERS.slice(3)];
