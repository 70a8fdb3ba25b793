import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { armor, dearmor } from '../../lib/openpgp/armor.ts';
import { readCertificate } from '../../lib/openpgp/key.ts';
import { type SigndClient, UnknownKeyError } from '../../lib/signd/client.ts';
import type { DetachedSigner, Signable } from '../../lib/signd/detached.ts';
import { type KeygenClient, KeygenHttpError } from '../../lib/signd/keygen-client.ts';
import { ApiError } from './api-error.ts';
import type { Metrics } from './metrics.ts';
import { mainProject, type ProjectName } from './paths.ts';

/** A prolonged or replaced key reaches `pubkey.gpg` after this time at the latest. */
const CERTIFICATE_TTL_MS = 10 * 60_000;
const MAX_CERTIFICATES = 10_000;
const RSA = 1;

export interface Certificate {
  armored: string;
  /** Upper-case hexadecimal. */
  fingerprint: string;
}

export interface SignerOptions {
  signd: SigndClient;
  detached: DetachedSigner;
  keygen: KeygenClient;
  domain: string;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

/** The keys of projects, which live in keygen. A key is made when it is first needed. */
export class ProjectSigner {
  readonly #options: SignerOptions;
  readonly #certificates = new Map<string, Certificate & { at: number }>();

  constructor(options: SignerOptions) {
    this.#options = options;
  }

  /** One binary detached v4 signature per item, in order. All keys are RSA, so packages keep theirs under the RSA tag. */
  async signAll(name: ProjectName, items: readonly Signable[]): Promise<Buffer[]> {
    const { detached, clock, metrics } = this.#options;
    const started = clock.monotonic();
    const signatures = await this.#withKey(name, () => detached.signAll(this.identity(name), items));
    metrics.signSeconds.observe((clock.monotonic() - started) / 1000);
    metrics.signatures.inc(signatures.length);
    return signatures;
  }

  /** Armored detached signature of `data`. */
  async sign(name: ProjectName, data: Buffer): Promise<string> {
    const [signature] = await this.signAll(name, [data]);
    if (signature === undefined) throw new Error('keygen returned no signature');
    return armor('SIGNATURE', signature);
  }

  async certificate(name: ProjectName): Promise<Certificate> {
    const { signd, clock } = this.#options;
    const identity = this.identity(name);
    const known = this.#certificates.get(identity);
    if (known !== undefined && clock.monotonic() - known.at < CERTIFICATE_TTL_MS) return known;
    const armored = await this.#withKey(name, () => signd.pubkey(identity));
    const { fingerprint, publicKeyAlgorithm } = readCertificate(dearmor('PUBLIC KEY BLOCK', armored));
    if (publicKeyAlgorithm !== RSA) {
      throw new ApiError(
        422,
        'UnsupportedKey',
        `the key of ${identity} is not an RSA key, which is what rpm of every age reads`,
      );
    }
    const certificate = { armored, fingerprint: fingerprint.toString('hex').toUpperCase(), at: clock.monotonic() };
    if (this.#certificates.size >= MAX_CERTIFICATES) this.#certificates.clear();
    this.#certificates.set(identity, certificate);
    return certificate;
  }

  /** The identity a project signs with, the same as in Copr. A directory such as `hello:pr:7` signs with the key of `hello`. */
  identity(name: ProjectName): string {
    return `${name.owner}#${mainProject(name.project)}@copr.${this.#options.domain}`;
  }

  async #withKey<T>(name: ProjectName, work: () => Promise<T>): Promise<T> {
    const email = this.identity(name);
    try {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof UnknownKeyError)) throw error;
      }
      await this.#options.keygen.generateKey({ name: `${name.owner}_${mainProject(name.project)}`, email });
      this.#options.log.info({ identity: email }, 'a signing key is made');
      return await work();
    } catch (error) {
      if (error instanceof KeygenHttpError && error.status < 500) {
        throw new ApiError(422, 'KeyRefused', `keygen makes no key for ${email}: ${error.message}`);
      }
      if (error instanceof ApiError) throw error;
      throw new ApiError(503, 'SigningFailed', `keygen cannot sign for ${email} now: ${errorMessage(error)}`);
    }
  }
}
