import { TerminalError } from '../../lib/errors.ts';
import type { BinaryStage, TaskDocument } from '../../lib/protocol/task.ts';
import { dnfConf } from '../fetch/dnf-conf.ts';
import { rpmMacros } from '../fetch/rpm-macros.ts';
import { withProxy } from './inputs.ts';

/** Where the run's own mount namespace shows the slot (far/run.sh). */
const BOX = '/mnt';

/**
 * Pure: the whole configuration of mock for one task; nothing of the machine's own is included. It is a Python program whose
 * values mock expands as templates, so every value is one string literal, and what a template would begin with is refused.
 */
export function mockConfig(task: TaskDocument & { binary: BinaryStage }, proxyPort: number | undefined): string {
  const { binary } = task;
  const packages = [...new Set(['rpm-build', 'util-linux', ...binary.buildrootPackages])];
  // Throws for a macro that would be something else than one definition.
  rpmMacros(binary.macros);
  const repos = dnfConf(binary.repos, { cacheDir: '/var/cache/dnf', imageRepos: false });
  const settings: [string, string | boolean][] = [
    ["['root']", 'kopr'],
    ["['basedir']", `${BOX}/mock/root`],
    ["['cache_topdir']", `${BOX}/mock/cache`],
    ["['target_arch']", binary.architecture],
    ["['package_manager']", 'dnf'],
    ["['chroot_setup_cmd']", `install ${packages.join(' ')}`],
    // Without systemd's help: it would be a service of the machine that starts the build's processes.
    ["['isolation']", 'simple'],
    ["['use_bootstrap']", false],
    ["['rpmbuild_networking']", binary.network],
    ["['use_host_resolv']", binary.network],
    ["['print_main_output']", true],
    ["['plugin_conf']['ccache_enable']", false],
    ["['plugin_conf']['root_cache_enable']", false],
    ["['plugin_conf']['tmpfs_enable']", false],
    ["['plugin_conf']['package_state_enable']", true],
    ...Object.entries(binary.macros)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]): [string, string] => [`['macros'][${literal(`%${name}`)}]`, value]),
    ["['dnf.conf']", proxyPort === undefined ? repos : withProxy(repos, proxyPort)],
  ];
  const lines = settings.map(
    ([key, value]) => `config_opts${key} = ${typeof value === 'string' ? literal(value) : flag(value)}`,
  );
  const legal = `config_opts['legal_host_arches'] = (${literal(binary.architecture)}, ${literal(hostOf(binary.architecture))})`;
  return `${[...lines, legal, ...modules(binary)].join('\n')}\n`;
}

function modules(binary: BinaryStage): string[] {
  const wanted = binary.modules ?? [];
  if (wanted.length === 0) return [];
  const commands = wanted.map((stream) =>
    stream.startsWith('!')
      ? `(${literal('disable')}, ${literal(stream.slice(1))})`
      : `(${literal('enable')}, ${literal(stream)})`,
  );
  return [`config_opts['module_setup_commands'] = [${commands.join(', ')}]`];
}

function hostOf(architecture: string): string {
  return /^i[3-6]86$/.test(architecture) ? 'x86_64' : architecture;
}

/** JSON's strings are Python's: both know the same escapes. */
function literal(text: string): string {
  if (/\{[{%#]/.test(text)) {
    throw new TerminalError(
      'InvalidTask',
      `mock cannot be told ${JSON.stringify(text.slice(0, 80))}: it would take "{{", "{%" and "{#" for its own templates; build in a container chroot, or write it otherwise`,
    );
  }
  return JSON.stringify(text);
}

function flag(on: boolean): string {
  return on ? 'True' : 'False';
}
