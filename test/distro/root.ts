import { chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BUILDER } from './pebble/accounts.ts';
import { UNUSABLE_PLUGINS } from './pebble/macros.ts';
import type { Release } from './releases.ts';
import { run } from './run.ts';

/** What dnf leaves in a root and nobody needs in an image. */
const LEFTOVERS = ['var/cache/dnf', 'var/cache/ldconfig', 'var/log', 'var/lib/dnf', 'root/.cache', 'tmp', 'var/tmp'];

/**
 * Installs the build root of a release into the new directory `root` with the machine's dnf.
 * `scratch` holds dnf's configuration and caches; both are removed first, so that a repetition starts afresh.
 */
export async function installRoot(release: Release, repo: string, root: string, scratch: string): Promise<void> {
  await rm(root, { recursive: true, force: true });
  await rm(scratch, { recursive: true, force: true });
  await mkdir(join(root, 'dev'), { recursive: true });
  await mkdir(scratch, { recursive: true });
  await writeFile(join(scratch, 'dnf.conf'), dnfConfig(release, repo, scratch));
  await writeFile(join(scratch, '.rpmmacros'), hostMacros());
  // Scripts of packages redirect to it; the image itself gets its devices from the container runtime.
  await run('mknod', ['-m', '0666', join(root, 'dev', 'null'), 'c', '1', '3']);

  const dnf = ['dnf', '--config', join(scratch, 'dnf.conf'), '--quiet', '--assumeyes'];
  const target = ['--installroot', root, '--releasever', release.version, '--forcearch', release.rpmArch];
  const output = await run(...as(release, [...dnf, ...target, 'install', 'buildsys-build']), {
    env: { HOME: scratch, LC_ALL: 'C.UTF-8' },
  });
  const complaint = /^.*(?:scriptlet failed|Error in .* scriptlet).*$/m.exec(output.toString('utf8'));
  // dnf exits 0 although a script failed.
  if (complaint !== null) throw new Error(`the root of ${release.id} is incomplete: ${complaint[0]}`);

  if (!release.foreign) await compilePython(release, root);
  await mkdir(join(root, 'home', BUILDER.name), { recursive: true });
  await chown(join(root, 'home', BUILDER.name), BUILDER.id, BUILDER.id);
  for (const name of LEFTOVERS) await empty(join(root, name));
}

/** Debian compiles Python modules while installing; without it every start of dnf takes half a second longer. */
async function compilePython(release: Release, root: string): Promise<void> {
  const names = await readdir(join(root, 'usr', 'lib'));
  const versions = names.filter((name) => /^python3(\.\d+)?$/.test(name)).map((name) => `/usr/lib/${name}`);
  const skip = '/(test|tests|idlelib|lib2to3|ensurepip|turtledemo|pydoc_data)/';
  const command = ['python3', '-m', 'compileall', '-q', '-x', skip, ...versions];
  await run(...as(release, ['chroot', root, ...command]));
}

async function empty(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    await rm(join(directory, name), { recursive: true });
  }
}

/** A 32-bit release must not be told that the kernel is a 64-bit one. */
function as(release: Release, command: readonly string[]): [string, readonly string[]] {
  if (release.foreign) return [command[0] ?? '', command.slice(1)];
  return ['setarch', [release.rpmArch === 'i386' ? 'i686' : release.rpmArch, ...command]];
}

function dnfConfig(release: Release, repo: string, scratch: string): string {
  return [
    '[main]',
    'reposdir=/dev/null',
    `cachedir=${join(scratch, 'cache')}`,
    'plugins=0',
    'install_weak_deps=0',
    'best=1',
    'gpgcheck=0',
    // The one script of Pebble Linux runs ldconfig, which only makes programs start sooner.
    `tsflags=nodocs${release.foreign ? ',noscripts,notriggers' : ''}`,
    '[pebble]',
    'name=Pebble Linux',
    `baseurl=file://${repo}`,
    '',
  ].join('\n');
}

/** The machine's rpm must use the database's place of the new root, and only English texts are wanted there. */
function hostMacros(): string {
  return [
    '%_dbpath /var/lib/rpm',
    '%_install_langs C',
    ...UNUSABLE_PLUGINS.map((name) => `%__transaction_${name} %{nil}`),
    '',
  ].join('\n');
}
