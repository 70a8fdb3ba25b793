import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodePortURL } from '../../deploy/kubectl.ts';
import { lastLine, ROOT, run } from '../../deploy/run.ts';
import { cluster, RELEASE_NAMESPACE } from './harness.ts';

/** Has this machine's dnf install a package of a project into a directory, and returns what rpm then says is there. */
export async function install(owner: string, projectName: string, chroot: string, name: string): Promise<string> {
  const kube = await cluster();
  const origin = await nodePortURL((args) => kube.kubectl(args), RELEASE_NAMESPACE, 'kopr-results', 5002);
  const base = `${origin}/results/${owner}/${projectName}`;
  const distribution = lastLine(await run(process.execPath, [join(ROOT, 'test', 'distro', 'main.ts'), 'build']));
  const root = await mkdtemp(join(tmpdir(), 'kopr-install-'));
  try {
    await mkdir(join(root, 'repos'));
    await run('dnf', [
      '--assumeyes',
      '--disableplugin=*',
      '--releasever=13',
      '--setopt=install_weak_deps=False',
      `--setopt=reposdir=${root}/repos`,
      `--setopt=cachedir=${root}/cache`,
      `--setopt=persistdir=${root}/persist`,
      `--setopt=logdir=${root}`,
      `--installroot=${root}/machine`,
      `--repofrompath=pebble,file://${distribution}/13-x86_64/repo`,
      '--setopt=pebble.gpgcheck=0',
      `--repofrompath=project,${base}/${chroot}/`,
      '--setopt=project.gpgcheck=1',
      `--setopt=project.gpgkey=${base}/pubkey.gpg`,
      'install',
      name,
    ]);
    return (await run('rpm', ['--root', join(root, 'machine'), '-q', name])).trim();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
