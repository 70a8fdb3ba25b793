/**
 * Plugins of dnf that are left out: one wants systemd and prints a warning at every start where there is none, the
 * other spends a quarter of a second of every run on lists for the completion of command lines.
 */
const OMITTED = /^\/usr\/lib\/python3\/dist-packages\/dnf-plugins\/(?:system_upgrade|generate_completion_cache)\.py$/;

export function isOmitted(path: string): boolean {
  return OMITTED.test(path);
}

/**
 * Files whose content must differ from Debian's: the distribution's own name, and a dnf plugin that wants to keep a
 * repository of everything it ever downloaded.
 */
export function replaceContent(path: string, data: Buffer): Buffer {
  if (path === '/usr/lib/os-release') return Buffer.from(osRelease(data.toString('utf8')));
  if (path === '/etc/issue' || path === '/etc/issue.net') return Buffer.from('Pebble Linux\n');
  if (path === '/etc/dnf/plugins/local.conf') return Buffer.from('[main]\nenabled = false\n');
  return data;
}

function osRelease(debian: string): string {
  const version = /^VERSION_ID="?([0-9.]+)"?$/m.exec(debian)?.[1];
  if (version === undefined) throw new Error('/usr/lib/os-release of base-files names no VERSION_ID');
  return [
    'NAME="Pebble Linux"',
    `PRETTY_NAME="Pebble Linux ${version}"`,
    'ID=pebble',
    `VERSION_ID="${version}"`,
    `CPE_NAME="cpe:/o:pebble:linux:${version}"`,
    '',
  ].join('\n');
}
