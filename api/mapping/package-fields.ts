/**
 * Every field of packages. Conversions are those of api/routes/packages-form.ts and api/history/source.ts; a test holds
 * this table against their schemas.
 */
import type { FieldRow } from './field.ts';
import { answerRow } from './values.ts';

function both(key: string, place: string, type: string, sentence: string): FieldRow {
  return { add: key, edit: key, place, type, sentence };
}

export const PACKAGE_FIELDS: readonly FieldRow[] = [
  answerRow('id', 'row of the database', 'int', 'Number of the package.'),
  both('package_name', 'spec.name', 'str', 'Name; it must be that of the path, and cannot be changed.'),
  answerRow('name', 'spec.name, else metadata.name', 'str', 'Name.'),
  answerRow('ownername', 'owner of the namespace', 'str', 'Owner of its project.'),
  answerRow('projectname', 'name of the Project', 'str', 'Its project.'),
  answerRow(
    'source_type',
    'spec.source',
    'unset, link, upload, scm',
    'Without a Package object that of the build through which it was first seen.',
  ),
  answerRow('source_dict', 'spec.source', '{}', 'What belongs to the type.'),
  both('clone_url', 'spec.source.git.url', 'str', 'Address of the Git repository.'),
  both('committish', 'spec.source.git.committish', 'str', 'Branch, tag or commit.'),
  both('subdirectory', 'spec.source.git.subdirectory', 'str', 'Directory of the package in it.'),
  both('spec', 'spec.source.git.spec', 'str', 'Name of the spec file.'),
  both('scm_type', 'none: always `git`', 'str', 'svn is refused.'),
  both('source_build_method', 'none: always `rpkg`', 'str', 'Other ways of making an SRPM are refused.'),
  { ...both('webhook_rebuild', 'spec.webhookRebuild', 'bool', 'May a webhook have it built?'), answer: 'auto_rebuild' },
  both('max_builds', 'spec.maxBuilds', 'int', 'So many of its newest builds are kept; 0 is all.'),
  both('timeout', 'spec.timeoutSeconds', 'int', 'Seconds for one stage; 0 is as the project says.'),
  both('chroot_denylist', 'spec.chrootDenylist', '[str]', 'Patterns of chroots in which it is not built by default.'),
  answerRow('builds', 'Builds and the history', '{latest, latest_succeeded}', 'Each null unless asked for.'),
];
