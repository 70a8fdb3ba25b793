import { TerminalError } from '../errors.ts';

/** The bytes are not the package they claim to be. The message is a sentence without a subject: callers put the file name in front. */
export class PackageError extends TerminalError {
  constructor(message: string) {
    super('InvalidPackage', message);
    this.name = 'PackageError';
  }
}
