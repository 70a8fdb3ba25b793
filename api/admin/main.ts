import { errorMessage } from '../../lib/errors.ts';
import { parseAdmin, UsageError } from './parse.ts';
import type { AdminDeps } from './run.ts';
import { runAdmin } from './run.ts';

export interface AdminProcess {
  /** Opens what commands need; not called for --help and for words that are no command. */
  open: () => Promise<AdminDeps & { close(): Promise<void> }>;
  print: (text: string) => void;
  complain: (text: string) => void;
}

/** `admin` with the words after it. Returns the exit code: 0 done, 1 refused or failed, 2 the words are not a command. */
export async function adminMain(args: readonly string[], { open, print, complain }: AdminProcess): Promise<number> {
  try {
    const command = parseAdmin(args);
    if ('help' in command) {
      print(command.help);
      return 0;
    }
    const deps = await open();
    try {
      print(await runAdmin(command, deps));
    } finally {
      await deps.close();
    }
    return 0;
  } catch (error) {
    complain(`admin: ${errorMessage(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}
