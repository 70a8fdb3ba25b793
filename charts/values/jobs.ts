import { z } from 'zod';
import { image, podValues, section, whole } from './common.ts';

export const selftest = section(
  {
    image: image('kopr-selftest'),
    timeoutSeconds: whole('Seconds within which a new project must be ready.', 180, 10, 3600),
    build: section(
      {
        link: z
          .string()
          .regex(/^(https?:\/\/[^\s/@]+\/\S*\.(src\.rpm|spec)([?#]\S*)?)?$/)
          .default('')
          .describe(
            'URL of an SRPM or spec file, as builder pods reach it. It is built in the new project, and the package must then be in the repository; empty: nothing is built, and builders, pools and distgit are not tried.',
          ),
        chroot: z
          .string()
          .regex(/^([a-z0-9][a-z0-9.+_]*(-[a-z0-9.+_]+)+)?$/)
          .default('')
          .describe('Chroot that it is built in; empty: the first active one.'),
        timeoutSeconds: whole(
          'Seconds within which the build must end. Give `helm test --timeout` more than this.',
          600,
          10,
          36_000,
        ),
      },
      'A package that the test builds.',
    ),
    nodeSelector: podValues.nodeSelector,
    tolerations: podValues.tolerations,
  },
  'What `helm test` runs.',
);

export const bootstrap = section(
  {
    timeoutSeconds: whole('Seconds within which `chroots`, `pools` and `defaultQuota` must be applied.', 180, 10, 3600),
    drainSeconds: whole(
      'Seconds within which all machines of BuilderPools must be deleted before kopr is uninstalled; else nothing is. Give `helm uninstall --timeout` more than this. 0: nobody waits, and machines are left where they are.',
      280,
      0,
      36_000,
    ),
    nodeSelector: podValues.nodeSelector,
    tolerations: podValues.tolerations,
  },
  'The Job that applies `chroots`, `pools` and `defaultQuota` after an installation or upgrade, and the one that has machines deleted before kopr is uninstalled.',
);
