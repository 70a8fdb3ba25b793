import { writeFileSync } from 'node:fs';
import { systemClock } from '../../../lib/clock.ts';
import { DetachedSigner } from '../../../lib/signd/detached.ts';
import { signdClient } from './process.ts';

/** `%__gpg_sign_cmd` of the tests: data on stdin, detached signature to the file; asks the keygen of the test. */
const [port = '', cert = '', key = '', ca = '', user = '', output = ''] = process.argv.slice(2);
const signer = new DetachedSigner(signdClient(Number(port), { cert, key, ca }), systemClock);
writeFileSync(output, await signer.sign(user, () => process.stdin));
