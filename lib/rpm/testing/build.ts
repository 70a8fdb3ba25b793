import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestSpec {
  name: string;
  version?: string;
  release?: string;
  epoch?: number;
  /** `noarch` or an architecture for `rpmbuild --target`; default noarch. */
  arch?: string;
  /** Further lines for the preamble. */
  preamble?: string;
  /** Names of sub-packages, each with one file. */
  subpackages?: readonly string[];
  /** Bytes of the main file. */
  fileBytes?: number;
}

/** Builds source and binary packages with the real rpmbuild. Returns the paths, the source package first. */
export async function buildPackages(directory: string, spec: TestSpec): Promise<string[]> {
  const work = await mkdtemp(join(tmpdir(), 'kopr-rpmbuild-'));
  try {
    const specFile = join(work, `${spec.name}.spec`);
    await writeFile(specFile, specText(spec));
    await mkdir(directory, { recursive: true });
    const arch = spec.arch ?? 'noarch';
    await run('rpmbuild', [
      '-ba',
      ...(arch === 'noarch' ? [] : ['--target', arch]),
      ...defines({
        _topdir: work,
        _rpmdir: directory,
        _srcrpmdir: directory,
        _build_name_fmt: '%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm',
        debug_package: '%{nil}',
        _dbpath: join(work, 'db'),
      }),
      specFile,
    ]);
    const built = (await readdir(directory)).filter((name) => name.startsWith(spec.name) && name.endsWith('.rpm'));
    built.sort((a, b) => Number(b.endsWith('.src.rpm')) - Number(a.endsWith('.src.rpm')) || (a < b ? -1 : 1));
    return built.map((name) => join(directory, name));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function defines(values: Record<string, string>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
}

function specText(spec: TestSpec): string {
  const lines = [
    `Name: ${spec.name}`,
    ...(spec.epoch === undefined ? [] : [`Epoch: ${spec.epoch}`]),
    `Version: ${spec.version ?? '1.0'}`,
    `Release: ${spec.release ?? '1'}`,
    'Summary: A package for tests',
    'License: Apache-2.0',
    ...((spec.arch ?? 'noarch') === 'noarch' ? ['BuildArch: noarch'] : []),
    ...(spec.preamble === undefined ? [] : [spec.preamble]),
    '%description',
    'Made for a test.',
    ...(spec.subpackages ?? []).flatMap((sub) => [
      `%package ${sub}`,
      'Summary: A part of it',
      `%description ${sub}`,
      'Made for a test.',
    ]),
    '%install',
    `mkdir -p %{buildroot}/opt/${spec.name}`,
    `head -c ${spec.fileBytes ?? 64} /dev/zero > %{buildroot}/opt/${spec.name}/main`,
    ...(spec.subpackages ?? []).map((sub) => `echo ${sub} > %{buildroot}/opt/${spec.name}/${sub}`),
    '%files',
    `/opt/${spec.name}/main`,
    ...(spec.subpackages ?? []).flatMap((sub) => [`%files ${sub}`, `/opt/${spec.name}/${sub}`]),
    '%changelog',
    '* Mon Jan 05 2026 Tester <tester@example.org> - 1.0-1',
    '- Grüße',
  ];
  return `${lines.join('\n')}\n`;
}
