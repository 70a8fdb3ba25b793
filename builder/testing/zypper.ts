import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { EngineOptions, Pod } from './chroot.ts';
import { tool } from './context.ts';

/** The machine's zypper and what it starts, with the libraries they were made for. */
const PROGRAMS = ['zypper', 'repo2solv', 'rpmdb2solv'];
const PLACE = '/kopr/work/zypper';

/**
 * The test distribution has no zypper, and the machine's own is of another release; it brings its loader and libraries
 * along, on the work volume. The rpm that it installs with is the image's.
 */
export const withZypper = {
  hidden: ['/usr/bin/dnf', '/usr/bin/dnf-3'],
  files: Object.fromEntries(
    PROGRAMS.map((name) => [
      `/usr/bin/${name}`,
      `#!/bin/sh\nexec ${PLACE}/loader --library-path ${PLACE}/lib ${PLACE}/${name} "$@"\n`,
    ]),
  ),
  async prepare(pod: Pod): Promise<void> {
    const to = join(pod.work, 'zypper');
    await mkdir(join(to, 'lib'), { recursive: true });
    for (const name of PROGRAMS) {
      const program = join('/usr/bin', name);
      await copyFile(program, join(to, name));
      for (const library of librariesOf(await tool(pod.path, 'ldd', program))) {
        await copyFile(library, join(to, 'lib', basename(library)));
        if (basename(library).startsWith('ld-linux')) await copyFile(library, join(to, 'loader'));
      }
    }
    await chmod(join(to, 'loader'), 0o755);
  },
} satisfies EngineOptions & { prepare: (pod: Pod) => Promise<void> };

function librariesOf(ldd: string): string[] {
  return [...ldd.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}
