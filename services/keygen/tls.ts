import type { Server, TlsOptions } from 'node:tls';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { CredentialFiles, Credentials } from '../../lib/signd/credentials.ts';
import { readCredentials, sameCredentials } from '../../lib/signd/credentials.ts';

/**
 * The server side of TLS: certificate, key and client authority from files. The files are looked at every `followMs`, since mounted Secrets are
 * renewed while the process runs; new connections then use the new certificate.
 */
export class ServerTls {
  readonly #files: CredentialFiles;
  readonly #log: Logger;
  readonly #followMs: number;
  readonly #timers: NodeJS.Timeout[] = [];
  #credentials: Credentials;

  /** Throws TerminalError when a file cannot be read. */
  constructor(files: CredentialFiles, log: Logger, followMs = 60_000) {
    this.#followMs = followMs;
    this.#files = files;
    this.#log = log;
    try {
      this.#credentials = readCredentials(files);
    } catch (error) {
      throw new TerminalError(
        'TlsFilesMissing',
        `a TLS file cannot be read: ${errorMessage(error)}; mount it and set KOPR_TLS_CERT, KOPR_TLS_KEY and KOPR_TLS_CA`,
      );
    }
  }

  serverOptions(): TlsOptions {
    return {
      ...this.#credentials,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      handshakeTimeout: 10_000,
    };
  }

  /** Keeps the server's certificate in step with the files until close(). */
  follow(server: Pick<Server, 'setSecureContext'>): void {
    let used = this.#credentials;
    const timer = setInterval(() => {
      try {
        const now = readCredentials(this.#files);
        if (sameCredentials(used, now)) return;
        server.setSecureContext({ ...now, minVersion: 'TLSv1.2' });
        used = now;
        this.#credentials = now;
        this.#log.info({}, 'TLS certificate renewed');
      } catch (error) {
        // Certificate and key are replaced one after the other: the next look finds both.
        this.#log.warn({ error: errorMessage(error) }, 'the renewed TLS files are not usable yet');
      }
    }, this.#followMs);
    timer.unref();
    this.#timers.push(timer);
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }
}
