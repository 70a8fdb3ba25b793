import { TerminalError } from '../../lib/errors.ts';

/**
 * The `.rpmmacros` of the build user, sorted by name so that equal tasks give equal files. Rejects with TerminalError
 * `InvalidMacro` for a name or value that would be read as something else than one definition.
 */
export function rpmMacros(macros: Readonly<Record<string, string>>): string {
  const lines = Object.entries(macros)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]{2,99}$/.test(name)) {
        throw new TerminalError(
          'InvalidMacro',
          `"${name}" cannot be the name of an rpm macro; use at least three letters, digits or underscores`,
        );
      }
      if (value === '' || /\p{Cc}|\\$/u.test(value)) {
        throw new TerminalError(
          'InvalidMacro',
          `the value of the rpm macro "${name}" must be one line that does not end in a backslash; for an empty one write %{nil}`,
        );
      }
      return `%${name} ${value}\n`;
    });
  return lines.join('');
}

/**
 * For the dnf that fills the chroot as root: rpm's own sandboxing hooks fail where / is no mount point or the pod may
 * not make namespaces, and then scriptlets are left out *while dnf still ends with success*.
 */
export const ROOT_MACROS = ['unshare', 'audit', 'syslog', 'dbus_announce', 'systemd_inhibit', 'selinux']
  .map((hook) => `%__transaction_${hook} %{nil}\n`)
  .join('');
