import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Chroot } from '../testing/chroot.ts';
import { openChroot } from '../testing/chroot.ts';
import { temporaryDirectory, tool } from '../testing/context.ts';
import { baseRepo } from '../testing/engine-build.ts';
import type { MachineRig, RigOptions } from '../testing/machine-rig.ts';
import { openMachineRig } from '../testing/machine-rig.ts';
import type { SshMachine } from '../testing/ssh-machine.ts';
import { startSshMachine } from '../testing/ssh-machine.ts';
import { cleanCommand } from './commands.ts';

/**
 * The engine mock against a stand-in: mock itself is in no registry that tests can have. It takes the arguments and the
 * configuration that mock takes, says and leaves what mock does, and has mock's exit codes; it builds in the machine
 * itself instead of a chroot.
 */
const MOCK = `#!/usr/bin/python3
import collections, os, shutil, subprocess, sys

tree = lambda: collections.defaultdict(tree)
config_opts = tree()
arguments = sys.argv[1:]
take = lambda name: arguments[arguments.index(name) + 1]
with open(take('-r')) as file:
    exec(file.read(), {'__builtins__': {}, 'config_opts': config_opts})
out = take('--resultdir')
os.makedirs(config_opts['basedir'], exist_ok=True)
print('INFO: mock.py version 6.1 starting (python version = 3.13)', flush=True)
print(f"INFO: chroot {config_opts['root']} of {config_opts['target_arch']}: {config_opts['chroot_setup_cmd']}", flush=True)
work = os.path.join(config_opts['basedir'], 'build')
defines = ['--define', f'_topdir {work}', '--define', f'_srcrpmdir {out}', '--define', f'_rpmdir {out}',
           '--define', '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm']
for name, value in config_opts['macros'].items():
    defines += ['--define', f'{name[1:]} {value}']
if '--buildsrpm' in arguments:
    command = ['rpmbuild', '-bs', '--nodeps', *defines, '--define', f"_sourcedir {take('--sources')}", take('--spec')]
else:
    command = ['rpmbuild', '--rebuild', '--nodeps', *defines, take('--rebuild')]
with open(os.path.join(out, 'root.log'), 'a') as log:
    log.write(f"DEBUG util.py: {config_opts['dnf.conf'].splitlines()[1]}\\n")
done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
with open(os.path.join(out, 'build.log'), 'w') as log:
    log.write(done.stdout)
print(done.stdout, flush=True)
if 'mock-is-in-use' in done.stdout:
    print('ERROR: Build root is locked by another process.', flush=True)
    sys.exit(60)
if 'lacks-a-package' in done.stdout:
    print("No matching package to install: 'lacks-a-package'", flush=True)
    with open(os.path.join(out, 'root.log'), 'a') as log:
        log.write("No matching package to install: 'lacks-a-package'\\n")
    sys.exit(30)
if done.returncode != 0:
    print('ERROR: Exception(x.src.rpm) Config(kopr) 0 minutes 1 seconds', flush=True)
    sys.exit(10)
shutil.rmtree(work)
print('Finish: run', flush=True)
`;

let chroot: Chroot;
let machine: SshMachine;
let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
const left: (() => Promise<void>)[] = [];

beforeAll(async () => {
  scratch = await temporaryDirectory();
  const fixtures = join(import.meta.dirname, '..', '..', 'test', 'fixtures', 'build.ts');
  await tool(scratch.path, process.execPath, fixtures, join(scratch.path, 'fixtures'));
  chroot = await openChroot('13-x86_64');
  machine = await startSshMachine(chroot, { programs: { 'usr/bin/mock': MOCK } });
}, 900_000);
afterAll(async () => {
  await machine?.remove();
  await chroot?.remove();
  await scratch?.remove();
});
afterEach(async () => {
  for (const one of left.splice(0)) await one();
});

let attempts = 0;

async function rigFor(options: Partial<RigOptions> = {}): Promise<MachineRig> {
  const rig = await openMachineRig({
    fixtures: join(scratch.path, 'fixtures'),
    name: 'words',
    repos: [baseRepo(chroot)],
    keyFile: machine.keyFile,
    target: machine.target({ engine: 'auto' }),
    task: `0f8fad5b-d9cb-469f-a165-70867728950e.${++attempts}`,
    ...options,
  });
  left.push(() => rig.remove());
  await rig.sayUploaded();
  return rig;
}

describe('a machine with mock', { timeout: 120_000 }, () => {
  it('builds with it, by a configuration of the task alone', async () => {
    const rig = await rigFor({ binary: { macros: { dist: '.mock', vendor: `it's "x"` } } });
    expect(await rig.run(), rig.logged()).toBe(0);
    expect(await rig.verdict(), await rig.text('builder-live.log')).toMatchObject({ outcome: 'succeeded' });
    expect(await rig.names()).toEqual([
      'build.log',
      'builder-live.log',
      'mock.log',
      'root.log',
      'verdict.json',
      'words-3.1-1.mock.noarch.rpm',
      'words-3.1-1.mock.src.rpm',
      'words.spec',
    ]);
    expect(await rig.text('builder-live.log')).toMatch(
      /kopr: phase srpm [\s\S]*INFO: mock.py [\s\S]*chroot kopr of x86_64: install rpm-build util-linux buildsys-build[\s\S]*kopr: phase rpmbuild /,
    );
    expect(await rig.text('root.log')).toMatch(/proxy=http:\/\/127\.0\.0\.1:\d+/);
    const query = ['-qp', '--nosignature', '--qf', '%{VENDOR}', rig.results('words-3.1-1.mock.noarch.rpm')];
    expect(await tool(rig.path, 'rpm', ...query)).toBe(`it's "x"`);
  });

  it('says why a build has failed', async () => {
    const rig = await rigFor({
      spec: (text) => text.replace('%install', '%install\necho "fatal error: no words"; exit 1'),
    });
    expect(await rig.run(), rig.logged()).toBe(0);
    expect(await rig.verdict()).toMatchObject({
      outcome: 'failed',
      reason: 'BuildFailed',
      message: expect.stringContaining('fatal error: no words'),
    });
    expect(await rig.names()).toEqual(['build.log', 'builder-live.log', 'mock.log', 'root.log', 'verdict.json']);
  });

  it('says which package is missing', async () => {
    const rig = await rigFor({ spec: (text) => text.replace('%install', '%install\necho lacks-a-package') });
    expect(await rig.run(), rig.logged()).toBe(0);
    expect(await rig.verdict()).toMatchObject({
      reason: 'MissingBuildRequires',
      message: 'no repository of the chroot provides the BuildRequires lacks-a-package',
    });
  });

  it('leaves the task to another machine when mock itself does not work', async () => {
    const rig = await rigFor({ spec: (text) => text.replace('%install', '%install\necho mock-is-in-use') });
    expect(await rig.run()).toBe(1);
    expect(await rig.verdict()).toBeUndefined();
    expect(rig.logged()).toMatch(/ended with code 1 and without a verdict: .*mock ended with code 60/);
  });

  it('is clean afterwards', async () => {
    const rig = await rigFor();
    expect(await rig.run(cleanCommand)).toBe(0);
    expect(await machine.root('cd /var/tmp/kopr && ls -d */* | grep -v /kit- || true')).toBe('');
  });
});
