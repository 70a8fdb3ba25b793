import { isUtf8 } from 'node:buffer';
import type { HashName } from '../../lib/openpgp/hash.ts';
import type { Request } from '../../lib/signd/framing.ts';
import { encodeList } from '../../lib/signd/framing.ts';
import type { DigestToSign } from '../../lib/signd/message.ts';
import { maxDigestsPerRequest, parseDigest, splitHash } from '../../lib/signd/message.ts';
import { hasControls, illegalUser } from './identity.ts';

/** What a request asks for, once its arguments are found to be in order. */
export type Command =
  | { name: 'ping' }
  | { name: 'pubkey'; user: string }
  | { name: 'sign'; user: string; hash: HashName; digests: Required<DigestToSign>[] };

/** A request that cannot be served. The message goes to the peer. */
export class RefusedError extends Error {
  readonly status: number;
  constructor(message: string, status = 1) {
    super(message);
    this.name = 'RefusedError';
    this.status = status;
  }
}

/** Commands of other signd servers and what to do instead. */
const notOffered: Readonly<Record<string, string>> = {
  keygen: 'keys are made by POST /gen_key of keygen-httpd and never leave it',
  keyextend: 'private keys never leave keygen',
  privsign: 'keygen signs with its own keys only, use the sign command',
  privtotp: 'keygen keeps no one-time password secrets',
  certgen: 'the sign client makes the certificate itself',
  privileged: 'keys are managed by keygen itself',
};

/** Reads a request. Throws RefusedError with what is wrong. Pure. */
export function readCommand(request: Request): Command {
  switch (request.form) {
    case 'ping':
      return { name: 'ping' };
    case 'old': {
      const { hash, rest } = splitHash(text(request.argument));
      const user = text(request.user);
      return rest === 'PUBKEY' ? pubkey(hash, user) : signing(hash, user, [rest]);
    }
    case 'new': {
      const [name = '', prefixedUser = '', ...rest] = request.args.map(text);
      const { hash, rest: user } = splitHash(prefixedUser);
      if (name === 'ping') return { name };
      if (name === 'pubkey') return pubkey(hash, user, rest.length);
      if (name === 'sign') return signing(hash, user, rest);
      const instead = Object.hasOwn(notOffered, name) ? notOffered[name] : undefined;
      throw new RefusedError(
        instead === undefined ? `unknown command: ${name}` : `the command ${name} is not offered: ${instead}`,
      );
    }
  }
}

/** The bytes of a successful reply: the blob alone in the old form, a list in the new one. */
export function encodeResult(form: Request['form'], blobs: readonly Buffer[]): Buffer {
  return form === 'new' ? encodeList(blobs) : Buffer.concat(blobs);
}

function pubkey(hash: HashName | undefined, user: string, extraArguments = 0): Command {
  checkUser(hash, user);
  if (extraArguments > 0) throw new RefusedError('pubkey takes no arguments but the user');
  return { name: 'pubkey', user };
}

function signing(hash: HashName | undefined, user: string, args: readonly string[]): Command {
  const knownHash = checkUser(hash, user);
  if (args.length === 0) throw new RefusedError('nothing to sign: no digest given');
  if (args.length > maxDigestsPerRequest) {
    throw new RefusedError(`too many digests: ${args.length}, at most ${maxDigestsPerRequest} fit one request`);
  }
  const digests = args.map((arg) => {
    const digest = parseDigest(knownHash, arg);
    if (digest === undefined) {
      throw new RefusedError(
        `bad argument "${arg.slice(0, 200)}": expected <${knownHash} digest in hex>@<class><time>`,
      );
    }
    // Other classes are certifications, revocations and bindings of keys, which nobody has reason to ask for here.
    if (digest.signatureClass > 1) throw new RefusedError('the signature class must be 00 (binary) or 01 (text)');
    return digest;
  });
  return { name: 'sign', user, hash: knownHash, digests };
}

function checkUser(hash: HashName | undefined, user: string): HashName {
  const problem = illegalUser(user);
  if (problem !== undefined) throw new RefusedError(problem);
  if (hash === undefined) throw new RefusedError('unknown hash algorithm: use SHA1, SHA256 or SHA512');
  return hash;
}

function text(argument: Buffer): string {
  const decoded = argument.toString('utf8');
  if (!isUtf8(argument) || hasControls(decoded)) throw new RefusedError('malformed argument');
  return decoded;
}
