import type { Clock } from '../../lib/clock.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { HashName } from '../../lib/openpgp/hash.ts';
import { hashes } from '../../lib/openpgp/hash.ts';
import { publicKeyAlgorithm } from '../../lib/openpgp/key.ts';
import { encodeMpi } from '../../lib/openpgp/packet.ts';
import {
  encodeV3Signature,
  encodeV4Signature,
  hashedArea,
  keyIdOf,
  unhashedArea,
} from '../../lib/openpgp/signature.ts';
import { decodeRequest, encodeReply, FramingError } from '../../lib/signd/framing.ts';
import type { DigestToSign } from '../../lib/signd/message.ts';
import { isProbe, temporaryFailure, unknownKeyPrefix } from '../../lib/signd/message.ts';
import type { AuditLog } from './audit.ts';
import { AuditError } from './audit.ts';
import type { Command } from './commands.ts';
import { encodeResult, RefusedError, readCommand } from './commands.ts';
import type { KeyStore, SigningKey } from './key-store.ts';
import { DamagedKeyError } from './key-store.ts';
import type { Metrics } from './metrics.ts';
import type { SignPool } from './sign-pool.ts';

export interface SignerOptions {
  store: KeyStore;
  pool: SignPool;
  audit: AuditLog;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

/** Answers signd requests: bytes in, bytes out. Never throws; whatever goes wrong becomes a reply with a status and one sentence. */
export class Signer {
  readonly #options: SignerOptions;

  constructor(options: SignerOptions) {
    this.#options = options;
  }

  /** `peer` names the caller in the audit log. */
  async answer(data: Buffer, peer: string): Promise<Buffer> {
    const { clock, log, metrics } = this.#options;
    const started = clock.monotonic();
    let name: Command['name'] | 'other' = 'other';
    let result: 'ok' | 'refused' | 'failed' = 'ok';
    try {
      const request = decodeRequest(data);
      const command = readCommand(request);
      name = command.name;
      return encodeReply({ status: 0, out: encodeResult(request.form, await this.#run(command, peer)), err: '' });
    } catch (error) {
      result = error instanceof RefusedError || error instanceof FramingError ? 'refused' : 'failed';
      if (error instanceof AuditError) metrics.auditFailures.inc();
      if (result === 'failed') log.error({ peer, command: name, error: errorMessage(error) }, 'signd request failed');
      else log.info({ peer, command: name, reason: errorMessage(error) }, 'signd request refused');
      return encodeReply({ status: statusOf(error), out: Buffer.alloc(0), err: `${errorMessage(error)}\n` });
    } finally {
      metrics.requests.inc({ protocol: 'signd', command: name, result });
      metrics.requestSeconds.observe({ protocol: 'signd', command: name }, (clock.monotonic() - started) / 1000);
    }
  }

  async #run(command: Command, peer: string): Promise<Buffer[]> {
    if (command.name === 'ping') return [];
    const key = await this.#options.store.find(command.user);
    if (key === undefined) throw new RefusedError(`${unknownKeyPrefix}${command.user}`);
    if (command.name === 'pubkey') return [Buffer.from(key.certificate, 'utf8')];
    return this.#sign(key, command.hash, command.digests, peer);
  }

  /** Signs, then records, then gives away: a signature whose record is not on the disk never leaves this process. */
  async #sign(
    key: SigningKey,
    hash: HashName,
    digests: readonly Required<DigestToSign>[],
    peer: string,
  ): Promise<Buffer[]> {
    const { pool, audit, clock, metrics } = this.#options;
    const packets = await Promise.all(
      digests.map(async (digest) => packetFor(key, hash, digest, await pool.sign(key.privateKey, hash, digest.digest))),
    );
    const time = toTimestamp(clock.now());
    await audit.append(
      digests.map((digest) => ({
        event: 'sign',
        time,
        peer,
        identity: key.identity,
        fingerprint: key.fingerprint.toString('hex'),
        hash,
        digest: digest.digest.toString('hex'),
        signatureClass: digest.signatureClass,
        signedTime: digest.time,
      })),
    );
    metrics.signatures.inc({ hash }, digests.length);
    return packets;
  }
}

/** The v3 packet a client transcodes; for the probe a v4 packet, from which it learns the fingerprint. */
function packetFor(key: SigningKey, hash: HashName, request: Required<DigestToSign>, signature: Buffer): Buffer {
  const common = {
    signatureClass: request.signatureClass,
    publicKeyAlgorithm: publicKeyAlgorithm.rsa,
    hashAlgorithm: hashes[hash].id,
    left16: request.digest.subarray(0, 2),
    mpis: encodeMpi(signature),
  };
  if (!isProbe(request)) return encodeV3Signature({ ...common, time: request.time, issuer: keyIdOf(key.fingerprint) });
  return encodeV4Signature({
    ...common,
    hashed: hashedArea(key.fingerprint, request.time),
    unhashed: unhashedArea(key.fingerprint),
  });
}

function statusOf(error: unknown): number {
  if (error instanceof RefusedError) return error.status;
  return error instanceof FramingError || error instanceof DamagedKeyError ? 1 : temporaryFailure;
}
