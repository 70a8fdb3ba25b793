/**
 * Every field of builds and their chroots. Conversions are those of api/history (answers, alike for live and recorded
 * builds) and api/routes/build-create-*.ts (forms); a test holds this table against their schemas.
 */
import type { FieldRow } from './field.ts';
import { answerRow } from './values.ts';

/** Of a form that submits a build. */
function option(add: string, place: string, type: string, sentence: string): FieldRow {
  return { add, place, type, sentence };
}

export const BUILD_OPTIONS: readonly FieldRow[] = [
  option(
    'project_dirname',
    'spec.directory',
    'str',
    'The part after the name of the project: custom:NAME or pr:NUMBER.',
  ),
  option('chroots', 'spec.chroots', '[str]', 'Names or patterns, resolved when the build is submitted; none: all.'),
  option('exclude_chroots', 'spec.chroots', '[str]', 'Patterns of chroots that are left out.'),
  option('background', 'spec.background', 'bool', 'Wait behind every build that is not in the background.'),
  option('timeout', 'spec.timeoutSeconds', 'int', 'Seconds for one stage; 0 is as the project says.'),
  option('enable_net', 'spec.network', 'bool', 'May rpmbuild reach the network?'),
  option('bootstrap', 'spec.bootstrap', 'str', 'How mock makes build roots; "unchanged" is as project and chroot say.'),
  option(
    'isolation',
    'spec.isolation',
    'str',
    'How mock isolates the build; "unchanged" is as project and chroot say.',
  ),
  option('with_build_id', 'spec.batch, spec.afterBatch', 'int', 'Join the batch of that build, and wait as it does.'),
  option('after_build_id', 'spec.afterBatch', 'int', 'Wait for the end of the batch of that build.'),
  option(
    'packit_forge_project',
    'none: checked against spec.packitForgeProjects',
    'str',
    'On whose behalf Packit submits.',
  ),
];

export const BUILD_ANSWERS: readonly FieldRow[] = [
  answerRow('id', 'status.id, else the label kopr.dev/id', 'int', 'Number of the build.'),
  answerRow(
    'state',
    'status.state',
    'str',
    'canceled as soon as spec.cancelled is true; pending before kopr has seen it.',
  ),
  answerRow('ownername', 'owner of the namespace', 'str', 'Owner of its project.'),
  answerRow('projectname', 'name of the Project', 'str', 'Its project.'),
  answerRow('project_dirname', 'name of the Project, spec.directory', 'str', 'Directory that it publishes to.'),
  answerRow('repo_url', 'owner and name of the Project', 'str', 'Results of the project, for directories too.'),
  answerRow('submitted_on', 'metadata.creationTimestamp', 'int', 'When it was submitted.'),
  answerRow('started_on', 'status.startedAt of the first ChrootBuild', 'int?', 'When the first chroot was begun.'),
  answerRow('ended_on', 'status.finishedAt of the last ChrootBuild', 'int?', 'When the last ended; null before.'),
  answerRow('submitter', 'annotation kopr.dev/submitter', 'str?', 'Who submitted it through the API.'),
  answerRow('is_background', 'spec.background', 'bool', 'Does it wait behind all others?'),
  answerRow('chroots', 'status.chroots[].name, else spec.chroots', '[str]', 'Empty until chroots are chosen.'),
  answerRow(
    'source_package',
    'status.package, status.version, status.source.srpm',
    '{name, version, url}',
    'Each null until it is known; version has an epoch that is not 0.',
  ),
];

export const BUILD_CHROOT_ANSWERS: readonly FieldRow[] = [
  answerRow('name', 'spec.chroot of the ChrootBuild', 'str', 'Chroot; srpm-builds is the source stage.'),
  answerRow('state', 'status.chroots[].state of the Build', 'str', 'As that of a build.'),
  answerRow('started_on', 'status.startedAt of the ChrootBuild', 'int?', 'When its last attempt got a builder.'),
  answerRow('ended_on', 'status.finishedAt of the ChrootBuild', 'int?', 'When it ended.'),
  answerRow('result_url', 'status.resultsURL of the ChrootBuild', 'str?', 'Directory of its results and logs.'),
];
