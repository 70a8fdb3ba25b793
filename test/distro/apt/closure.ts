import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from '../releases.ts';
import { run } from '../run.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Downloads a release's packages with everything they depend on and returns the paths of the .deb files.
 * apt works on directories of its own and believes that nothing is installed, so the result is the exact closure and
 * the machine's own packages are neither consulted nor touched.
 */
export async function downloadClosure(release: Release, mirror: string, directory: string): Promise<string[]> {
  const archives = join(directory, 'cache', 'archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(join(directory, 'state', 'lists', 'partial'), { recursive: true });
  await mkdir(join(directory, 'etc', 'preferences.d'), { recursive: true });
  await writeFile(join(directory, 'state', 'status'), '');
  const source = `deb [signed-by=${KEYRING}] ${mirror} ${release.suite} main\n`;
  await writeFile(join(directory, 'etc', 'sources.list'), source);
  const config = join(directory, 'apt.conf');
  await writeFile(config, aptConfig(release, directory));

  const packages = [...release.buildRoot, ...release.extra];
  await run('apt-get', ['-c', config, '-qq', 'update']);
  await run('apt-get', ['-c', config, '-qq', '-y', '--download-only', 'install', ...packages]);
  const plan = await run('apt-get', ['-c', config, '-qq', '--simulate', 'install', ...packages]);
  const names = plannedFiles(plan.toString('utf8'));
  const paths = names.map((name) => join(archives, name));
  for (const path of paths) await access(path);
  return paths;
}

/** File names from apt's 'Inst name (version origin [architecture])' lines. */
export function plannedFiles(simulation: string): string[] {
  const matches = simulation.matchAll(/^Inst (\S+) \((\S+) .*\[([a-z0-9]+)\]\)/gm);
  return [...matches].map(([, name = '', version = '', arch = '']) => {
    return `${name.split(':')[0]}_${version.replaceAll(':', '%3a')}_${arch}.deb`;
  });
}

/** The machine's own settings (such as a proxy) stay in force, its hooks do not. */
function aptConfig(release: Release, directory: string): string {
  return [
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Post-Invoke;',
    `Dir "${directory}";`,
    `Dir::State "${join(directory, 'state')}";`,
    `Dir::State::status "${join(directory, 'state', 'status')}";`,
    `Dir::Cache "${join(directory, 'cache')}";`,
    'Dir::Cache::pkgcache "pkgcache.bin";',
    'Dir::Cache::srcpkgcache "srcpkgcache.bin";',
    `Dir::Etc "${join(directory, 'etc')}";`,
    `Dir::Etc::sourcelist "${join(directory, 'etc', 'sources.list')}";`,
    'Dir::Etc::sourceparts "/dev/null";',
    `APT::Architecture "${release.debianArch}";`,
    '#clear APT::Architectures;',
    `APT::Architectures { "${release.debianArch}"; };`,
    'APT::Install-Recommends "false";',
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    '',
  ].join('\n');
}
