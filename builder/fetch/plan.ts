import { TerminalError } from '../../lib/errors.ts';
import type { BinaryStage, TaskDocument } from '../../lib/protocol/task.ts';
import { isArchOf } from '../../lib/rpm/arch.ts';
import { dnfConf, zyppRepos } from './dnf-conf.ts';
import { ROOT_MACROS, rpmMacros } from './rpm-macros.ts';

export interface PlanSettings {
  /** On the work volume: the image's own file system may be slow and is counted against another limit. */
  dnfCacheDir: string;
  maxLogBytes: number;
  uploadSeconds: number;
}

/** Families of architectures that run on a 64-bit kernel only under another personality: `uname -m` must say what is built for. */
const THIRTY_TWO_BIT = ['i386', 'armhfp', 'ppc', 's390'];

/**
 * What the engine script needs to know, as file name → content. The script is POSIX shell and must not interpret a
 * stranger's text, hence one value per file, or one per line; every value is checked here.
 */
export function enginePlan(
  task: TaskDocument,
  binary: BinaryStage,
  spec: string,
  settings: PlanSettings,
): Map<string, string> {
  return new Map([
    ['architecture', one('architecture', binary.architecture, /^[a-z][a-z0-9_]{1,31}$/)],
    ['personality', isThirtyTwoBit(binary.architecture) ? 'linux32\n' : 'native\n'],
    ['spec', one('spec file name', spec, /^[^/\p{Cc}-][^/\p{Cc}]{0,254}$/u)],
    ['network', binary.network ? 'yes\n' : 'no\n'],
    ['image-repos', binary.imageRepos ? 'yes\n' : 'no\n'],
    ['timeout-seconds', `${task.timeoutSeconds}\n`],
    ['upload-seconds', `${settings.uploadSeconds}\n`],
    ['max-log-bytes', `${settings.maxLogBytes}\n`],
    ['buildroot-packages', lines('package', binary.buildrootPackages, /^[A-Za-z0-9@_(/][^\p{Cc}]{0,255}$/u)],
    ['with', lines('build condition', binary.with, /^[A-Za-z0-9_]{1,128}$/)],
    ['without', lines('build condition', binary.without, /^[A-Za-z0-9_]{1,128}$/)],
    ['dnf.conf', dnfConf(binary.repos, { cacheDir: settings.dnfCacheDir, imageRepos: binary.imageRepos })],
    ['zypp.repo', zyppRepos(binary.repos)],
    ['rpmmacros', rpmMacros(binary.macros)],
    ['root-rpmmacros', ROOT_MACROS],
  ]);
}

function isThirtyTwoBit(architecture: string): boolean {
  return THIRTY_TWO_BIT.some((family) => architecture === family || isArchOf(family, architecture));
}

function one(what: string, text: string, pattern: RegExp): string {
  if (!pattern.test(text)) throw new TerminalError('InvalidTask', `"${text}" cannot be a ${what}`);
  return `${text}\n`;
}

function lines(what: string, texts: readonly string[], pattern: RegExp): string {
  return texts.map((text) => one(what, text, pattern)).join('');
}
