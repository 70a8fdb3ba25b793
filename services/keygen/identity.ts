import { z } from 'zod';

/** The rules for names: those of Copr's keygen for new keys, those of signd for the user of a request. */

const maxIdentityLength = 255;

/** Why `user` may not stand in a signd request, or undefined. */
export function illegalUser(user: string): string | undefined {
  if (user === '') return 'no user given';
  if (user.includes('/') || user.startsWith('.') || hasControls(user)) return `illegal user ${user}`;
  return undefined;
}

/** Whether a protocol argument holds control characters. */
export function hasControls(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** Why `email` is no signing identity, or undefined. The form is `{owner}#{project}@copr.{domain}`; a group's owner starts with `@`. */
export function invalidIdentity(email: string): string | undefined {
  const hash = email.indexOf('#');
  if (hash < 0) return `name_email "${email}" has no "#"; expected owner#project@copr.domain`;
  if (Buffer.byteLength(email) > maxIdentityLength) return `name_email has more than ${maxIdentityLength} bytes`;
  if (!/^@*[A-Za-z0-9_.-]+$/.test(email.slice(0, hash))) {
    return `the owner in name_email "${email}" may hold letters, digits, ".", "_" and "-" only`;
  }
  if (!/^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+$/.test(email.slice(hash + 1))) {
    return `the part after "#" in name_email "${email}" must be project@domain of letters, digits, ".", "_" and "-"`;
  }
  return illegalUser(email);
}

const uidPart = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .refine(
    (text) => !hasControls(text) && !/[<>()]/.test(text),
    'may not hold control characters, brackets or parentheses',
  );

/** Body of `POST /gen_key`. */
export const keyRequestSchema = z.object({
  name_real: uidPart,
  name_email: z.string().superRefine((email, context) => {
    const problem = invalidIdentity(email);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  }),
  name_comment: uidPart.nullish(),
  key_length: z.coerce
    .number()
    .pipe(z.union([z.literal(2048), z.literal(3072), z.literal(4096)]))
    .nullish(),
  /** gpg's notation: 0 for never, else a number with d (default), w, m or y. */
  expire: z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const match = /^(\d{1,5})([dwmy]?)$/.exec(String(value));
      const [, number, unit] = match ?? [];
      if (match !== null) return Number(number) * secondsPer(unit);
      context.addIssue({ code: 'custom', message: 'must be 0 or a number of days, weeks, months or years such as 5y' });
      return z.NEVER;
    })
    .pipe(z.number().max(0xffff_ffff, 'is too far away'))
    .nullish(),
});
export type KeyRequest = z.infer<typeof keyRequestSchema>;

function secondsPer(unit: string | undefined): number {
  const day = 86_400;
  return { w: 7 * day, m: 30 * day, y: 365 * day }[unit ?? ''] ?? day;
}

/** The OpenPGP user id of a key. */
export function userIdOf(request: Pick<KeyRequest, 'name_real' | 'name_email' | 'name_comment'>): string {
  const comment = request.name_comment == null ? '' : ` (${request.name_comment})`;
  return `${request.name_real}${comment} <${request.name_email}>`;
}
