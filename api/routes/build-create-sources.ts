/** Sources of builds and packages out of the fields of requests. Pure. */
import { z } from 'zod';
import { type Source, source } from '../../crds/common.ts';
import { oneOf, text } from '../http/fields.ts';

export type Problems = Record<string, string[]>;

/** SRPMs and spec files behind URLs, one source for each, or what is wrong with them. */
export function linkSources(urls: readonly string[]): { sources: Source[] } | { problems: Problems } {
  if (urls.length === 0) return { problems: { pkgs: ['names no URL; give at least one of an SRPM or spec file'] } };
  const sources: Source[] = [];
  const problems: string[] = [];
  for (const url of urls) {
    const parsed = source.safeParse({ link: { url } });
    const problem = parsed.success ? urlProblem(url, true) : parsed.error.issues[0]?.message;
    if (problem === undefined) sources.push({ link: { url } });
    else problems.push(`${shown(url)} ${problem}`);
  }
  return problems.length > 0 ? { problems: { pkgs: problems } } : { sources };
}

/** What the schema of the cluster says beyond zod's. */
function urlProblem(url: string, file: boolean): string | undefined {
  if (/^[^/]*\/\/[^/?#]*@/.test(url)) return 'must not hold a user name or password: everybody could see it';
  if (file && !/^[^?#]*\/[^/?#]+\.((src|nosrc)\.rpm|spec)([?#].*)?$/.test(url))
    return 'must name an SRPM or a spec file: its path ends in .src.rpm, .nosrc.rpm or .spec';
  return undefined;
}

/** Passwords must not come back in the answer, and from there into logs. */
function shown(url: string): string {
  const plain = url.replace(/\/\/[^/?#]*@/, '//…@');
  return plain.length > 200 ? `${plain.slice(0, 200)}…` : plain;
}

export const scmFields = {
  clone_url: text(2048).describe('Address of the Git repository; http or https.'),
  committish: text(256).optional().describe('Branch, tag or commit.'),
  subdirectory: text(512).optional().describe('Directory of the package in the repository.'),
  spec: text(255).optional().describe('Name of the spec file.'),
  scm_type: oneOf(['git', 'svn']).optional(),
  source_build_method: oneOf(['rpkg', 'tito', 'tito_test', 'make_srpm']).optional(),
};

export const scmAliases = { srpm_build_method: 'source_build_method' };

const scm = z.object(scmFields);
export type ScmFields = { [Field in keyof z.infer<typeof scm>]?: z.infer<typeof scm>[Field] | undefined };

const FIELDS: Readonly<Record<string, string>> = {
  url: 'clone_url',
  committish: 'committish',
  subdirectory: 'subdirectory',
  spec: 'spec',
};

/** @param before what fields that are not sent keep: those of a package that is edited */
export function gitSource(fields: ScmFields, before?: Source['git']): { source: Source } | { problems: Problems } {
  const problems: Problems = {};
  if (fields.scm_type === 'svn') problems.scm_type = ['svn is not built by this kopr yet; use git'];
  const method = fields.source_build_method ?? 'rpkg';
  if (method !== 'rpkg') problems.source_build_method = [`${method} is not built by this kopr yet; use rpkg`];
  const url = fields.clone_url ?? before?.url;
  if (url === undefined || url === '') problems.clone_url = ['This field is required.'];
  const subdirectory = (fields.subdirectory ?? before?.subdirectory ?? '').replace(/^(\.?\/)+|\/+$/g, '');
  const git = {
    url: url ?? '',
    ...given('committish', fields.committish ?? before?.committish),
    ...given('subdirectory', subdirectory === '.' ? '' : subdirectory),
    ...given('spec', fields.spec ?? before?.spec),
  };
  const parsed = source.safeParse({ git });
  for (const issue of parsed.error?.issues ?? []) {
    const field = FIELDS[String(issue.path[1])] ?? 'clone_url';
    problems[field] ??= [issue.message];
  }
  const bad = urlProblem(git.url, false);
  if (bad !== undefined) problems.clone_url ??= [bad];
  if (subdirectory.split('/').some((part) => part === '..' || part === '.') && subdirectory !== '.')
    problems.subdirectory ??= ['must stay inside the repository: no "." or ".." in it'];
  return Object.keys(problems).length > 0 ? { problems } : { source: { git } };
}

function given(name: string, value: string | undefined): Record<string, string> {
  return value === undefined || value === '' ? {} : { [name]: value };
}
